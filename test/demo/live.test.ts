import {existsSync, rmSync} from 'node:fs';
import Database from 'better-sqlite3';
import {beforeAll, describe, expect, it} from 'vitest';
import type {Performance} from '../../src/demo/performance.ts';
import {type Played, type PlayerClock, type PlayOptions, play} from '../../src/demo/player.ts';
import {loadRecorded, type RecordedTrace} from '../../src/demo/recorded.ts';
import {type Scene, scenesOf} from '../../src/demo/scenes.ts';
import {SPAN_PLACES as SPAN, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {openExporter, type SpanExporter} from '../../src/store/exporter.ts';
import {parseSource} from '../../src/store/source.ts';
import {createTables, type Row} from '../../src/store/writer.ts';
import {parseTime} from '../../src/trace/time.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, type Backend, newPostgresDatabase, openFixture, temporaryFolder} from '../databases.ts';

const START = Date.parse('2026-11-22T12:00:00Z') * 1000;
const MINUTE = 60_000_000;
type Record_ = Record<string, string | number | null>;

let recorded: RecordedTrace[];
let scenes: Scene[];
beforeAll(async () => {
  recorded = await loadRecorded();
  scenes = scenesOf(recorded);
});

/** Demo tables without rows, and a way to look into them. */
async function emptyDemo(backend: Backend) {
  const {url, client} =
    backend === 'sqlite' ? {url: `${temporaryFolder()}/demo.db`, client: null} : await newPostgresDatabase();
  const source = parseSource(url, '--db', {}, '/');
  await (await createTables(source, 'ai')).finish();
  const exporter = (await openExporter(source, 'ai'))!;
  const rows = async (table: string): Promise<Record_[]> => {
    if (client) return (await client.query(`select * from ai.${table} order by ctid`)).rows;
    const db = new Database(url, {readonly: true});
    const all = db.prepare(`select * from ${table} order by rowid`).all();
    db.close();
    return all as Record_[];
  };
  return {url, exporter, traces: () => rows('agno_traces'), spans: () => rows('agno_spans')};
}

/** A clock that jumps to where it is told to sleep, and stops the player at `stopAt`. */
function jumpingClock(stopAt = Number.POSITIVE_INFINITY): {clock: PlayerClock; stop: AbortSignal} {
  const controller = new AbortController();
  let now = START;
  const sleepUntil = async (micros: number) => {
    now = Math.min(Math.max(now, Math.ceil(micros)), stopAt);
    if (now === stopAt) controller.abort();
  };
  return {clock: {nowMicros: () => now, sleepUntil}, stop: controller.signal};
}

interface Export {
  readonly trace: Row;
  readonly span: Row;
  readonly atMicros: number;
}

/** Plays into `exporter`, and keeps what was exported when. */
async function played(
  exporter: SpanExporter,
  {stopAt, ...options}: Partial<PlayOptions> & {stopAt?: number},
): Promise<{played: Played; exports: Export[]; begun: Performance[]}> {
  const {clock, stop} = jumpingClock(stopAt);
  const exports: Export[] = [];
  const begun: Performance[] = [];
  const result = await play({
    scenes,
    speed: 1,
    seed: 1,
    untilMicros: null,
    clock,
    stop,
    onBegin: performance => begun.push(performance),
    ...options,
    exporter: {
      export: async (trace, spans) => {
        await exporter.export(trace, spans);
        if (spans.length !== 1) throw new Error(`${spans.length} spans in one export`);
        exports.push({trace, span: spans[0]!, atMicros: clock.nowMicros()});
      },
      close: () => exporter.close(),
    },
  });
  return {played: result, exports, begun};
}

/** What is left of trace rows when ids and times are taken away; recorded and played rows must agree in it. */
function likeness(row: Record_): unknown {
  const known = (value: string | number | null | undefined) => value !== null && value !== undefined;
  return {
    ...Object.fromEntries(['name', 'status', 'user_id', 'agent_id', 'team_id', 'workflow_id'].map(c => [c, row[c]])),
    hasRun: known(row.run_id),
    hasSession: known(row.session_id),
  };
}

describe.each(BACKENDS)('what is played, on %s', backend => {
  it('leaves the rows that real Agno left of the same runs', async () => {
    const {exporter, traces, spans} = await emptyDemo(backend);
    const before = new Set<unknown>();
    for (const scene of scenes) {
      const only = [{...scene, isTraffic: false}];
      await played(exporter, {scenes: only, untilMicros: START + scene.lengthMicros});
      const written = (await traces()).filter(row => !before.has(row.trace_id));
      for (const row of written) before.add(row.trace_id);
      const ids = new Set(scene.spans.map(({row}) => row[SPAN.trace_id]));
      const wanted = recorded
        .filter(({trace}) => ids.has(trace[0]!))
        .map(({trace}) => Object.fromEntries(trace.map((value, i) => [TRACE_COLUMNS[i]!, value])));
      const byLikeness = (a: unknown, b: unknown) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);
      expect(written.map(likeness).sort(byLikeness)).toEqual(wanted.map(likeness).sort(byLikeness));
      const length = (row: Record_) => parseTime(row.end_time)! - parseTime(row.start_time)!;
      const lengths = (rows: Record_[]) => rows.map(length).sort((a, b) => a - b);
      expect(lengths(written)).toEqual(lengths(wanted));
      for (const row of written) expect(Math.abs(Number(row.duration_ms) - length(row) / 1000)).toBeLessThan(1.01);
    }
    const all = await spans();
    expect(all).toHaveLength(recorded.reduce((sum, each) => sum + each.spans.length, 0));
    // A parent is in the same trace, or nowhere, exactly where it was recorded so.
    const trace = new Map(all.map(span => [span.span_id, span.trace_id]));
    const lost = all.filter(span => span.parent_span_id !== null && !trace.has(span.parent_span_id));
    const known = new Set(recorded.flatMap(each => each.spans.map(row => row[SPAN.span_id])));
    const inner = recorded.flatMap(each => each.spans).filter(row => row[SPAN.parent_span_id] !== null);
    expect(lost).toHaveLength(inner.filter(row => !known.has(row[SPAN.parent_span_id]!)).length);
    for (const span of all.filter(each => trace.has(each.parent_span_id)))
      expect(trace.get(span.parent_span_id)).toBe(span.trace_id);
    await exporter.close();
  });

  it('is judged as the recording was, pauses with their continuations too', async () => {
    const {url, exporter} = await emptyDemo(backend);
    // A dashboard's requests are no conversations; all kinds of these come before one comes again.
    const conversations = scenes.filter(scene => !scene.isTraffic);
    const {begun} = await played(exporter, {scenes: conversations, untilMicros: START + 3 * MINUTE});
    await exporter.close();
    const at = {nowMicros: START + 5 * MINUTE};
    const statesIn = async (db: string) => {
      const {data} = await json(['list', '--db', db, '--limit', '0'], at);
      const of = (session: string | null) => data.filter((run: {sessionId: string}) => run.sessionId === session);
      return (session: string | null) =>
        of(session).map((run: {state: string; kind: string; part: boolean}) => [run.state, run.kind, run.part]);
    };
    const original = backend === 'sqlite' ? `${temporaryFolder()}/recorded.db` : (await newPostgresDatabase()).url;
    const writer = await createTables(parseSource(original, '--db', {}, '/'), 'ai');
    const rows = recorded.filter(({set}) => set === 'pictures');
    await writer.write(
      rows.map(({trace}) => trace),
      rows.flatMap(({spans}) => spans),
    );
    await writer.finish();
    const pictures = begun.filter(({scene}) => scene.session !== null && !scene.session.startsWith('session-'));
    expect(new Set(pictures.map(({scene}) => scene.session)).size).toBeGreaterThan(30);
    const [states, originalStates] = [await statesIn(url), await statesIn(original)];
    const wanted = pictures.map(({scene}) => [scene.session, originalStates(scene.session)]);
    expect(wanted.filter(([, some]) => some.length > 0).length).toBeGreaterThan(30);
    expect(pictures.map(({scene, session}) => [scene.session, states(session)])).toEqual(wanted);
  });

  it('has the trace row in a transaction before its spans: a reader may see it without them', async () => {
    const {exporter, traces, spans} = await emptyDemo(backend);
    const {exports} = await played(exporter, {untilMicros: START + 6_000_000});
    const [count, last] = [(await spans()).length, exports.at(-1)!];
    const other = last.trace.map((value, i) => (TRACE_COLUMNS[i] === 'trace_id' ? 'f'.repeat(32) : value));
    // Its span has an id that is there already: refused, and Agno's trace row stays behind.
    await expect(exporter.export(other, [last.span])).rejects.toThrow();
    expect((await spans()).length).toBe(count);
    expect((await traces()).map(row => row.trace_id)).toContain('f'.repeat(32));
    await exporter.close();
  });
});

describe('the times', () => {
  const quiet: SpanExporter = {export: async () => undefined, close: async () => undefined};

  // Whatever the speed: as much of the recording.
  const fiveMinutesAt = (speed: number) => played(quiet, {speed, untilMicros: START + (5 * MINUTE) / speed});
  let atSpeedOne: Awaited<ReturnType<typeof played>>;
  beforeAll(async () => {
    atSpeedOne = await fiveMinutesAt(1);
  });

  it.each([1, 4])('are those of the recording at speed %d, and a span is exported when it ends', async speed => {
    const {exports, begun} = speed === 1 ? atSpeedOne : await fiveMinutesAt(speed);
    const planned = new Map(
      begun.flatMap(({scene, spans}) => spans.map((s, i) => [s.row[SPAN.span_id], scene.spans[i]!])),
    );
    expect(exports.map(({atMicros}) => atMicros)).toEqual(exports.map(({atMicros}) => atMicros).sort((a, b) => a - b));
    const wrong = exports.flatMap(({span, trace, atMicros}) => {
      const [start, end] = [parseTime(span[SPAN.start_time])!, parseTime(span[SPAN.end_time])!];
      const isOf = (micros: number, recordedMicros: number) => Math.abs(micros * speed - recordedMicros) < 2 * speed;
      const of = planned.get(span[SPAN.span_id]!);
      const isRight =
        parseTime(span[SPAN.created_at]) === atMicros &&
        parseTime(trace.at(-1)) === atMicros &&
        end <= atMicros &&
        (!of ||
          (isOf(end - start, of.endMicros - of.startMicros) &&
            isOf(atMicros - end, Math.max(0, of.writtenMicros - of.endMicros))));
      return isRight ? [] : [{span, trace, atMicros, of}];
    });
    expect(wrong).toEqual([]);
    expect(planned.size).toBeGreaterThan(300);
  });

  it('of conversations overlap, a person takes a while to answer, and a dashboard asks in between', () => {
    const {exports, begun} = atSpeedOne;
    const open = (at: number) =>
      begun.filter(({spans}) => spans.some(s => s.startMicros <= at) && spans.some(s => s.dueMicros > at)).length;
    const counts = exports.map(({atMicros}) => open(atMicros));
    expect(Math.max(...counts)).toBeGreaterThanOrEqual(4);
    const paused = begun.find(({scene}) => scene.session === 'human-in-the-loop')!;
    const [first, second] = [...new Set(paused.spans.map(s => s.row[SPAN.trace_id]))].map(id =>
      paused.spans.filter(s => s.row[SPAN.trace_id] === id),
    );
    expect(Math.min(...second!.map(s => s.startMicros)) - Math.max(...first!.map(s => s.dueMicros))).toBe(4_000_000);
    const polls = exports.filter(({span}) => span[SPAN.name] === 'GET /sessions');
    expect(polls.length).toBeGreaterThan(80);
  });

  it('never begin what does not end before the end, and then every conversation is whole', async () => {
    const until = START + MINUTE;
    const {exports, begun, played: result} = await played(quiet, {untilMicros: until});
    expect(result.cancelled).toBe(0);
    expect(exports.at(-1)!.atMicros).toBeLessThanOrEqual(until);
    const written = new Set(exports.map(({span}) => span[SPAN.span_id]));
    for (const {spans} of begun) for (const {row} of spans) expect(written.has(row[SPAN.span_id]!)).toBe(true);
    expect(begun.length).toBeGreaterThan(15);
  });

  it('draw every kind of conversation before one comes again', async () => {
    const {begun} = await played(quiet, {stopAt: START + 5 * MINUTE});
    const kinds = scenes.filter(scene => !scene.isTraffic).length;
    const drawn = begun.slice(0, kinds).map(({scene}) => scene);
    expect(new Set(drawn).size).toBe(kinds);
    expect(begun.length).toBeGreaterThan(kinds);
  });
});

describe.each(BACKENDS)('^C on %s', backend => {
  it('leaves no run open but those whose process was killed', async () => {
    const ended = {spans: 0, runs: 0};
    for (let seed = 1; seed <= 6; seed++) {
      const {url, exporter, spans} = await emptyDemo(backend);
      const stopAt = START + 7_000_000 + seed * 3_137_000;
      const {played: result, begun} = await played(exporter, {seed, stopAt});
      await exporter.close();
      const all = await spans();
      expect(all).toHaveLength(result.spans);
      expect(Math.max(...all.map(span => parseTime(span.end_time)!))).toBeLessThanOrEqual(stopAt);
      // The parent of a request that came through a gateway is stored nowhere either.
      const without = begun.filter(({scene}) => scene.isKilled || scene.session === 'http-remote-parent');
      const open = new Set(without.flatMap(each => each.spans.map(({row}) => row[SPAN.trace_id]!)));
      const known = new Set(all.map(span => span.span_id));
      const orphans = all.filter(span => span.parent_span_id !== null && !known.has(span.parent_span_id));
      expect(orphans.filter(span => !open.has(span.trace_id!))).toEqual([]);
      const {data} = await json(['list', '--db', url, '--limit', '0'], {nowMicros: stopAt + 1_000_000});
      const runs = data.filter((run: {traceId: string}) => !open.has(run.traceId));
      expect(runs.filter((run: {state: string}) => run.state === 'running')).toEqual([]);
      const stopped = runs.filter((run: {endTime: string}) => parseTime(run.endTime) === stopAt);
      expect(stopped.filter((run: {state: string}) => run.state === 'error')).toEqual([]);
      ended.spans += result.cancelled;
      ended.runs += stopped.filter((run: {state: string}) => run.state === 'cancelled').length;
    }
    expect(ended.spans).toBeGreaterThan(15);
    expect(ended.runs).toBeGreaterThanOrEqual(5);
  });
});

describe('demo --live', () => {
  it.each(BACKENDS)(
    'makes the demo where there is none, joins it the next time, and says what to type, on %s',
    async backend => {
      const cwd = temporaryFolder();
      const db = backend === 'sqlite' ? null : (await newPostgresDatabase()).url;
      const flags = ['--live', '--for', '1s', '--speed', '20', ...(db ? ['--db', db, '--schema', 'played'] : [])];
      const first = await cli(['demo', ...flags], {cwd});
      expect([first.code, first.err]).toEqual([0, '']);
      expect(first.out).toContain('121 traces, 738 spans');
      expect(first.out).toContain('  agno-trace tail --db ');
      expect(first.out).not.toContain('test-only');
      expect(first.out).toMatch(/^\d\d:\d\d:\d\d {2}Billing Agent {2}tool-error-[0-9a-f]{4}$/m);
      expect(first.out).toMatch(/wrote \d+ spans of \d+ traces\n$/);
      const again = await cli(['demo', ...flags], {cwd});
      expect([again.code, again.err]).toEqual([0, '']);
      expect(again.out).not.toContain('121 traces');
      if (backend === 'sqlite')
        for (const end of ['-wal', '-shm']) expect(existsSync(`${cwd}/agno-trace-demo.db${end}`)).toBe(false);
      const list = ['list', '--db', db ?? `${cwd}/agno-trace-demo.db`, '--limit', '0'];
      const {data} = await json(list);
      const billing = data.filter((run: {sessionId: string}) => /^tool-error-/.test(run.sessionId));
      expect(billing).toHaveLength(2);
    },
  );

  it('plays into a large demo too', async () => {
    const file = `${temporaryFolder()}/large.db`;
    await cli(['demo', '--traces', '5', '--path', file]);
    const {code, out} = await cli(['demo', '--live', '--for', '500ms', '--speed', '50', '--path', file]);
    expect([code, out]).toEqual([0, expect.stringMatching(/wrote \d\d+ spans/)]);
  });

  it.each(BACKENDS)('refuses a database that this tool did not make, and leaves it as it is, on %s', async backend => {
    const db = await openFixture(backend, 'agno-3.1.10-shop.sqlite');
    const before = await json(['list', '--db', db, '--limit', '0']);
    for (const flags of [['--db', db], ...(backend === 'sqlite' ? [['--path', db]] : [])]) {
      const {code, out, err} = await cli(['demo', '--live', '--for', '1s', ...flags]);
      expect([code, out]).toEqual([2, '']);
      expect(err).toMatch(/(it was|they were) not changed/);
      expect(err).toContain('hint: ');
    }
    expect((await json(['list', '--db', db, '--limit', '0'])).data).toEqual(before.data);
  });

  it('ends with an error when its file is taken away', async () => {
    const file = `${temporaryFolder()}/demo.db`;
    await (await createTables({dialect: 'sqlite', file}, 'ai')).finish();
    const exporter = (await openExporter({dialect: 'sqlite', file}, 'ai'))!;
    const {exports} = await played(exporter, {untilMicros: START + 6_000_000});
    rmSync(file);
    await expect(exporter.export(exports[0]!.trace, [exports[0]!.span])).rejects.toThrow('was removed or recreated');
    await exporter.close();
  });

  it.each([
    [['--speed', '2'], '--speed "2" needs --live.'],
    [['--for', '2s'], '--for "2s" needs --live.'],
    [['--live', '--traces', '5'], '--live and --traces exclude each other'],
    [['--live', '--speed', 'fast'], '--speed "fast" is not a speed.'],
    [['--live', '--speed', '0'], '--speed "0" is not a speed.'],
    [['--live', '--for', '10'], '--for "10" has no unit.'],
  ])('%j is refused with a word', async (flags, message) => {
    const cwd = temporaryFolder();
    const {code, out, err} = await cli(['demo', ...flags], {cwd});
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(message);
    expect(err).toContain('hint: ');
    expect(existsSync(`${cwd}/agno-trace-demo.db`)).toBe(false);
  });
});
