import {isAnyOf} from '../sql/fragments.ts';
import {raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {agnoTime} from '../trace/time.ts';

/** Keys per statement. */
export const KEYS_AT_ONCE = 5000;
/**
 * Whole seconds have no fraction, and some collations sort them wrongly, so bounds on text are wider (docs/design.md,
 * Reading without harm).
 */
export const WIDER_MICROS = 2_000_000;
/** The lowest id of an ordinary transaction. */
export const FIRST_XID = 3;
/** A table of up to this many rows is searched completely, whatever times its rows have. */
const WHOLE_UP_TO_ROWS = 500_000;
const WHOLE_UP_TO_BYTES = 2 ** 30;

/** Rows with this or a higher transaction id are examined. */
export interface Mark {
  readonly lowXid: number;
  /** False: rows do not have their transaction id, and all count as above. */
  readonly hasXids: boolean;
}

/** Part of the table by `created_at`, microseconds; null: no bound. */
interface Range extends Mark {
  readonly fromMicros: number | null;
  readonly untilMicros: number | null;
}

/** The place where a page ended. */
export interface TablePlace {
  readonly createdAt: string;
  readonly spanId: string;
}

export interface PageRow {
  /** The oldest running and the next transaction id, in the snapshot of this row. */
  low: number;
  high: number;
  /** When the server started. */
  started: string;
  span_id: unknown;
  created_at: unknown;
  /** Null: the page has no row. */
  xid: number | null;
}

export type KeyedRow = PageRow & {xid: number};

export function keyed(rows: readonly PageRow[]): KeyedRow[] {
  return rows.filter((row): row is KeyedRow => row.xid !== null);
}

export function tablePlaceOf(row: PageRow): TablePlace {
  return {createdAt: String(row.created_at), spanId: String(row.span_id)};
}

/** One page of a range, by `created_at`, then id; one row without a span if there are none. */
export function loadPage(store: Store, range: Range, after: TablePlace | null): Promise<PageRow[]> {
  const {fromMicros, untilMicros} = range;
  const from = fromMicros === null ? raw('true') : sql`s.created_at >= ${agnoTime(fromMicros - WIDER_MICROS)}`;
  const until = untilMicros === null ? raw('true') : sql`s.created_at < ${agnoTime(untilMicros + WIDER_MICROS)}`;
  const rest = after ? sql`(s.created_at, s.span_id) > (${after.createdAt}, ${after.spanId})` : raw('true');
  // Ordered by an expression: an index on created_at is meant for the bounds, not for walking all rows in its order.
  return store.all<PageRow>(sql`
select w.low, w.high, w.started, k.span_id, k.created_at, k.xid
  from (select ${SNAPSHOT_XMIN} as low, txid_snapshot_xmax(txid_current_snapshot()) as high,
               pg_postmaster_start_time()::text as started) w
  left join (select s.span_id, s.created_at, ${fullXid(range)} as xid
               from ${table('spans')} s
              where ${from} and ${until} and ${rest}
                and ${isAtOrAbove(range)}
              order by s.created_at || '', s.span_id
              limit ${KEYS_AT_ONCE}) k on true
 order by k.created_at || '', k.span_id`);
}

/** Those of the spans that are at or above the mark. */
export function loadMarked(
  store: Store,
  mark: Mark,
  spanIds: readonly string[],
): Promise<{span_id: unknown; created_at: unknown; xid: number}[]> {
  return store.all(sql`
select s.span_id, s.created_at, ${fullXid(mark)} as xid
  from ${table('spans')} s
 where ${isAnyOf(raw('s.span_id'), spanIds)}
   and ${isAtOrAbove(mark)}`);
}

/** The oldest running transaction. */
export async function oldestXid(store: Store): Promise<number> {
  const [row] = await store.all<{low: number}>(sql`select ${SNAPSHOT_XMIN} as low`);
  return row!.low;
}

export interface LaneSurvey {
  /** Cluster and database. */
  readonly identity: string;
  /** Rows have the id of the transaction that wrote them; rows of views and of foreign servers do not. */
  readonly hasXids: boolean;
  /** The table is small enough to be searched completely every minute. */
  readonly isSmall: boolean;
  /** Row-level security applies to this user. */
  readonly isFiltered: boolean;
}

export async function surveyOf(store: Store): Promise<LaneSurvey> {
  const [facts] = await store.all<{database: number; kind: string; isSmall: boolean | null; isFiltered: boolean}>(sql`
select d.oid::bigint as database, c.relkind::text as kind,
       c.relkind = 'r' and c.reltuples < ${WHOLE_UP_TO_ROWS} and pg_relation_size(c.oid) < ${WHOLE_UP_TO_BYTES} as "isSmall",
       coalesce(row_security_active(c.oid), false) as "isFiltered"
  from pg_catalog.pg_database d
  left join pg_catalog.pg_class c on c.oid = to_regclass(${tableOf(store)})
 where d.datname = current_database()`);
  const {database, kind, isSmall, isFiltered} = facts!;
  return {
    identity: `${await clusterOf(store)}/${database}`,
    hasXids: kind === 'r' || kind === 'p',
    isSmall: isSmall === true,
    isFiltered,
  };
}

export const UNKNOWN_CLUSTER = 'cluster';

/** Equal on a standby; a server that does not reveal it counts as the same one. */
async function clusterOf(store: Store): Promise<string> {
  const [row] = await store.all<{id: string}>(sql`
select case when has_function_privilege('pg_catalog.pg_control_system()', 'execute')
            then (select system_identifier::text from pg_catalog.pg_control_system()) else ${UNKNOWN_CLUSTER} end as id`);
  return row!.id;
}

/** The table itself: a column of type json is read through a subselect (`store/postgres/tables.ts`). */
function tableOf(store: Store): string {
  const name = store.tables.spans!;
  return /((?:"(?:[^"]|"")*"\.)?"(?:[^"]|"")*")\)?$/.exec(name)?.[1] ?? name;
}

/** These older names work on every server. */
const SNAPSHOT_XMIN: Sql = raw('txid_snapshot_xmin(txid_current_snapshot())');

/** Rows have the lower half of their transaction id; compared as the server does, within two thousand million. */
function isAtOrAbove({lowXid, hasXids}: Mark): Sql {
  return hasXids ? sql`(s.xmin::text::bigint - ${lowXid}::bigint) & 4294967295 < 2147483648` : raw('true');
}

function fullXid({lowXid, hasXids}: Mark): Sql {
  return hasXids
    ? sql`${lowXid}::bigint + ((s.xmin::text::bigint - ${lowXid}::bigint) & 4294967295)`
    : raw('0::bigint');
}
