import {renameSync} from 'node:fs';
import path from 'node:path';
import {EmptyResultSchema} from '@modelcontextprotocol/sdk/types.js';
import Database from 'better-sqlite3';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';
import {CALLS, sameAsCommands} from '../mcp-calls.ts';
import {jsonOf, type McpClient, mcpClient, textsOf} from '../mcp-client.ts';

const NOW = Date.parse('2026-11-27T12:00:00Z') * 1000;

let folder: string;
let db: string;
let server: McpClient;
/** A run with tools and an error, and a span of it. */
let ids: {run: string; span: string};
const options = () => ({
  cwd: folder,
  env: {HOME: folder, AGNO_TRACE_CACHE: path.join(folder, 'cache')},
  nowMicros: NOW,
});

beforeAll(async () => {
  folder = temporaryFolder();
  db = sqliteCopy('agno-3.1.10-shop.sqlite');
  // Questions say how many spans were read for them: none any more.
  expect((await cli(['stats', '--db', db], options())).code).toBe(EXIT.done);
  server = await mcpClient(['--db', db, '--allow-sql'], options());
  const listed = jsonOf(await server.call('list_runs', {limit: 1, sort: 'spans'}));
  const run = listed.data[0].runId;
  const shown = jsonOf(await server.call('show_run', {id: run}));
  ids = {run, span: shown.data.spans[1].spanId};
});

afterAll(async () => {
  expect(await server.leave()).toEqual({code: EXIT.done, err: ''});
});

describe('a tool', () => {
  it('answers what its command prints as JSON', async () => {
    const {tools} = await server.client.listTools();
    expect([...new Set(CALLS.map(([tool]) => tool))].sort()).toEqual(tools.map(({name}) => name).sort());
    await sameAsCommands(server, {db, ...ids}, options());
  });

  it('says that what it takes are flags of its command, which files and formats are not', async () => {
    const {tools} = await server.client.listTools();
    const inputs = Object.fromEntries(
      tools.map(({name, inputSchema: {properties = {}, required = []}}) => [
        name,
        Object.entries(properties)
          .map(([key, input]) => `${key}${required.includes(key) ? '!' : ''}: ${(input as {type: string}).type}`)
          .join(', '),
      ]),
    );
    await expect(JSON.stringify(inputs, null, 2)).toMatchFileSnapshot('../golden/mcp/inputs.json');
    for (const {annotations} of tools) expect(annotations).toEqual({readOnlyHint: true, openWorldHint: false});
    expect(JSON.stringify(tools).length).toBeLessThan(29_000);
  });
});

describe('what no command line can mean', () => {
  it('is no flag where it is an argument', async () => {
    for (const pattern of ['--env-file=x', '--tz=nowhere', '--help', '-o', '--', '-']) {
      const {isError, content} = await server.call('grep', {pattern, limit: 1});
      expect(isError ?? false, `${pattern}: ${textsOf({content})}`).toBe(false);
    }
  });

  it('is refused in words', async () => {
    const wrong: Record<string, string> = {};
    const attempt = async (tool: string, given: Record<string, unknown>, shown = JSON.stringify(given)) => {
      const answer = await server.call(tool, given);
      expect(answer.isError, shown).toBe(true);
      wrong[`${tool} ${shown}`] = textsOf(answer).join('\n');
      expect(jsonOf(answer).error.message.length).toBeLessThan(2100);
    };
    await attempt('show_run', {});
    await attempt('show_span', {id: 'latest'});
    await attempt('show_run', {id: 'x'.repeat(5_000_000)}, '5 MB');
    await attempt('show_run', {id: 'x'.repeat(90_000)}, '90 kB').then(() => {
      wrong['show_run 90 kB'] = wrong['show_run 90 kB']!.replace(/x{10,}/g, 'x…');
    });
    await attempt('show_run', {id: {a: 1}});
    await attempt('show_run', {id: ['a']});
    await attempt('show_run', {id: 'a\0b'});
    await attempt('show_run', {id: "'; drop table agno_spans; --"});
    await attempt('show_run', {id: 'latest', depth: -1});
    await attempt('show_run', {id: 'latest', depth: 'deep'});
    await attempt('show_run', {id: 'latest', critical: 'yes'});
    await attempt('show_run', {id: 'latest', io: 'everything'});
    await attempt('show_run', {id: 'latest', span: 'a'});
    await attempt('show_run', {id: 'latest', 'max-bytes': 10});
    await attempt('list_runs', {lmit: 3});
    await attempt('list_runs', {output: '/tmp/x'});
    await attempt('list_runs', {db: '/etc/passwd'});
    await attempt('list_runs', {state: ['perfect']});
    await attempt('list_runs', {session: Array.from({length: 2000}, () => 'a')}, '2000 sessions');
    await attempt('grep', {pattern: '('});
    await attempt('sql', {statement: 'delete from agno_spans'});
    await attempt('sql', {statement: '-'});
    await attempt('wait', {id: 'none', timeout: '10ms'});
    await expect(`${JSON.stringify(wrong, null, 2)}\n`).toMatchFileSnapshot('../golden/mcp/refused.json');
    await expect(server.call('drop_tables')).rejects.toThrow('there is no tool "drop_tables"; there are list_runs, ');
  });

  it('is refused by the number that the protocol has for wrong params, and in words', async () => {
    const {client} = server;
    const refused = async (method: string, params?: Record<string, unknown>) =>
      client.request({method, ...(params ? {params} : {})} as never, EmptyResultSchema).then(
        () => 'answered',
        (error: Error) => error.message,
      );
    expect(await refused('tools/call', {arguments: {}})).toBe(
      'MCP error -32602: wrong params of tools/call: params.name: expected string, received undefined',
    );
    expect(await refused('tools/call')).toBe(
      'MCP error -32602: wrong params of tools/call: params: expected object, received undefined',
    );
    expect(await refused('tools/call', {name: 'list_runs', arguments: 'all'})).toBe(
      'MCP error -32602: wrong params of tools/call: params.arguments: expected record, received string',
    );
    const others: [string, Record<string, unknown>][] = [
      ['tools/list', {cursor: 5}],
      ['resources/list', {cursor: {}}],
      ['resources/templates/list', {cursor: 5}],
      ['resources/read', {uri: 5}],
      ['prompts/list', {cursor: 5}],
      ['prompts/get', {name: ['a']}],
    ];
    for (const [method, params] of others)
      expect(await refused(method, params)).toMatch(
        new RegExp(`^MCP error -32602: wrong params of ${method}: params.\\w+: expected string, received \\w+$`),
      );
  });
});

describe('runs and questions', () => {
  it('are resources, page by page, and read as show_run answers', async () => {
    const {client} = server;
    const {resourceTemplates} = await client.listResourceTemplates();
    expect(resourceTemplates.map(({uriTemplate}) => uriTemplate)).toEqual(['agno-trace://run/{id}']);
    const first = await client.listResources();
    const second = await client.listResources({cursor: first.nextCursor});
    const uris = [...first.resources, ...second.resources].map(({uri}) => uri);
    expect(new Set(uris).size).toBe(40);
    const read = await client.readResource({uri: `agno-trace://run/${ids.run}`});
    const [run] = textsOf(await server.call('show_run', {id: ids.run}));
    expect(read.contents).toMatchObject([{mimeType: 'application/json', text: run}]);
    await expect(client.readResource({uri: 'agno-trace://run/nowhere'})).rejects.toThrow(
      'MCP error -32002: error: no run, trace, span or session starts with "nowhere". hint: agno-trace list has',
    );
    await expect(client.readResource({uri: 'file:///etc/passwd'})).rejects.toThrow('"file:///etc/passwd" is no run');
  });

  it('are prompts, which name the tools there are and quote what they are given', async () => {
    const {client} = server;
    const {prompts} = await client.listPrompts();
    expect(prompts.map(({name}) => name)).toEqual(['why_did_this_run_fail', 'what_is_slow']);
    const {tools} = await client.listTools();
    for (const {name, arguments: [argument] = []} of prompts) {
      for (const given of [{}, {[argument!.name]: 'the "one"'}]) {
        const {messages} = await client.getPrompt({name, arguments: given});
        const text = (messages[0]!.content as {text: string}).text;
        expect(text.includes('"the \\"one\\""')).toBe(argument!.name in given);
        expect(tools.filter(tool => text.includes(tool.name)).length).toBeGreaterThan(2);
      }
    }
    await expect(client.getPrompt({name: 'none'})).rejects.toThrow('there is no prompt "none"; there are why_');
  });
});

describe('a database', () => {
  it('that goes away is an error of the call, and read again when it is back', async () => {
    const file = path.join(folder, 'moving.db');
    renameSync(sqliteCopy('agno-3.1.10-shop.sqlite'), file);
    const moving = await mcpClient(['--db', file], options());
    const ask = async () => textsOf(await moving.call('list_runs', {limit: 1}))[0]!;
    const before = await ask();
    renameSync(file, `${file}.away`);
    expect(await ask()).toBe(
      `error: there is no database file "${file}".\nhint: Pass --db with a path or a URL, or set AGNO_TRACE_DB.`,
    );
    renameSync(`${file}.away`, file);
    expect(await ask()).toBe(before);
    expect((await moving.leave()).code).toBe(EXIT.done);
  });

  it('that nobody named is an error of the call', async () => {
    const lost = await mcpClient([], {...options(), cwd: temporaryFolder()});
    expect(textsOf(await lost.call('list_runs'))[0]).toMatch(/^error: .*\nhint: /);
    expect((await lost.leave()).code).toBe(EXIT.done);
  });
});

describe('--redact', () => {
  const SECRET = 'sk-proj-Xk29dPq8LmN4vRt7WzYb3CfHgJsA6eUoQi1KxT5nVbM2pLdS';
  const PERSON = 'maria.lindqvist@example-mail.org';

  it('takes secrets out of every answer and error, whatever the size, and gives the same pseudonym each time', async () => {
    const file = sqliteCopy('agno-3.1.10-shop.sqlite');
    const stored = new Database(file);
    const rows = stored
      .prepare(
        'select span_id, attributes from agno_spans where trace_id = (select trace_id from agno_spans where span_id = ?)',
      )
      .all(ids.span) as {span_id: string; attributes: string}[];
    const change = stored.prepare('update agno_spans set attributes = ?, status_message = ? where span_id = ?');
    for (const {span_id, attributes} of rows) {
      const {'output.value': output = '', ...rest} = JSON.parse(attributes);
      const planted = {
        ...rest,
        'output.value': `${output} write to ${PERSON}, key ${SECRET} end`,
        password: 'hunter22x',
      };
      change.run(JSON.stringify(planted), `refused for ${PERSON} with ${SECRET}`, span_id);
    }
    const people = stored
      .prepare(
        'select user_id as id from agno_traces where user_id is not null union select session_id from agno_traces where session_id is not null',
      )
      .all() as {id: string}[];
    expect(people.length).toBeGreaterThan(10);
    stored.close();
    const open = await mcpClient(['--db', file, '--allow-sql'], options());
    const clean = await mcpClient(['--db', file, '--allow-sql', '--redact', 'all'], options());
    const calls: [string, Record<string, unknown>][] = [
      ['list_runs', {limit: 0}],
      ['show_run', {id: ids.run, 'max-bytes': 1_000_000}],
      ['show_run', {id: ids.run, io: 'full', 'max-bytes': 1_000_000}],
      ['show_span', {id: ids.run, span: ids.span}],
      ['transcript', {id: ids.run, 'max-bytes': 1_000_000}],
      ['grep', {pattern: 'key', 'max-bytes': 1_000_000}],
      ['errors', {}],
      ['spans', {'max-bytes': 1_000_000}],
      ['usage', {by: 'user'}],
      ['usage', {by: 'session', limit: 0}],
      ['check', {per: 'user', 'max-error-rate': '0%'}],
      ['why', {state: ['error']}],
      [
        'sql',
        {
          statement: `select attributes, status_message, user_id from agno_spans join agno_traces using (trace_id) where attributes like '%hunter22x%'`,
        },
      ],
      ['show_run', {id: PERSON}],
    ];
    let told = 0;
    for (const [tool, given] of calls) {
      const where = `${tool} ${JSON.stringify(given)}`;
      const before = JSON.stringify(await open.call(tool, given));
      const after = JSON.stringify(await clean.call(tool, given));
      for (const {id} of people)
        expect(after.includes(`"${id}"`) || after.includes(`\\"${id}\\"`), `${id} in ${where}`).toBe(false);
      for (const planted of [SECRET, PERSON, 'hunter22x']) {
        if (before.includes(planted)) told++;
        expect(after.includes(planted), `${planted} in ${where}`).toBe(false);
      }
    }
    // The test would say nothing about answers that never held any.
    expect(told).toBeGreaterThan(10);
    for (let size = 3000; size < 12_000; size += 250) {
      const cut = JSON.stringify(await clean.call('show_span', {id: ids.run, span: ids.span, 'max-bytes': size}));
      expect(cut.includes(SECRET.slice(0, 14)) || cut.includes('maria.'), `of ${size} bytes`).toBe(false);
    }
    const userOf = async () => jsonOf(await clean.call('list_runs', {limit: 1})).data[0].userId;
    expect(await userOf()).toMatch(/^user_[0-9a-f]{16}$/);
    expect(await userOf()).toBe(await userOf());
    await open.leave();
    await clean.leave();
  });
});
