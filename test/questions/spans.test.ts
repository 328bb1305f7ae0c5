import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, sharedFixture, temporaryFolder} from '../databases.ts';

// biome-ignore lint/suspicious/noExplicitAny: rows of the answer
type Row = Record<string, any>;

describe.each(BACKENDS)('spans on %s', backend => {
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};
  const open = () => sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
  const spans = async (...argv: string[]): Promise<Row[]> =>
    (await json(['spans', '--limit', '0', ...argv, '--db', await open()], {env})).data;
  /** What `show` draws of all runs: each span of a run once, without calls that left none. */
  const shown = async (): Promise<Row[]> => {
    const db = await open();
    const {data: runs} = await json(['list', '--parts', '--limit', '0', '--db', db], {env});
    const found = new Map<string, Row>();
    for (const traceId of new Set(runs.map((run: Row) => run.traceId))) {
      const {data} = await json(['show', String(traceId), '--db', db], {env});
      for (const span of data.spans) if (!span.missing && !span.surroundings) found.set(span.spanId, span);
    }
    return [...found.values()];
  };

  it('are those that show draws, newest first, with what they took and brought', async () => {
    const [rows, drawn] = [await spans(), await shown()];
    expect(rows.map(row => row.spanId).sort()).toEqual(drawn.map(span => span.spanId).sort());
    expect(rows.map(row => row.startTime)).toEqual(
      rows
        .map(row => row.startTime)
        .sort()
        .reverse(),
    );
    const byId = new Map(drawn.map(span => [span.spanId, span]));
    for (const row of rows) {
      const {durationMs, totalTokens, costUsd, state, kind, startTime, traceId} = byId.get(row.spanId)!;
      expect(row).toMatchObject({durationMs, state, kind, startTime, traceId});
      if (kind !== 'parallel') expect(row.totalTokens).toBe(totalTokens);
      // What is inside a run and has no price: show leaves all of it unknown.
      if (costUsd !== null) expect(row.costUsd).toBeCloseTo(costUsd, 9);
    }
    const call = rows.find(({name}) => name === 'get_weather')!;
    expect(call).toMatchObject({
      arguments: '{"city": "Zürich"}',
      result: 'sunny in Zürich, 21 °C',
      path: 'Weather Agent > get_weather',
    });
    const results = rows.filter(({kind}) => kind === 'llm').map(({result}) => result);
    expect(results).toContain('get_weather({"city": "Z\\u00fcrich"})');
    expect(results.filter(result => /"role"/.test(result ?? ''))).toEqual([]);
    const member = rows.find(({path}) => path.startsWith('Support Team > delegate_task_to_member > '))!;
    expect(member.path.split(' > ')[2]).toBe(member.kind === 'agent' ? member.name : member.agent);
  });

  it('are asked one by one by filters and -q', async () => {
    const all = await spans();
    const asked: readonly (readonly [readonly string[], (row: Row) => boolean])[] = [
      [['--kind', 'tool'], row => row.kind === 'tool'],
      [['--kind', 'llm', '--state', 'error'], row => row.kind === 'llm' && row.state === 'error'],
      [['-q', 'kind:tool duration:>30ms'], row => row.kind === 'tool' && row.durationMs > 30],
      [['-q', 'tool:get_weather OR state:error'], row => row.name === 'get_weather' || row.state === 'error'],
      [['-q', '-kind:llm,tool tokens:>100'], row => !['llm', 'tool'].includes(row.kind) && row.totalTokens > 100],
      [['-q', '-tokens:>100'], row => !(row.totalTokens > 100)],
      [['-q', 'overloaded'], row => /overloaded/.test(row.message ?? '')],
      [['--session', 'http', '-q', 'kind:llm'], row => row.session === 'http' && row.kind === 'llm'],
      [['--agent', 'Weather*'], row => row.path.startsWith('Weather Agent')],
      [
        ['--since', '2026-11-22T14:14:00', '--until', '2026-11-22T14:14:20'],
        ({startTime}) => startTime >= '2026-11-22T14:14:00' && startTime < '2026-11-22T14:14:20',
      ],
    ];
    for (const [argv, passes] of asked) {
      const wanted = all.filter(passes);
      expect(wanted.length, argv.join(' ')).toBeGreaterThan(0);
      expect(await spans(...argv), argv.join(' ')).toEqual(wanted);
    }
  });

  it.each(['startTime', '-duration', 'cost'])('come in pages without a gap, by %s', async sort => {
    const db = await open();
    const whole = await spans(`--sort=${sort}`);
    const paged: Row[] = [];
    let cursor: string[] = [];
    for (;;) {
      const page = await json(['spans', '--limit', '90', `--sort=${sort}`, ...cursor, '--db', db], {env});
      paged.push(...page.data);
      if (page.page.next === null) break;
      expect(String(page.page.next).length).toBeLessThanOrEqual(56);
      cursor = ['--cursor', String(page.page.next)];
    }
    expect(paged).toEqual(whole);
    // What it is sorted by may be unknown of some; they come too.
    const ids = (rows: readonly Row[]) => rows.map(row => row.spanId).sort();
    expect(ids(whole)).toEqual(ids(await spans()));
    if (sort === 'cost') expect(whole.filter(row => row.costUsd === null).length).toBeGreaterThan(0);
  });

  it('lead to the span, and to the rest of what has no room', async () => {
    const db = await open();
    const {err} = await cli(['spans', '--kind', 'tool', '-n', '2', '--db', db], {env});
    const [, id] = /^next: agno-trace show ([0-9a-f]+)$/m.exec(err)!;
    expect((await json(['show', id!, '--db', db])).data.spans[0]).toMatchObject({spanId: id, kind: 'tool'});
    const fitted = await json(['spans', '--max-bytes', '3000', '--db', db], {env});
    const rest = await json(['spans', '--cursor', String(fitted.page.next), '-n', '1', '--db', db], {env});
    const all = await spans();
    expect(rest.data[0]).toEqual(all[fitted.data.length]);
    const {out} = await cli(['spans', '-n', '3', '--db', db], {env, columns: 80});
    const lines = out.replace(/\u001b\[[0-9;]*m/g, '').split('\n');
    for (const line of lines.slice(0, 4)) expect(line.length, line).toBeLessThanOrEqual(80);
    expect(Math.max(...all.map(({result}) => String(result).length))).toBeGreaterThan(120);
    const {out: piped} = await cli(['spans', '-n', '0', '--db', db], {env});
    for (const cell of piped.split(/\n| {2,}/)) expect(cell.length, cell).toBeLessThanOrEqual(120);
    expect(piped).toContain('…');
  });

  it('refuse a cursor that is none, or of another order', async () => {
    const db = await open();
    const {page} = await json(['spans', '-n', '1', '--db', db], {env});
    const {data, page: long} = await json(['spans', '-n', '3', '--db', db], {env});
    // A cursor of ids in another form is written as JSON.
    const {startTime, traceId, spanId} = data[1];
    const place = [
      1,
      'startTime',
      true,
      Date.parse(startTime) * 1000 + Number(startTime.slice(23, 26)),
      traceId,
      spanId,
    ];
    const asJson = Buffer.from(JSON.stringify(place)).toString('base64url');
    expect(await json(['spans', '-n', '1', '--cursor', asJson, '--db', db], {env})).toMatchObject({
      data: [data[2]],
      page: long,
    });
    for (const [argv, message] of [
      [['--cursor', 'x'], 'is not a cursor that spans printed'],
      [['--cursor', String(page.next).replace('-', '.e-')], 'is not a cursor that spans printed'],
      [['--cursor', String(page.next), '--sort', 'duration'], 'another order: --sort startTime'],
      [['--sort', 'path'], '--sort "path" is not a column'],
    ] as const) {
      const {code, err} = await cli(['spans', ...argv, '--db', db], {env});
      expect(code).toBe(EXIT.usage);
      expect(err).toContain(message);
    }
  });
});
