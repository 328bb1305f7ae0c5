import {andOnClickhouse, time} from '../sql/fragments.ts';
import {raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {agnoTime, parseTime} from '../trace/time.ts';
import {Notices} from './notices.ts';
import type {ClickhousePosition, NewKey, NewKeys, Reader} from './reader.ts';
import {ShownIds} from './shown.ts';

/** Maximum keys per look. */
const TOLD_AT_ONCE = 500;
/** In a part that was merged from delivered and new rows, a row is new if it was written within this time. */
const WINDOW_MICROS = 600_000_000;
/** A row that was read while its block was above the cursor is read again by the next look. */
const TOLD_KEPT_MICROS = 60_000_000;
/** Attempts, because parts may be merged while we read what is known. */
const TRIES = 5;

/** What the catalogue says about the table. */
interface Survey {
  readonly uuid: string;
  readonly isPlain: boolean;
  /** Highest block of any visible part. */
  readonly block: number;
  readonly startedMicros: number;
}

interface FoundRow {
  readonly span_id: unknown;
  readonly trace_id: unknown;
  readonly created_at: unknown;
}

/** A span that may be read again: when it was written, according to its row, and when it was delivered. */
interface Seen {
  readonly createdMicros: number;
  readonly toldMicros: number;
}

/**
 * New spans of a ClickHouse table, by the numbers of its blocks. `created_at` is the application's clock and does not
 * show when a row became visible. A part of a plain MergeTree gets its number when it becomes visible, and a merge
 * keeps the lowest and the highest number of its sources, both in the part's name. So a look reads the parts that
 * reach above the highest number of the previous look. In parts that lie completely above it, all rows are new. In
 * parts merged from old and new ones, the rows of the last minutes that were not delivered yet are new
 * (docs/design.md, Following). The next number is read before the rows: a row may be read twice, but is delivered
 * once.
 */
export class ClickhouseReader implements Reader {
  private readonly shown = new ShownIds();
  private readonly notices = new Notices();
  private uuid = '';
  private startedMicros = 0;
  private block = 0;
  private readonly seen = new Map<string, Seen>();
  private pending: NewKey[] = [];
  private readonly waiting = new Set<string>();

  constructor(position?: ClickhousePosition) {
    if (!position) return;
    this.uuid = position.identity;
    this.block = position.block;
    this.startedMicros = position.startedMicros;
    for (const [id, createdMicros, toldMicros] of position.seen) this.see(id, {createdMicros, toldMicros});
  }

  async begin(store: Store, from: 'now' | 'beginning'): Promise<void> {
    this.adopt(await surveyOf(store));
    if (from === 'beginning') {
      this.block = -1;
      return;
    }
    for (let tries = 1; ; tries++) {
      const rows = await store.all<FoundRow & {is_mixed: number}>(sql`
select s.span_id, s.trace_id, s.created_at, ${LOWEST} <= ${this.block} and ${HIGHEST} > ${this.block} as is_mixed
  from ${table('spans')} s
 where ${recent(store, 's')} and ${LOWEST} <= ${this.block}`);
      // A merge happened in between, so it is unknown which of its rows are new.
      const isMixed = rows.some(row => Number(row.is_mixed) === 1);
      if (isMixed && tries < TRIES) {
        this.block = (await surveyOf(store)).block;
        continue;
      }
      const toldMicros = store.nowMicros();
      for (const row of rows)
        this.see(String(row.span_id), {createdMicros: parseTime(row.created_at) ?? 0, toldMicros});
      return;
    }
  }

  async resume(store: Store): Promise<boolean> {
    const survey = await surveyOf(store);
    if (survey.uuid !== this.uuid) return false;
    this.checkNumbers(survey);
    return true;
  }

  async reopened(store: Store): Promise<void> {
    const survey = await surveyOf(store);
    if (this.uuid !== '' && survey.uuid !== this.uuid) {
      this.notices.say(
        'another table answers now: the spans of the last minutes are looked through again, and some may be repeated.',
      );
      this.block = -1;
      this.uuid = survey.uuid;
    }
    this.checkNumbers(survey);
  }

  async look(store: Store): Promise<NewKeys> {
    if (this.pending.length === 0) {
      const survey = await surveyOf(store);
      if (survey.uuid !== this.uuid) await this.reopened(store);
      this.checkNumbers(survey);
      const rows = await store.all<FoundRow>(sql`
select s.span_id, s.trace_id, s.created_at
  from ${table('spans')} s
 where ${survey.isPlain ? this.isNew(store) : recent(store, 's')}
 order by s.created_at, s.span_id`);
      for (const row of rows) this.find(row);
      if (survey.isPlain) this.block = Math.max(this.block, survey.block);
      this.forget(store.nowMicros());
    }
    const keys = this.pending.splice(0, TOLD_AT_ONCE);
    const toldMicros = store.nowMicros();
    for (const {spanId, createdMicros} of keys)
      this.see(spanId, {createdMicros: createdMicros ?? toldMicros, toldMicros});
    return {keys, isMore: this.pending.length > 0};
  }

  async told(store: Store, spanIds: readonly string[]): Promise<void> {
    const nowMicros = store.nowMicros();
    for (const id of spanIds) this.see(id, {createdMicros: nowMicros, toldMicros: nowMicros});
  }

  position(): ClickhousePosition {
    return {
      dialect: 'clickhouse',
      identity: this.uuid,
      startedMicros: this.startedMicros,
      // Keys that are not delivered yet have to be read again.
      block: this.pending.length > 0 ? this.pendingBlock : this.block,
      seen: [...this.seen].map(([id, {createdMicros, toldMicros}]) => [id, createdMicros, toldMicros]),
    };
  }

  takeNotices(): string[] {
    return this.notices.take();
  }

  /** The cursor before the pending keys were read. */
  private pendingBlock = 0;

  private isNew(store: Store): Sql {
    this.pendingBlock = this.block;
    return sql`${HIGHEST} > ${this.block} and (${LOWEST} > ${this.block} or s.created_at >= ${windowFrom(store)})`;
  }

  private adopt({uuid, isPlain, block, startedMicros}: Survey): void {
    this.uuid = uuid;
    this.block = block;
    this.startedMicros = startedMicros;
    if (!isPlain)
      this.notices.sayOnce(
        'this table is no plain MergeTree: best effort only, a span that becomes visible more than 10 minutes after it was written is not told.',
      );
  }

  /** If a server restarts without its newest parts, it continues to count from the remaining ones. */
  private checkNumbers({block, startedMicros}: Survey): void {
    if (block >= this.block) return;
    const isRestarted = Math.abs(startedMicros - this.startedMicros) > 5_000_000;
    this.startedMicros = startedMicros;
    // Dropped parts also leave a lower number, until the next insert.
    if (!isRestarted) return;
    this.notices.say(
      'the numbers of the table begin anew: the spans of the last minutes are looked through again, and some may be repeated.',
    );
    this.block = -1;
  }

  private see(spanId: string, seen: Seen): void {
    this.waiting.delete(spanId);
    this.seen.set(spanId, seen);
    this.shown.add(spanId);
  }

  private find({span_id, trace_id, created_at}: FoundRow): void {
    const spanId = String(span_id);
    if (this.seen.has(spanId) || this.shown.has(spanId)) return;
    if (this.waiting.has(spanId)) return;
    this.waiting.add(spanId);
    this.pending.push({spanId, traceId: String(trace_id), createdMicros: parseTime(created_at)});
  }

  private forget(nowMicros: number): void {
    for (const [id, {createdMicros, toldMicros}] of this.seen)
      if (createdMicros < nowMicros - 2 * WINDOW_MICROS && toldMicros < nowMicros - TOLD_KEPT_MICROS)
        this.seen.delete(id);
  }
}

/** For the part of a row: its name is `month_lowest_highest_level`. */
const LOWEST = raw("toInt64OrZero(splitByChar('_', _part)[2])");
const HIGHEST = raw("toInt64OrZero(splitByChar('_', _part)[3])");

function windowFrom(store: Store): Sql {
  return time(agnoTime(store.nowMicros() - WINDOW_MICROS));
}

/** Tests that a row was written recently, at most a month after its start. */
function recent(store: Store, alias: string): Sql {
  const month = time(agnoTime(store.nowMicros() - 31 * 86_400_000_000));
  return sql`${raw(alias)}.created_at >= ${windowFrom(store)}${andOnClickhouse(sql`${raw(alias)}.start_time >= ${month}`)}`;
}

async function surveyOf(store: Store): Promise<Survey> {
  const name = /\."((?:[^"\\]|\\.)*)"$/.exec(store.tables.spans!)![1]!.replace(/\\(.)/g, '$1');
  const [row] = await store.all<{uuid: unknown; engine: unknown; block: unknown; started: unknown}>(sql`
select toString(t.uuid) as uuid, t.engine as engine, toUnixTimestamp(now() - toIntervalSecond(uptime())) as started,
       (select max(p.max_block_number) from system.parts p where p.active and p.database = currentDatabase() and p.table = ${name}) as block
  from system.tables t
 where t.database = currentDatabase() and t.name = ${name}`);
  return {
    uuid: String(row?.uuid ?? ''),
    isPlain: row?.engine === 'MergeTree',
    block: Number(row?.block ?? 0),
    startedMicros: Number(row?.started ?? 0) * 1e6,
  };
}
