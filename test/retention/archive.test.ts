import {existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {gunzipSync, gzipSync} from 'node:zlib';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {fromSqlite, restored} from '../../src/archive/value.ts';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {cli, json} from '../cli.ts';
import {newPostgresDatabase, settled, sqliteCopy, temporaryFolder} from '../databases.ts';
import {AT_ONCE, archivedById, everything, execute, idsOf, openAt, PLACES, rowsById, soundness} from './tables.ts';

const ALL = ['--older-than', '1h', '--yes', '--expect-max', '1000', ...AT_ONCE];
const archivePath = (name = 'old.ndjson.gz') => path.join(temporaryFolder(), name);

async function pruneInto(url: string, file: string, ...argv: string[]): Promise<void> {
  if (url.startsWith('postgres')) await settled();
  const {code, err} = await cli(['prune', '--db', url, ...ALL, '--archive', file, ...argv]);
  if (code !== 0) throw new Error(err);
}

describe.each(PLACES)('an archive of %s', place => {
  it.each(['old.ndjson', 'old.ndjson.gz'])(
    '%s holds every row exactly, is private, and restores column by column',
    async name => {
      const url = await openAt(place);
      const odd =
        place === 'postgres'
          ? `update agno_spans set attributes = '{"big": 123456789012345678901234567890, "small": 1e-7, "text": "a\\nb\\u2028\\"é🙂"}', duration_ms = 9223372036854775807
             where span_id = (select min(span_id) from agno_spans)`
          : `update agno_spans set attributes = cast(x'7b22ff22' as text), duration_ms = 9223372036854775807, status_message = 'a' || char(0) || 'b' || char(10) || '🙂', name = x'00ff'
             where span_id = (select min(span_id) from agno_spans);
           update agno_traces set duration_ms = 1e300 where trace_id = (select min(trace_id) from agno_traces);
           update agno_traces set duration_ms = 9e999, name = '�' where trace_id = (select max(trace_id) from agno_traces)`;
      await execute(url, odd);
      const [before, rows] = [await everything(url), await rowsById(url)];
      const file = archivePath(name);
      await pruneInto(url, file);
      expect(await idsOf(url)).toEqual([]);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      expect(existsSync(`${file}.partial`)).toBe(false);
      expect(await archivedById(file)).toEqual(rows);
      const {data} = await json(['archive', 'verify', file]);
      expect(data).toMatchObject({traces: 48, spans: 275, isComplete: true, problem: null, withoutTrace: 0, twice: 0});
      expect((await cli(['archive', 'list', file, '--format', 'csv', '--fields', 'spans,traces'])).out).toMatch(
        /^spans,traces\r?\n\d+,\d+\r?\n$/,
      );
      const plan = await cli(['archive', 'restore', file, '--db', url]);
      expect(plan).toMatchObject({code: 2, out: expect.stringContaining('48 traces and 275 spans')});
      expect((await cli(['archive', 'restore', file, '--db', url, '--dry-run'])).code).toBe(0);
      expect(await idsOf(url)).toEqual([]);
      const restoring = await json(['archive', 'restore', file, '--db', url, '--yes']);
      expect(restoring.data.result).toMatchObject({traces: 48, spans: 275, there: 0, unfit: 0, withoutTrace: 0});
      expect(await everything(url)).toEqual(before);
      const again = await json(['archive', 'restore', file, '--db', url, '--yes']);
      expect(again.data.plan).toMatchObject({tracesThere: 48, spansThere: 275});
      expect(await everything(url)).toEqual(before);
    },
  );

  it('is read by list, show and slowest as the database was', async () => {
    const url = await openAt(place);
    if (place === 'postgres') await execute(url, 'drop table agno_runs; drop table agno_sessions');
    else await execute(url, 'drop table agno_runs; drop table agno_sessions');
    const commands = [
      ['list', '--limit', '0', '--traffic'],
      ['show', 'latest'],
      ['slowest', '--limit', '0'],
    ];
    const answers = async (db: string) => {
      const found = [];
      for (const command of commands) found.push((await json([...command, '--db', db])).data);
      return found;
    };
    const before = await answers(url);
    const file = archivePath();
    await pruneInto(url, file);
    expect(await answers(`archive:${file}`)).toEqual(before);
  });

  it('of a run that was killed is gone on with, and what was cut off is not lost', async () => {
    const url = await openAt(place);
    const rows = await rowsById(url);
    const file = archivePath('old.ndjson');
    const first = await cli(['prune', '--db', url, ...ALL, '--archive', file, '--max-rows', '150']);
    expect(first.code).toBe(6);
    // As if it had been killed while it wrote the next batch: no last line, and a row that is not whole.
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    writeFileSync(`${file}.partial`, `${lines.slice(0, -1).join('\n')}\n${lines[1]}\n${lines[2]!.slice(0, 50)}`, {
      mode: 0o600,
    });
    rmSync(file);
    const {data} = await json(['archive', 'verify', `${file}.partial`]);
    expect(data).toMatchObject({isComplete: false, problem: null, looseRows: 1});
    await pruneInto(url, file);
    expect(await idsOf(url)).toEqual([]);
    expect((await json(['archive', 'verify', file])).data).toMatchObject({isComplete: true, problem: null});
    expect(await archivedById(file)).toEqual(rows);
  });
});

describe('an archive', () => {
  it('goes from SQLite into Postgres and from Postgres into SQLite', async () => {
    const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
    await execute(file, 'drop table agno_runs; drop table agno_sessions');
    const archive = archivePath();
    await pruneInto(file, archive);
    const {url, client} = await newPostgresDatabase();
    for (const statement of agnoTables('postgres', 'ai')) await client.query(statement);
    const {data} = await json(['archive', 'restore', archive, '--db', url, '--yes']);
    expect(data.result).toMatchObject({traces: 48, spans: 275, unfit: 0});
    const runs = async (db: string) =>
      ((await json(['list', '--db', db, '--limit', '0', '--traffic'])).data as {spanId: string; state: string}[]).map(
        ({spanId, state}) => `${spanId} ${state}`,
      );
    expect(await runs(url)).toEqual(await runs(`archive:${archive}`));
    const back = archivePath('back.ndjson');
    await pruneInto(url, back);
    const {data: returned} = await json(['archive', 'restore', back, '--db', file, '--yes']);
    expect(returned.result).toMatchObject({traces: 48, spans: 275, unfit: 0});
    expect(await soundness(file)).toEqual([]);
    expect(await runs(file)).toEqual(await runs(`archive:${back}`));
  });

  it('says which rows Postgres cannot hold, and restores the others', async () => {
    const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
    await execute(
      file,
      `update agno_spans set attributes = '{"x": NaN}' where span_id = (select min(span_id) from agno_spans)`,
    );
    const archive = archivePath();
    await pruneInto(file, archive);
    const {url, client} = await newPostgresDatabase();
    for (const statement of agnoTables('postgres', 'ai')) await client.query(statement);
    const {code, err, out} = await cli(['archive', 'restore', archive, '--db', url, '--yes', '--json']);
    expect(code).toBe(1);
    expect(err).toContain('1 rows were not restored');
    expect(JSON.parse(out).data.result).toMatchObject({traces: 48, spans: 274, unfit: 1});
  });

  it('that was changed, shortened in the middle or cut is found out', async () => {
    const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const archive = archivePath('old.ndjson');
    await pruneInto(file, archive);
    const text = readFileSync(archive, 'utf8');
    const verify = async (changed: string, name = 'changed.ndjson') => {
      const copy = archivePath(name);
      writeFileSync(copy, name.endsWith('.gz') ? gzipSync(changed) : changed);
      return cli(['archive', 'verify', copy]);
    };
    expect((await verify(text)).code).toBe(0);
    // Packed by somebody else it is still an archive.
    expect((await verify(text, 'packed.ndjson.gz')).code).toBe(0);
    expect((await verify(text.replace('OpenAIChat.invoke', 'OpenAIChat.invoxe'))).code).toBe(7);
    const lines = text.split('\n');
    expect((await verify(lines.filter((_, i) => i !== 3).join('\n'))).code).toBe(7);
    expect((await verify(`${text}{"span":{}}\n`)).code).toBe(7);
    const cut = await verify(lines.slice(0, 60).join('\n').slice(0, -10));
    expect(cut.code).toBe(0);
    expect(cut.out).toContain('cut');
    const packed = archivePath('old.ndjson.gz');
    await cli(['archive', 'restore', archive, '--db', file, '--yes']);
    await pruneInto(file, packed);
    const bytes = readFileSync(packed);
    expect(gunzipSync(bytes).toString().split('\n').length).toBeGreaterThan(300);
    const half = archivePath('half.ndjson.gz');
    writeFileSync(half, bytes.subarray(0, Math.floor(bytes.length / 2)));
    expect((await cli(['archive', 'verify', half])).code).toBe(0);
    bytes[Math.floor(bytes.length / 2)]! ^= 0xff;
    writeFileSync(half, bytes);
    expect((await cli(['archive', 'verify', half])).code).toBe(7);
  });

  it('is never written over, through a link or into nothing', async () => {
    const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const before = await everything(file);
    const there = archivePath();
    writeFileSync(there, 'mine');
    const link = archivePath();
    symlinkSync('/dev/null', link);
    for (const target of [there, link, temporaryFolder(), '/nowhere/at/all.ndjson']) {
      expect((await cli(['prune', '--db', file, ...ALL, '--archive', target])).code).toBe(2);
    }
    expect(readFileSync(there, 'utf8')).toBe('mine');
    expect(await everything(file)).toEqual(before);
    expect((await cli(['archive', 'verify', there])).code).toBe(5);
    expect((await cli(['prune', '--db', `archive:${there}`, ...ALL])).code).not.toBe(0);
  });

  it('holds what SQLite can store, whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.constant(null),
          fc.bigInt({min: -(2n ** 63n), max: 2n ** 63n - 1n}),
          fc.double(),
          fc.uint8Array().map(bytes => ['text', Buffer.from(bytes)] as const),
          fc.uint8Array().map(bytes => ['blob', Buffer.from(bytes)] as const),
        ),
        value => {
          const [type, stored] = Array.isArray(value) ? value : ['', value];
          const back = restored(JSON.parse(JSON.stringify(fromSqlite(stored as never, type as string))));
          if (stored === null) return back.type === 'null';
          if (typeof stored === 'bigint') return back.type === 'integer' && back.integer === stored;
          // SQLite has no NaN, and no negative zero that it would show.
          if (typeof stored === 'number') return back.type === 'real' && (Number.isNaN(stored) || back.real === stored);
          if (type === 'blob') return back.type === 'blob' && back.bytes.equals(stored as Buffer);
          const bytes = back.type === 'text' ? Buffer.from(back.text) : back.type === 'badText' ? back.bytes : null;
          return bytes?.equals(stored as Buffer) === true;
        },
      ),
    );
  });
});
