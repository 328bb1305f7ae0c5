import {createHash} from 'node:crypto';
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import {gzipSync} from 'node:zlib';
import {beforeAll, describe, expect, it} from 'vitest';
import {type ArchiveHeader, chainedHash, FIRST_HASH, FORMAT_VERSION, lineOf} from '../../src/archive/format.ts';
import {openArchive} from '../../src/archive/reader.ts';
import type {ArchivedRow} from '../../src/archive/value.ts';
import {ArchiveWriter} from '../../src/archive/writer.ts';
import {inspectArchive} from '../../src/retention/verify.ts';
import {agnoTables, SPAN_COLUMNS, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, type Backend, newPostgresDatabase, temporaryFolder} from '../databases.ts';
import {execute} from './tables.ts';

const MB = 1024 ** 2;
const AT = '2024-05-06T10:00:00.000000+00:00';
const HEADER: ArchiveHeader = {
  agnoTraceArchive: FORMAT_VERSION,
  dialect: 'sqlite',
  source: 'a.db',
  tables: {traces: 'agno_traces', spans: 'agno_spans'},
  columns: {
    traces: TRACE_COLUMNS.map(name => ({name, type: 'VARCHAR'})),
    spans: SPAN_COLUMNS.map(name => ({name, type: 'VARCHAR'})),
  },
  cutoff: AT,
  selection: 'all',
  writtenBy: 'a stranger',
  createdAt: AT,
};

let folder: string;
beforeAll(() => {
  folder = temporaryFolder();
});

const traceRow = (id: string): ArchivedRow => ({
  ...Object.fromEntries(TRACE_COLUMNS.map(name => [name, null])),
  ...{trace_id: id, name: 'a', status: 'OK', start_time: AT, end_time: AT, duration_ms: 1, created_at: AT},
});
const spanRow = (id: string, more: ArchivedRow = {}): ArchivedRow => ({
  ...Object.fromEntries(SPAN_COLUMNS.map(name => [name, null])),
  ...{span_id: id, trace_id: 't', name: 'agent.run', span_kind: 'INTERNAL', status_code: 'OK', start_time: AT},
  ...{end_time: AT, duration_ms: 1, attributes: '{}', created_at: AT, ...more},
});

/** A file of one batch, whose hash is right. */
function archiveOf(name: string, spans: readonly ArchivedRow[], traces: readonly ArchivedRow[]): string {
  const lines = [...spans.map(span => lineOf({span})), ...traces.map(trace => lineOf({trace}))];
  const hash = chainedHash(FIRST_HASH);
  for (const line of lines) hash.update(Buffer.from(line));
  const counts = {traces: traces.length, spans: spans.length};
  const sha256 = hash.digest();
  const file = path.join(folder, name);
  const trailer = lineOf({batch: 1, ...counts, first: 't', last: 't', sha256});
  const manifest = lineOf({manifest: {batches: 1, ...counts, sha256, cutoff: AT, finishedAt: AT}});
  writeFileSync(file, [lineOf(HEADER), ...lines, trailer, manifest].join(''));
  return file;
}

/** A small file of a text that is there again and again. */
function packed(name: string, text: string, times: number): string {
  const file = path.join(folder, name);
  const member = gzipSync(text);
  writeFileSync(file, Buffer.concat([gzipSync(lineOf(HEADER)), ...Array.from({length: times}, () => member)]));
  return file;
}

describe('an archive that a stranger packed', () => {
  it.each([
    ['one line of 6 GB', () => packed('line.gz', 'x'.repeat(60 * MB), 100), 'a line longer than 128 MB'],
    [
      'a batch of 6 GB',
      () => packed('batch.gz', lineOf({span: spanRow('s', {attributes: 'x'.repeat(MB)})}).repeat(60), 100),
      'larger than 64 MB',
    ],
    [
      'a hundred million rows',
      () => packed('tiny.gz', '{"span":{}}\n'.repeat(1e6), 100),
      'more rows than it has bytes',
    ],
    ['a line of brackets', () => packed('deep.gz', `${'['.repeat(20 * MB)}\n`, 1), 'a line that cannot be read'],
    [
      'a line of numbers',
      () => packed('wide.gz', `{"span":[${'1,'.repeat(10 * MB)}1]}\n`, 1),
      'a line that cannot be read',
    ],
    [
      'a text without an end',
      () => packed('open.gz', `{"span":"${'\\"'.repeat(10 * MB)}\n`, 1),
      'a line that cannot be read',
    ],
  ])('%s is called damaged where it becomes too much', async (_, make, message) => {
    const {code, err} = await cli(['archive', 'verify', make()]);
    expect([code, err]).toEqual([7, expect.stringContaining(message)]);
  });

  it('of more ids than can be remembered is checked all the same, and says that it did not count', async () => {
    const file = archiveOf(
      'ids.ndjson',
      [spanRow('a'), spanRow('a'), spanRow('b', {trace_id: 'other'})],
      [traceRow('t')],
    );
    expect(await inspectArchive(file, {keepBatches: false})).toMatchObject({twice: 1, withoutTrace: 1, problem: null});
    const counted = await inspectArchive(file, {keepBatches: false, mostIds: -1});
    expect(counted).toMatchObject({spans: 3, twice: null, withoutTrace: null, problem: null});
  });
});

describe('heavy rows', () => {
  it('are written as batches that can be read again', async () => {
    const file = path.join(folder, 'heavy.ndjson.gz');
    const writer = await ArchiveWriter.open(file, HEADER);
    const quoted = '\\"{['.repeat(2 * MB);
    const rows = ['a', 'b', 'c'].map(id => spanRow(id, {attributes: id + (id === 'b' ? quoted : 'x'.repeat(9 * MB))}));
    writer.append({spans: [spanRow('first')], traces: []});
    writer.append({spans: rows, traces: []});
    writer.takeBack();
    writer.append({spans: rows, traces: [traceRow('t')]});
    expect(() => writer.append({spans: [spanRow('huge', {attributes: 'x'.repeat(129 * MB)})], traces: []})).toThrow(
      'span "huge" is larger than an archive can hold (128 MB), and was not deleted.',
    );
    writer.takeBack();
    writer.finish({cutoff: AT, finishedAt: AT});
    const {batches} = await openArchive(file);
    const found: (readonly ArchivedRow[])[] = [];
    for await (const {spans, traces} of batches()) found.push([...spans, ...traces]);
    expect(found.map(some => some.map(row => row.span_id ?? row.trace_id))).toEqual([
      ['first'],
      ['a'],
      ['b'],
      ['c', 't'],
    ]);
    expect(found.flat().slice(1, 4)).toEqual(rows);
  });
});

/** Too long for an index, however it is packed. */
const NO_KEY = Array.from({length: 1000}, (_, i) => createHash('sha256').update(`${i}`).digest('hex')).join('');

/** What SQLite and Postgres refuse, and what only one of them does. */
const ROWS: readonly {readonly row: ArchivedRow; readonly refusedBy: readonly Backend[]}[] = [
  {row: spanRow('good'), refusedBy: []},
  {row: spanRow('deep', {attributes: `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`}), refusedBy: ['postgres']},
  {row: spanRow('lists', {attributes: `${'['.repeat(20_000)}${']'.repeat(20_000)}`}), refusedBy: ['postgres']},
  {row: spanRow('nan', {attributes: '{"x": NaN}'}), refusedBy: ['postgres']},
  {row: spanRow('nul\0', {name: 'x'}), refusedBy: ['postgres']},
  {row: spanRow('long', {duration_ms: 'no number'}), refusedBy: ['postgres']},
  {row: spanRow(NO_KEY), refusedBy: ['postgres']},
  {row: spanRow('nameless', {name: null}), refusedBy: ['sqlite', 'postgres']},
  {row: spanRow('last', {attributes: '[[[[1]]]]'}), refusedBy: []},
];

describe.each(BACKENDS)('restored into %s', backend => {
  it('rows that it cannot hold are counted and named, the others are there', async () => {
    const file = archiveOf(
      `${backend}.ndjson`,
      ROWS.map(({row}) => row),
      [traceRow('t'), {...traceRow('u'), name: null}],
    );
    let db = path.join(folder, 'restored.db');
    if (backend === 'postgres') {
      const made = await newPostgresDatabase();
      for (const statement of agnoTables('postgres', 'ai')) await made.client.query(statement);
      db = made.url;
    } else await execute(db, agnoTables('sqlite', '').join(';\n'));
    const {code, out, err} = await cli(['archive', 'restore', file, '--db', db, '--yes', '--json']);
    const [kept, refused] = [false, true].map(isRefused =>
      ROWS.filter(({refusedBy}) => refusedBy.includes(backend) === isRefused).map(({row}) => String(row.span_id)),
    );
    expect([code, err]).toEqual([1, expect.stringContaining(`${refused!.length + 1} rows were not restored`)]);
    const {result} = JSON.parse(out).data;
    expect(result).toMatchObject({traces: 1, spans: kept!.length, unfit: refused!.length + 1, there: 0});
    expect(result.unfitIds).toEqual(['u', ...refused!].slice(0, 5));
    const rows = await execute(db, 'select span_id from agno_spans order by span_id');
    expect(rows.map(({span_id}) => span_id).sort()).toEqual([...kept!].sort());
  });
});

it('read as a database, it says what Agno’s tables cannot hold, and shows the others', async () => {
  const file = archiveOf(
    'read.ndjson',
    ROWS.map(({row}) => row),
    [traceRow('t'), {...traceRow('u'), name: null}],
  );
  const {data, notes} = await json(['list', '--db', `archive:${file}`, '--limit', '0', '--traffic']);
  expect(data.length).toBeGreaterThan(0);
  expect(notes.join()).toContain(
    '2 rows of the archive lack required values and are left out, for example u, nameless',
  );
});
