import {raw, sql} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import type {TableFacts} from '../store/connection-info.ts';
import type {Store} from '../store/store.ts';
import {isTimeout} from '../store/timeout.ts';
import {isoTime, parseTime} from '../trace/time.ts';
import type {Subject} from './subject.ts';
import {sweep} from './sweep.ts';

export interface RowCount {
  /** Null: not counted in time. */
  readonly rows: number | null;
  readonly isEstimate: boolean;
}

/** Up to this estimate, the table is counted exactly: about 25 ms on SQLite, over its smallest index. */
const COUNTED_ROWS = {sqlite: 500_000, postgres: 100_000, clickhouse: Number.POSITIVE_INFINITY} as const;

/**
 * Rows of one table: exact if that is cheap, otherwise Postgres' estimate (ClickHouse has the exact count available).
 * A large SQLite file is counted in ranges of its index, so that no writer waits for it.
 */
export async function countRows(subject: Omit<Subject, 'survey'>, role: 'spans' | 'traces'): Promise<RowCount> {
  const {store, tables} = subject;
  const {qualifiedName, estimatedRows} = tables[role];
  const limit = COUNTED_ROWS[store.dialect];
  if (TRAITS[store.dialect].isServer) {
    if (estimatedRows !== null && estimatedRows > limit) return {rows: estimatedRows, isEstimate: true};
    return {rows: await countAll(store, qualifiedName), isEstimate: false};
  }
  if (tables[role].isView || (await largestCount(store, qualifiedName)) <= limit)
    return {rows: await countAll(store, qualifiedName), isEstimate: false};
  let rows = 0;
  const {isComplete} = await sweep<{rows: number}>(
    {...subject, survey: null},
    {
      role,
      column: 'trace_id',
      slice: range => sql`select count(*) as rows from ${raw(qualifiedName)} x where ${range}`,
    },
    row => {
      rows += Number(row.rows);
    },
  );
  return {rows: isComplete ? rows : null, isEstimate: false};
}

async function countAll(store: Store, name: string): Promise<number | null> {
  try {
    const [row] = await store.all<{rows: number}>(sql`select count(*) as rows from ${raw(name)}`);
    return Number(row!.rows);
  } catch (error) {
    if (isTimeout(error)) return null;
    throw error;
  }
}

/** An upper bound: a table has at most as many rows as its range of rowids. */
async function largestCount(store: Store, name: string): Promise<number> {
  const [row] = await store.all<{first: number | null; last: number | null}>(
    sql`select (select min(rowid) from ${raw(name)}) as first, (select max(rowid) from ${raw(name)}) as last`,
  );
  return Number(row?.last ?? 0) - Number(row?.first ?? 0);
}

export interface TimeRange {
  readonly first: string | null;
  readonly last: string | null;
}

/** First and last start of a span, each from the end of an index. */
export async function loadRange(store: Store, {spans}: {readonly spans: TableFacts}): Promise<TimeRange> {
  const name = raw(spans.qualifiedName);
  try {
    const [row] = await store.all<{first: unknown; last: unknown}>(
      sql`select (select min(start_time) from ${name}) as first, (select max(start_time) from ${name}) as last`,
    );
    return {first: isoTime(parseTime(row?.first)), last: isoTime(parseTime(row?.last))};
  } catch (error) {
    if (isTimeout(error)) return {first: null, last: null};
    throw error;
  }
}
