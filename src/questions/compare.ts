import {usageError} from '../errors.ts';
import {type Facts, openFacts} from '../facts/facts.ts';
import {smallest} from '../lists.ts';
import {raw, type Sql, sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell} from '../table/table.ts';
import {type RunFilter, withQueryFlags} from '../trace/filter.ts';
import {isoTime} from '../trace/time.ts';
import {inputsFor, sortedRows} from './ask.ts';
import {
  averageOf,
  drawAverages,
  drawQuantiles,
  errorOf,
  logChanceOf,
  quantile,
  type Share,
  standardErrors,
} from './chance.ts';
import {type ComparedSpan, type Item, Items, type Side} from './compared-items.ts';
import {type Answer, type Ask, type AskOptions, defineQuestion, type QuestionInput} from './question.ts';
import {wholeRuns} from './whole-runs.ts';

const DAY_MICROS = 86_400_000_000;

interface Window {
  readonly sinceMicros: number;
  readonly untilMicros: number;
}

/** So many runs on either side say something. */
const FEWEST_RUNS = 20;
/** Five of them lie beyond the 95th percentile. */
const FEWEST_FOR_P95 = 100;
/** One in twenty comparisons of windows that do not differ may name something; it is shared out among all that is compared. */
const FALSE_ALARMS = 0.05;
const LEAST_FACTOR = 1.25;

interface FigureOf {
  readonly noun: string;
  /** What it is called where it rose and where it fell. */
  readonly words: readonly [string, string];
  readonly unit: 'ms' | 'count' | 'rate' | 'usd' | 'ratio';
  /** A smaller difference matters to nobody. */
  readonly least: number;
}

const FIGURES = {
  p50: {noun: 'time', words: ['slower', 'faster'], unit: 'ms', least: 50},
  p95: {
    noun: 'time of the slowest twentieth',
    words: ['slower in the slowest twentieth', 'faster in the slowest twentieth'],
    unit: 'ms',
    least: 200,
  },
  failures: {noun: 'failures', words: ['fails more often', 'fails less often'], unit: 'ratio', least: 0.03},
  tokens: {noun: 'tokens', words: ['more tokens', 'fewer tokens'], unit: 'count', least: 50},
  cost: {noun: 'cost', words: ['dearer', 'cheaper'], unit: 'usd', least: 0.0005},
  calls: {noun: 'calls per run', words: ['more calls per run', 'fewer calls per run'], unit: 'rate', least: 0.2},
  chars: {noun: 'length of results', words: ['longer results', 'shorter results'], unit: 'count', least: 200},
} as const satisfies Readonly<Record<string, FigureOf>>;
type FigureName = keyof typeof FIGURES;

/** A figure on both sides, before it is known what else is compared. */
interface Compared {
  readonly of: string;
  readonly name: string;
  readonly within: string | null;
  readonly figure: FigureName | 'error' | 'seen';
  readonly unit: FigureOf['unit'];
  readonly before: number | null;
  readonly after: number | null;
  readonly runs: readonly [number, number];
  /** False: too few on a side. */
  readonly isEnough: boolean;
  /** How it differs; `error` is the standard error of the logarithm of the factor, or for shares of the difference. */
  readonly tested: {readonly difference: number; readonly error: number; readonly isShare: boolean} | null;
  /** Of something that is on one side alone: how likely that is by chance. */
  readonly logChance: number | null;
  /** Number of the run to look at. */
  readonly sample: number | null;
}

/** Whether it is worse than before, and what is. */
export default defineQuestion({
  examples: [
    {line: 'compare --last 24h --vs 7d', answer: 'what is worse, or new, than in the seven days before'},
    {
      line: 'compare --at 2026-11-29T10:00 --exit-code',
      answer: 'before and after a deployment; exit 7 when it is worse',
    },
  ],
  by: ['all', 'agent', 'team', 'workflow', 'step', 'tool', 'model', 'error'],
  flags: {
    vs: {
      flag: '--vs <length>',
      description: 'compare with so long before it (default: 7d, or as long)',
      takes: 'length',
    },
    vsSince: {flag: '--vs-since <time>', description: 'compare with what started at or after', takes: 'moment'},
    vsUntil: {
      flag: '--vs-until <time>',
      description: 'and before (default: the beginning of the window)',
      takes: 'moment',
    },
    at: {flag: '--at <time>', description: 'after this moment, with as long before it', takes: 'moment'},
    all: {flag: '--all', description: 'rows of what does not differ too'},
    exitCode: {flag: '--exit-code', description: 'exit 7 when something is worse, or an error is new'},
  },
  checkFlags: flags => {
    const {at, since, last, vs, vsSince} = flags as Readonly<Record<string, string | undefined>>;
    if (at !== undefined && (since !== undefined || last !== undefined))
      throw usageError('--at is the beginning of the window, as --since and --last are.', 'Pass one of them.');
    if (vs !== undefined && vsSince !== undefined)
      throw usageError('--vs and --vs-since both say with what to compare.', 'Pass one of them.');
  },
  columns: {
    verdict: {
      label: 'VERDICT',
      description: 'worse, better, new, gone; with --all same, and few: too few runs to tell',
    },
    what: {
      label: 'WHAT',
      least: 18,
      description: 'what differs: slower per call, more calls per run, dearer per run, new error, …',
    },
    name: {
      label: 'OF',
      least: 16,
      description: 'which agent, tool, model, …; of an error where it began, and its shape',
    },
    before: {label: 'BEFORE', unit: 'varies', description: 'median time, or average; null: there was none'},
    after: {label: 'AFTER', unit: 'varies', description: 'the same in the window'},
    factor: {label: 'TIMES', unit: 'factor', description: 'after by before'},
    low: {label: 'FROM', unit: 'factor', description: 'the factor is at least this, by resampling runs'},
    high: {label: 'TO', unit: 'factor', description: 'and at most this'},
    runsBefore: {label: 'RUNS BEFORE', unit: 'count', description: 'runs that the figure before is of'},
    runsAfter: {label: 'AFTER', unit: 'count', description: 'runs that the figure after is of'},
    within: {label: 'BY', description: 'whose calls they are; null: of whoever made them'},
    of: {label: 'KIND', description: 'agent, team, workflow, step, tool, model, error'},
    figure: {label: 'FIGURE', description: 'p50, p95, failures, tokens, cost, calls, chars, error, seen'},
    unit: {label: 'UNIT', description: 'of before and after: ms, count, rate, usd, ratio'},
    strength: {label: 'STRENGTH', unit: 'rate', description: 'how far from no difference, in standard errors'},
    sampleRunId: {label: 'SAMPLE', description: 'a run of the window to look at'},
    sampleTraceId: {label: 'TRACE', description: 'its trace id'},
  },
  sort: 'strength',
  window: (filter, numbers, nowMicros) => ({...filter, ...windowsOf(filter, numbers, nowMicros)[1]}),
  note: `named from ${FEWEST_RUNS} runs on either side, a factor of ${LEAST_FACTOR}, and an interval that holds for all of them together`,
  sql: spansStatement,
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
  const facts = await openFacts(store, {...options, ...both});
  const currentMs = performance.now() - beginMs;
  try {
    const {chosen, inputOf} = await inputsFor(store, facts, {...ask, filter: {...filter, ...both}});
    const input = {...inputOf(null), windows: [before, after] as const};
    const statements = [
      sidesStatement(input),
      spansStatement(input),
      causesStatement(input),
      runsStatement(input),
    ] as const;
    facts.run(statements[0]);
    const compared = compareAll(facts, statements, ask.by);
    const tested = compared.filter(
      ({isEnough, tested: of, logChance}) => isEnough && (of !== null || logChance !== null),
    );
    const beyond = standardErrors(FALSE_ALARMS / 2 / Math.max(1, tested.length));
    const logBeyond = Math.log(FALSE_ALARMS / Math.max(1, tested.length));
    const judged = compared.map(figure => judge(figure, beyond, logBeyond));
    const shown = judged.filter(({verdict}) => ask.flags.all === true || NAMED.includes(String(verdict)));
    const rows = sortedRows(shown, ask, rankOf).map(row => withSample(facts, row));
    const counts = facts.all<{side: Side; runs: number; failed: number; unfinished: number}>(statements[3]);
    return {
      rows,
      series: null,
      notes: [...facts.notices, ...windowNotes([before, after], counts), ...notesOn(judged, shown.length, rows.length)],
      facts: {
        statements: [...chosen, ...statements],
        path: facts.path,
        currentMs,
        answerMs: performance.now() - beginMs - currentMs,
      },
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

const NAMED = ['worse', 'new', 'gone', 'better'];

/** What is worse comes first, unless another order is asked for. */
function rankOf({verdict}: Readonly<Record<string, Cell>>, {sort}: Ask): number {
  return sort.column === 'strength' ? [...NAMED, 'same', 'few'].indexOf(String(verdict)) : 0;
}

/** @throws UserError exit 2 for windows that overlap, or hold nothing */
function windowsOf(filter: RunFilter, numbers: Ask['numbers'], nowMicros: number): readonly [Window, Window] {
  const {vs, vsSince, vsUntil, at} = numbers;
  const untilMicros = filter.untilMicros ?? nowMicros;
  const sinceMicros = filter.sinceMicros ?? at ?? untilMicros - DAY_MICROS;
  const length = untilMicros - sinceMicros;
  const beforeUntil = vsUntil ?? (vsSince === undefined ? sinceMicros : Math.max(vsSince, sinceMicros));
  const beforeSince = vsSince ?? beforeUntil - (vs ?? (at === undefined ? Math.max(7 * DAY_MICROS, length) : length));
  if (length <= 0)
    throw usageError('the window is empty: it ends before it begins.', '--at, --since: the earlier one.');
  if (beforeSince >= beforeUntil)
    throw usageError('the window to compare with is empty.', '--vs-since is the earlier one.');
  if (beforeUntil > sinceMicros && beforeSince < untilMicros)
    throw usageError('the two windows overlap.', '--vs-until is at most the beginning of the window.');
  return [
    {sinceMicros: beforeSince, untilMicros: beforeUntil},
    {sinceMicros, untilMicros},
  ];
}

type Input = QuestionInput & {readonly windows?: readonly [Window, Window]};

/** The runs of both windows, numbered by their start; what continued one counts with it. */
function sidesStatement({runs, windows}: Input): Sql {
  const [before, after] = windows!;
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

/** As in `runSpans`; a `+` before what is tested keeps the indexes of span_facts out of it, which would be gone through for each run. */
const OF_RUNS = raw(`
  from sides r
 cross join trace_facts t on t.trace_key = r.trace_key
 cross join span_facts s on s.span_key >= t.first_span_key and s.span_key < t.first_span_key + t.spans and +s.run_key = r.run_key`);

/** Calls, and what components and steps did; the parts of one that paused together. */
function spansStatement(_: Input): Sql {
  return sql`
select r.side, r.run, s.kind, s.name, s.agent, s.team, s.workflow, s.step, s.duration_ms as ms, s.failed,
       s.total_tokens as tokens, iif(s.unpriced = 1, null, s.cost_pusd) as cost, s.output_chars as chars, s.counted${OF_RUNS}
 where +s.kind in ('llm', 'tool', 'retrieval', 'memory') and +s.in_run = 1
union all
select max(r.side), r.run, s.kind, s.name, null, null, null, s.step, sum(s.duration_ms), max(s.state = 'error'), sum(s.within_tokens),
       iif(sum(s.within_unpriced) > 0, null, sum(s.within_cost_pusd)), null, 0${OF_RUNS}
 where +s.kind in ('agent', 'team', 'workflow', 'step') and +s.in_run = 1
 group by coalesce(s.begin_key, s.span_key)`;
}

/** Causes of errors, by how many runs have them. */
function causesStatement(_: Input): Sql {
  return sql`
select r.side, s.kind, s.name, s.error_kind as "errorKind", s.error_shape as shape, count(distinct r.run) as runs, max(r.run) as newest${OF_RUNS}
 where +s.cause = 1
 group by 1, 2, 3, 4, 5`;
}

function runsStatement({runs}: Input): Sql {
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

function figuresOf(items: Items, item: Item): Compared[] {
  const {of, name, within, sides} = item;
  const isCall = of === 'tool' || of === 'model';
  const base = {of, name, within, logChance: null};
  const sample = sides[1].slowest?.run ?? null;
  const calls = averages({...base, figure: 'calls', sample: mostOf(sides[1].calls)}, [
    items.callsPerRun(item, 0),
    items.callsPerRun(item, 1),
  ]);
  if (within !== null) return [calls];
  const shares = (pick: 'tokens' | 'cost'): [Share[], Share[]] => [
    [...sides[0][pick].values()],
    [...sides[1][pick].values()],
  ];
  const runs = [sides[0].runs.size, sides[1].runs.size] as const;
  const ms = [Float64Array.from(sides[0].ms).sort(), Float64Array.from(sides[1].ms).sort()] as const;
  const p50 = quantiles({...base, figure: 'p50', sample}, ms, 0.5, runs);
  const p95 = quantiles({...base, figure: 'p95', sample}, ms, 0.95, runs);
  const chars = [Float64Array.from(sides[0].chars).sort(), Float64Array.from(sides[1].chars).sort()] as const;
  return [
    p50,
    p95,
    failuresOf({...base, figure: 'failures', sample: sides[1].failed}, [failedIn(item, 0), failedIn(item, 1)]),
    ...(of === 'tool' ? [quantiles({...base, figure: 'chars', sample}, chars, 0.5, runs)] : []),
    ...(of === 'tool'
      ? []
      : [averages({...base, figure: 'tokens', sample: dearest(sides[1].tokens)}, shares('tokens'))]),
    ...(of === 'tool' ? [] : [averages({...base, figure: 'cost', sample: dearest(sides[1].cost)}, shares('cost'))]),
    ...(isCall ? [] : [calls]),
  ].filter(({before, after}) => before !== null || after !== null);
}

const mostOf = (calls: ReadonlyMap<number, number>) => keyOfMost([...calls]);
const dearest = (sums: ReadonlyMap<number, Share>) => keyOfMost([...sums].map(([run, {sum}]) => [run, sum] as const));
function keyOfMost(entries: readonly (readonly [number, number])[]): number | null {
  let most: readonly [number, number] | null = null;
  for (const entry of entries) {
    if (!most || entry[1] > most[1] || (entry[1] === most[1] && entry[0] > most[0])) most = entry;
  }
  return most?.[0] ?? null;
}

type Begun = Pick<Compared, 'of' | 'name' | 'within' | 'logChance' | 'sample'> & {readonly figure: FigureName};

function quantiles(
  begun: Begun,
  [before, after]: readonly [Float64Array, Float64Array],
  part: number,
  runs: readonly [number, number],
): Compared {
  const fewest = part === 0.5 ? FEWEST_RUNS : FEWEST_FOR_P95;
  const independent = [Math.min(runs[0], before.length), Math.min(runs[1], after.length)] as const;
  const isEnough = smallest(independent) >= fewest;
  const values = [before, after].map(of => (of.length === 0 ? null : quantile(of, part)));
  return compared(begun, values, independent, isEnough, () =>
    errorOf(drawQuantiles(before, part, independent[0]), drawQuantiles(after, part, independent[1])),
  );
}

function averages(begun: Begun, [before, after]: readonly [Share[], Share[]]): Compared {
  const runs = [before.length, after.length] as const;
  const isEnough = smallest(runs) >= FEWEST_RUNS;
  // Costs add up as whole numbers, in whatever order they come.
  const scale = begun.figure === 'cost' ? 1e12 : 1;
  const values = [before, after].map(of => (of.length === 0 ? null : averageOf(of) / scale));
  return compared(begun, values, runs, isEnough, () => errorOf(drawAverages(before), drawAverages(after)));
}

/** What differs by a factor. */
function compared(
  begun: Begun,
  values: readonly (number | null)[],
  runs: readonly [number, number],
  isEnough: boolean,
  error: () => number,
): Compared {
  const [before = null, after = null] = values;
  const {unit, least} = FIGURES[begun.figure];
  const difference = before !== null && after !== null && before > 0 && after > 0 ? Math.log(after / before) : null;
  // Chance is asked only of what would matter.
  const matters =
    difference !== null && Math.abs(difference) >= Math.log(LEAST_FACTOR) && Math.abs(after! - before!) >= least;
  const tested =
    !isEnough || difference === null
      ? null
      : {difference, error: matters ? error() : Number.POSITIVE_INFINITY, isShare: false};
  return {...begun, unit, before, after, runs, isEnough, tested};
}

interface Failures {
  readonly runs: number;
  readonly failed: number;
}

/** Runs with it, and those of them in which it failed: what fails twice in a run failed for one reason. */
function failedIn({sides}: Item, side: Side): Failures {
  let failed = 0;
  for (const hasFailed of sides[side].runs.values()) failed += hasFailed;
  return {runs: sides[side].runs.size, failed};
}

/** What differs in its share of runs; Agresti and Caffo's two more runs on each side keep it honest where nothing failed. */
function failuresOf(begun: Begun, [before, after]: readonly [Failures, Failures]): Compared {
  const isEnough = Math.min(before.runs, after.runs) >= FEWEST_RUNS;
  const share = ({runs, failed}: Failures) => (runs === 0 ? null : failed / runs);
  const guarded = ({runs, failed}: Failures) => (failed + 1) / (runs + 2);
  const variance = (of: Failures) => (guarded(of) * (1 - guarded(of))) / (of.runs + 2);
  const [from, to] = [share(before), share(after)];
  const matters =
    from !== null &&
    to !== null &&
    Math.abs(to - from) >= FIGURES.failures.least &&
    Math.max(from, to) >= LEAST_FACTOR * Math.min(from, to);
  return {
    ...begun,
    unit: 'ratio',
    before: from,
    after: to,
    runs: [before.runs, after.runs],
    isEnough,
    tested: isEnough
      ? {
          difference: guarded(after) - guarded(before),
          error: matters ? Math.sqrt(variance(before) + variance(after)) : Number.POSITIVE_INFINITY,
          isShare: true,
        }
      : null,
  };
}

/** A tool or model that is on one side alone: at all, or of those that one component calls. */
function seenOf(items: Items, {of, name, within, sides}: Item, all: readonly [number, number]): Compared[] {
  if (of !== 'tool' && of !== 'model') return [];
  const runs = [sides[0].calls.size || sides[0].runs.size, sides[1].calls.size || sides[1].runs.size] as const;
  if (smallest(runs) > 0) return [];
  const callers = within === null ? all : items.runsOf(within);
  const sample = sides[1].slowest?.run ?? mostOf(sides[1].calls);
  return [onOneSide({of, name, within, sample, figure: 'seen'}, runs, callers)];
}

function errorsOf(facts: Facts, causes: Sql, all: readonly [number, number]): Compared[] {
  interface Cause {
    readonly runs: [number, number];
    newest: number | null;
    readonly kind: string;
    readonly name: string | null;
    readonly shape: string | null;
  }
  const found = new Map<string, Cause>();
  for (const row of facts.all<{
    side: Side;
    kind: string;
    name: string | null;
    errorKind: string | null;
    shape: string | null;
    runs: number;
    newest: number;
  }>(causes)) {
    const key = JSON.stringify([row.kind, row.name, row.errorKind, row.shape]);
    const cause = found.get(key) ?? {runs: [0, 0], newest: null, kind: row.kind, name: row.name, shape: row.shape};
    found.set(key, cause);
    cause.runs[row.side] = row.runs;
    if (row.side === 1) cause.newest = row.newest;
  }
  return [...found.values()].map(({runs, newest, kind, name, shape}) => {
    const base = {of: 'error', name: `${name ?? kind}: ${shape ?? 'no message'}`, within: null, sample: newest};
    if (smallest(runs) === 0) return onOneSide({...base, figure: 'error'}, runs, all);
    const sides = [
      {runs: all[0], failed: runs[0]},
      {runs: all[1], failed: runs[1]},
    ] as const;
    return failuresOf({...base, figure: 'failures', logChance: null}, sides);
  });
}

function onOneSide(
  base: Pick<Compared, 'of' | 'name' | 'within' | 'sample' | 'figure'>,
  runs: readonly [number, number],
  all: readonly [number, number],
): Compared {
  const isNew = runs[0] === 0;
  const share = (side: Side) => (all[side] === 0 ? null : runs[side] / all[side]);
  const [drawn, found] = isNew ? [all[1], runs[1]] : [all[0], runs[0]];
  return {
    ...base,
    unit: 'ratio',
    before: isNew ? null : share(0),
    after: isNew ? share(1) : null,
    runs,
    isEnough: smallest(all) >= FEWEST_RUNS,
    tested: null,
    logChance: logChanceOf({found, drawn, marked: found, all: all[0] + all[1]}),
  };
}

type Judged = Readonly<Record<string, Cell>> & {readonly verdict: string; readonly of: string};

/** @param beyond standard errors that chance alone does not reach in all that is compared */
function judge(figure: Compared, beyond: number, logBeyond: number): Judged {
  const {of, name, within, unit, before, after, runs, tested, logChance, sample, isEnough} = figure;
  const row = {
    of,
    name,
    within,
    figure: figure.figure,
    unit,
    before,
    after,
    factor: before !== null && after !== null && before > 0 ? after / before : null,
    low: null,
    high: null,
    runsBefore: runs[0],
    runsAfter: runs[1],
    sample,
  };
  if (!isEnough) return {...row, verdict: 'few', what: wordsOf(figure, null), strength: null};
  if (logChance !== null) {
    const isNamed = logChance < logBeyond;
    return {
      ...row,
      verdict: !isNamed ? 'same' : before === null ? 'new' : 'gone',
      what: wordsOf(figure, isNamed ? before === null : null),
      strength: standardErrors(Math.exp(Math.max(-700, logChance))),
    };
  }
  if (tested === null) return {...row, verdict: 'same', what: wordsOf(figure, null), strength: null};
  const {difference, error, isShare} = tested;
  const strength = Number.isFinite(error) ? Math.abs(difference) / Math.max(1e-9, error) : null;
  const isNamed = strength !== null && strength > beyond;
  const interval =
    isShare || strength === null
      ? {}
      : {low: Math.exp(difference - beyond * error), high: Math.exp(difference + beyond * error)};
  return {
    ...row,
    ...interval,
    verdict: !isNamed ? 'same' : difference > 0 ? 'worse' : 'better',
    what: wordsOf(figure, isNamed ? difference > 0 : null),
    strength,
  };
}

/** @param rose null: it did not differ */
function wordsOf({figure, of}: Compared, rose: boolean | null): string {
  if (figure === 'error' || figure === 'seen') return rose === null ? of : rose ? `new ${of}` : `${of} gone`;
  if (of === 'error') return rose === null ? of : rose ? 'error more often' : 'error less often';
  const isCall = of === 'tool' || of === 'model';
  const per = figure === 'p50' || figure === 'tokens' || figure === 'cost' ? (isCall ? ' per call' : ' per run') : '';
  const {noun, words} = FIGURES[figure];
  return `${rose === null ? noun : words[rose ? 0 : 1]}${per}`;
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
  return [
    ...(judged.length === 0
      ? ['nothing to compare']
      : judged.some(({verdict}) => NAMED.includes(verdict))
        ? [`${judged.length} figures compared`]
        : [`no difference that chance would not make, in ${judged.length} figures`]),
    ...(few === 0
      ? []
      : [`${few} of fewer than ${FEWEST_RUNS} runs (of a 95th percentile ${FEWEST_FOR_P95}), which say nothing`]),
    ...(rows < shown ? [`${rows} of ${shown} rows (--limit 0: all)`] : []),
  ];
}
