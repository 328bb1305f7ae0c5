import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, it} from 'vitest';
import {type CliOptions, cli} from '../cli.ts';
import {BACKENDS, openFixture, sqliteCopy} from '../databases.ts';
import {openPlayer, type Player} from '../follow/player.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';
const ofSession = (...ids: string[]) =>
  `json_extract(attributes, '$."session.id"') in (${ids.map(id => `'${id}'`).join(', ')})`;

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the contract says
type Event = any;

/** A tail that runs beside the test, and all it has printed. */
class Tailing {
  private out = '';
  private wake: () => void = () => undefined;
  readonly ended: Promise<{code: number; out: string; err: string}>;

  constructor(argv: readonly string[], options: CliOptions = {}) {
    this.ended = cli(['tail', '--interval', '20ms', ...argv], {
      ...options,
      onOut: out => {
        this.out = out;
        this.wake();
      },
    });
  }

  /** Resolves when what was printed fulfils `test`; an end before that is an error. */
  async until(test: (out: string) => boolean): Promise<void> {
    let isOver = false;
    const over = this.ended.then(() => {
      isOver = true;
    });
    while (!test(this.out)) {
      if (isOver) throw new Error(`ended without it:\n${this.out}\n${(await this.ended).err}`);
      await Promise.race([over, new Promise<void>(resolve => (this.wake = resolve))]);
    }
  }

  async events(): Promise<Event[]> {
    const {code, out, err} = await this.ended;
    expect({code, err}).toEqual({code: 0, err: ''});
    return eventsOf(out);
  }
}

function eventsOf(out: string): Event[] {
  return out
    .split('\n')
    .filter(text => text !== '')
    .map(text => JSON.parse(text));
}

const isLive = (out: string) => /"connection":"live"/.test(out);

async function play(player: Player): Promise<void> {
  while (player.waiting.length > 0) await player.write();
}

describe.each(BACKENDS)('tail on %s', backend => {
  it('tells every span once, each run from its start to its end, and no traffic', async () => {
    const player = await openPlayer(backend, FIXTURE);
    const all = [...player.waiting];
    const tail = new Tailing(['--db', player.url, '--jsonl', '-n', '0', '--heartbeat', '50ms', '--for', '5m'], {});
    await tail.until(isLive);
    await play(player);
    const list = JSON.parse((await cli(['list', '--parts', '--db', player.url, '--limit', '0', '--json'])).out);
    const left = new Set<string>(list.data.filter((run: Event) => !run.missing).map((run: Event) => run.spanId));
    let read = 0;
    await tail.until(out => {
      const end = out.lastIndexOf('\n') + 1;
      for (const {event, run} of eventsOf(out.slice(read, end)))
        if (event === 'run' && !run.missing) left.delete(run.spanId);
      read = end;
      return left.size === 0;
    });
    process.kill(process.pid, 'SIGINT');
    const {code, out, err} = await tail.ended;
    expect({code, err}).toEqual({code: 130, err: ''});
    const events = eventsOf(out);
    const spans = events.filter(event => event.event === 'span').map(event => event.span.spanId);
    expect(new Set(spans).size).toBe(spans.length);
    const ofRuns = new Set(list.data.map((run: Event) => run.traceId));
    const expected = all.filter(row => ofRuns.has(row.trace_id)).map(row => row.span_id);
    expect(spans.sort()).toEqual(expected.sort());
    // Whoever kept only the last event of each run has what list says.
    const last = new Map<string, Event>();
    for (const event of events) {
      if (event.event !== 'run') continue;
      if (event.change === 'merged') last.delete(event.key);
      else last.set(event.key, event.run);
      expect(event.run.traffic).toBe(false);
    }
    const states = (runs: Event[]) => runs.map(run => `${run.spanId} ${run.state}`).sort();
    expect(states([...last.values()])).toEqual(states(list.data));
  });

  it('ends after so many runs, and reads as a log', async () => {
    const player = await openPlayer(backend, FIXTURE, {where: ofSession('agent-ok', 'tool-error', 'model-error')});
    const first = player.waiting[0]!.trace_id;
    while (player.waiting[0]!.trace_id === first) await player.write();
    const tail = new Tailing(['--db', player.url, '-n', '1', '--max-runs', '2']);
    await tail.until(out => out.endsWith('\n'));
    await play(player);
    const {code, out, err} = await tail.ended;
    expect({code, err}).toEqual({code: 0, err: ''});
    expect(out).toMatch(/ {2}✔|◐ degraded/);
    expect(out).toMatch(/✖ error {4,}~[0-9a-f]{7} {2}Weather Agent/);
    for (const text of out.trimEnd().split('\n'))
      expect(text).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z {2}.{13} {2}~[0-9a-f]{7} {2}\S/);
  });

  it('exits 7 as soon as a run fails, and tells no other run after it', async () => {
    const player = await openPlayer(backend, FIXTURE, {where: ofSession('agent-ok', 'model-error', 'tool-loop')});
    const tail = new Tailing(['--db', player.url, '-n', '0', '--exit-on-error', '--jsonl', '--heartbeat', '50ms']);
    await tail.until(isLive);
    await play(player);
    const {code, out} = await tail.ended;
    expect(code).toBe(7);
    const runs = eventsOf(out).filter(event => event.event === 'run');
    const failed = runs.findIndex(event => event.change === 'ended' && event.run.state === 'error');
    expect(failed).toBeGreaterThanOrEqual(0);
    // What still lands of those told in the same look is told too.
    const told = new Set(runs.slice(0, failed + 1).map(event => event.key));
    expect(runs.filter(event => !told.has(event.key))).toEqual([]);
  });

  it('begins with the newest runs, one line each, oldest first', async () => {
    const db = await openFixture(backend, FIXTURE);
    const tail = new Tailing(['--db', db, '-n', '3']);
    await tail.until(out => /(.*\n){3}/.test(out));
    process.kill(process.pid, 'SIGINT');
    const {code, out} = await tail.ended;
    expect(code).toBe(130);
    const list = JSON.parse((await cli(['list', '--parts', '--db', db, '--limit', '3', '--json'])).out).data;
    const ids = out
      .trimEnd()
      .split('\n')
      .map(text => /~([0-9a-f]{7})/.exec(text)![1]);
    expect(ids).toEqual(list.map((run: Event) => run.traceId.slice(0, 7)).reverse());
  });

  it('tells only what matches, all of it as soon as it does', async () => {
    const player = await openPlayer(backend, FIXTURE, {where: ofSession('agent-ok', 'team')});
    const args = ['-n', '0', '--team', '*support*', '--jsonl', '--heartbeat', '50ms', '--max-runs', '1'];
    const tail = new Tailing(['--db', player.url, ...args]);
    await tail.until(isLive);
    const all = [...player.waiting];
    await play(player);
    const events = (await tail.events()).filter(event => event.event !== 'heartbeat');
    const team = events.find(event => event.event === 'run').run;
    expect(team.kind).toBe('team');
    expect(
      events
        .filter(event => event.event === 'span')
        .map(event => event.span.spanId)
        .sort(),
    ).toEqual(
      all
        .filter(row => row.trace_id === team.traceId)
        .map(row => row.span_id)
        .sort(),
    );
  });

  it('prints the statements of a first look', async () => {
    const db = await openFixture(backend, FIXTURE);
    const {code, out} = await cli(['tail', '--db', db, '--print-sql']);
    expect(code).toBe(0);
    expect(out).toMatch(/from .*agno_spans/);
    expect(out).toMatch(/-- then, in agno-trace: \S/);
  });
});

describe('tail', () => {
  it('says so when its time is over before what is there was read', async () => {
    const argv = ['tail', '--db', sqliteCopy(FIXTURE), '--jsonl', '--for', '10ms'];
    // Whoever reads the output takes longer than that for the first event: timers of one length end in the order of their beginning.
    const drained = async () => {
      await sleep(10);
      await sleep(10);
    };
    const {code, out, err} = await cli(argv, {drained});
    expect({code, err}).toEqual({code: 0, err: ''});
    const notices = eventsOf(out).filter(({event}) => event === 'notice');
    expect(notices.map(({text}) => text)).toEqual([
      '--for 10ms was too short to read all existing runs; a longer time shows the rest.',
    ]);
  });

  it.each([
    [['--since', '1h', '-n', '3'], /-n and --since or --last exclude each other/],
    [['--interval', '1ms'], /--interval "1ms" is too short/],
    [['--max-runs', '0'], /--max-runs "0"/],
    [['--max-runs', 'x'], /--max-runs "x" is not a whole number/],
    [['--format', 'csv'], /--format "csv" is not known/],
    [['--for', '10'], /--for "10" has no unit/],
    [['--heartbeat', 'x'], /--heartbeat "x"/],
  ])('refuses %s', async (argv, message) => {
    const db = await openFixture('sqlite', FIXTURE);
    const {code, err} = await cli(['tail', ...argv, '--db', db]);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});
