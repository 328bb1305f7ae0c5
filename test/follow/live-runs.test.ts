import {afterEach, describe, expect, it} from 'vitest';
import {Awaited} from '../../src/commands/wait/awaited.ts';
import {LiveRuns, type RunChange} from '../../src/follow/live-runs.ts';
import {loadRuns} from '../../src/runs/load.ts';
import {loadTraces} from '../../src/runs/spans.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import {DEFAULT_TABLES, replacing, type Store} from '../../src/store/store.ts';
import {NO_FILTER, type RunFilter} from '../../src/trace/filter.ts';
import type {RunRecord} from '../../src/trace/record.ts';
import {PATIENCE} from '../../src/trace/runs.ts';
import {BACKENDS} from '../databases.ts';
import {openPlayer, type Player, type Row} from './player.ts';

const open: Store[] = [];
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
});

async function storeOf(player: Player): Promise<Store> {
  const store = await openStore(parseSource(player.url, '--db', {}, '/'), {
    tables: {schema: null, tracesTable: DEFAULT_TABLES.traces, spansTable: DEFAULT_TABLES.spans},
    nowMicros: () => Date.now() * 1000,
    timeoutMs: 30_000,
  });
  open.push(store);
  return store;
}

/** The same store some time later. */
function later(store: Store, ms: number): Store {
  return replacing(store, {nowMicros: () => store.nowMicros() + ms * 1000});
}

/** A poll of the spans just written. */
async function pollOf(store: Store, written: readonly Row[], lateMs = new Map<string, number>()) {
  const ids = new Set(written.map(row => row.span_id));
  const loaded = await loadTraces(store, [...new Set(written.map(row => String(row.trace_id)))]);
  const traces = loaded.map(item => ({...item, spans: item.spans.filter(span => ids.has(span.spanId))}));
  return {traces, lateMs};
}

/** What somebody who was told every change holds true. */
class Listener {
  readonly runs = new Map<string, RunRecord>();
  readonly spans: string[] = [];
  readonly merged = new Set<string>();

  hear(changes: readonly RunChange[]): void {
    for (const {key, before, judged, newSpans} of changes) {
      expect(before).toEqual(this.runs.get(key) ?? null);
      if (judged) this.runs.set(key, judged.record);
      else {
        this.runs.delete(key);
        this.merged.add(key);
      }
      this.spans.push(...newSpans.map(node => node.id));
    }
  }
}

const liveRuns = (filter: Partial<RunFilter> = {}) =>
  new LiveRuns({filter: {...NO_FILTER, ...filter}, patience: PATIENCE});

function byPlace(records: readonly RunRecord[]): RunRecord[] {
  return [...records].sort((a, b) => (a.traceId + a.spanId < b.traceId + b.spanId ? -1 : 1));
}

describe.each(BACKENDS)('runs followed on %s', backend => {
  it.each(['agno-3.1.10-pictures.sqlite', 'agno-2.9.0-more-pictures.sqlite'])(
    'of %s: never ended before the run span is there, every span told once, in the end what list says',
    async name => {
      const player = await openPlayer(backend, name);
      const store = await storeOf(player);
      const live = liveRuns();
      const listener = new Listener();
      const ended = new Set<string>();
      const written: Row[] = [];
      const tops = new Map<string, Set<string>>();
      for (const row of player.waiting) {
        const ids = tops.get(String(row.trace_id)) ?? new Set();
        tops.set(String(row.trace_id), ids.add(String(row.span_id)));
      }
      while (player.waiting.length > 0) {
        const rows = await player.write();
        written.push(...rows);
        const changes = await live.take(store, await pollOf(store, rows));
        listener.hear(changes);
        const there = new Set(written.map(row => row.span_id));
        for (const {judged} of changes) {
          if (!judged) continue;
          expect(judged.run.isTraffic).toBe(false);
          const isEnded = !['running', 'stalled', 'lost'].includes(judged.record.state);
          expect(isEnded).toBe(there.has(judged.record.spanId));
          if (isEnded) ended.add(judged.record.spanId);
        }
      }
      const traceIds = [...tops.keys()];
      const final = await loadRuns(store, traceIds, {patience: PATIENCE});
      const expected = final.flatMap(({runs}) => runs.map(run => run.record)).filter(record => !record.traffic);
      const ofAgno = new Set(final.filter(({trace}) => !trace.traffic).map(({trace}) => trace.traceId));
      // What was announced as ended is one of the runs there are in the end.
      const places = new Set(expected.map(record => record.spanId));
      for (const spanId of ended) expect(places).toContain(spanId);
      expect(byPlace([...listener.runs.values()])).toEqual(byPlace(expected));
      expect(listener.spans.sort()).toEqual(
        written
          .filter(row => ofAgno.has(String(row.trace_id)))
          .map(row => row.span_id)
          .sort(),
      );
      expect(live.trafficCount).toBe(traceIds.length - ofAgno.size);
    },
  );

  it('settle as list has them when whole traces arrive at once', async () => {
    const player = await openPlayer(backend, 'agno-3.1.10-shop.sqlite');
    const store = await storeOf(player);
    const live = liveRuns();
    const listener = new Listener();
    const rows: Row[] = [];
    while (player.waiting.length > 0) {
      const batch = await player.write(60);
      rows.push(...batch);
      listener.hear(await live.take(store, await pollOf(store, batch)));
    }
    const final = await loadRuns(store, [...new Set(rows.map(row => String(row.trace_id)))], {patience: PATIENCE});
    const expected = final.flatMap(({runs}) => runs.map(run => run.record));
    expect(byPlace([...listener.runs.values()])).toEqual(byPlace(expected));
    expect(listener.spans).toHaveLength(rows.length);
  });

  it('become stalled, then lost, by time alone, and are read again only then', async () => {
    const player = await openPlayer(backend, 'agno-3.1.10-killed.sqlite', {
      where: 'trace_id not in (select trace_id from agno_spans where parent_span_id is null)',
    });
    const store = await storeOf(player);
    const live = liveRuns();
    const listener = new Listener();
    listener.hear(await live.take(store, await pollOf(store, await player.write(player.waiting.length))));
    const states = () => new Set([...listener.runs.values()].map(record => record.state));
    expect(states()).toEqual(new Set(['running']));
    // Quiet for more than a minute: looked at once more, then let go.
    for (const seconds of [70, 71]) expect(await live.tick(later(store, seconds * 1000))).toEqual([]);
    expect(live.spanCount).toBe(0);
    listener.hear(await live.tick(later(store, 6 * 60_000)));
    expect(states()).toEqual(new Set(['stalled']));
    for (const minutes of [8, 9]) expect(await live.tick(later(store, minutes * 60_000))).toEqual([]);
    expect(live.spanCount).toBe(0);
    listener.hear(await live.tick(later(store, 61 * 60_000)));
    expect(states()).toEqual(new Set(['lost']));
    for (const minutes of [63, 64, 65]) expect(await live.tick(later(store, minutes * 60_000))).toEqual([]);
    expect(live.spanCount).toBe(0);
    await player.run(backend === 'sqlite' ? 'delete from agno_spans' : 'delete from ai.agno_spans');
    expect(await live.tick(later(store, 70 * 60_000))).toEqual([]);
  });

  it('that were let go are the same runs when a late span comes', async () => {
    const player = await openPlayer(backend, 'agno-3.1.10-pictures.sqlite', {
      where: "json_extract(attributes, '$.\"session.id\"') = 'http-stream'",
    });
    const store = await storeOf(player);
    const live = liveRuns();
    const listener = new Listener();
    const late = player.waiting.findLast(row => row.parent_span_id === null)!;
    const count = player.waiting.length;
    const traceId = String(late.trace_id);
    const isOpen = () => player.waiting.some(row => row === late);
    while (player.waiting[0] !== late) listener.hear(await live.take(store, await pollOf(store, await player.write())));
    expect(isOpen()).toBe(true);
    const keys = [...listener.runs.keys()].filter(key => key.startsWith(traceId));
    expect(keys).toHaveLength(1);
    expect(listener.runs.get(keys[0]!)!.missing).toBe(false);
    for (const seconds of [70, 71]) listener.hear(await live.tick(later(store, seconds * 1000)));
    expect(live.spanCount).toBe(0);
    while (player.waiting.length > 0) {
      const rows = await player.write();
      const changes = await live.take(
        later(store, 75_000),
        await pollOf(store, rows, new Map(rows.map(row => [String(row.span_id), 74_000]))),
      );
      listener.hear(changes);
      for (const change of changes) expect([...change.lateMs.values()]).toEqual(change.newSpans.map(() => 74_000));
    }
    expect([...listener.runs.keys()].filter(key => key.startsWith(traceId))).toEqual(keys);
    expect(listener.spans).toHaveLength(count);
    expect(new Set(listener.spans).size).toBe(count);
  });

  it('that match only at their end are told then, with all that came', async () => {
    const where = "json_extract(attributes, '$.\"session.id\"') = 'team'";
    const player = await openPlayer(backend, 'agno-3.1.10-pictures.sqlite', {where});
    const store = await storeOf(player);
    const live = liveRuns({teams: ['*support*']});
    const count = player.waiting.length;
    const told: RunChange[] = [];
    while (player.waiting.length > 1) told.push(...(await live.take(store, await pollOf(store, await player.write()))));
    expect(told).toEqual([]);
    const changes = await live.take(store, await pollOf(store, await player.write()));
    expect(changes.map(({before, judged}) => [before, judged?.record.kind])).toEqual([[null, 'team']]);
    expect(changes[0]!.newSpans).toHaveLength(count);
  });

  it.each(['latest', 'team'])('can be waited for as %s though they were told already', async id => {
    const where = "json_extract(attributes, '$.\"session.id\"') = 'team'";
    const player = await openPlayer(backend, 'agno-3.1.10-pictures.sqlite', {where});
    const store = await storeOf(player);
    const live = liveRuns();
    // A session is known as soon as a run span inside the team's run names it.
    while (player.waiting.length > 3) await live.take(store, await pollOf(store, await player.write()));
    const awaited = new Awaited(id);
    await awaited.find(store, live, {patience: PATIENCE});
    expect(awaited.found.map(({record}) => record.state)).toEqual(['running']);
    while (player.waiting.length > 0)
      for (const change of await live.take(store, await pollOf(store, await player.write()))) awaited.take(change);
    expect([awaited.hasEnded, awaited.found.map(({record}) => record.state)]).toEqual([true, ['ok']]);
  });

  it('that wait are told of their continuation', async () => {
    const where = "json_extract(attributes, '$.\"session.id\"') = 'human-in-the-loop'";
    const player = await openPlayer(backend, 'agno-3.1.10-pictures.sqlite', {where});
    const store = await storeOf(player);
    const live = liveRuns();
    const heard: RunChange[] = [];
    while (player.waiting.length > 0)
      heard.push(...(await live.take(store, await pollOf(store, await player.write()))));
    const [paused] = heard.filter(({judged}) => judged?.record.state === 'paused');
    const last = heard.findLast(({key}) => key === paused!.key)!;
    expect(last.judged!.record.state).not.toBe('paused');
    expect(last.judged!.record.stateReason).toMatch(/^paused/);
  });
});
