import {isCounted} from '../queries/counted-question.ts';
import type {FactsInput, FactsQuestion} from '../queries/facts-question.ts';
import {loadRunPage} from '../queries/run-pages.ts';
import {EMPTY, raw, type Sql, sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell} from '../table/table.ts';
import {hoisted, type RunFilter} from '../trace/filter.ts';
import {PATIENCE} from '../trace/runs.ts';
import {isoTime} from '../trace/time.ts';
import {type Facts, type FactsOptions, openFacts} from './facts.ts';
import {relationsOf} from './relations.ts';

export interface FactsAsk {
  readonly by: string;
  readonly everyMicros: number | null;
  readonly sort: {readonly column: string; readonly descending: boolean};
  /** Rows wanted; 0: all. */
  readonly limit: number;
  readonly filter: RunFilter;
  readonly flags: Readonly<Record<string, string | undefined>>;
}

export interface FactsAnswer {
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** What the answer covers, and how to read it. */
  readonly notes: readonly string[];
  /** The statement that was asked of the facts. */
  readonly statement: Sql;
  /** How long it took to bring the facts up to date, and to answer from them, ms. */
  readonly currentMs: number;
  readonly answerMs: number;
  /** Where they are kept; null: they were made for this question alone. */
  readonly path: string | null;
}

/** Answers a question over many runs from the facts, which are brought up to date before. */
export async function askFacts(
  store: Store,
  question: FactsQuestion,
  ask: FactsAsk,
  options: Pick<FactsOptions, 'env' | 'cwd' | 'prices' | 'onProgress'>,
): Promise<FactsAnswer> {
  const filter = hoisted(ask.filter);
  const {sinceMicros, untilMicros} = filter;
  const beginMs = performance.now();
  const facts = await openFacts(store, {...options, sinceMicros, untilMicros});
  const currentMs = performance.now() - beginMs;
  try {
    const isChosen = await chooseRuns(store, facts, filter);
    const input: FactsInput = {
      ...relationsOf({filter, isChosen, everyMicros: ask.everyMicros}),
      by: ask.by,
      everyMicros: ask.everyMicros,
      nowMicros: store.nowMicros(),
    };
    const {sort, limit} = ask;
    const ties = Object.keys(question.columns).map(key => `"${key}"`);
    const statement = sql`
select * from (${question.sql(input, ask.flags)}
)
 order by ${raw(`"${sort.column}"`)} ${raw(sort.descending ? 'desc nulls last' : 'asc nulls last')}, ${raw(ties.join(', '))}
 ${limit === 0 ? EMPTY : sql`limit ${limit}`}`;
    const rows = facts.all<Record<string, Cell>>(statement);
    const counted = isCounted(question)
      ? facts.all<{counted: string | null}>(question.counted(input)).flatMap(row => row.counted ?? [])
      : [];
    return {
      rows: rows.map(row => cells(row, question)),
      notes: [...facts.notices, ...counted, coverage(facts, input), question.note],
      statement,
      currentMs,
      answerMs: performance.now() - beginMs - currentMs,
      path: facts.path,
    };
  } finally {
    facts.close();
  }
}

/**
 * What only whole runs tell (`-q` reads names, messages and answers) is found through them; those that pass stand in the
 * table `chosen`.
 */
async function chooseRuns(store: Store, facts: Facts, filter: RunFilter): Promise<boolean> {
  if (filter.query === null && filter.errors.length === 0) return false;
  const page = await loadRunPage(store, {filter, limit: 0, cursor: null, patience: PATIENCE});
  const found = JSON.stringify(page.runs.map(({record}) => [record.traceId, record.spanId]));
  facts.run(raw('create temp table chosen (run_key integer primary key)'));
  facts.run(sql`
insert into chosen
select r.run_key from json_each(${found}) f
  join trace_facts t on t.trace_id = f.value ->> 0
  join run_facts r on r.trace_key = t.trace_key and r.span_id = f.value ->> 1`);
  return true;
}

/** Times and dollars in the units of the JSON contract, keys in the order of the columns. */
function cells(row: Readonly<Record<string, Cell>>, {columns}: FactsQuestion): Record<string, Cell> {
  return Object.fromEntries(
    Object.entries(columns).map(([key, {unit}]) => {
      const value = row[key] ?? null;
      return [key, unit === 'time' && typeof value === 'number' ? isoTime(value) : value];
    }),
  );
}

function coverage(facts: Facts, {spans}: FactsInput): string {
  const [row] = facts.all<{calls: number | null; first: number | null; last: number | null}>(sql`
select sum(calls) as calls, min(bucket) filter (where bucket >= 0) as first, max(bucket) as last from (${spans})`);
  const day = (micros: number | null) => isoTime(micros)?.slice(0, 10);
  const within = row?.first == null ? '' : ` of ${day(row.first)} to ${day(row.last)}`;
  const read = facts.spansRead === 0 ? '' : `, ${facts.spansRead} read for it`;
  return `${row?.calls ?? 0} spans${within}${read}`;
}
