import {attributesTest, notKept} from '../facts/attributes.ts';
import {openCallFacts} from '../facts/calls.ts';
import {attributesNotKept, type Facts, openFacts} from '../facts/facts.ts';
import {choose, chooseFrom, DAY_MICROS, type Relations, relationsOf} from '../facts/relations.ts';
import {largest, smallest} from '../lists.ts';
import {loadRunPage} from '../runs/page.ts';
import {EMPTY, raw, type Sql, sql} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import type {Store} from '../store/store.ts';
import type {Cell, Series} from '../table/table.ts';
import {attributeNameIn} from '../trace/asked-attributes.ts';
import {attributesIn, type RunFilter, takesEveryRun, withQueryFlags} from '../trace/filter.ts';
import {PATIENCE} from '../trace/runs.ts';
import {isoTime} from '../trace/time.ts';
import {
  type Answer,
  type Ask,
  type AskOptions,
  columnsOfAnswer,
  type Question,
  type QuestionInput,
} from './question.ts';

/** Answers a question from the facts, after bringing them up to date. */
export async function askFacts(store: Store, question: Question, ask: Ask, options: AskOptions): Promise<Answer> {
  const {sinceMicros, untilMicros} = withQueryFlags(ask.filter);
  const grouped = groupingsOf(question, ask).flatMap(by => attributeNameIn(by) ?? []);
  for (const attribute of attributesNotKept(store, grouped, options)) notKept(attribute);
  const attributes = [...attributesIn(ask.filter), ...grouped];
  const beginMs = performance.now();
  const isOfCalls = asksCalls(store, question, ask);
  const facts = await (isOfCalls ? openCallFacts : openFacts)(store, {
    ...options,
    sinceMicros,
    untilMicros,
    attributes,
  });
  const currentMs = performance.now() - beginMs;
  try {
    const {chosen, inputOf, nowMicros} = await inputsFor(store, facts, ask);
    const input = inputOf(ask.everyMicros);
    const statement = ordered(question, ask, question.sql(input, ask.flags));
    const rows = facts.all<Record<string, Cell>>(statement);
    const counted = question.counted
      ? facts.all<{counted: string | null}>(question.counted(input)).flatMap(row => row.counted ?? [])
      : [];
    const covered = coverageOf(facts, inputOf(null), isOfCalls);
    return {
      rows: rows.map(row => cells(row, columnsOfAnswer(question, ask.everyMicros !== null))),
      series: ask.isDrawn ? seriesOf(facts, question, covered, ask.everyMicros, inputOf) : null,
      notes: [
        ...facts.notices,
        ...counted,
        covered.text,
        ...(facts.path === null && facts.notices.length === 0 ? ['facts computed in memory'] : []),
        ...cutNote(rows, question, ask),
        ...priceNote(rows, question),
        question.note,
      ],
      facts: {...factsAsked(facts, [...chosen, statement], {beginMs, currentMs}), isOfCalls},
      nowMicros,
      differs: rows.some(row => Number(row.differCount) > 0),
    };
  } finally {
    facts.close();
  }
}

/** How rows are grouped: `--by`, and values of other flags that take groupings. */
function groupingsOf({flags = {}}: Question, ask: Ask): string[] {
  const values = Object.keys(flags).flatMap(key => (flags[key]!.takesAttributes ? String(ask.flags[key] ?? '') : []));
  return [ask.by, ...values];
}

/** Filters on what the span of a call itself says. */
const OF_CALLS: readonly (keyof RunFilter)[] = [
  ...(['sinceMicros', 'untilMicros', 'models', 'tools', 'names', 'statuses'] as const),
  ...(['minDurationMs', 'maxDurationMs'] as const),
];

/** True where spans of calls tell the answer, and the database hands over those of all time at once. */
function asksCalls({dialect}: Store, {isOfCalls}: Question, ask: Ask): boolean {
  return TRAITS[dialect].picksCalls && isOfCalls?.(ask) === true && takesEveryRun(withQueryFlags(ask.filter), OF_CALLS);
}

/** What an answer says about its facts; the time until now is included. */
export const factsAsked = (
  {path}: Facts,
  statements: readonly Sql[],
  {beginMs, currentMs}: {readonly beginMs: number; readonly currentMs: number},
) => ({statements, path, isOfCalls: false, currentMs, answerMs: performance.now() - beginMs - currentMs});

/** Inputs for the statements of a question, after choosing the runs that only complete runs can decide. */
export async function inputsFor(store: Store, facts: Facts, ask: Ask) {
  const filter = withQueryFlags(ask.filter);
  const chosen = await chooseRuns(store, facts, filter);
  const nowMicros = store.nowMicros();
  const {by, sort, limit, numbers} = ask;
  const inputOf = (everyMicros: number | null): QuestionInput => ({
    ...relationsOf({filter, isChosen: chosen.length > 0, everyMicros}),
    ...{by, everyMicros, sort, limit, filter, numbers},
    stretch: raw(everyMicros === null ? '0' : 'bucket'),
    nowMicros,
  });
  return {chosen, inputOf, nowMicros};
}

/** The wanted rows, sorted; `rowCount` is their total number. Split by time, the newest are kept. */
function ordered(question: Question, {sort, limit, everyMicros, flags}: Ask, rows: Sql): Sql {
  const {columns, thenBy, sections, differs} = question;
  const texts = Object.keys(columns).filter(key => (columns[key]!.unit ?? 'text') === 'text' && key !== 'section');
  const ties = [
    ...(thenBy === undefined ? [] : [`"${thenBy}" desc nulls last`]),
    ...(everyMicros === null || sort.column === 'time' ? [] : ['time']),
    ...texts.map(key => `"${key}"`),
  ];
  const by = (descending: boolean) =>
    [
      `"${sort.column}" ${descending ? 'desc' : 'asc'} nulls last`,
      ...ties.filter(tie => tie !== `"${sort.column}"`),
    ].join(', ');
  if (sections) {
    const place = Object.keys(sections).map((name, i) => `when '${name}' then ${i}`);
    return sql`
select *
  from (
    select *, row_number() over (partition by section order by ${raw(by(sort.descending))}) as "rowPlace", count(*) over (partition by section) as "rowCount"
      from (${rows})
  )
 ${limit === 0 || everyMicros !== null ? EMPTY : sql`where "rowPlace" <= ${limit}`}
 order by ${raw(`case section ${place.join(' ')} end`)}, "rowPlace"`;
  }
  const differing = differs ? raw(`, count(*) filter (where ${differs(flags)}) over () as "differCount"`) : EMPTY;
  const counted = sql`select *, count(*) over () as "rowCount"${differing} from (${rows}\n)`;
  if (limit === 0) return sql`${counted}\n order by ${raw(by(sort.descending))}`;
  if (sort.column !== 'time' || sort.descending)
    return sql`${counted}\n order by ${raw(by(sort.descending))}\n limit ${limit}`;
  return sql`
select * from (
${counted}
 order by ${raw(by(true))}
 limit ${limit}
)
 order by ${raw(by(false))}`;
}

/** Rows that were computed here, sorted and limited as requested: unknown values last, ties by the texts of a row. */
export function sortedRows<Row extends Readonly<Record<string, Cell>>>(
  rows: readonly Row[],
  ask: Ask,
  rankOf: (row: Row, ask: Ask) => number = () => 0,
): Row[] {
  const {column, descending} = ask.sort;
  const order = (a: Cell, b: Cell) => (a === b ? 0 : a! < b! ? -1 : 1);
  const texts = (row: Row) => JSON.stringify(Object.values(row).filter(value => typeof value === 'string'));
  const sorted = [...rows].sort((a, b) => {
    const [x, y] = [a[column] ?? null, b[column] ?? null];
    const byValue =
      x === null || y === null ? Number(x === null) - Number(y === null) : order(x, y) * (descending ? -1 : 1);
    return rankOf(a, ask) - rankOf(b, ask) || byValue || order(texts(a), texts(b));
  });
  return ask.limit === 0 ? sorted : sorted.slice(0, ask.limit);
}

/** The note on what the limit left out. */
function cutNote(
  rows: readonly Readonly<Record<string, Cell>>[],
  {sections}: Question,
  {limit, everyMicros}: Ask,
): string[] {
  if (limit === 0 || !rows.some(row => Number(row.rowCount) > limit)) return [];
  if (!sections) return [`${rows.length} of ${rows[0]!.rowCount} rows (--limit 0: all)`];
  return everyMicros === null ? [`${limit} of each kind (--limit 0: all)`] : [];
}

/** The note that sums of cost exclude calls without a price. */
function priceNote(rows: readonly Readonly<Record<string, Cell>>[], {columns}: Question): string[] {
  if (!columns.unpricedCalls || columns.section) return [];
  const calls = rows.reduce((sum, row) => sum + Number(row.unpricedCalls ?? 0), 0);
  return calls === 0 ? [] : [`${calls} ${calls === 1 ? 'call' : 'calls'} without a price not included in the cost`];
}

/** Maximum number of periods in the trend at the end of a row. */
const MOST_STRETCHES = 24;
const HOUR_MICROS = 3_600_000_000;

/**
 * Over the periods of `--every`, or over as many complete days (or hours, if there are few days) as fit a short line.
 */
function seriesOf(
  facts: Facts,
  {trend, columns}: Question,
  {first, last}: Coverage,
  everyMicros: number | null,
  inputOf: (everyMicros: number) => QuestionInput,
): Series | null {
  if (!trend || first === null || last === null) return null;
  const days = (last - first) / DAY_MICROS + 1;
  const every =
    everyMicros ??
    (days <= 2 ? Math.ceil((days * 24) / MOST_STRETCHES) * HOUR_MICROS : Math.ceil(days / MOST_STRETCHES) * DAY_MICROS);
  const rows = facts.all<Record<string, Cell>>(trend.sql(inputOf(every)));
  const known = rows.filter(row => Number(row.time) >= 0);
  if (known.length === 0) return null;
  const times = known.map(row => Number(row.time));
  const [firstMicros, lastMicros] = [smallest(times), largest(times)];
  const length = Math.round((lastMicros - firstMicros) / every) + 1;
  if (length > MOST_VALUES) return null;
  const lines = new Map<string, {keys: Cell[]; values: (number | null)[]}>();
  for (const row of known) {
    const keys = trend.keys.map(key => row[key] ?? null);
    const id = JSON.stringify(keys);
    const of = lines.get(id) ?? {keys, values: new Array(length).fill(null)};
    lines.set(id, of);
    of.values[Math.round((Number(row.time) - firstMicros) / every)] = row.value === null ? null : Number(row.value);
  }
  return {column: columns[trend.column]!, firstMicros, lastMicros, everyMicros: every, lines: [...lines.values()]};
}
const MOST_VALUES = 100_000;

/**
 * Filters that only complete runs can answer (`-q` reads names, messages and answers) are applied to runs, and tests on
 * attributes that the facts keep to these; the matching runs are put into the table `chosen`.
 * @returns the statements that created it; none: no filter needs it
 */
async function chooseRuns(store: Store, facts: Facts, filter: RunFilter): Promise<Sql[]> {
  if (filter.query === null && filter.errors.length === 0) return [];
  const known = filter.query !== null && filter.errors.length === 0 ? attributesTest(facts, filter.query) : null;
  if (known) {
    const {allRuns} = relationsOf({filter: {...filter, query: null}, isChosen: false, everyMicros: null});
    const isCounted = filter.traffic ? EMPTY : raw(' and r.traffic = 0');
    const statements = chooseFrom(sql`
select r.run_key from (${allRuns}) r where ${known}${isCounted}`);
    for (const statement of statements) facts.run(statement);
    return statements;
  }
  const page = await loadRunPage(store, {filter, limit: 0, cursor: null, patience: PATIENCE});
  const statements = choose(page.runs.map(({record}) => record));
  for (const statement of statements) facts.run(statement);
  return statements;
}

/** Values in the units of the JSON contract, keys in the order of the columns. */
function cells(row: Readonly<Record<string, Cell>>, columns: Question['columns']): Record<string, Cell> {
  return Object.fromEntries(
    Object.entries(columns).map(([key, {unit}]) => {
      const value = row[key] ?? null;
      if (typeof value !== 'number') return [key, value];
      if (unit === 'flag') return [key, value !== 0];
      if (unit === 'time' || unit === 'stretch') return [key, value < 0 ? null : isoTime(value)];
      return [key, value];
    }),
  );
}

interface Coverage {
  /** Starts of the first and the last day, microseconds; null: there are none. */
  readonly first: number | null;
  readonly last: number | null;
  readonly text: string;
}

export function coverageOf(facts: Facts, {spans, runs}: Relations, isOfCalls = false): Coverage {
  const [row] = facts.all<{calls: number | null; first: number | null; last: number | null}>(sql`
select sum(calls) as calls, min(bucket) filter (where bucket >= 0) as first, max(bucket) filter (where bucket >= 0) as last
  from (${spans})`);
  const [counted] = facts.all<{n: number}>(sql`select count(*) as n from (${runs}) where sequel = 0`);
  const {calls, first, last} = row!;
  const day = (micros: number) => isoTime(micros)!.slice(0, 10);
  const within =
    first === null || last === null ? '' : first === last ? ` on ${day(first)}` : ` from ${day(first)} to ${day(last)}`;
  if (isOfCalls) return {first, last, text: `${calls ?? 0} ${calls === 1 ? 'call' : 'calls'}${within}`};
  const read = facts.spansRead === 0 ? '' : `, ${facts.spansRead} read for this answer`;
  const runCount = `${counted!.n} ${counted!.n === 1 ? 'run' : 'runs'}`;
  return {first, last, text: `${calls ?? 0} spans, ${runCount}${within}${read}`};
}
