import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, loadIntoPostgres, openFixture, sqliteCopy, temporaryFolder} from '../databases.ts';

/** Databases after public reports (fixtures/cases/README.md): whose work it is, and calls without a span. */
describe.each(BACKENDS)('on %s', backend => {
  const open = (name: string) => openFixture(backend, `cases/${name}.sqlite`);
  const show = async (db: string, id: string) => (await json(['show', id, '--db', db])).data;
  // biome-ignore lint/suspicious/noExplicitAny: what the contract says
  type Row = any;

  it('a streamed workflow says of its agents and teams what the same workflow says that was not streamed', async () => {
    const db = await open('real-agno5');
    const {data: runs} = await json(['list', '-n', '0', '--db', db]);
    const shapes = new Map<string, unknown>();
    for (const run of runs.filter((one: Row) => one.kind === 'workflow')) {
      const {spans} = await show(db, run.runId);
      const byId = new Map<string, Row>(spans.map((span: Row) => [span.spanId, span]));
      const ownerOf = (span: Row): string => {
        let up = byId.get(span.drawnUnder);
        while (up && !['agent', 'team', 'workflow', 'step'].includes(up.kind)) up = byId.get(up.drawnUnder);
        return up ? `${up.kind} ${up.name.replace(/\.a?run$/, '')}` : 'nobody';
      };
      const calls = spans.filter((span: Row) => span.kind === 'llm' || span.kind === 'tool');
      const owned = calls.map((span: Row) => `${span.toolName ?? span.model} < ${ownerOf(span)}`).sort();
      const ofModel = spans.filter((span: Row) => span.kind === 'llm').map((span: Row) => span.totalTokens);
      expect(run.totalTokens).toBe(ofModel.reduce((sum: number, one: number) => sum + one, 0));
      shapes.set(run.sessionId, {owned, state: run.state});
      const critical = spans.filter((span: Row) => span.critical && span.kind === 'llm');
      expect(critical.length, run.sessionId).toBeGreaterThanOrEqual(ofModel.length - 1);
    }
    const plain = shapes.get('w3');
    expect(Object.fromEntries(shapes)).toEqual({w1: plain, w2: plain, w3: plain, w4: plain});
    const tokens = Object.fromEntries(runs.map((run: Row) => [run.sessionId, run.totalTokens]));
    expect(tokens).toMatchObject({w1: 1625, w2: 1627, w3: 1627, w4: 1627});
    const {data: shares} = await json(['where', '--by', 'kind', '--workflow', '*', '--db', db]);
    expect(shares[0]).toMatchObject({name: 'llm', share: expect.closeTo(0.87, 1)});
    const {data: agents} = await json(['usage', '--by', 'agent', '--db', db]);
    expect(agents.map((row: Row) => row.agent)).not.toContain(null);
  });

  it('calls that were refused are drawn, failed, and count in every question', async () => {
    const db = await open('tool-limit-loop');
    const {data: runs} = await json(['list', '--db', db]);
    expect(runs.map((run: Row) => [run.name, run.state, run.spanCount, run.errorCount])).toEqual([
      ['Stopping Agent', 'ok', 4, 0],
      ['Search Agent', 'ok', 33, 27],
    ]);
    expect(runs[0].stateReason).toBe('finished; a tool call has no span: web_search');
    expect(runs[1].stateReason).toBe('finished; 27 tool calls refused at the tool call limit');
    const {data: found} = await json(['list', '--tool', 'web_s*', '--kind', 'tool', '--db', db]);
    expect(found.map((run: Row) => run.name)).toContain('Search Agent');
    expect((await json(['list', '--tool', 'web?', '--db', db])).data).toEqual([]);
    const {spans} = await show(db, runs[1].runId);
    const told = spans.filter((span: Row) => span.fromMessages);
    expect(told).toHaveLength(27);
    const reason = "Tool call limit reached. Tool call web_search not executed. Don't try to execute it again.";
    const common = {missing: true, kind: 'tool', toolName: 'web_search', spanStatus: null, durationMs: null};
    expect(told[0]).toMatchObject({
      ...common,
      state: 'error',
      stateReason: reason,
      startTime: null,
      surroundings: false,
    });
    expect(spans[spans.indexOf(told[0]) - 1]).toMatchObject({kind: 'llm', spanId: told[0].spanId.split('/')[0]});
    const questions = {
      tools: [{tool: 'web_search', calls: 30, failed: 27}],
      errors: [{message: reason, count: 27, runs: 1, fatalRuns: 0, name: 'web_search'}],
      loops: [{tool: 'web_search', calls: 27, agent: 'Search Agent', wastedTokens: 37_570}],
      slowest: expect.arrayContaining([expect.objectContaining({name: 'web_search', calls: 3})]),
      stats: expect.anything(),
    };
    for (const [question, answer] of Object.entries(questions)) {
      const {data} = await json([question, '--db', db]);
      if (Array.isArray(answer)) expect(data, question).toMatchObject(answer);
      else expect(data, question).toEqual(answer);
    }
    const {out} = await cli(['transcript', runs[1].runId, '--db', db]);
    expect(out.match(/✖ Tool call limit reached/g)).toHaveLength(27);
    expect(out).not.toContain('→ Tool call limit');
    const {out: tree} = await cli(['show', runs[1].runId, '--db', db]);
    expect(tree.match(/✖ web_search\(q="it"\).*no span/g)).toHaveLength(27);
  });

  it('a call whose span is lost is no pause, and one that failed without a span is a failed call', async () => {
    const db = await open('tool-span-missing');
    const {data: runs} = await json(['list', '--db', db]);
    expect(runs.map((run: Row) => [run.name, run.state, run.stateReason])).toEqual([
      ['Lossy Agent', 'ok', 'finished; a tool call has no span: run_sql'],
      ['Stop Agent', 'ok', 'finished; a tool call has no span: lookup'],
      ['Old Agent', 'degraded', 'lookup failed; the run continued'],
    ]);
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    const first = await json(['tools', '--db', db], {env});
    expect(first.data).toMatchObject([{tool: 'lookup', calls: 1, failed: 1}]);
    expect(first.notes.join()).toContain('read for this answer');
    // What is kept and what the source holds are counted alike: nothing is read a second time.
    const again = await json(['tools', '--db', db], {env});
    expect(again.data).toEqual(first.data);
    expect(again.notes.join()).not.toContain('read for this answer');
  });

  it('unknown tools, refused calls and parallel ones of real Agno', async () => {
    const unknown = await open('real-agno2');
    const {data: tools} = await json(['tools', '--limit', '0', '--db', unknown]);
    expect(tools.find((row: Row) => row.tool === 'no_such_tool')).toMatchObject({calls: 1, failed: 1});
    const {data: runs} = await json(['list', '-n', '0', '--db', unknown]);
    const states = Object.fromEntries(runs.map((run: Row) => [run.sessionId, run.state]));
    expect(states).toMatchObject({'unknown-tool': 'degraded', 'parallel-tools': 'degraded', threads: 'ok', same: 'ok'});
    const limited = await open('real-agno');
    const {data} = await json(['list', '--session', 'tl1', '--db', limited]);
    const {spans} = await show(limited, data[0].runId);
    const refused = spans.filter((span: Row) => span.fromMessages);
    expect(refused.length).toBeGreaterThan(0);
    expect(new Set(refused.map((span: Row) => span.state))).toEqual(new Set(['error']));
    expect(data[0].state).not.toBe('paused');
  });

  it('what client libraries write below a call is that call', async () => {
    const db = await open('double-instrumented');
    const {data: runs} = await json(['list', '--db', db]);
    expect(runs.map((run: Row) => [run.name, run.state, run.errorCount, run.totalTokens])).toEqual([
      ['Probe Agent', 'ok', 0, 240],
      ['Sdk Retry', 'ok', 0, 120],
      ['Twice Failing', 'error', 2, null],
      ['Twice Agent', 'ok', 0, 120],
    ]);
    expect((await json(['models', '--db', db])).data).toMatchObject([{model: 'gpt-4o', calls: 5, failed: 1}]);
    expect((await json(['errors', '--db', db])).data).toMatchObject([{message: 'rate limited', count: 1}]);
    expect((await json(['tools', '--db', db])).data).toMatchObject([{tool: 'find_file', calls: 1, failed: 0}]);
    const {spans} = await show(db, runs[1].runId);
    const below = spans.filter((span: Row) => span.plumbing);
    expect(below.map((span: Row) => [span.name, span.kind, span.critical])).toEqual([
      ['POST', 'other', false],
      ['POST', 'other', false],
    ]);
    const {out} = await cli(['transcript', runs[1].runId, '--db', db]);
    expect(out).not.toContain('POST');
    const {data: where} = await json(['where', '--by', 'kind', '--db', db]);
    expect(where.map((row: Row) => row.name)).not.toContain('http');
    // Spans as stored, whether facts are kept or not.
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    for (const [by, name, calls] of [
      ['kind', 'llm', 7],
      ['model', 'gpt-4o', 6],
    ] as const) {
      const {data: fromTables} = await json(['slowest', '--by', by, '--db', db]);
      expect(fromTables.find((row: Row) => row.name === name)).toMatchObject({calls});
      await json(['models', '--db', db], {env});
      expect((await json(['slowest', '--by', by, '--db', db], {env})).data).toEqual(fromTables);
    }
  });

  it('spans of another instrumentor alone are a run: operation, model, tokens; no request', async () => {
    const db = await open('gen-ai-only');
    const {data: runs} = await json(['list', '--db', db]);
    const known = {name: 'Weather Agent', kind: 'agent', state: 'degraded', sessionId: 's1', totalTokens: 300};
    expect(runs).toMatchObject([{...known, traffic: false, part: false, runId: null}]);
    const {spans} = await show(db, runs[0].traceId);
    expect(spans.map((span: Row) => [span.kind, span.model ?? span.toolName, span.totalTokens])).toEqual([
      ['agent', null, 300],
      ['llm', 'gpt-4o-2024-08-06', 120],
      ['tool', 'get_weather', null],
      ['llm', 'gpt-4o-2024-08-06', 180],
    ]);
    expect((await json(['tools', '--db', db])).data).toMatchObject([{tool: 'get_weather', calls: 1, failed: 1}]);
    const {data} = await json(['prune', '--traffic', '--older-than', '1h', '--dry-run', '--db', db]);
    expect(data.plan.traces).toBe(0);
    const {out} = await cli(['context', runs[0].traceId, '--db', db]);
    expect(out).toMatch(/ 100 tokens .*\n {4}no messages are stored\n\n2 /);
  });

  it('what an MCP client or server wrote outside any run is no request and goes with none', async () => {
    const file = sqliteCopy('cases/gen-ai-only.sqlite');
    const written = new Database(file);
    const insert = (table: string, row: object) =>
      written
        .prepare(`insert into ${table} (${Object.keys(row)}) values (${Object.keys(row).map(key => `@${key}`)})`)
        .run(row);
    const span = (
      trace: string,
      spanId: string,
      parent: string | null,
      name: string,
      kind: string,
      attributes: object,
    ) => {
      const times = {
        start_time: `2026-11-20T10:0${trace}:00+00:00`,
        end_time: `2026-11-20T10:0${trace}:00.250000+00:00`,
      };
      const common = {trace_id: trace, name, ...times, duration_ms: 250, created_at: times.end_time};
      if (parent === null) insert('agno_traces', {...common, status: 'OK'});
      const ids = {span_id: spanId, parent_span_id: parent, span_kind: kind};
      insert('agno_spans', {...common, ...ids, status_code: 'UNSET', attributes: JSON.stringify(attributes)});
    };
    const http = {'http.request.method': 'POST'};
    span('1', 'a', null, 'MCP send initialize', 'CLIENT', {'mcp.method.name': 'initialize'});
    span('1', 'a2', 'a', 'POST', 'CLIENT', http);
    span('2', 'b', null, 'POST /mcp', 'SERVER', http);
    const called = {'mcp.method.name': 'tools/call', 'gen_ai.operation.name': 'execute_tool'};
    span('2', 'b2', 'b', 'tools/call look', 'SERVER', called);
    span('3', 'c', null, 'POST /mcp', 'SERVER', http);
    span('3', 'c2', 'c', 'tools/call ask', 'SERVER', called);
    span('3', 'c3', 'c2', 'Asked.run', 'INTERNAL', {'openinference.span.kind': 'AGENT', 'agent.name': 'Asked'});
    span('4', 'd', null, 'GET /health', 'SERVER', {'http.request.method': 'GET'});
    written.close();
    const db = backend === 'sqlite' ? file : await loadIntoPostgres(file);
    const {data: runs} = await json(['list', '--traffic', '--db', db]);
    const told = runs.map((run: Row) => [run.traceId, run.name, run.kind, run.part, run.traffic]);
    expect(told.filter(([traceId]: string[]) => traceId!.length === 1)).toEqual([
      ['4', 'GET /health', 'http', false, true],
      ['3', 'Asked', 'agent', false, false],
      ['2', 'tools/call look', 'mcp', true, false],
      ['1', 'MCP send initialize', 'mcp', true, false],
    ]);
    const {data} = await json(['prune', '--traffic', '--older-than', '1h', '--dry-run', '--db', db]);
    expect(data.plan.traces).toBe(1);
    const {data: doctor} = await json(['doctor', '--db', db]);
    expect(doctor.findings.find(({id}: Row) => id === 'http-traffic').text).toContain('1 of 5 traces');
  });
});
