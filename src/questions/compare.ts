import {usageError} from '../errors.ts';
import {type Facts, openFacts} from '../facts/facts.ts';
import {DAY_MICROS} from '../facts/relations.ts';
import {raw, type Sql, sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell} from '../table/table.ts';
import {attributesIn, type RunFilter, withQueryFlags} from '../trace/filter.ts';
import {isoTime} from '../trace/time.ts';
import {factsAsked, inputsFor, sortedRows} from './ask.ts';
import {
  type Compared,
  errorsOf,
  FEWEST_FOR_P95,
  FEWEST_RUNS,
  figuresOf,
  LEAST_FACTOR,
  seenOf,
} from './compared-figures.ts';
import {type ComparedSpan, Items, type Side} from './compared-items.ts';
import {type Answer, type Ask, type AskOptions, defineQuestion, type QuestionInput} from './question.ts';
import {type Judged, judgeAll, NAMED} from './verdict.ts';
import {wholeRuns} from './whole-runs.ts';

interface Window {
  readonly sinceMicros: number;
  readonly untilMicros: number;
}

/**
 * Of fifty comparisons of equal windows, one may report something; and of fifty reported differences, one may be
 * chance.
 */
const FALSE_ALARMS = 0.02;
/** Whether it is worse than before, and what is. */
export default defineQuestion({
  examples: [
    {line: 'compare --last 24h --vs 7d', answer: 'what is worse or new, compared with the seven days before'},
    {
      line: 'compare --at 2026-11-29T10:00 --exit-code',
      answer: 'before and after a deployment; exit 7 if it is worse',
    },
  ],
  by: ['all', 'agent', 'team', 'workflow', 'step', 'tool', 'model', 'error'],
  flags: {
    vs: {
      flag: '--vs <length>',
      description: 'compare with this long before the window (default: 7d, or the same length)',
      takes: 'length',
    },
    vsSince: {
      flag: '--vs-since <time>',
      description: 'compare with runs that started at or after this time',
      takes: 'moment',
    },
    vsUntil: {
      flag: '--vs-until <time>',
      description: 'and before this time (default: start of the window)',
      takes: 'moment',
    },
    at: {flag: '--at <time>', description: 'compare after this moment with the same time before it', takes: 'moment'},
    all: {flag: '--all', description: 'also show what does not differ'},
    exitCode: {flag: '--exit-code', description: 'exit 7 when something is worse, or an error is new'},
  },
  checkFlags: flags => {
    const {at, since, last, vs, vsSince} = flags as Readonly<Record<string, string | undefined>>;
    if (at !== undefined && (since !== undefined || last !== undefined))
      throw usageError('--at sets the start of the window, like --since and --last.', 'Pass one of them.');
    if (vs !== undefined && vsSince !== undefined)
      throw usageError('--vs and --vs-since both set the window to compare with.', 'Pass one of them.');
  },
  columns: {
    verdict: {
      label: 'VERDICT',
      description: 'worse, better, new, gone; with --all also same, and few (too few runs)',
    },
    what: {
      label: 'WHAT',
      least: 18,
      description: 'what differs: slower per call, more calls per run, dearer per run, new error, …',
    },
    name: {
      label: 'OF',
      least: 16,
      description: 'the agent, tool, model, …; for an error its origin and its shape',
    },
    before: {label: 'BEFORE', unit: 'varies', description: 'median time, or average; null: none'},
    after: {label: 'AFTER', unit: 'varies', description: 'the same, in the window'},
    factor: {label: 'TIMES', unit: 'factor', description: 'after divided by before'},
    low: {label: 'FROM', unit: 'factor', description: 'lower bound of the factor, from resampled runs'},
    high: {label: 'TO', unit: 'factor', description: 'upper bound of the factor'},
    runsBefore: {label: 'RUNS BEFORE', unit: 'count', description: 'runs behind the figure before'},
    runsAfter: {label: 'AFTER', unit: 'count', description: 'runs behind the figure after'},
    within: {label: 'BY', description: 'the caller; null: any caller'},
    of: {label: 'KIND', description: 'agent, team, workflow, step, tool, model, error'},
    figure: {label: 'FIGURE', description: 'p50, p95, failures, tokens, cost, calls, repeats, chars, error, seen'},
    unit: {label: 'UNIT', description: 'unit of before and after: ms, count, rate, usd, ratio'},
    strength: {label: 'STRENGTH', unit: 'rate', description: 'distance from no difference, in standard errors'},
    sampleRunId: {label: 'SAMPLE', description: 'a run of the window to look at'},
    sampleTraceId: {label: 'TRACE', description: 'its trace id'},
  },
  sort: 'strength',
  window: (filter, numbers, nowMicros) => ({...filter, ...windowsOf(filter, numbers, nowMicros)[1]}),
  note: `shown: at least ${FEWEST_RUNS} runs on each side, a factor of at least ${LEAST_FACTOR}, and more than chance explains over all comparisons`,
  sql: () => SPANS,
  answer,
});

async function answer(store: Store, ask: Ask, options: AskOptions): Promise<Answer> {
  const nowMicros = store.nowMicros();
  const filter = withQueryFlags(ask.filter);
  const [before, after] = windowsOf(filter, ask.numbers, nowMicros);
  const both: Window = {
    sinceMicros: Math.min(before.sinceMicros, after.sinceMicros),
    untilMicros: Math.max(before.untilMicros, after.untilMicros),
  };
  const beginMs = performance.now();
  const facts = await openFacts(store, {...options, ...both, attributes: attributesIn(filter)});
  const currentMs = performance.now() - beginMs;
  try {
    const {chosen, inputOf} = await inputsFor(store, facts, {...ask, filter: {...filter, ...both}});
    const input = inputOf(null);
    const statements = [sidesStatement(input, [before, after]), SPANS, CAUSES, runsStatement(input)] as const;
    facts.run(statements[0]);
    const compared = compareAll(facts, statements, ask.by);
    const judged = judgeAll(compared, FALSE_ALARMS);
    const isShown = (row: Judged) => NAMED.includes(row.verdict) && !(row.figure === 'repeats' && isTold(judged, row));
    const shown = ask.flags.all === true ? judged : judged.filter(isShown);
    const rows = sortedRows(shown, ask, rankOf).map(row => withSample(facts, row));
    const counts = facts.all<{side: Side; runs: number; failed: number; unfinished: number}>(statements[3]);
    return {
      rows,
      series: null,
      notes: [...facts.notices, ...windowNotes([before, after], counts), ...notesOn(judged, shown.length, rows.length)],
      facts: factsAsked(facts, [...chosen, ...statements], {beginMs, currentMs}),
      nowMicros,
      isEmpty: !counts.some(({side}) => side === 1),
      differs:
        ask.flags.exitCode === true &&
        judged.some(({verdict, of}) => verdict === 'worse' || (verdict === 'new' && of === 'error')),
    };
  } finally {
    facts.close();
  }
}

/**
 * Whether a broader row already says it: if more calls over all runs are reported, the same for each caller is
 * redundant.
 */
function isTold(judged: readonly Judged[], {of, name, within, verdict}: Judged): boolean {
  return judged.some(
    row =>
      row.figure === 'calls' && row.of === of && row.name === name && row.within === within && row.verdict === verdict,
  );
}

/** Worse results come first, unless another order is requested. */
function rankOf({verdict}: Readonly<Record<string, Cell>>, {sort}: Ask): number {
  return sort.column === 'strength' ? [...NAMED, 'same', 'few'].indexOf(String(verdict)) : 0;
}

/** @throws UserError exit 2 for windows that overlap, or are empty */
function windowsOf(filter: RunFilter, numbers: Ask['numbers'], nowMicros: number): readonly [Window, Window] {
  const {vs, vsSince, vsUntil, at} = numbers;
  const untilMicros = filter.untilMicros ?? nowMicros;
  const sinceMicros = filter.sinceMicros ?? at ?? untilMicros - DAY_MICROS;
  const length = untilMicros - sinceMicros;
  const beforeUntil = vsUntil ?? (vsSince === undefined ? sinceMicros : Math.max(vsSince, sinceMicros));
  const beforeSince = vsSince ?? beforeUntil - (vs ?? (at === undefined ? Math.max(7 * DAY_MICROS, length) : length));
  if (length <= 0)
    throw usageError('the window is empty: it ends before it begins.', 'Pass the earlier time as --since or --at.');
  if (beforeSince >= beforeUntil)
    throw usageError('the window to compare with is empty.', 'Pass the earlier time as --vs-since.');
  if (beforeUntil > sinceMicros && beforeSince < untilMicros)
    throw usageError('the two windows overlap.', '--vs-until must not be later than the start of the window.');
  return [
    {sinceMicros: beforeSince, untilMicros: beforeUntil},
    {sinceMicros, untilMicros},
  ];
}

/** The runs of both windows, numbered by their start; a continuation counts with its run. */
function sidesStatement({runs}: QuestionInput, [before, after]: readonly [Window, Window]): Sql {
  const within = ({sinceMicros, untilMicros}: Window) =>
    sql`start_micros >= ${sinceMicros} and start_micros < ${untilMicros}`;
  return sql`
create temp table sides as
with numbered as materialized (
  select run_key, trace_key, whole_key, run_id, trace_id, iif(${within(after)}, 1, 0) as side,
         row_number() over (order by start_micros, trace_id, span_id) as place
    from (${runs})
   where (${within(before)}) or (${within(after)})
)
select n.run_key, n.trace_key, n.run_id, n.trace_id, coalesce(w.side, n.side) as side, coalesce(w.place, n.place) as run, n.place
  from numbered n
  left join numbered w on w.run_key = n.whole_key`;
}

/**
 * As in `runSpans`; a `+` before the tested columns keeps SQLite from using the indexes of span_facts, which it would
 * scan for each run.
 */
const OF_RUNS = raw(`
  from sides r
 cross join trace_facts t on t.trace_key = r.trace_key
 cross join span_facts s on s.span_key >= t.first_span_key and s.span_key < t.first_span_key + t.spans and +s.run_key = r.run_key`);

/** Calls, and the work of components and steps; the parts of a paused one are combined. */
const SPANS = sql`
select r.side, r.run, s.kind, s.name, s.agent, s.team, s.workflow, s.step, s.duration_ms as ms, s.failed,
       s.total_tokens as tokens, iif(s.unpriced = 1, null, s.cost_pusd) as cost, s.output_chars as chars, s.counted${OF_RUNS}
 where +s.kind in ('llm', 'tool', 'retrieval', 'memory') and +s.in_run = 1
union all
select max(r.side), r.run, s.kind, s.name, null, null, null, s.step, sum(s.duration_ms), max(s.state = 'error'), sum(s.within_tokens),
       iif(sum(s.within_unpriced) > 0, null, sum(s.within_cost_pusd)), null, 0${OF_RUNS}
 where +s.kind in ('agent', 'team', 'workflow', 'step') and +s.in_run = 1
 group by coalesce(s.begin_key, s.span_key)`;

/** Causes of errors, by how many runs have them. */
const CAUSES = sql`
select r.side, s.kind, s.name, s.error_kind as "errorKind", s.error_shape as shape, count(distinct r.run) as runs, max(r.run) as newest${OF_RUNS}
 where +s.cause = 1
 group by 1, 2, 3, 4, 5`;

function runsStatement({runs}: QuestionInput): Sql {
  return sql`
select side, count(*) as runs, sum(state = 'error') as failed, sum(state in ('running', 'stalled', 'lost')) as unfinished
  from (${wholeRuns(runs)}) w
  join sides using (run_key)
 group by side`;
}

function compareAll(facts: Facts, [, spans, causes, runs]: readonly Sql[], by: string): Compared[] {
  const items = new Items();
  if (by !== 'error') for (const span of facts.all<ComparedSpan>(spans!)) items.add(span);
  const all: [number, number] = [0, 0];
  for (const {side, runs: n} of facts.all<{side: Side; runs: number}>(runs!)) all[side] = n;
  const found = items
    .all()
    .filter(({of}) => by === 'all' || by === of)
    .flatMap(item => [...figuresOf(items, item), ...seenOf(items, item, all)]);
  return by === 'all' || by === 'error' ? [...found, ...errorsOf(facts, causes!, all)] : found;
}

function withSample(facts: Facts, {sample, ...row}: Readonly<Record<string, Cell>>): Record<string, Cell> {
  const [run] =
    sample === null
      ? []
      : facts.all<{run_id: string | null; trace_id: string}>(
          sql`select run_id, trace_id from sides where place = ${Number(sample)}`,
        );
  return {...row, sampleRunId: run?.run_id ?? null, sampleTraceId: run?.trace_id ?? null};
}

function windowNotes(
  windows: readonly [Window, Window],
  counts: readonly {side: Side; runs: number; failed: number; unfinished: number}[],
): string[] {
  return ([1, 0] as const).map(side => {
    const {sinceMicros, untilMicros} = windows[side];
    const {runs = 0, failed = 0, unfinished = 0} = counts.find(of => of.side === side) ?? {};
    const time = (micros: number) => isoTime(Math.round(micros))!.slice(0, 16);
    const open = unfinished === 0 ? '' : `, ${unfinished} unfinished left out`;
    return `${side === 1 ? 'after' : 'before'}: ${runs} ${runs === 1 ? 'run' : 'runs'} from ${time(sinceMicros)} to ${time(untilMicros)}, ${failed} failed${open}`;
  });
}

function notesOn(judged: readonly Judged[], shown: number, rows: number): string[] {
  const few = judged.filter(({verdict}) => verdict === 'few').length;
  const enough = judged.length - few;
  return [
    enough === 0
      ? 'nothing could be compared'
      : judged.some(({verdict}) => NAMED.includes(verdict))
        ? `${enough} figures compared`
        : `no difference beyond chance in ${enough} figures`,
    ...(few === 0
      ? []
      : [
          `${few} ${few === 1 ? 'figure' : 'figures'} with too few runs: fewer than ${FEWEST_RUNS} in a window (${FEWEST_FOR_P95} for a 95th percentile)`,
        ]),
    ...(rows < shown ? [`${rows} of ${shown} rows (--limit 0: all)`] : []),
  ];
}
