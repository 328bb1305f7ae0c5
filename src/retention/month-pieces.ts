import {time} from '../sql/fragments.ts';
import {raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cutoff} from './cutoff.ts';
import {NO_SPANS, type SpanTimes} from './span-times.ts';
import {latest, type OldTrace} from './survey.ts';

export const ROLES = ['spans', 'traces'] as const;
export type Role = (typeof ROLES)[number];

/** The rows of one trace in one partition of one table. */
export interface Piece {
  readonly role: Role;
  /** The id of the partition, in Agno's tables the month: 202611. */
  readonly partition: string;
  readonly rows: number;
  /** The sum of the rows' hashes, modulo 2^64: the order does not matter, and a doubled row counts twice. */
  readonly digest: bigint;
  /** The first and the last start. */
  readonly first: string;
  readonly last: string;
}

/** A trace with its rows as they were when it was examined. */
export interface PiecedTrace extends OldTrace {
  readonly pieces: readonly Piece[];
}

/** What tells rows apart without reading attributes; Agno never changes a row. */
export const IDENTITY: Readonly<Record<Role, Sql>> = {
  spans: raw('cityHash64(s.span_id, s.start_time, s.end_time, s.created_at)'),
  traces: raw(
    "cityHash64(t.name, t.status, t.start_time, t.end_time, t.created_at, ifNull(t.run_id, ''), ifNull(t.session_id, ''))",
  ),
};
export const ALIAS = {spans: 's', traces: 't'} as const satisfies Record<Role, string>;

export function from(role: Role): Sql {
  return sql`${table(role)} ${raw(ALIAS[role])}`;
}

const MASK = (1n << 64n) - 1n;

export function plus(a: bigint, b: bigint): bigint {
  return (a + b) & MASK;
}

/** Rows of one table by partition. */
export async function rowsByPartition(store: Store, role: Role): Promise<Map<string, number>> {
  const rows = await store.all<{id: string; n: number}>(
    sql`select _partition_id as id, count() as n from ${from(role)} group by id order by id`,
  );
  return new Map(rows.map(({id, n}) => [id, n]));
}

interface PieceRow {
  trace_id: string;
  n: number;
  bytes: number;
  first_at: string;
  last_at: string;
  ended: string;
  written: string;
  made: string;
  digest: string;
}

const ROW_BYTES = 100;

interface OldTraces {
  readonly old: Map<string, PiecedTrace>;
  /** Traces with a row from before the cutoff and another one from after it. */
  readonly active: Set<string>;
  /** Rows by partition, of all ages. */
  readonly totals: Readonly<Record<Role, ReadonlyMap<string, number>>>;
}

/**
 * All traces with a row that began before the cutoff, by id, as far as nothing of them is newer: one statement for
 * each partition of each table, and one for each table that finds the newer rows of these traces.
 */
export async function lookAtOld(
  store: Store,
  cutoff: Cutoff,
  onProgress?: (traces: number) => void,
): Promise<OldTraces> {
  const found = new Map<string, Mutable>();
  const totals = {spans: await rowsByPartition(store, 'spans'), traces: await rowsByPartition(store, 'traces')};
  for (const role of ROLES) {
    const bytes = role === 'spans' ? raw(`sum(length(s.attributes) + ${ROW_BYTES})`) : raw(`count() * ${ROW_BYTES}`);
    for (const partition of totals[role].keys()) {
      const rows = await store.all<PieceRow>(sql`
select trace_id, count() as n, ${bytes} as bytes, min(start_time) as first_at, max(start_time) as last_at,
       max(end_time) as ended, max(created_at) as written, min(created_at) as made, toString(sum(${IDENTITY[role]})) as digest
  from ${from(role)}
 where _partition_id = ${partition} and start_time < ${time(cutoff.text)}
 group by trace_id`);
      for (const row of rows) take(found, role, partition, row);
      onProgress?.(found.size);
    }
  }
  const active = new Set<string>();
  for (const role of ROLES) {
    const limit = time(cutoff.text);
    const ofOld = ROLES.map(other => sql`select trace_id from ${table(other)} where start_time < ${limit}`);
    const rows = await store.all<{trace_id: string}>(sql`
select distinct trace_id
  from ${from(role)}
 where (start_time >= ${limit} or end_time >= ${limit} or created_at >= ${limit})
   and (trace_id in (${ofOld[0]!}) or trace_id in (${ofOld[1]!}))`);
    for (const {trace_id: id} of rows) active.add(id);
  }
  const old = new Map<string, PiecedTrace>();
  for (const [traceId, trace] of found) {
    if (active.has(traceId)) continue;
    const lastAt = latest(trace.row?.endedAt ?? '', trace.times);
    old.set(traceId, {...trace.times, traceId, row: trace.row, lastAt, pieces: trace.pieces});
  }
  // Those without a trace row are counted as orphans or not at all.
  for (const id of active) if (!found.get(id)?.row) active.delete(id);
  return {old, active, totals};
}

interface Mutable {
  times: SpanTimes;
  row: OldTrace['row'];
  readonly pieces: Piece[];
}

function take(found: Map<string, Mutable>, role: Role, partition: string, row: PieceRow): void {
  const trace = found.get(row.trace_id) ?? {times: NO_SPANS, row: null, pieces: []};
  found.set(row.trace_id, trace);
  const {n: rows, first_at: first, last_at: last} = row;
  trace.pieces.push({role, partition, rows, digest: BigInt(row.digest), first, last});
  const {times} = trace;
  trace.times = {
    ...times,
    spans: times.spans + (role === 'spans' ? rows : 0),
    bytes: times.bytes + row.bytes,
    endedAt: later(times.endedAt, row.ended),
    writtenAt: later(times.writtenAt, row.written),
  };
  if (role === 'traces')
    trace.row = {
      createdAt: trace.row && trace.row.createdAt < row.made ? trace.row.createdAt : row.made,
      endedAt: later(trace.row?.endedAt ?? null, row.ended),
    };
}

function later(a: string | null, b: string): string {
  return a !== null && a > b ? a : b;
}

/** The same rows as before. */
export function areSame(before: readonly Piece[], now: readonly Piece[]): boolean {
  const keyOf = ({role, partition, rows, digest}: Piece) => `${role} ${partition} ${rows} ${digest}`;
  const known = new Set(now.map(keyOf));
  return before.length === now.length && before.every(piece => known.has(keyOf(piece)));
}
