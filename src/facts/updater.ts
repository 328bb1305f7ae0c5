import {setTimeout as sleep} from 'node:timers/promises';
import {SYSTEM_CLOCK} from '../follow/clock.ts';
import {readerFor} from '../follow/follower.ts';
import type {Reader, ReaderPosition} from '../follow/reader.ts';
import {append} from '../lists.ts';
import type {Prices} from '../prices/prices.ts';
import {stretches} from '../runs/stretches.ts';
import {isAnyOf} from '../sql/fragments.ts';
import {raw, type Sql, sql, table} from '../sql/sql.ts';
import {evidenceOf, type Store} from '../store/store.ts';
import {ALL_DAYS, type DayRange, dayOf, holds, mergedRanges, overlapping, where, without} from './days.ts';
import {daysWithSpans} from './days-with-spans.ts';
import {findChangedUsers} from './erased.ts';
import {type FactsFile, Overtaken} from './file.ts';
import {readFacts} from './read.ts';
import {DAY_MICROS} from './relations.ts';
import type {TraceFacts} from './rows.ts';
import {countSpans, countTold, type Expected, fileSignature, mostCounted, spansByDay, tracesOfDay} from './verify.ts';

/** Spans that are read and written together. */
const SPANS_AT_ONCE = 6000;
/** A limit for traces of plain requests, which have few spans. */
const TRACES_AT_ONCE = 2000;
/** A process that fills days writes more often than this. */
const FILLING_MS = 10_000;
/** Keys per statement. */
const KEYS_AT_ONCE = 500;
/** Agno writes a run's status when the run ends. Re-read it for this long after the last span; for paused runs, always. */
const STATUS_MICROS = 3_600_000_000;
/** When facts exceed their size limit, they are reduced to this share of it. */
const TRIMMED_TO = 0.7;
/** Attempts before giving up on a file that others keep writing. */
const TRIES = 5;

export interface UpdaterOptions {
  readonly prices: Prices;
  /** Spans done, and their total; null: unknown. */
  readonly onProgress?: (spans: number, total: number | null) => void;
}

/**
 * Keeps the facts of one source current: adds what `follow/` reports as new, computes again what silence or another
 * trace changed, fills in days on their first question, and finds deletions (docs/measurements.md, Large tables).
 */
export class FactsUpdater {
  readonly notices: string[] = [];
  /** Spans read for this question. */
  spansRead = 0;

  constructor(
    private readonly store: Store,
    private readonly file: FactsFile,
    private readonly options: UpdaterOptions,
  ) {}

  /**
   * Makes the facts of these days complete and current.
   * @throws Overtaken if other processes write all the time
   */
  async bring(range: DayRange): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.takeIn();
        await this.fill(range);
        await this.findDeleted(range);
        return;
      } catch (error) {
        if (!(error instanceof Overtaken) || tries === TRIES) throw error;
        await sleep(20 * tries);
      }
    }
  }

  /** Adds everything that is new since the last time. */
  async takeIn(): Promise<void> {
    const {store, file} = this;
    const saved = file.about('position');
    const generation = file.generation;
    if (saved === null) {
      const reader = readerFor(store, undefined)!;
      await reader.begin(store, 'now');
      this.askedMicros = store.nowMicros();
      file.write(generation, () => {
        this.keepPosition(reader);
        file.advance();
      });
      return;
    }
    const reader = readerFor(store, JSON.parse(saved) as ReaderPosition);
    if (!reader || !(await reader.resume(store, true))) {
      this.notices.push('the cached facts belong to another database; rebuilding them');
      file.clear();
      return this.takeIn();
    }
    let current = generation;
    const unsettled = this.unsettled();
    for (const traceId of await this.tracesWithChangedStatus()) unsettled.add(traceId);
    for (let isMore = true; isMore; ) {
      const look = await reader.look(store, SYSTEM_CLOCK);
      isMore = look.isMore;
      const traceIds = new Set(unsettled);
      unsettled.clear();
      for (const traceId of await this.concerned(look.keys.map(key => key.spanId))) traceIds.add(traceId);
      const found = await this.read([...traceIds]);
      file.write(current, () => {
        file.replace(found);
        this.keepPosition(reader);
        file.advance();
      });
      current = file.generation;
    }
    this.position = reader.position(store.nowMicros());
  }

  /** The reader's position when everything was up to date. */
  private position: ReaderPosition | null = null;

  /** When everything was up to date and Agno's own table had been read. */
  private askedMicros: number | null = null;

  private keepPosition(reader: Reader): void {
    if (this.askedMicros !== null) this.file.setAbout('asked', String(this.askedMicros));
    this.position = reader.position(this.store.nowMicros());
    this.file.setAbout('position', JSON.stringify(this.position));
  }

  /** Traces whose states changed by time alone. */
  private unsettled(): Set<string> {
    const rows = this.file.all<{trace_id: string}>(
      sql`select trace_id from trace_facts where settles_micros is not null and settles_micros <= ${this.store.nowMicros()}`,
    );
    return new Set(rows.map(row => row.trace_id));
  }

  /** Traces of runs whose status in Agno's own table has changed. */
  private async tracesWithChangedStatus(): Promise<string[]> {
    const {store, file} = this;
    const evidence = evidenceOf(store);
    this.askedMicros = store.nowMicros();
    if (!evidence.tables.runs) return [];
    const since = Number(file.about('asked') ?? 0) - STATUS_MICROS;
    const rows = file.all<{trace_id: string; run_id: string; agno_status: string | null}>(sql`
select trace_id, run_id, agno_status from run_facts
 where run_id is not null and missing = 0
   and run_key in (select run_key from run_facts where state = 'paused' union select run_key from run_facts where last_seen_micros >= ${since})
`);
    const said = new Map<string, string>();
    for (let at = 0; at < rows.length; at += KEYS_AT_ONCE) {
      const found = await evidence.all<{run_id: unknown; status: unknown}>(sql`
select r.run_id, r.status
  from ${table('runs')} r
 where ${isAnyOf(
   raw('r.run_id'),
   rows.slice(at, at + KEYS_AT_ONCE).map(row => row.run_id),
 )}`);
      for (const row of found) if (row.status != null) said.set(String(row.run_id), String(row.status).toUpperCase());
    }
    return rows.filter(row => (said.get(row.run_id) ?? null) !== row.agno_status).map(row => row.trace_id);
  }

  /**
   * Among new spans, the traces whose facts are kept or would be; the others are read when a question needs their
   * day.
   */
  private async concerned(spanIds: readonly string[]): Promise<string[]> {
    const traces = new Map<string, Set<string>>();
    for (let at = 0; at < spanIds.length; at += KEYS_AT_ONCE) {
      const rows = await this.store.all<{trace_id: unknown; start_time: unknown}>(sql`
select s.trace_id, s.start_time
  from ${table('spans')} s
 where ${isAnyOf(raw('s.span_id'), spanIds.slice(at, at + KEYS_AT_ONCE))}`);
      for (const row of rows) {
        const traceId = String(row.trace_id);
        const days = traces.get(traceId) ?? new Set();
        traces.set(traceId, days.add(String(row.start_time).slice(0, 10)));
      }
    }
    const ranges = this.ranges();
    const known = this.known([...traces.keys()]);
    return [...traces]
      .filter(([traceId, days]) => known.has(traceId) || [...days].some(day => ranges.some(range => holds(range, day))))
      .map(([traceId]) => traceId);
  }

  private known(traceIds: readonly string[]): Set<string> {
    const rows = this.file.all<{trace_id: string}>(
      sql`select trace_id from trace_facts where ${isAnyOf(raw('trace_id'), traceIds)}`,
    );
    return new Set(rows.map(row => row.trace_id));
  }

  /**
   * Facts of these traces and of those that share a run with them: a pause ends when its continuation appears, and is
   * open again when that is deleted.
   */
  private async read(traceIds: readonly string[]): Promise<TraceFacts[]> {
    if (traceIds.length === 0) return [];
    const {store, file} = this;
    const {prices} = this.options;
    const all: TraceFacts[] = [];
    for (let at = 0; at < traceIds.length; at += KEYS_AT_ONCE) {
      const some = traceIds.slice(at, at + KEYS_AT_ONCE);
      const before = this.mates(some, this.runIdsOf(some));
      const found = await readFacts(store, some, {prices, salt: file.salt});
      const runIds = found.flatMap(trace =>
        trace.runs.flatMap(run => (run.run_id === null ? [] : [String(run.run_id)])),
      );
      const mates = [...new Set([...before, ...this.mates(some, runIds)])];
      if (mates.length === 0) append(all, found);
      else append(all, await readFacts(store, [...some, ...mates], {prices, salt: file.salt}));
    }
    this.spansRead += all.reduce((sum, trace) => sum + trace.spans.length, 0);
    // A trace may occur twice, because a later part of the list shares a run with it; the last result counts.
    return [...new Map(all.map(trace => [trace.traceId, trace])).values()];
  }

  private runIdsOf(traceIds: readonly string[]): string[] {
    const rows = this.file.all<{run_id: string}>(sql`
select r.run_id from run_facts r join trace_facts t on t.trace_key = r.trace_key
 where r.run_id is not null and ${isAnyOf(raw('t.trace_id'), traceIds)}`);
    return rows.map(row => row.run_id);
  }

  private mates(traceIds: readonly string[], runIds: readonly string[]): string[] {
    if (runIds.length === 0) return [];
    const rows = this.file.all<{trace_id: string}>(
      sql`select distinct trace_id from run_facts where run_id is not null and ${isAnyOf(raw('run_id'), runIds)}`,
    );
    const own = new Set(traceIds);
    return rows.map(row => row.trace_id).filter(traceId => !own.has(traceId));
  }

  /** The complete days, in order. */
  ranges(): DayRange[] {
    return this.file
      .all<{from_day: string; until_day: string}>(sql`select from_day, until_day from ranges order by from_day`)
      .map(row => ({from: row.from_day, until: row.until_day}));
  }

  /** Reads the days of the range that were not read yet. */
  async fill(range: DayRange): Promise<void> {
    const {file} = this;
    const missing = without(range, this.ranges());
    if (missing.length > 0) await this.fillDays(missing);
    // Also after a fill that was killed.
    file.createQuestionIndexes();
  }

  private async fillDays(missing: readonly DayRange[]): Promise<void> {
    const {file} = this;
    const {onProgress} = this.options;
    const total = await countSpans(this.store, missing);
    if (total > file.spans) file.dropQuestionIndexes();
    let done = 0;
    const days: DayRange[] = [];
    for (const gap of missing) append(days, await daysWithSpans(this.store, gap));
    // If two processes fill at the same time, they begin at both ends and meet.
    if (Date.now() - Number(file.about('filling') ?? 0) < FILLING_MS) days.reverse();
    for (const day of days) {
      if (without(day, this.ranges()).length === 0) continue;
      await this.fillDay(day, spans => {
        done += spans;
        onProgress?.(done, total);
      });
    }
  }

  private async fillDay(day: DayRange, onSpans: (spans: number) => void): Promise<void> {
    const {file} = this;
    for (let tries = 1; ; tries++) {
      const generation = file.generation;
      try {
        const counts = await this.tracesOf(day);
        const known = this.known([...counts.keys()]);
        let batch: string[] = [];
        let spans = 0;
        const write = async (isLast: boolean) => {
          const found = await this.read(batch);
          file.write(generation, () => {
            file.replace(found);
            file.setAbout('filling', isLast ? '0' : String(Date.now()));
            if (isLast) this.keepRange(day);
          });
          onSpans(spans);
          batch = [];
          spans = 0;
        };
        for (const [traceId, count] of counts) {
          if (known.has(traceId)) continue;
          batch.push(traceId);
          spans += count;
          if (spans >= SPANS_AT_ONCE || batch.length >= TRACES_AT_ONCE) await write(false);
        }
        await write(true);
        return;
      } catch (error) {
        if (!(error instanceof Overtaken) || tries === TRIES) throw error;
      }
    }
  }

  /** Inside `write`. */
  private keepRange(range: DayRange): void {
    const merged = mergedRanges([...this.ranges(), range]);
    this.file.run(sql`delete from ranges`);
    for (const {from, until} of merged)
      this.file.run(sql`insert into ranges (from_day, until_day) values (${from}, ${until})`);
  }

  /** Ids of the traces with a span in these days, and the number of these spans. */
  private async tracesOf(range: DayRange): Promise<Map<string, number>> {
    const {store} = this;
    const counts = new Map<string, number>();
    for await (const stretch of stretches(store, {bounds: [where(range)]})) {
      const rows = await stretch.all<{trace_id: unknown}>(sql`
select s.trace_id
  from ${table('spans')} s
 where ${stretch.where}`);
      for (const row of rows) counts.set(String(row.trace_id), (counts.get(String(row.trace_id)) ?? 0) + 1);
    }
    return counts;
  }

  /**
   * Removes the oldest days until the facts are well below `mostBytes`; they are read again when needed.
   * @returns the first day that is kept; null: nothing was removed
   */
  trim(mostBytes: number): string | null {
    const {file} = this;
    const {bytes} = file;
    if (bytes <= mostBytes) return null;
    const days = file.all<{day: string; spans: number}>(
      sql`select day, spans from day_spans where spans > 0 order by day`,
    );
    let surplus = days.reduce((sum, {spans}) => sum + spans, 0) * (1 - (TRIMMED_TO * mostBytes) / bytes);
    const first = days.find(({spans}) => {
      surplus -= spans;
      return surplus < 0;
    })?.day;
    if (first === undefined || dayOf(first) !== first) return null;
    const {generation} = file;
    for (;;) {
      const traces = file.all<{trace_id: string}>(sql`
select t.trace_id from trace_facts t
 where not exists (select 1 from span_facts s
                    where s.span_key >= t.first_span_key and s.span_key < t.first_span_key + t.spans and s.day >= ${first})
 limit ${KEYS_AT_ONCE}`);
      file.write(generation, () => {
        file.remove(traces.map(row => row.trace_id));
        const kept = overlapping({from: first, until: ALL_DAYS.until}, this.ranges());
        file.run(sql`delete from ranges`);
        for (const range of kept) this.keepRange(range);
      });
      if (traces.length < KEYS_AT_ONCE) break;
    }
    file.shrink();
    return first;
  }

  /**
   * Compares the number of spans in the source with the number in the facts and, if they differ, the traces of each
   * day. Traces that lost spans, or appeared unnoticed, are read again (docs/measurements.md, Large tables).
   */
  private async findDeleted(range: DayRange): Promise<void> {
    const {store, file} = this;
    const generation = file.generation;
    const seen = this.signature();
    if (seen !== null && seen === file.about('verified')) return;
    for (const part of this.expected(range)) {
      const {told, untold} = await countTold(store, part, this.position!);
      const isWithin = untold.filter(span => holds(part, String(span.start_time).slice(0, 10)));
      if (told + this.knownOf(isWithin) !== part.spans) await this.compare(part);
    }
    await this.takeInErased();
    if (
      seen !== null &&
      range.from === ALL_DAYS.from &&
      range.until === ALL_DAYS.until &&
      generation === file.generation
    )
      file.setAbout('verified', seen);
  }

  /** Reads the traces of people again who are no longer in the source. */
  private async takeInErased(): Promise<void> {
    const {store, file} = this;
    const {generation} = file;
    for (const {user_id: user, trace_id: traceId} of await findChangedUsers(store, file)) {
      // A span around or below the run may still name the user.
      const [one] = await readFacts(store, [traceId], {prices: this.options.prices, salt: file.salt});
      if (one!.runs.some(run => run.user_id === user)) continue;
      const rows = file.all<{trace_id: string}>(sql`select distinct trace_id from run_facts where user_id = ${user}`);
      const found = await this.read(rows.map(row => row.trace_id));
      file.write(generation, () => file.replace(found));
    }
  }

  /** How many of these spans are in the facts. */
  private knownOf(spans: readonly {readonly span_id: string; readonly trace_id: string}[]): number {
    if (spans.length === 0) return 0;
    const known = this.file.all<{span_id: string; trace_id: string}>(sql`
select s.span_id, t.trace_id
  from trace_facts t
  join span_facts s on s.span_key >= t.first_span_key and s.span_key < t.first_span_key + t.spans
 where ${isAnyOf(
   raw('t.trace_id'),
   spans.map(span => String(span.trace_id)),
 )}`);
    const ids = new Set(known.map(row => `${row.trace_id} ${row.span_id}`));
    return spans.filter(span => ids.has(`${span.trace_id} ${span.span_id}`)).length;
  }

  /** A value that stays equal while nothing is written to a SQLite file; null: unavailable. */
  private signature(): string | null {
    return this.store.dialect === 'sqlite' ? fileSignature(this.store.label) : null;
  }

  /** The kept periods of a range, in pieces that one statement may count, with the expected number of spans. */
  private expected(range: DayRange): Expected[] {
    const counts = this.file.all<{day: string; spans: number}>(
      sql`select day, spans + unlike as spans from day_spans order by day`,
    );
    const pieces: Expected[] = [];
    for (const part of overlapping(range, this.ranges())) {
      let from = part.from;
      let spans = 0;
      for (const count of counts.filter(({day}) => holds(part, day))) {
        if (spans + count.spans > mostCounted(this.store) && spans > 0 && dayOf(count.day) === count.day) {
          pieces.push({from, until: count.day, spans});
          from = count.day;
          spans = 0;
        }
        spans += count.spans;
      }
      pieces.push({from, until: part.until, spans});
    }
    return pieces;
  }

  /** Reads those traces again whose spans in one of these days differ from the facts. */
  private async compare(range: DayRange): Promise<void> {
    const {store, file} = this;
    const generation = file.generation;
    const there = await spansByDay(store, range);
    const known = new Map(
      file
        .all<{day: string; spans: number; unlike: number}>(sql`select day, spans, unlike from day_spans`)
        .filter(({day}) => holds(range, day))
        .map(row => [row.day, row.spans + row.unlike]),
    );
    for (const day of new Set([...there.keys(), ...known.keys()])) {
      if ((there.get(day) ?? 0) === (known.get(day) ?? 0)) continue;
      const found = await tracesOfDay(store, day, range);
      const kept = new Map(
        file
          .all<{trace_id: string; n: number}>(
            sql`select t.trace_id, count(*) as n from span_facts s join trace_facts t on t.trace_key = s.trace_key where ${onDay(day)} and s.from_messages = 0 group by 1`,
          )
          .map(row => [row.trace_id, row.n]),
      );
      const others = [...new Set([...found.keys(), ...kept.keys()])].filter(id => found.get(id) !== kept.get(id));
      const facts = await this.read(others);
      file.write(generation, () => {
        file.replace(facts);
        file.run(sql`update day_spans set unlike = 0 where day = ${day}`);
        // What is left has the same spans, but they are read as another day.
        const total = [...found.values()].reduce((sum, n) => sum + n, 0);
        file.run(sql`
insert into day_spans (day, spans, unlike) values (${day}, 0, ${total})
on conflict (day) do update set unlike = ${total} - spans`);
      });
    }
  }
}

/** A test on the day of `span_facts s`; uses the index of the times if the day is a valid date. */
function onDay(day: string): Sql {
  const startMicros = dayOf(day) === day ? Date.parse(`${day}T00:00:00Z`) * 1000 : Number.NaN;
  if (Number.isNaN(startMicros)) return sql`s.day = ${day}`;
  return sql`s.day = ${day} and s.start_micros >= ${startMicros - DAY_MICROS} and s.start_micros < ${startMicros + 2 * DAY_MICROS}`;
}
