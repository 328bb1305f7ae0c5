import {stretches, type Walk} from '../runs/stretches.ts';
import {raw, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {type Cutoff, isReadable} from './cutoff.ts';
import {isOld, NO_SPANS, readSpanTimes, type SpanTimes} from './span-times.ts';

/** A trace that is old enough, as it was when first examined. */
export interface OldTrace extends SpanTimes {
  readonly traceId: string;
  /** Of the trace row; null: spans without one. */
  readonly row: {readonly createdAt: string; readonly endedAt: string} | null;
  /** Its last activity. */
  readonly lastAt: string;
}

/** Why a trace from before the cutoff is kept. */
export type Reason =
  /** Something in it is newer than the cutoff. */
  | 'active'
  /** A time in it is not in Agno's form. */
  | 'unreadable'
  | 'running'
  /** A run in it does not match the filter. */
  | 'other'
  | 'error'
  | 'last'
  /** Another part of its run is kept. */
  | 'continued'
  /** Written or in use between plan and deletion. */
  | 'changed';

export interface Survey {
  /** Oldest first. */
  readonly candidates: OldTrace[];
  readonly skipped: Map<Reason, number>;
}

export interface SurveyOptions {
  readonly cutoff: Cutoff;
  readonly onProgress?: (traces: number) => void;
}

/** Traces examined at a time: longer lists of ids can make Postgres read the whole table instead. */
const TRACES_AT_ONCE = 500;

/**
 * Finds the traces that are older than the cutoff, oldest first, over Agno's index on `created_at`; newer ones are
 * not read. Traces from before the cutoff that are not old are counted by reason.
 */
export async function surveyTraces(store: Store, {cutoff, onProgress}: SurveyOptions): Promise<Survey> {
  const survey: Survey = {candidates: [], skipped: new Map()};
  let looked = 0;
  const bounds = [sql`t.created_at < ${cutoff.wideText}`];
  const walk: Walk = {over: 'traces', column: 'created_at', ascending: true, bounds, longest: TRACES_AT_ONCE};
  for await (const stretch of stretches(store, walk)) {
    const rows = await stretch.all<TraceTimes>(sql`
select t.trace_id, t.created_at, t.end_time
  from ${table('traces')} t
 where ${stretch.where}
 order by t.created_at, t.trace_id`);
    // Any number of traces may have been written at the same time.
    for (let at = 0; at < rows.length; at += TRACES_AT_ONCE) {
      const some = rows.slice(at, at + TRACES_AT_ONCE);
      const looks = await readSpanTimes(
        query => stretch.all(query),
        some.map(row => String(row.trace_id)),
      );
      for (const row of some) sort(row, looks.get(String(row.trace_id)) ?? NO_SPANS, cutoff, survey);
    }
    looked += rows.length;
    onProgress?.(looked);
  }
  add(survey.skipped, 'unreadable', await countBeyondTime(store));
  return survey;
}

interface TraceTimes {
  trace_id: unknown;
  created_at: unknown;
  end_time: unknown;
}

/** Adds one trace to the candidates or to the skipped ones. */
function sort(row: TraceTimes, look: SpanTimes, cutoff: Cutoff, {candidates, skipped}: Survey): void {
  const {created_at: createdAt, end_time: endedAt} = row;
  if (!isReadable(createdAt) || !isReadable(endedAt) || !look.isReadable) add(skipped, 'unreadable');
  else if (createdAt >= cutoff.text) {
    // It is not before the cutoff: it was read only because the index is read two seconds further.
  } else if (endedAt >= cutoff.text || !isOld(look, cutoff)) add(skipped, 'active');
  else
    candidates.push({...look, traceId: String(row.trace_id), row: {createdAt, endedAt}, lastAt: latest(endedAt, look)});
}

export function latest(endedAt: string, look: SpanTimes): string {
  return [endedAt, look.endedAt, look.writtenAt].reduce<string>(
    (max, time) => (time !== null && time > max ? time : max),
    '',
  );
}

export function add<Key>(counts: Map<Key, number>, key: Key, n = 1): void {
  if (n > 0) counts.set(key, (counts.get(key) ?? 0) + n);
}

/** Rows whose time is not a time and sorts after all times (`None`, words): the walk does not reach them. */
async function countBeyondTime(store: Store): Promise<number> {
  const [row] = await store.all<{n: number}>(
    sql`select count(*) as n from ${table('traces')} t where t.created_at >= ${'A'}`,
  );
  return row!.n;
}

/** Rows of a table that are newer than any clock should allow; null if there are none. */
export async function newestRow(store: Store): Promise<string | null> {
  const [row] = await store.all<{created_at: unknown}>(sql`
select t.created_at
  from ${table('traces')} t
 where t.created_at < ${'A'}
 order by t.created_at desc
 limit 1`);
  return row && isReadable(row.created_at) ? row.created_at : null;
}

const COUNTED_AT_ONCE = 50_000;

/**
 * Counts the rows of the table of traces, along an index, in statements that each block a SQLite writer only briefly.
 */
export async function countTraces(store: Store): Promise<number> {
  const createdAt = raw('t.created_at');
  let [counted, above] = [0, raw('true')];
  for (;;) {
    // Rows with the same time stay together.
    const [end] = await store.all<{created_at: unknown}>(
      sql`select ${createdAt} from ${table('traces')} t where ${above} order by ${createdAt} limit 1 offset ${COUNTED_AT_ONCE}`,
    );
    const last = end ? String(end.created_at) : null;
    const upTo = last === null ? raw('true') : sql`${createdAt} <= ${last}`;
    const [row] = await store.all<{n: number}>(
      sql`select count(*) as n from ${table('traces')} t where ${above} and ${upTo}`,
    );
    counted += row!.n;
    if (last === null || row!.n === 0) return counted;
    above = sql`${createdAt} > ${last}`;
  }
}

/**
 * Spans without a trace row, by trace id, if they are old as above. They come from tables without a foreign key, and
 * from Agno 2 on SQLite, which does not enforce it.
 */
export async function surveyOrphans(store: Store, {cutoff, onProgress}: SurveyOptions): Promise<Survey> {
  const survey: Survey = {candidates: [], skipped: new Map()};
  let after = '';
  let looked = 0;
  for (;;) {
    const ids: {trace_id: unknown; orphan: number}[] = await store.all(sql`
select x.trace_id, case when exists (select 1 from ${table('traces')} t where t.trace_id = x.trace_id) then 0 else 1 end as orphan
  from (select distinct s.trace_id from ${table('spans')} s where s.trace_id > ${after} order by s.trace_id limit ${TRACES_AT_ONCE}) x
 order by x.trace_id`);
    const orphans = ids.filter(row => row.orphan === 1).map(row => String(row.trace_id));
    if (orphans.length > 0) {
      const looks = await readSpanTimes(query => store.all(query), orphans);
      for (const [traceId, look] of looks) {
        if (!look.isReadable) add(survey.skipped, 'unreadable');
        else if (!isOld(look, cutoff)) add(survey.skipped, 'active');
        else survey.candidates.push({...look, traceId, row: null, lastAt: latest('', look)});
      }
    }
    looked += ids.length;
    onProgress?.(looked);
    if (ids.length < TRACES_AT_ONCE) return survey;
    after = String(ids.at(-1)!.trace_id);
  }
}
