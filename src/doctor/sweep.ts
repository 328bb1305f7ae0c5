import {stretches} from '../runs/stretches.ts';
import {raw, type Sql, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import {isoTime, parseTime} from '../trace/time.ts';
import {type Finding, NOT_COUNTED} from './finding.ts';
import {isIndexed, paceOf, type Subject} from './subject.ts';

interface SweepOptions {
  readonly role: 'spans' | 'traces';
  /** An indexed column; rows without a value in it are left out. */
  readonly column: string;
  /** From the highest value down, for times: rows that were written together are read together. */
  readonly isNewestFirst?: boolean;
  /** The statement over one range of rows `x`; its rows are passed to `add`. */
  readonly slice: (range: Sql) => Sql;
}

/** The progress of a sweep. */
export interface Swept {
  readonly isComplete: boolean;
  /** Rows walked over, at least. */
  readonly rows: number;
  /** What was examined, in words. */
  readonly covered: string;
}

/**
 * Runs one query over a whole table in ranges of an indexed column, so that no statement is long and the time can be
 * limited. Trace and span ids are random, so the part examined when the time is up is a fair sample; by time, it is
 * the newest part.
 */
export async function sweep<Row>(
  subject: Subject,
  {role, column, isNewestFirst = false, slice}: SweepOptions,
  add: (row: Row) => void,
): Promise<Swept> {
  const {store, tables, countMs} = subject;
  if (!isIndexed(tables[role], column)) {
    return {isComplete: false, rows: 0, covered: `${NOT_COUNTED}: no index on ${tables[role].name}.${column}`};
  }
  const pace = paceOf(subject);
  let rows = 0;
  const walk = {...pace.walk, over: role, column, alias: 'x', ascending: !isNewestFirst};
  for await (const stretch of stretches(store, walk)) {
    for (const row of await stretch.all<Row>(slice(stretch.where))) add(row);
    rows += stretch.length;
    subject.onProgress(rows);
    if (stretch.isLast || !pace.isOver()) continue;
    const seconds = Math.round(countMs / 1000);
    const since = isNewestFirst ? (isoTime(parseTime(stretch.end!.value))?.slice(0, 19) ?? null) : null;
    const part = since === null ? `${rows} rows` : `the newest ${rows} rows`;
    const covered = `${part} of ${tables[role].name}${since === null ? '' : `, back to ${since}Z`}, read in ${seconds} s`;
    return {isComplete: false, rows, covered};
  }
  return {isComplete: true, rows, covered: `all of ${tables[role].name}`};
}

/** A count over a sweep: zero in only a part of the table is unknown, not zero. */
export function sweptCount(
  count: number,
  {isComplete, covered}: Swept,
): Pick<Finding, 'count' | 'isComplete' | 'covered'> {
  if (isComplete) return {count, isComplete, covered};
  if (count > 0) return {count, isComplete, covered: `at least; ${covered}`};
  return {count: null, isComplete, covered: covered.startsWith(NOT_COUNTED) ? covered : `none in ${covered}`};
}

/**
 * Counts rows `x` whose value in an indexed column matches nothing: no row of `other` has it as its `key`. The sample
 * is such a value.
 */
export async function countLonely(
  subject: Subject,
  {
    role,
    column,
    other,
    key,
  }: Pick<SweepOptions, 'role' | 'column'> & {readonly other: SweepOptions['role']; readonly key: string},
): Promise<Pick<Finding, 'count' | 'isComplete' | 'covered' | 'sample'>> {
  let count = 0;
  let sample: string | null = null;
  const has = raw(`o.${key} = x.${column}`);
  if (!TRAITS[subject.store.dialect].mayBeWritten) return countLonelyAtOnce(subject, {role, column, other, key});
  const swept = await sweep<{rows: number; sample: string | null}>(
    subject,
    {
      role,
      column,
      slice: range => sql`
select count(*) as rows, min(x.${raw(column)}) as sample
  from ${table(role)} x
 where ${range}
   and not exists (select 1 from ${table(other)} o where ${has})`,
    },
    row => {
      count += Number(row.rows);
      sample ??= row.sample;
    },
  );
  return {...sweptCount(count, swept), sample};
}

/** The same in one statement, for a database that cannot compare the rows of two tables one by one (ClickHouse). */
async function countLonelyAtOnce(
  {store, tables}: Subject,
  {role, column, other, key}: Pick<SweepOptions, 'role' | 'column'> & {other: SweepOptions['role']; key: string},
): Promise<Pick<Finding, 'count' | 'isComplete' | 'covered' | 'sample'>> {
  const [row] = await store.all<{rows: number; sample: string | null}>(sql`
select count(*) as rows, min(x.${raw(column)}) as sample
  from ${table(role)} x
 where x.${raw(column)} is not null and x.${raw(column)} not in (select o.${raw(key)} from ${table(other)} o)`);
  const count = Number(row?.rows ?? 0);
  return {count, isComplete: true, covered: `all of ${tables[role].name}`, sample: count > 0 ? row!.sample : null};
}
