import {EXIT, UserError} from '../errors.ts';
import {isAnyOf} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import {damaged} from '../store/damaged.ts';
import type {Store} from '../store/store.ts';
import {parseTime} from '../trace/time.ts';
import {Notices} from './notices.ts';
import type {NewKeys, Reader, SqlitePosition} from './reader.ts';
import {ShownIds} from './shown.ts';

/** Rows per statement; a writer in rollback-journal mode waits meanwhile. */
const ROWS_AT_ONCE = 500;
/** How many rows are known individually when following begins. */
const EXACT_AT_START = 256;
const MOST_ANCHORS = 1024;
/** Distance between older known rows, as a share of their distance from the newest one. */
const SPARSENESS = 0.03;
/** Uncertain rows that were written this long before following began count as old. */
const SURELY_OLD_MICROS = 3_600_000_000;

type Anchor = readonly [rowid: number, spanId: string];

interface KeyRow {
  rowid: number;
  span_id: unknown;
  created_at: unknown;
}

/**
 * New spans of a SQLite file. Only one writer commits at a time, so rowids are in commit order, as long as the last
 * known row still has its rowid. If it does not, later rowids may have been reused, and VACUUM may have changed all
 * of them. Then reading goes back to the last known row that still exists, and ids show which later rows were
 * delivered or known (docs/design.md, Following).
 */
export class SqliteReader implements Reader {
  private readonly shown = new ShownIds();
  private readonly notices = new Notices();
  /** All known rows near the end; older ones more and more sparsely; in order. */
  private anchors: Anchor[] = [];
  /** From this rowid on, every known row is in `shown`; 0: all are. */
  private exactFrom = 0;
  /** Rowid where the newer half of `shown` begins. */
  private generationFrom = 0;
  /** From this rowid on, every known row is an anchor; 0: all are. */
  private sparseBelow = 0;
  private readonly ahead = new Set<string>();
  /** `data_version` of the connection when nothing was left to read; null: examine the rows. */
  private quietAt: number | null = null;
  /** Rows written long before this are not new; by the store's clock (`nowMicros`). */
  private beganMicros = 0;

  constructor(position?: SqlitePosition) {
    if (!position) return;
    this.anchors = [...position.anchors];
    this.exactFrom = position.exactFrom;
    this.sparseBelow = position.exactFrom;
    this.beganMicros = position.atMicros;
    for (const [, id] of position.anchors) this.shown.add(id);
    for (const id of position.ahead) {
      this.ahead.add(id);
      this.shown.add(id);
    }
  }

  async begin(store: Store, from: 'now' | 'beginning'): Promise<void> {
    this.beganMicros = store.nowMicros();
    if (from === 'beginning') return;
    const newest = await store
      .all<KeyRow>(sql`
select s.rowid as rowid, s.span_id
  from ${table('spans')} s
 order by s.rowid desc
 limit ${EXACT_AT_START}`)
      .catch(error => {
        throw /no such column: s\.rowid/.test(String(error)) ? withoutRowids(store) : error;
      });
    if (newest.length === 0) return;
    const exact = newest.reverse().map(anchorOf);
    const oldest = exact[0]![0];
    const rowids: number[] = [];
    for (let back = EXACT_AT_START; back < oldest; back = Math.ceil(back * (1 + SPARSENESS)))
      rowids.push(oldest - back);
    const sparse = await store.all<KeyRow>(sql`
select s.rowid as rowid, s.span_id
  from ${table('spans')} s
 where s.rowid in (select value from json_each(${JSON.stringify(rowids)}))
 order by s.rowid`);
    this.anchors = [...sparse.map(anchorOf), ...exact];
    this.exactFrom = newest.length < EXACT_AT_START ? 0 : oldest;
    this.sparseBelow = this.exactFrom;
    for (const [, id] of exact) this.shown.add(id);
  }

  async resume(store: Store, isSameName: boolean): Promise<boolean> {
    // A file may be moved, or it may be emptied; not both.
    return isSameName || (await this.survivors(store)).size > 0;
  }

  async reopened(): Promise<void> {
    this.quietAt = null;
  }

  async look(store: Store): Promise<NewKeys> {
    const [version] = await store.all<{data_version: number}>(raw('pragma data_version'));
    if (version!.data_version === this.quietAt) return {keys: [], isMore: false};
    const last = this.anchors.at(-1);
    const rows = await rowsFrom(store, last?.[0] ?? null);
    if (last && (rows.length === 0 || rows[0]!.rowid !== last[0] || String(rows[0]!.span_id) !== last[1]))
      return this.relocate(store);
    const fresh = last ? rows.slice(1) : rows;
    const isMore = rows.length > ROWS_AT_ONCE;
    if (!isMore) this.quietAt = version!.data_version;
    return {keys: this.take(fresh), isMore};
  }

  async told(store: Store, spanIds: readonly string[]): Promise<void> {
    const last = this.anchors.at(-1)?.[0] ?? -1;
    for (const id of spanIds) this.shown.add(id);
    const ahead = await store.all<{span_id: unknown}>(sql`
select s.span_id
  from ${table('spans')} s
 where ${isAnyOf(raw('s.span_id'), spanIds)}
   and s.rowid > ${last}`);
    for (const row of ahead) this.ahead.add(String(row.span_id));
  }

  position(nowMicros: number): SqlitePosition {
    return {
      dialect: 'sqlite',
      anchors: [...this.anchors],
      exactFrom: Math.max(this.exactFrom, this.sparseBelow),
      ahead: [...this.ahead],
      atMicros: nowMicros,
    };
  }

  takeNotices(): string[] {
    return this.notices.take();
  }

  private take(rows: readonly KeyRow[]): NewKeys['keys'] {
    const keys = [];
    for (const row of rows) {
      const spanId = String(row.span_id);
      this.anchors.push([row.rowid, spanId]);
      this.ahead.delete(spanId);
      if (this.shown.has(spanId)) continue;
      // The oldest ids were dropped: rows that far back are no longer known individually.
      if (this.shown.add(spanId)) {
        this.exactFrom = Math.max(this.exactFrom, this.generationFrom);
        this.generationFrom = row.rowid;
      }
      keys.push({spanId, createdMicros: parseTime(row.created_at)});
    }
    this.thin();
    return keys;
  }

  /** The last 256 rows stay; before them, the gaps grow with the distance from the end. */
  private thin(): void {
    if (this.anchors.length <= MOST_ANCHORS) return;
    const newest = this.anchors.at(-1)![0];
    const exact = this.anchors.slice(-EXACT_AT_START);
    const sparse: Anchor[] = [];
    let kept = exact[0]![0];
    for (const anchor of this.anchors.slice(0, -EXACT_AT_START).reverse()) {
      if (kept - anchor[0] < (newest - kept) * SPARSENESS) continue;
      sparse.push(anchor);
      kept = anchor[0];
    }
    this.anchors = [...sparse.reverse(), ...exact];
    this.sparseBelow = exact[0]![0];
  }

  private async survivors(store: Store): Promise<Map<string, number>> {
    const ids = this.anchors.map(([, id]) => id);
    const rows = await store.all<KeyRow>(sql`
select s.rowid as rowid, s.span_id
  from ${table('spans')} s
 where ${isAnyOf(raw('s.span_id'), ids)}`);
    return new Map(rows.map(row => [String(row.span_id), row.rowid]));
  }

  /**
   * The last row is gone or has another rowid: go back to the newest known row that still exists, and read on from
   * it.
   */
  private async relocate(store: Store): Promise<NewKeys> {
    const there = await this.survivors(store);
    let at = this.anchors.length - 1;
    while (at >= 0 && !there.has(this.anchors[at]![1])) at--;
    const isExact = at >= 0 && this.anchors[at]![0] >= this.exactFrom;
    // Uncertain rows are settled here, once; from then on every row after the anchor is known by id.
    if (!isExact && this.exactFrom > 0) await this.settleDoubt(store, at < 0 ? null : there.get(this.anchors[at]![1])!);
    const kept = this.anchors.slice(0, at + 1).filter(([, id]) => there.has(id));
    // The rowids may have changed.
    const moved = (rowid: number) => {
      if (rowid === 0) return 0;
      const first = kept.find(([old]) => old >= rowid) ?? kept.at(-1);
      return first ? there.get(first[1])! : 0;
    };
    this.exactFrom = moved(this.exactFrom);
    this.sparseBelow = moved(this.sparseBelow);
    this.generationFrom = moved(this.generationFrom);
    this.anchors = kept.map(([, id]) => [there.get(id)!, id]);
    this.quietAt = null;
    return {keys: [], isMore: true};
  }

  /**
   * More rows vanished than were known individually: rows older than the session count as known, the others are
   * delivered.
   */
  private async settleDoubt(store: Store, after: number | null): Promise<void> {
    const isOld = (createdAt: unknown) => {
      const created = parseTime(createdAt);
      return created !== null && created < this.beganMicros - SURELY_OLD_MICROS;
    };
    let unsure = 0;
    for (let from = after; ; ) {
      const rows = await rowsFrom(store, from);
      for (const row of rows.slice(from === null ? 0 : 1)) {
        const id = String(row.span_id);
        if (this.shown.has(id)) continue;
        if (isOld(row.created_at)) this.shown.add(id);
        else unsure++;
      }
      if (rows.length <= ROWS_AT_ONCE) break;
      from = rows.at(-1)!.rowid;
    }
    if (unsure > 0)
      this.notices.say(
        `too many of the newest rows were deleted to remember them: up to ${unsure} of the next spans may be repeats.`,
      );
  }
}

function withoutRowids(store: Store): UserError {
  return new UserError(
    EXIT.schema,
    `the spans in "${store.label}" cannot be followed: the table is a view or WITHOUT ROWID.`,
    {
      hint: 'Only plain tables can be followed; list and show can read this one.',
    },
  );
}

/** The row at `rowid` if it exists, and those after it; one row more than a page if there are more. */
async function rowsFrom(store: Store, rowid: number | null): Promise<KeyRow[]> {
  const rows = await store.all<KeyRow>(sql`
select s.rowid as rowid, s.span_id, s.created_at
  from ${table('spans')} s
 where s.rowid >= ${rowid ?? Number.MIN_SAFE_INTEGER}
 order by s.rowid
 limit ${ROWS_AT_ONCE + 1}`);
  // The pages of a forged file lead back to the same rows again and again.
  if (rows.length > 1 && rows.at(-1)!.rowid <= rows[0]!.rowid) throw damaged(store.label);
  return rows;
}

function anchorOf(row: KeyRow): Anchor {
  return [row.rowid, String(row.span_id)];
}
