import {smallest} from '../lists.ts';
import type {Store} from '../store/store.ts';
import {isTimeout} from '../store/timeout.ts';
import {parseTime} from '../trace/time.ts';
import type {Clock} from './clock.ts';
import {LANES, type Lane, mayReturn, type Seen} from './lanes.ts';
import {Notices} from './notices.ts';
import {
  FIRST_XID,
  KEYS_AT_ONCE,
  type KeyedRow,
  keyed,
  loadMarked,
  loadPage,
  type Mark,
  oldestXid,
  type PageRow,
  surveyOf,
  type TablePlace,
  tablePlaceOf,
  UNKNOWN_CLUSTER,
} from './postgres-rows.ts';
import type {NewKey, NewKeys, PostgresPosition, Reader} from './reader.ts';
import {ShownIds} from './shown.ts';

/** Maximum keys per look. */
const TOLD_AT_ONCE = 500;
/** A slow lane is examined less often: at most this share of the time. */
const MOST_BUSY = 1 / 100;
/** A lane that timed out is left alone for this long. */
const AFTER_TIMEOUT_MS = 600_000;
/** If rows do not show their transaction, remember delivered spans for this long, and look back no further. */
const BEST_EFFORT_MS = 3_600_000;
/** After a server restart transactions may have been lost, and their ids used again. */
const REUSED_XIDS = 100_000;

/** The first lane is widened to twice the recent lag of new spans: batches of a busy application commit late. */
const WIDEST_MS = 60_000;
const LAG_KEPT = 0.8;

/** One pass through the lanes, page by page; it uses several snapshots, of which the first one counts. */
interface Pass {
  readonly deepest: number;
  lane: number;
  after: TablePlace | null;
  xmin: number | null;
  readonly startedMs: number;
  /** Time of the statements of the deepest lane, ms. */
  busyMs: number;
}

/**
 * New spans of a Postgres table. `created_at` is the application's clock and does not give the order of commits.
 * Transaction ids do: if a row's transaction id is below the oldest one that was running at the last look, the row
 * was visible then. So every look takes the rows at or above that mark, drops those it has seen, and takes the next
 * mark from its own snapshot, in the same statement (docs/design.md, Following). The lanes divide the table by
 * `created_at`. Each has its own mark, and their bounds move only when both neighbours have just been examined, so
 * that no row falls between.
 */
export class PostgresReader implements Reader {
  private readonly shown = new ShownIds();
  private readonly notices = new Notices();
  private identity = '';
  private lanes: Lane[] = [];
  private readonly seen = new Map<string, Seen>();
  private pending: NewKey[] = [];
  private pendingSeen = new Map<string, Seen>();
  private pass: Pass | null = null;
  /** Maximum recent delay between `created_at` and visibility. */
  private lagMs = 0;
  private isWhole = false;
  /** Rows have the id of the transaction that wrote them; rows of views and of foreign servers do not. */
  private hasXids = true;
  private started: string | null = null;
  /** Nothing below it was delivered or known in this session. */
  private sessionXid = Number.POSITIVE_INFINITY;
  private isReopened = false;

  constructor(position?: PostgresPosition) {
    if (!position) return;
    this.identity = position.identity;
    this.lanes = position.lanes.map(lane => ({...lane, dueMs: Number.NEGATIVE_INFINITY}));
    for (const [id, xid, createdMicros] of position.seen) {
      this.seen.set(id, {xid, createdMicros});
      this.shown.add(id);
    }
    this.sessionXid = smallest(this.lanes.map(lane => lane.lowXid));
  }

  async begin(store: Store, from: 'now' | 'beginning'): Promise<void> {
    await this.survey(store);
    const low = await oldestXid(store);
    const lowXid = from === 'now' ? low : Math.max(FIRST_XID, low - 2 ** 30);
    this.sessionXid = lowXid;
    const now = store.nowMicros();
    this.lanes = LANES.map((_, i) => ({
      lowXid,
      fromMicros: this.fromOf(i, now),
      dueMs: Number.NEGATIVE_INFINITY,
    }));
    if (from === 'beginning') return;
    // Already visible, though an older transaction is still running: mark them as known, or they would appear as new.
    const all = {...this.markOf(lowXid), fromMicros: this.lanes.at(-1)!.fromMicros, untilMicros: null};
    for (let after: TablePlace | null = null; ; ) {
      const rows = keyed(await loadPage(store, all, after));
      for (const row of rows) this.see(String(row.span_id), {xid: row.xid, createdMicros: parseTime(row.created_at)});
      if (rows.length < KEYS_AT_ONCE) break;
      after = tablePlaceOf(rows.at(-1)!);
    }
  }

  async resume(store: Store): Promise<boolean> {
    const known = this.identity;
    await this.survey(store);
    return this.identity === known;
  }

  async reopened(store: Store): Promise<void> {
    const known = this.identity;
    this.pass = null;
    this.isReopened = true;
    await this.survey(store);
    if (known !== '' && known !== this.identity) await this.rebase(store, 'another server or database answers now');
  }

  async look(store: Store, clock: Clock): Promise<NewKeys> {
    while (this.pending.length === 0) {
      this.pass ??= this.startPass(clock);
      const pass = this.pass;
      const lane = this.lanes[pass.lane]!;
      let rows: PageRow[];
      try {
        const bounds = {fromMicros: lane.fromMicros, untilMicros: this.lanes[pass.lane - 1]?.fromMicros ?? null};
        rows = await loadPage(store, {...this.markOf(lane.lowXid), ...bounds}, pass.after);
      } catch (error) {
        if (pass.lane === 0 || !isTimeout(error)) throw error;
        this.giveUpLane(store, pass, clock);
        break;
      }
      if (pass.lane === pass.deepest) pass.busyMs += store.lastStatementMs;
      const {low, high, started} = rows[0]!;
      if (await this.isOtherServer(store, high, started)) continue;
      pass.xmin ??= low;
      const found = keyed(rows);
      for (const row of found) this.find(row, store.nowMicros());
      if (found.length === KEYS_AT_ONCE) {
        pass.after = tablePlaceOf(found.at(-1)!);
        continue;
      }
      pass.after = null;
      pass.lane++;
      if (pass.lane <= pass.deepest) continue;
      if (this.pending.length === 0) this.endPass(store);
      break;
    }
    const keys = this.pending.splice(0, TOLD_AT_ONCE);
    for (const {spanId} of keys) {
      this.see(spanId, this.pendingSeen.get(spanId)!);
      this.pendingSeen.delete(spanId);
    }
    if (this.pending.length === 0 && this.pass && this.pass.lane > this.pass.deepest) this.endPass(store);
    return {keys, isMore: this.pending.length > 0 || this.pass !== null};
  }

  async told(store: Store, spanIds: readonly string[]): Promise<void> {
    for (const id of spanIds) this.shown.add(id);
    const lowXid = smallest(this.lanes.map(lane => lane.lowXid));
    const rows = await loadMarked(store, this.markOf(lowXid), spanIds);
    for (const row of rows) this.see(String(row.span_id), {xid: row.xid, createdMicros: parseTime(row.created_at)});
  }

  position(): PostgresPosition {
    return {
      dialect: 'postgres',
      identity: this.identity,
      lanes: this.lanes.map(({lowXid, fromMicros}) => ({lowXid, fromMicros})),
      seen: [...this.seen].map(([id, {xid, createdMicros}]) => [id, xid, createdMicros]),
    };
  }

  takeNotices(): string[] {
    return this.notices.take();
  }

  private markOf(lowXid: number): Mark {
    return {lowXid, hasXids: this.hasXids};
  }

  /** Where a lane that is now examined begins; null: at the first row. */
  private fromOf(lane: number, nowMicros: number): number | null {
    if (lane === LANES.length - 1 && this.isWhole) return null;
    const narrowMs = this.hasXids ? LANES[lane]!.windowMs : Math.min(LANES[lane]!.windowMs, BEST_EFFORT_MS);
    const windowMs = lane === 0 ? Math.max(narrowMs, Math.min(2 * this.lagMs, WIDEST_MS)) : narrowMs;
    return nowMicros - windowMs * 1000;
  }

  private see(spanId: string, seen: Seen): void {
    this.seen.set(spanId, seen);
    this.shown.add(spanId);
  }

  private find(row: KeyedRow, nowMicros: number): void {
    const spanId = String(row.span_id);
    if (this.seen.has(spanId) || this.pendingSeen.has(spanId)) return;
    const createdMicros = parseTime(row.created_at);
    if (this.shown.has(spanId)) {
      // Delivered before, but with a new transaction id: the row was rewritten.
      this.seen.set(spanId, {xid: row.xid, createdMicros});
      return;
    }
    this.pending.push({spanId, createdMicros});
    this.pendingSeen.set(spanId, {xid: row.xid, createdMicros});
    if (createdMicros !== null) this.lagMs = Math.max(this.lagMs, (nowMicros - createdMicros) / 1000);
  }

  private startPass(clock: Clock): Pass {
    const nowMs = clock.nowMs();
    const deepest = this.lanes.findLastIndex((lane, i) => i === 0 || lane.dueMs <= nowMs);
    return {deepest, lane: 0, after: null, xmin: null, startedMs: nowMs, busyMs: 0};
  }

  /**
   * Every row that the first snapshot showed in its lanes was delivered: raise their marks to it, and their bounds to
   * now.
   */
  private endPass(store: Store): void {
    const {deepest, xmin, startedMs, busyMs} = this.pass!;
    const nowMicros = store.nowMicros();
    const lowXid = Math.max(xmin!, smallest(this.lanes.slice(0, deepest + 1).map(lane => lane.lowXid)));
    for (let i = 0; i <= deepest; i++) {
      const lane = this.lanes[i]!;
      lane.lowXid = lowXid;
      if (i < deepest || i === this.lanes.length - 1) lane.fromMicros = this.fromOf(i, nowMicros);
      if (i > 0) lane.dueMs = startedMs + Math.max(LANES[i]!.everyMs, i === deepest ? busyMs / MOST_BUSY : 0);
    }
    if (deepest > 0) this.lagMs *= LAG_KEPT;
    for (const [id, seen] of this.seen) if (!mayReturn(this.lanes, seen, this.hasXids)) this.seen.delete(id);
    this.pass = null;
  }

  /** A slow search through older rows must not delay the new ones. */
  private giveUpLane(store: Store, pass: Pass, clock: Clock): void {
    this.notices.sayOnce(
      'searching for spans of late transactions takes too long on this database: such spans appear late, or never.',
    );
    this.lanes.forEach((lane, i) => {
      if (i >= pass.lane) lane.dueMs = clock.nowMs() + AFTER_TIMEOUT_MS;
    });
    this.pass = {...pass, deepest: pass.lane - 1, busyMs: 0};
    this.endPass(store);
  }

  private async survey(store: Store): Promise<void> {
    const {identity, hasXids, isSmall, isFiltered} = await surveyOf(store);
    this.identity = identity;
    this.hasXids = hasXids;
    this.isWhole = isSmall;
    if (!hasXids)
      this.notices.sayOnce(
        'the spans are not in a plain table, so following is best effort: a span that becomes visible more than an hour after it was written is missed.',
      );
    else if (!isSmall)
      this.notices.sayOnce(
        'the table is large: a span that becomes visible more than 24 h after it was written is missed.',
      );
    if (isFiltered) this.notices.sayOnce('row-level security applies to this user: spans that it hides are missing.');
  }

  private async isOtherServer(store: Store, highXid: number, started: string): Promise<boolean> {
    const isRestarted = this.started !== null && this.started !== started && this.isReopened;
    this.started = started;
    this.isReopened = false;
    if (this.hasXids && this.lanes.some(lane => lane.lowXid > highXid)) {
      // A promoted standby has its primary's rows, except for the last transactions: their ids are used again, and
      // rows from before the session are known as they were.
      const isSame = !this.identity.startsWith(`${UNKNOWN_CLUSTER}/`) && highXid >= this.sessionXid;
      const why =
        'the transaction numbers of the database restarted (a promoted standby, or a restored or different server)';
      await this.rebase(store, why, isSame ? this.sessionXid : null);
      return true;
    }
    if (isRestarted) {
      for (const lane of this.lanes) lane.lowXid = Math.max(this.sessionXid, lane.lowXid - REUSED_XIDS);
      this.pass = null;
    }
    return isRestarted;
  }

  /**
   * The marks of another server mean nothing here: among the recent rows, those that were not delivered count as new.
   * @param fromXid rows with lower transaction ids were known; null: none
   */
  private async rebase(store: Store, why: string, fromXid: number | null = null): Promise<void> {
    this.notices.say(`${why}: the spans of the last minutes are read again, and some may be repeated.`);
    const nowMicros = store.nowMicros();
    this.pass = null;
    this.pending = [];
    this.pendingSeen.clear();
    this.seen.clear();
    const low = await oldestXid(store);
    const lowXid = fromXid ?? Math.max(FIRST_XID, low - 2 ** 30);
    this.sessionXid = lowXid;
    this.lanes.forEach((lane, i) => {
      // The last lane starts at the new mark: its rows are old here.
      lane.lowXid = fromXid ?? (i === this.lanes.length - 1 ? low : lowXid);
      const fromMicros = this.fromOf(i, nowMicros);
      // Not later than before: rows that were written while nothing could be read must be included.
      if (fromMicros !== null && i < this.lanes.length - 1)
        lane.fromMicros = Math.min(fromMicros, lane.fromMicros ?? fromMicros);
      lane.dueMs = Number.NEGATIVE_INFINITY;
    });
  }
}
