import {usageError} from '../errors.ts';
import {type Facts, openFacts} from '../facts/facts.ts';
import {EMPTY, raw, type Sql, sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell} from '../table/table.ts';
import {attributesIn, type RunFilter, withQueryFlags} from '../trace/filter.ts';
import type {State} from '../trace/states.ts';
import {factsAsked, inputsFor, sortedRows} from './ask.ts';
import {alarmsOf, logLimitFor} from './false-alarms.ts';
import {type Answer, type Ask, type AskOptions, defineQuestion, type QuestionInput} from './question.ts';
import {type Count, countsOf, FEWEST_RUNS, type JudgedRun, sumOf, testOf} from './strata.ts';
import {wholeRuns} from './whole-runs.ts';

/** Of fifty questions about data without a cause, one may report something; this is divided among all attributes. */
const FALSE_ALARMS = 0.02;
/** Two attributes that share this much of their runs are shown as one. */
const SAME_RUNS = 0.9;

const NOTE =
  'what bad runs have in common need not be the cause; each further row covers only runs without the rows above';

/** What bad runs have more often than the others. */
export default defineQuestion({
  examples: [
    {line: 'why --state error --last 7d', answer: 'what failed runs have in common'},
    {line: 'why --slow --agent "Billing*"', answer: 'what the slowest tenth of its runs has more often'},
  ],
  flags: {
    slow: {
      flag: '--slow [length]',
      description: 'bad runs: the slowest tenth of each component; with a duration: runs that took longer',
      takes: 'length',
    },
  },
  checkFlags: flags => {
    if (flags.slow !== undefined && (flags.state !== undefined || flags.failed || flags.error === true))
      throw usageError('--slow and --state both define the bad runs.', 'Pass one of them.');
  },
  columns: {
    attribute: {
      label: 'ATTRIBUTE',
      description:
        'agent, team, workflow, step, tool, model, user, hour (UTC), input (prompt tokens of the first call), attr.NAME that facts keep',
    },
    name: {label: 'NAME', least: 12, description: 'its value'},
    lift: {
      label: 'TIMES',
      unit: 'factor',
      description:
        'how many times as often runs with it are bad, compared with runs without it; null: no other run is bad',
    },
    bad: {label: 'BAD', unit: 'count', description: 'bad runs with it'},
    runs: {label: 'RUNS', unit: 'count', description: 'runs with it'},
    badShare: {label: 'BAD %', unit: 'ratio', description: 'share of bad runs among the runs with it'},
    otherShare: {label: 'OTHERS', unit: 'ratio', description: 'share of bad runs among the runs without it'},
    chance: {
      label: 'CHANCE',
      unit: 'ratio',
      description: 'how many of the examined attributes would look like this by chance, at most 1',
    },
    also: {label: 'ALSO', description: 'attributes of nearly the same runs, which cannot be distinguished from it'},
    sampleRunId: {label: 'SAMPLE', description: 'the newest bad run with it'},
    sampleTraceId: {label: 'TRACE', description: 'its trace id'},
  },
  sort: 'bad',
  note: NOTE,
  sql: () => COUNTS,
  answer,
});

interface Counted extends Count {
  readonly attribute: string;
  readonly name: string;
}

async function answer(store: Store, ask: Ask, options: AskOptions): Promise<Answer> {
  const {states, ...rest} = withQueryFlags(ask.filter);
  const filter: RunFilter = {...rest, states: []};
  const {sinceMicros, untilMicros} = filter;
  const beginMs = performance.now();
  const facts = await openFacts(store, {...options, sinceMicros, untilMicros, attributes: attributesIn(filter)});
  const currentMs = performance.now() - beginMs;
  try {
    const {chosen, inputOf, nowMicros} = await inputsFor(store, facts, {...ask, filter});
    const input = inputOf(null);
    const isSlow = ask.flags.slow !== undefined;
    const statements = [
      isSlow ? slowStatement(input, ask.numbers.slow) : stateStatement(input, states.length > 0 ? states : ['error']),
      marksStatement(input, facts.attributes.length > 0),
      COUNTS,
    ] as const;
    facts.run(statements[0]);
    facts.run(statements[1]);
    const [all] = facts.all<{runs: number; bad: number; left: number}>(
      sql`select count(bad) as runs, coalesce(sum(bad), 0) as bad, sum(bad is null) as "left" from judged`,
    );
    const counted = facts.all<Counted>(statements[2]);
    const found = explain(facts, counted);
    return {
      rows: sortedRows(found.rows, ask, ({place}) => (ask.sort.column === 'bad' ? Number(place) : 0)),
      series: null,
      notes: [
        ...facts.notices,
        `${all!.bad} of ${all!.runs} runs ${isSlow ? 'are slow' : `are in state ${(states.length > 0 ? states : ['error']).join(', ')}`}`,
        ...(all!.left > 0
          ? [`${all!.left} left out: unfinished, or of a component with fewer than ${FEWEST_RUNS} runs`]
          : []),
        `${found.tested} attributes examined`,
        ...(found.few > 0 ? [`${found.few} more have fewer than ${FEWEST_RUNS} runs: too few to tell`] : []),
        ...(found.rows.length === 0 && all!.bad > 0 ? ['none is more frequent in bad runs than chance explains'] : []),
        NOTE,
      ],
      facts: factsAsked(facts, [...chosen, ...statements], {beginMs, currentMs}),
      nowMicros,
      isEmpty: all!.runs === 0,
    };
  } finally {
    facts.close();
  }
}

/**
 * The runs, and whether they are bad; null: not known yet. Numbered by their start; compared with those of their
 * `peers`.
 */
const judged = (runs: Sql, {bad, peers}: {readonly bad: Sql; readonly peers: Sql}): Sql => sql`
create temp table judged as
select run_key, run_id, trace_id, user_id, start_micros, ${bad} as bad, ${peers} as peers,
       row_number() over (order by start_micros, trace_id, span_id) as place
  from (${runs})`;
const ALL_PEERS = raw('0');

function stateStatement({runs}: QuestionInput, states: readonly State[]): Sql {
  const list = raw(states.map(state => `'${state}'`).join(', '));
  const bad = sql`case when state in (${list}) then 1 when state not in ('running', 'stalled', 'lost') then 0 end`;
  return judged(wholeRuns(runs), {bad, peers: ALL_PEERS});
}

/** The slowest tenth of each component: otherwise the answer would always be the slowest component. */
function slowStatement({runs}: QuestionInput, longerMicros: number | undefined): Sql {
  if (longerMicros !== undefined)
    return judged(wholeRuns(runs), {bad: sql`duration_ms > ${longerMicros / 1000}`, peers: ALL_PEERS});
  const ranked = sql`
select w.*, row_number() over (partition by kind, name order by duration_ms desc, start_micros, trace_id, span_id) as rank,
       count(duration_ms) over (partition by kind, name) as timed, dense_rank() over (order by kind, name) as component
  from (${wholeRuns(runs)}) w`;
  const bad = sql`case when duration_ms is not null and timed >= ${FEWEST_RUNS} then rank <= timed / 10.0 end`;
  return judged(ranked, {bad, peers: raw('component')});
}

/** Attributes that the facts keep; of a list, each item. */
const ofKept = (allRuns: Sql): Sql => sql`
    union all
    select r.whole_key, 'attr.' || a.attribute, cast(iif(e.type in ('true', 'false'), e.type, e.value) as text)
      from (${allRuns}) r
      join run_attributes a on a.run_key = r.run_key
      join json_each(iif(json_type(a.value) = 'array', a.value, json_array(a.text))) e`;

/**
 * Attributes of runs, each once per run. As in `runSpans`, `+` keeps SQLite from using the indexes of span_facts,
 * which it would scan for each run.
 */
const attributes = ({allRuns}: QuestionInput, kept: boolean): Sql => sql`
select distinct a.attribute, a.name, j.place
  from (
    select r.whole_key as run, iif(s.kind = 'llm', 'model', iif(s.kind in ('retrieval', 'memory'), 'tool', s.kind)) as attribute,
           iif(s.kind = 'step', s.step, s.name) as name
      from (${allRuns}) r
     cross join trace_facts t on t.trace_key = r.trace_key
     cross join span_facts s on s.span_key >= t.first_span_key and s.span_key < t.first_span_key + t.spans and +s.run_key = r.run_key
     where +s.kind in ('agent', 'team', 'workflow', 'step', 'tool', 'retrieval', 'memory', 'llm')
    union all
    select run_key, 'user', user_id from judged${kept ? ofKept(allRuns) : EMPTY}
    union all
    select run_key, 'hour', strftime('%H:00', start_micros / 1000000, 'unixepoch') from judged
    union all
    select run, 'input', case when tokens < 250 then 'below 250' when tokens < 1000 then '250 to 1k' when tokens < 4000 then '1k to 4k'
             when tokens < 16000 then '4k to 16k' when tokens < 64000 then '16k to 64k' else 'from 64k' end
      from (
        select r.whole_key as run, s.gross_prompt_tokens as tokens, min(s.start_micros)
          from (${allRuns}) r
         cross join trace_facts t on t.trace_key = r.trace_key
         cross join span_facts s on s.span_key >= t.first_span_key and s.span_key < t.first_span_key + t.spans and +s.run_key = r.run_key
         where +s.counted = 1 and s.gross_prompt_tokens is not null
         group by r.whole_key
      )
  ) a
  join judged j on j.run_key = a.run
 where a.name is not null and j.bad is not null`;

function marksStatement(input: QuestionInput, kept: boolean): Sql {
  return sql`
create temp table marks as${attributes(input, kept)}`;
}

const COUNTS = raw(`
select attribute, name, peers, count(*) as runs, sum(bad) as bad
  from marks
  join judged using (place)
 group by attribute, name, peers`);

/** Runs with an attribute, by their numbers. */
interface Marked {
  readonly attribute: string;
  readonly name: string;
  readonly places: readonly number[];
}

/**
 * The attribute that chance explains least, then the same among the runs without it, and so on: an attribute that
 * merely accompanies the first is not reported again.
 */
function explain(facts: Facts, counted: readonly Counted[]) {
  const all = facts.all<Count>(
    raw('select peers, count(*) as runs, sum(bad) as bad from judged where bad is not null group by peers'),
  );
  const named = new Map<string, Pick<Counted, 'attribute' | 'name'> & {readonly counts: Count[]}>();
  for (const {attribute, name, ...count} of counted) {
    const of = named.get(nameOf({attribute, name})) ?? {attribute, name, counts: []};
    named.set(nameOf(of), of);
    of.counts.push(count);
  }
  const looked = [...named.values()]
    .filter(({counts}) => sumOf(counts).runs >= FEWEST_RUNS && sumOf(counts).runs < sumOf(all).runs)
    .map(of => ({...of, ...testOf(of.counts, all)}));
  const logLimit = logLimitFor(looked, FALSE_ALARMS);
  const found = {
    rows: [] as Row[],
    tested: looked.length,
    few: [...named.values()].filter(({counts}) => sumOf(counts).runs < FEWEST_RUNS).length,
  };
  const candidates = looked.filter(({logChance}) => logChance <= logLimit);
  if (candidates.length === 0) return found;
  let left = new Map(
    facts
      .all<JudgedRun>(raw('select place, peers, bad from judged where bad is not null'))
      .map(run => [run.place, run] as const),
  );
  let marked: Marked[] = candidates.map(({attribute, name}) => ({
    attribute,
    name,
    places: facts
      .all<{place: number}>(sql`select place from marks where attribute = ${attribute} and name = ${name}`)
      .map(({place}) => place),
  }));
  for (;;) {
    const others = countsOf(left.values());
    const ranked = marked
      .map(of => {
        const counts = countsOf(of.places.map(place => left.get(place)!));
        return {...of, ...sumOf(counts), ...testOf(counts, others)};
      })
      .filter(of => of.runs >= FEWEST_RUNS && of.logChance <= logLimit)
      .sort((a, b) => a.logChance - b.logChance || b.bad - a.bad || (nameOf(a) < nameOf(b) ? -1 : 1));
    const [first, ...rest] = ranked;
    if (!first) return found;
    const firstPlaces = new Set(first.places);
    const inFirst = (places: readonly number[]) => places.filter(place => firstPlaces.has(place)).length;
    const same = rest.filter(of => inFirst(of.places) >= SAME_RUNS * Math.max(of.runs, first.runs));
    const newest = first.places.filter(place => left.get(place)!.bad === 1).reduce((a, b) => Math.max(a, b), 0);
    const [sample] = facts.all<{run_id: string | null; trace_id: string}>(
      sql`select run_id, trace_id from judged where place = ${newest}`,
    );
    const {attribute, name, bad, runs, lift, logChance} = first;
    found.rows.push({
      attribute,
      name,
      lift,
      bad,
      runs,
      badShare: bad / runs,
      otherShare: lift === null ? 0 : bad / runs / lift,
      chance: Math.min(1, alarmsOf(looked, logChance)),
      also: same.length === 0 ? null : same.map(nameOf).join(', '),
      sampleRunId: sample?.run_id ?? null,
      sampleTraceId: sample?.trace_id ?? null,
      place: found.rows.length,
    });
    left = new Map([...left].filter(([place]) => !firstPlaces.has(place)));
    marked = rest
      .filter(of => !same.includes(of))
      .map(({attribute, name, places}) => ({attribute, name, places: places.filter(place => left.has(place))}));
  }
}

type Row = Readonly<Record<string, Cell>>;

const nameOf = ({attribute, name}: Pick<Marked, 'attribute' | 'name'>) => `${attribute} ${name}`;
