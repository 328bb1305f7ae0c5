import {EXIT, UserError} from '../../src/errors.ts';
import type {Clock} from '../../src/follow/clock.ts';
import {type FollowEvent, isIdle} from '../../src/follow/event.ts';
import {follow} from '../../src/follow/follow.ts';
import type {Cursor, Start} from '../../src/follow/start.ts';
import {replacing, type Store} from '../../src/store/store.ts';
import {agnoTime} from '../../src/trace/time.ts';
import {Random} from '../random.ts';
import type {Batch, NewSpan, World} from './world.ts';

export interface HistoryOptions {
  readonly seed: number;
  readonly steps: number;
  /** Spans of one export: one, or up to so many. */
  readonly batch: number;
}

export interface Outcome {
  /** Committed after following began, still there at the end, and never told. */
  readonly missed: readonly string[];
  /** Told again though the consumer had it, or told though it was there before. */
  readonly repeated: readonly string[];
  /** Told but never committed. */
  readonly invented: readonly string[];
  readonly told: number;
  /** What a reader that goes by `created_at` missed in the same history. */
  readonly missedByCreatedAt: number;
}

/** What a consumer keeps: it is saved as one, the cursor with what was told. */
interface Kept {
  readonly told: ReadonlySet<string>;
  readonly cursor: Cursor | null;
}

/**
 * One random history of writers, an administrator and a follower that is stopped, killed and cut off, in virtual time.
 * @returns what the follower got wrong
 */
export async function playHistory(world: World, store: Store, {seed, steps, batch}: HistoryOptions): Promise<Outcome> {
  const random = new Random(seed);
  let nowMs = Date.UTC(2026, 10, 22, 12);
  const clock: Clock = {
    nowMs: () => nowMs,
    sleep: async ms => {
      nowMs += ms;
    },
  };
  const skews = world.writers.map(() => random.between(-600_000, 600_000));
  const open = new Map<number, {spans: readonly NewSpan[]; saved: readonly NewSpan[] | null}>();
  const committed = new Set<string>();
  const before = new Set<string>();
  let naive = {after: '', told: new Set<string>()};

  const newSpans = (writer: number): Batch => {
    const traceId = random.hex(32);
    const spans = Array.from({length: batch === 1 ? 1 : random.between(1, batch)}, () => {
      const micros = (nowMs + skews[writer]!) * 1000 + random.between(0, 999);
      const createdAt = agnoTime(random.chance(0.1) ? Math.floor(micros / 1e6) * 1e6 : micros);
      return {spanId: random.hex(16), traceId, createdAt};
    });
    return spans as [NewSpan, ...NewSpan[]];
  };
  const write = async (writer: number): Promise<void> => {
    const connection = world.writers[writer]!;
    const transaction = open.get(writer);
    if (!transaction) {
      if (!(await connection.begin())) return;
      const spans = newSpans(writer);
      await connection.insert(spans);
      open.set(writer, {spans, saved: null});
      if (random.chance(0.5)) await finish(writer, true);
      return;
    }
    const dice = random.next();
    if (dice < 0.25 && transaction.saved === null) {
      await connection.savepoint();
      transaction.saved = transaction.spans;
    } else if (dice < 0.35 && transaction.saved !== null) {
      await connection.rollbackToSavepoint();
      transaction.spans = transaction.saved;
    } else if (dice < 0.65) {
      const spans = newSpans(writer);
      await connection.insert(spans);
      transaction.spans = [...transaction.spans, ...spans];
    } else await finish(writer, dice < 0.9);
  };
  const finish = async (writer: number, isCommit: boolean): Promise<void> => {
    const connection = world.writers[writer]!;
    const {spans} = open.get(writer)!;
    open.delete(writer);
    if (!isCommit) return connection.rollback();
    await connection.commit();
    for (const {spanId} of spans) committed.add(spanId);
  };
  const prune = async (): Promise<void> => {
    const ids = await world.ids();
    if (ids.length === 0) return;
    const count = random.chance(0.1) ? ids.length : random.between(1, Math.min(ids.length, 40));
    const from = random.pick([0, ids.length - count, random.between(0, ids.length - count)]);
    await world.remove(ids.slice(from, from + count));
  };

  let told = new Set<string>();
  let kept: Kept = {told: new Set(), cursor: null};
  const repeated: string[] = [];
  let stop = new AbortController();
  const begin = (start: Start) => {
    stop = new AbortController();
    isReliable = true;
    const opened = async () =>
      unreliable(
        store,
        () => nowMs * 1000,
        () => !isReliable && random.chance(0.02),
      );
    return follow({open: opened, start, signal: stop.signal, clock});
  };
  // What fails at the very start ends the program.
  let isReliable = true;
  let events: AsyncGenerator<FollowEvent>;
  const next = async (): Promise<FollowEvent> => {
    const {value, done} = await events.next();
    if (done) throw new Error('the follower ended');
    isReliable = false;
    if (value.type !== 'delivery' || isIdle(value)) return value;
    for (const span of value.traces.flatMap(trace => trace.spans)) {
      if (told.has(span.spanId) || before.has(span.spanId)) repeated.push(span.spanId);
      told.add(span.spanId);
    }
    // The consumer is killed before it has saved anything of this, sometimes.
    if (random.chance(0.8)) kept = {told: new Set(told), cursor: structuredClone(value.cursor!())};
    return value;
  };
  const kill = async (): Promise<void> => {
    if (kept.cursor === null) return;
    await events.return(undefined);
    told = new Set(kept.told);
    events = begin({from: 'cursor', cursor: JSON.parse(JSON.stringify(kept.cursor))});
  };
  /** Until nothing is left to tell, in every lane. */
  const drain = async (): Promise<void> => {
    for (let quiet = 0; quiet < 3; ) {
      nowMs += 60_000;
      quiet = isIdle(await next()) ? quiet + 1 : 0;
    }
  };
  const askByCreatedAt = async (): Promise<void> => {
    for (const {spanId, createdAt} of await world.idsCreatedAfter(naive.after)) {
      naive.told.add(spanId);
      if (createdAt > naive.after) naive = {...naive, after: createdAt};
    }
  };

  // What is there before, some of it in transactions that end later.
  for (let i = 0; i < 20; i++) await write(random.between(0, world.writers.length - 1));
  for (const id of committed) before.add(id);
  await askByCreatedAt();
  events = begin({from: 'now'});
  while (!isIdle(await next()));
  for (let step = 0; step < steps; step++) {
    nowMs += random.pick([5, 50, 400, 2000, 20_000, 90_000]);
    const dice = random.next();
    if (dice < 0.55) await write(random.between(0, world.writers.length - 1));
    else if (dice < 0.85) await next();
    else if (dice < 0.9) await askByCreatedAt();
    else if (dice < 0.94) await kill();
    else if (dice < 0.98) await prune();
    else await world.vacuum(random.chance(0.3));
  }
  for (const writer of [...open.keys()]) await finish(writer, true);
  await drain();
  await askByCreatedAt();
  await events.return(undefined);
  const present = (await world.ids()).filter(id => committed.has(id) && !before.has(id));
  return {
    missed: present.filter(id => !told.has(id)),
    repeated,
    invented: [...told].filter(id => !committed.has(id)),
    told: told.size,
    missedByCreatedAt: present.filter(id => !naive.told.has(id)).length,
  };
}

/** A database whose connection breaks now and then, before a statement or after it. */
function unreliable(store: Store, nowMicros: () => number, isBreaking: () => boolean): Store {
  const fail = () => {
    throw new UserError(EXIT.unreachable, 'the connection broke off.');
  };
  return replacing(store, {
    nowMicros,
    all: async query => {
      if (isBreaking()) fail();
      const rows = await store.all(query);
      if (isBreaking()) fail();
      return rows as never;
    },
    close: async () => undefined,
  });
}
