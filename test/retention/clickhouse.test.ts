import {existsSync} from 'node:fs';
import http from 'node:http';
import type {AddressInfo} from 'node:net';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {describe, expect, inject, it, onTestFinished} from 'vitest';
import {openArchive} from '../../src/archive/reader.ts';
import {parseTime} from '../../src/trace/time.ts';
import {cli, json} from '../cli.ts';
import {insert, newClickhouseDatabase, rowsOf, send} from '../clickhouse-databases.ts';
import {fixture, temporaryFolder} from '../fixtures.ts';

const NOW_MICROS = Date.parse('2026-12-01T00:00:00Z') * 1000;
const FIXTURE = fixture('agno-2.9.0-killed.sqlite');
const TABLES = ['agno_spans', 'agno_traces'] as const;
const IDS = 'run_id, session_id, user_id, agent_id, team_id, workflow_id';

/** Three months: the rows as they are, a copy 40 days before and one 80 days before; each trace row in two parts. */
async function threeMonths(): Promise<{name: string; url: string}> {
  const {name, url} = await newClickhouseDatabase();
  for (const table of TABLES) {
    const rows = rowsOf(FIXTURE, table);
    await insert(name, table, rows);
    if (table === 'agno_traces')
      await insert(
        name,
        table,
        rows.map(row => ({...row, name: 'part', status: 'OK'})),
      );
    const id =
      table === 'agno_spans'
        ? "concat('{}', span_id), concat('{}', trace_id), concat('{}', parent_span_id)"
        : "concat('{}', trace_id)";
    const rest =
      table === 'agno_spans'
        ? 'name, span_kind, status_code, status_message, {start}, {end}, duration_ms, attributes, {created}'
        : `name, status, {start}, {end}, duration_ms, ${IDS}, {created}`;
    for (const days of [40, 80]) {
      const moved = `${id}, ${rest}`
        .replaceAll('{}', `${days}x`)
        .replace(
          /\{(start|end|created)\}/g,
          (_, column) => `${column === 'created' ? 'created_at' : `${column}_time`} - interval ${days} day`,
        );
      await send(`insert into ${name}.${table} select ${moved} from ${name}.${table} where trace_id not like '%x%'`);
    }
  }
  return {name, url};
}

/** The rows of both tables as sorted lines, times as microseconds. */
async function stored(name: string): Promise<string[]> {
  const lines: string[] = [];
  for (const table of TABLES) {
    const text = await send(`select * from ${name}.${table} format JSONEachRow`);
    for (const line of text.split('\n').filter(Boolean)) lines.push(`${table} ${lineOf(JSON.parse(line))}`);
  }
  return lines.sort();
}

async function archived(file: string): Promise<string[]> {
  const lines: string[] = [];
  const batches = (await openArchive(file)).batches();
  for (let next = await batches.next(); !next.done; next = await batches.next()) {
    for (const row of next.value.spans) lines.push(`agno_spans ${lineOf(row)}`);
    for (const row of next.value.traces) lines.push(`agno_traces ${lineOf(row)}`);
  }
  return lines.sort();
}

function lineOf(row: Readonly<Record<string, unknown>>): string {
  const isTime = (column: string) => /_(time|at)$/.test(column);
  return JSON.stringify(
    Object.entries(row).map(([column, value]) => [
      column,
      isTime(column) ? parseTime(String(value)) : column === 'duration_ms' ? Number(value) : value,
    ]),
  );
}

const pruneArgs = (url: string, ...more: string[]) => [
  'prune',
  '--db',
  url,
  '--before',
  '2026-11-01',
  '--yes',
  '--expect-max',
  '1000',
  '--settle',
  '0',
  '--force',
  ...more,
];
const run = (argv: readonly string[]) => cli(argv, {nowMicros: NOW_MICROS});
const union = (...lists: readonly (readonly string[])[]) => [...new Set(lists.flat())].sort();

describe('prune', () => {
  it('archives, drops whole months, deletes the other rows, and restore brings back each of them', async () => {
    const {name, url} = await threeMonths();
    // Sent twice, not UTF-8, and of what no other format of ours could carry.
    const odd = `'40xodd', '2026-10-14 08:00:00', '2026-10-14 08:00:01', '2026-10-14 08:00:02'`;
    for (let i = 0; i < 2; i++)
      await send(
        `insert into ${name}.agno_spans (span_id, trace_id, name, start_time, end_time, created_at, attributes) select '40xs', ${odd}, '{"a": NaN, "b": "tab\\\\t"}'`.replace(
          "'40xs', '40xodd',",
          "'40xs', '40xodd', unhex('FF41090A5C'),",
        ),
      );
    await send(
      `insert into ${name}.agno_traces (trace_id, name, status, start_time, end_time, created_at) select '40xodd', 'odd', 'OK', '2026-10-14 08:00:00', '2026-10-14 08:00:01', '2026-10-14 08:00:02'`,
    );
    const bytesOfOdd = () =>
      send(`select distinct hex(name), hex(attributes) from ${name}.agno_spans where span_id = '40xs'`);
    const oddBytes = await bytesOfOdd();
    const before = await stored(name);
    const fresh = before.filter(line => !line.includes('"40x') && !line.includes('"80x'));
    const archive = path.join(temporaryFolder(), 'a.ndjson.gz');
    const plan = await json(['prune', '--db', url, '--before', '2026-11-01', '--dry-run'], {nowMicros: NOW_MICROS});
    const text = plan.data.plan.sql.join('\n');
    for (const month of ['202609', '202610']) expect(text.split(`drop part '${month}_…'`)).toHaveLength(3);
    expect(plan.data.plan.inTransactions).toBe(false);
    const pruned = await run(pruneArgs(url, '--archive', archive));
    expect(pruned).toMatchObject({code: 0, err: ''});
    expect(await stored(name)).toEqual(fresh);
    expect((await run(['archive', 'verify', archive])).code).toBe(0);
    const lines = await archived(archive);
    expect(lines).toHaveLength(before.length - fresh.length);
    // The odd one is compared by its bytes, below.
    expect(lines.filter(line => !line.includes('40xodd'))).toEqual(
      before.filter(line => !fresh.includes(line) && !line.includes('40xodd')),
    );
    const restored = await run(['archive', 'restore', archive, '--db', url, '--yes']);
    expect(restored).toMatchObject({code: 0, err: ''});
    expect(union(await stored(name))).toEqual(union(before));
    const hex = await bytesOfOdd();
    expect(hex).toBe(oddBytes);
    expect(hex).toContain('FF41090A5C');
    const again = await run(['archive', 'restore', archive, '--db', url, '--yes']);
    expect(again.out).toContain('nothing to restore');
    // The archive reads as the rows did.
    const [ofArchive, ofRows] = [`archive:${archive}`, url].map(db =>
      json(['list', '--db', db, '--until', '2026-11-01', '--limit', '0'], {nowMicros: NOW_MICROS}),
    );
    const ids = async (list: typeof ofArchive) => (await list!).data.map((one: {spanId: string}) => one.spanId);
    expect(await ids(ofArchive)).toEqual(await ids(ofRows));
  });

  it('of some traces deletes theirs alone, in months that stay', async () => {
    const {name, url} = await threeMonths();
    const before = await stored(name);
    const session = 'session-6';
    const {code, err} = await run(pruneArgs(url, '--session', session));
    expect([code, err]).toEqual([0, '']);
    const after = await stored(name);
    expect(after.length).toBeLessThan(before.length);
    expect(before.filter(line => !after.includes(line)).every(line => /"(40|80)x/.test(line))).toBe(true);
    expect(
      await send(
        `select count() from ${name}.agno_traces where session_id = '${session}' and start_time < '2026-11-01'`,
      ),
    ).toBe('0\n');
  });

  it('keeps what is written while it waits, and the traces to which it belongs', async () => {
    const {name, url} = await threeMonths();
    const [traceId] = (
      await send(`select trace_id from ${name}.agno_spans where trace_id like '80x%' order by 1 limit 1`)
    ).split('\n');
    const ofTrace = async () => (await stored(name)).filter(line => line.includes(traceId!));
    const pruning = run(pruneArgs(url).map(word => (word === '0' ? '4s' : word)));
    await sleep(1500);
    const times = `'2026-09-03 08:00:00', '2026-09-03 08:00:01', '2026-12-01 00:00:00'`;
    for (const id of [traceId!, 'late'])
      await send(
        `insert into ${name}.agno_spans (span_id, trace_id, name, start_time, end_time, created_at, attributes) select 'new-${id}', '${id}', 'x', ${times}, '{}'`,
      );
    const before = await ofTrace();
    await send(`optimize table ${name}.agno_spans final`);
    await send(`alter table ${name}.agno_spans delete where span_id = 'none'`);
    const {code, err, out} = await pruning;
    expect([code, err]).toEqual([0, '']);
    expect(out).toContain('1 kept: written or used in the meantime');
    expect(await ofTrace()).toEqual(before);
    const left = await stored(name);
    expect(left.some(line => line.includes('"late"'))).toBe(true);
    expect(left.filter(line => line.includes('"40x'))).toEqual([]);
  });

  it('refuses an engine on which it was never tried', async () => {
    const {name, url} = await threeMonths();
    await send(`rename table ${name}.agno_spans to ${name}.other`);
    await send(
      `create table ${name}.agno_spans as ${name}.other engine = ReplacingMergeTree partition by toYYYYMM(start_time) order by (trace_id, start_time, span_id)`,
    );
    const {code, err} = await run(pruneArgs(url));
    expect(err).toContain('is a ReplacingMergeTree: prune deletes only from MergeTree');
    expect(code).toBe(5);
  });
});

interface Interruptions {
  /** `host:port` of a server in front of the real one. */
  readonly address: string;
  /** The changing statements that came by, by their verb. */
  readonly seen: string[];
}

/** Cuts the connection at one statement that changes something: before the server has it, or after it is done. */
async function interrupted(at: string | null): Promise<Interruptions> {
  const [host, port] = inject('clickhouseAddress').split(':');
  const seen: string[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', chunk => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const query = new URL(request.url!, 'http://x').searchParams.get('query');
      const verb = /^\s*(\w+)/.exec(query ?? body.toString('latin1', 0, 100))?.[1]?.toLowerCase() ?? '';
      const isChange = ['alter', 'delete', 'insert'].includes(verb);
      if (isChange) seen.push(verb);
      const point = `${verb} ${seen.filter(one => one === verb).length}`;
      if (isChange && at === `before ${point}`) return request.socket.destroy();
      const {method, url, headers} = request;
      const forward = http.request({host, port, method, path: url, headers}, answer => {
        if (isChange && at === `after ${point}`) {
          answer.resume();
          return answer.on('end', () => request.socket.destroy());
        }
        response.writeHead(answer.statusCode!, answer.headers);
        return answer.pipe(response);
      });
      return forward.end(body);
    });
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {address: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen};
}

const through = (url: string, {address}: Interruptions) => url.replace(/\/\/[^/]*/, `//${address}`);

it('interrupted at any change: what remains and what is archived is what there was, and a second run finishes', async () => {
  const points = async (work: (url: string) => Promise<unknown>) => {
    const front = await interrupted(null);
    await work(front.address);
    const counts = new Map<string, number>();
    return front.seen.flatMap(verb => {
      counts.set(verb, (counts.get(verb) ?? 0) + 1);
      return [`before ${verb} ${counts.get(verb)}`, `after ${verb} ${counts.get(verb)}`];
    });
  };
  // Half of October stays, so that there is a month for each way of deleting.
  const args = (url: string, archive: string) =>
    pruneArgs(url, '--archive', archive).map(word => (word === '2026-11-01' ? '2026-10-13T07:09:25' : word));
  const first = await threeMonths();
  const all = await points(async address =>
    run(args(through(first.url, {address, seen: []}), path.join(temporaryFolder(), 'a.ndjson'))),
  );
  expect(all.map(point => point.split(' ')[1])).toEqual(expect.arrayContaining(['alter', 'delete']));
  for (const point of all) {
    const {name, url} = await threeMonths();
    const before = await stored(name);
    const archive = path.join(temporaryFolder(), 'a.ndjson');
    const front = await interrupted(point);
    const {code} = await run(args(through(url, front), archive));
    expect(code, point).toBe(4);
    const partial = `${archive}.partial`;
    expect(existsSync(partial), point).toBe(true);
    expect(union(await stored(name), await archived(partial)), point).toEqual(union(before));
    // Through the same address, as its archive can only be continued for the same database.
    const again = await run(args(through(url, front), archive));
    expect([again.code, again.err], point).toEqual([0, '']);
    const left = await stored(name);
    expect(union(left, await archived(archive)), point).toEqual(union(before));
    expect(
      left.some(line => line.includes('"80x')),
      point,
    ).toBe(false);
  }
});
