import {describe, expect, it} from 'vitest';
import {LiveSource} from '../../src/commands/tail/live-source.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import {NO_FILTER} from '../../src/trace/filter.ts';
import {PATIENCE} from '../../src/trace/runs.ts';
import type {Snapshot} from '../../src/tui/source.ts';
import {BACKENDS} from '../databases.ts';
import {openPlayer, type Player} from '../follow/player.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';
const ofSession = (...ids: string[]) => ({
  where: `json_extract(attributes, '$."session.id"') in (${ids.map(id => `'${id}'`).join(', ')})`,
});

function sourceOf(player: Player): LiveSource {
  const nowMicros = () => Date.now() * 1000;
  const tables = {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'};
  return new LiveSource({
    name: 'test',
    open: () => openStore(parseSource(player.url, '--db', {}, '/'), {tables, nowMicros, timeoutMs: 30_000}),
    start: {from: 'now'},
    pollMs: 20,
    filter: query => ({...NO_FILTER, agents: query === '' ? [] : [query]}),
    query: '',
    patience: PATIENCE,
    prices: undefined,
    newestRuns: 10,
    nowMicros,
    page: async () => [],
    withPeers: async (_, runs) => runs,
  });
}

/** Resolves with the first snapshot that fulfils `test`. */
function until(source: LiveSource, test: (snapshot: Snapshot) => boolean): Promise<Snapshot> {
  if (test(source.snapshot())) return Promise.resolve(source.snapshot());
  return new Promise(resolve => {
    const stop = source.subscribe(() => {
      if (!test(source.snapshot())) return;
      stop();
      resolve(source.snapshot());
    });
  });
}

const rowsOf = ({opened}: Snapshot) =>
  opened?.parts?.flatMap(part => part.rows.flatMap(row => row.node.span?.spanId ?? [])) ?? [];

describe.each(BACKENDS)('the live runs of the screens on %s', backend => {
  it('grow row by row under one key, and leave the others as they are', async () => {
    const player = await openPlayer(backend, FIXTURE, ofSession('agent-ok', 'team'));
    const first = player.waiting[0]!.trace_id;
    while (player.waiting[0]!.trace_id === first) await player.write();
    const source = sourceOf(player);
    const [old] = (await until(source, ({runs}) => runs.length === 1)).runs;
    const traceId = player.waiting[0]!.trace_id;
    const total = player.waiting.length;
    await player.write();
    const {runs} = await until(source, snapshot => snapshot.runs.length === 2);
    expect(runs[0]!.judged.record).toMatchObject({traceId, state: 'running', missing: true});
    expect(runs[1]).toBe(old);
    source.open(runs[0]!.key);
    const seen: number[] = [];
    while (player.waiting.length > 0) {
      const [row] = await player.write();
      const snapshot = await until(source, now => rowsOf(now).includes(String(row!.span_id)));
      seen.push(snapshot.runs[0]!.judged.record.spanCount);
      expect(snapshot.opened!.key).toBe(runs[0]!.key);
    }
    expect(seen).toEqual(Array.from({length: total - 1}, (_, i) => i + 2));
    const done = await until(source, snapshot => snapshot.runs[0]!.judged.record.state === 'ok');
    expect(done.runs.map(run => run.key)).toEqual([runs[0]!.key, runs[1]!.key]);
    expect(done.connection).toEqual({state: 'live'});
    await source.close();
  });

  it('are filtered anew, and read what a span holds', async () => {
    const player = await openPlayer(backend, FIXTURE, ofSession('agent-ok', 'tool-error'));
    await player.write(player.waiting.length);
    const source = sourceOf(player);
    const all = await until(source, ({runs}) => runs.length >= 2);
    source.setFilter('*billing*');
    const some = source.snapshot();
    expect(some.runs.map(run => run.judged.record.name)).toEqual(['Billing Agent']);
    expect(some.runs[0]).toBe(all.runs.find(run => run.key === some.runs[0]!.key));
    const {spanId} = some.runs[0]!.judged.record;
    const [span] = await source.loadSpans([spanId]);
    expect(span!.attributes).not.toBeNull();
    expect(source.statements().some(text => text.includes(spanId))).toBe(true);
    await source.close();
  });

  it('show the parts of a run that paused together', async () => {
    const player = await openPlayer(backend, FIXTURE, ofSession('human-in-the-loop'));
    await player.write(player.waiting.length);
    const source = sourceOf(player);
    const {runs} = await until(source, snapshot => snapshot.runs.length > 1);
    source.open(runs[0]!.key);
    const {opened} = await until(source, snapshot => (snapshot.opened?.parts?.length ?? 0) > 1);
    expect(new Set(opened!.parts!.map(part => part.judged.record.runId)).size).toBe(1);
    await source.close();
  });
});
