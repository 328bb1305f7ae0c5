import {afterEach, describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {parseMoment} from '../../src/flags/values.ts';
import {moment, wholeMoment} from '../../src/render/values.ts';
import {setZone} from '../../src/text/zone.ts';
import {isoTime} from '../../src/trace/time.ts';
import {type CliOptions, cli, json} from '../cli.ts';
import {sqliteCopy} from '../fixtures.ts';

afterEach(() => setZone(undefined, ''));
const NOW = Date.parse('2026-11-22T23:30:00Z') * 1000;
const read = (text: string, now = NOW) => isoTime(parseMoment('--since', text, now))!.slice(0, 16);

describe('a zone', () => {
  it('tells a moment with how far it is from UTC', () => {
    const tell = (zone: string, iso: string) => {
      setZone(zone, '--tz');
      return [moment(iso), wholeMoment(iso)];
    };
    const iso = '2026-11-22T23:21:03.123456Z';
    expect(tell('UTC', iso)).toEqual(['2026-11-22 23:21:03 UTC', iso]);
    expect(tell('Europe/Berlin', iso)).toEqual(['2026-11-23 00:21:03 +01:00', '2026-11-23T00:21:03.123456+01:00']);
    expect(tell('Europe/Berlin', '2026-07-01T00:00:00.000000Z')[0]).toBe('2026-07-01 02:00:00 +02:00');
    expect(tell('Asia/Kathmandu', iso)[0]).toBe('2026-11-23 05:06:03 +05:45');
    // The tests run in this one.
    expect(tell('local', iso)[0]).toBe('2026-11-22 19:51:03 -03:30');
    for (const odd of ['0001-01-01T00:00:00.000000Z', '9999-12-31T23:59:59.999999Z'])
      expect(tell('Asia/Kathmandu', odd)[0]).toMatch(/\d\d:\d\d:\d\d \+\d\d:\d\d$/);
    expect(tell('Europe/Berlin', 'noon')[0]).toBe('–');
  });

  it('is the one that times without an offset are read in', () => {
    setZone('Europe/Berlin', '--tz');
    expect(read('2026-11-22')).toBe('2026-11-21T23:00');
    expect(read('2026-07-01T12:00')).toBe('2026-07-01T10:00');
    expect(read('2026-07-01 12:00')).toBe('2026-07-01T10:00');
    expect(read('2026-07-01T12:00Z')).toBe('2026-07-01T12:00');
    expect(read('2026-07-01T12:00+05:00')).toBe('2026-07-01T07:00');
    // There it is the 23rd already.
    expect(read('today')).toBe('2026-11-22T23:00');
    expect(read('yesterday')).toBe('2026-11-21T23:00');
    expect(read('00:10')).toBe('2026-11-22T23:10');
    expect(read('1h')).toBe('2026-11-22T22:30');
    // The clock goes back at 3:00 and forward at 2:00: the first of two, and an hour that is none.
    expect(read('2026-10-25T02:30')).toBe('2026-10-25T00:30');
    expect(read('2026-03-29T02:30')).toBe('2026-03-29T01:30');
    expect(read('today', Date.parse('2026-03-29T12:00:00Z') * 1000)).toBe('2026-03-28T23:00');
    setZone(undefined, '');
    expect(read('2026-11-22')).toBe('2026-11-22T00:00');
  });
});

describe('--tz', () => {
  const db = sqliteCopy('agno-3.1.10-shop.sqlite');
  const run = (argv: string, options: CliOptions = {}) =>
    cli([...argv.split(' '), '--db', db], {nowMicros: NOW, ...options});

  it('tells people the time of a zone, and machines UTC', async () => {
    const [newest] = (await json(['list', '--db', db])).data;
    const utc = (await run('list')).out;
    expect(utc).toContain(newest.startTime);
    const kathmandu = (await run('list --tz Asia/Kathmandu')).out;
    expect(kathmandu).toContain('+05:45');
    expect(kathmandu).not.toContain(newest.startTime);
    expect((await run('list', {env: {AGNO_TRACE_TZ: 'Asia/Kathmandu'}})).out).toBe(kathmandu);
    expect((await run('list --tz UTC', {env: {AGNO_TRACE_TZ: 'Asia/Kathmandu'}})).out).toBe(utc);
    for (const format of ['json', 'jsonl', 'csv', 'md'])
      expect((await run(`list --tz=Asia/Kathmandu --format ${format}`)).out).toBe(
        (await run(`list --format ${format}`)).out,
      );
    expect((await run('show latest --tz Asia/Kathmandu')).out).toContain('+05:45');
    expect((await run('prune --older-than 1h --dry-run --tz Asia/Kathmandu')).out).toContain(':00 +05:45');
  });

  it('tells in tail on a terminal of which day and zone its times are', async () => {
    let isOver = false;
    const onOut = (out: string) => {
      if (isOver || !out.includes('\n')) return;
      isOver = true;
      process.kill(process.pid, 'SIGINT');
    };
    const {out} = await run('tail --plain --since 2020-01-01 --tz Asia/Kathmandu', {
      columns: 100,
      env: {NO_COLOR: '1'},
      onOut,
    });
    expect(out).toMatch(/^2026-\d\d-\d\d Asia\/Kathmandu\n\d\d:\d\d:\d\d /);
  });

  it.each([
    ['--tz Mars/Olympus', {}, '--tz "Mars/Olympus" is no time zone.'],
    ['--tz=Europe/Berln', {}, '--tz "Europe/Berln" is no time zone.'],
    ['--ascii', {AGNO_TRACE_TZ: 'CEST?'}, 'AGNO_TRACE_TZ "CEST?" is no time zone.'],
  ])('%s %j is refused in a line', async (flag, env, message) => {
    expect(await run(`list ${flag}`, {env})).toEqual({
      code: EXIT.usage,
      out: '',
      err: `error: ${message}\nhint: Write UTC, local, or a name such as Europe/Berlin.\n`,
    });
  });
});
