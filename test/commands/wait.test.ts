import {readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {type CliResult, cli} from '../cli.ts';
import {BACKENDS, sharedFixture, temporaryFolder} from '../databases.ts';
import {openPlayer, type Player} from '../follow/player.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';
const ofSession = (...ids: string[]) =>
  `json_extract(attributes, '$."session.id"') in (${ids.map(id => `'${id}'`).join(', ')})`;
const runIdOf = (row: Record<string, unknown>): string | undefined => JSON.parse(String(row.attributes))['agno.run.id'];

/** One that has been begun. On a terminal it says that it waits after each of its looks, which is how they are counted. */
class Waiting {
  readonly result: Promise<CliResult>;
  private looks = 0;
  private isOver = false;
  private tell: () => void = () => undefined;

  constructor(id: string, player: Player, ...argv: string[]) {
    const onErr = (err: string) => {
      this.looks = err.split('waiting: ').length - 1;
      this.tell();
    };
    const options = {columns: 100, onErr};
    this.result = cli(['wait', id, '--db', player.url, '--interval', '5ms', '--no-color', ...argv], options);
    void this.result.then(() => {
      this.isOver = true;
      this.tell();
    });
  }

  /** Whether it ends although nothing is written: the second look from now on began after all that is written. */
  async goesOn(): Promise<boolean> {
    const last = this.looks + 2;
    while (this.looks < last && !this.isOver)
      await new Promise<void>(resolve => {
        this.tell = resolve;
      });
    return !this.isOver;
  }
}

const waitFor = (id: string, player: Player, ...argv: string[]) => cli(['wait', id, '--db', player.url, ...argv]);

describe.each(BACKENDS)('wait on %s', backend => {
  it.each([
    ['agent-ok', 'ok', EXIT.done],
    ['tool-error', 'degraded', EXIT.done],
    ['human-in-the-loop', 'paused', EXIT.done],
    ['model-error', 'error', EXIT.different],
    ['cancelled-by-request', 'cancelled', EXIT.different],
    ['http-stream-error', 'error', EXIT.different],
  ])('for the run of %s, which ends %s, by a run id that nobody has written yet', async (session, state, code) => {
    const player = await openPlayer(backend, FIXTURE, {where: ofSession(session)});
    const last = player.waiting.find(row => runIdOf(row) !== undefined)!;
    const runId = runIdOf(last)!;
    const waiting = new Waiting(runId, player, '--json');
    while (player.waiting[0] !== last) await player.write();
    expect(await waiting.goesOn()).toBe(true);
    await player.write();
    const result = await waiting.result;
    expect(result.code).toBe(code);
    const {schema, data, notes} = JSON.parse(result.out);
    expect(schema).toBe('agno-trace/wait/1');
    expect(data.map((run: {runId: string; state: string}) => [run.runId, run.state])).toEqual([[runId, state]]);
    if (state === 'paused') expect(notes).toEqual([expect.stringMatching(/^it waits: /)]);
    const again = await waitFor(runId, player);
    expect(again.code).toBe(code);
    expect(again.out).toMatch(new RegExp(`^${state} .*\\n$`));
  });

  it.each([
    ['agno-2.9.0-more-pictures.sqlite', 'reasoning'],
    ['agno-3.1.10-pictures.sqlite', 'reasoning'],
    ['agno-3.1.10-pictures.sqlite', 'team'],
    ['agno-3.1.10-pictures.sqlite', 'workflow'],
    ['agno-3.1.10-pictures.sqlite', 'http'],
  ])('in %s never takes the run of %s for ended before its own span is there', async (fixture, session) => {
    const player = await openPlayer(backend, fixture, {where: ofSession(session)});
    const traceId = String(player.waiting[0]!.trace_id);
    const listed = async () => JSON.parse((await cli(['list', '--db', player.url, '--json'])).out).data;
    while ((await listed()).length === 0) await player.write();
    const waiting = [traceId, 'latest', `~${traceId.slice(0, 12)}`].map(id => new Waiting(id, player));
    const root = player.waiting.findLast(row => runIdOf(row) !== undefined && row.trace_id === traceId);
    while (player.waiting.some(row => row === root)) {
      expect(await Promise.all(waiting.map(one => one.goesOn()))).toEqual([true, true, true]);
      await player.write();
    }
    // Of a run inside an endpoint it is certain once that one is written too; the request around it stays open.
    while (player.waiting.length > 1) await player.write();
    for (const one of waiting) expect((await one.result).code).toBe(EXIT.done);
  });

  it('knows a run that was lost, and waits for one that is stalled', async () => {
    const where = 'trace_id not in (select trace_id from agno_spans where parent_span_id is null)';
    const player = await openPlayer(backend, 'agno-3.1.10-killed.sqlite', {where, endedMs: 10 * 60_000});
    const traceId = String(player.waiting[0]!.trace_id);
    await player.write(player.waiting.length);
    const lost = await waitFor(traceId, player, '--lost-after', '6m');
    expect([lost.code, lost.out]).toEqual([EXIT.different, expect.stringMatching(/^lost .*\n$/)]);
    const stalled = await waitFor(traceId, player, '--timeout', '300ms');
    expect([stalled.code, stalled.out]).toEqual([EXIT.stopped, '']);
    expect(stalled.err).toMatch(/has not ended within 300ms; it is stalled: /);
  });

  it('gives up on an id that never comes', async () => {
    const db = await sharedFixture(backend, FIXTURE);
    const id = '00000000-0000-4000-8000-000000000000';
    const {code, out, err} = await cli(['wait', id, '--db', db, '--timeout', '300ms']);
    expect([code, out]).toEqual([EXIT.stopped, '']);
    expect(err).toMatch(/has not ended within 300ms; none of its spans is stored yet\.\nhint: /);
  });

  it('waits for a session of its own name that is not there yet', async () => {
    const player = await openPlayer(backend, FIXTURE, {where: ofSession('model-error')});
    const waiting = new Waiting('model-error', player);
    expect(await waiting.goesOn()).toBe(true);
    while (player.waiting.length > 0) await player.write();
    expect((await waiting.result).code).toBe(EXIT.different);
    expect((await waitFor('model-error', player)).code).toBe(EXIT.different);
  });

  it.each([
    ['nope1234', EXIT.done],
    ['abcdef12', EXIT.notFound],
    ['12', EXIT.notFound],
  ])('of %s, which is nothing, %s', async (id, code) => {
    const db = await sharedFixture(backend, FIXTURE);
    const timeout = code === EXIT.done ? '200ms' : '1h';
    const result = await cli(['wait', id, '--db', db, '--timeout', timeout]);
    // With characters that no id of Agno's has it is a name that may still come.
    expect(result.code).toBe(code === EXIT.done ? EXIT.stopped : code);
  });

  it('prints the statements of a first look', async () => {
    const db = await sharedFixture(backend, FIXTURE);
    const {code, out} = await cli(['wait', 'latest', '--db', db, '--print-sql']);
    expect(code).toBe(0);
    expect(out).toMatch(/from .*agno_spans/);
    const cwd = temporaryFolder();
    const intoFile = await cli(['wait', 'latest', '--db', db, '--print-sql', '-o', 'a.sql'], {cwd});
    expect(intoFile).toMatchObject({code: 0, out: ''});
    expect(readFileSync(`${cwd}/a.sql`, 'utf8')).toMatch(/from .*agno_spans/);
  });

  it('on a terminal leaves nothing of its line before an error', async () => {
    const db = await sharedFixture(backend, FIXTURE);
    const {code, err} = await cli(['wait', 'abcdef12', '--db', db, '--no-color'], {columns: 100});
    expect(code).toBe(EXIT.notFound);
    expect(err).toMatch(/(^|\x1b\[2K)error: /);
  });
});
