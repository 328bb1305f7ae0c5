import http from 'node:http';
import {afterAll, describe, expect, it} from 'vitest';
import {labelOf, parseSource, secretsOf} from '../../src/store/source.ts';
import {cli} from '../cli.ts';

const parse = (text: string, env = {}) => parseSource(text, '--db', env, '/work');
const messageOf = (text: string): string => {
  try {
    parse(text);
    return '';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('an address of ClickHouse', () => {
  it.each([
    ['clickhouse://ann:s%40fe@db.example:8124/traces', 'ann@db.example:8124/traces', false],
    ['clickhouse://db.example', 'default@db.example:8123/agno', false],
    ['clickhouses://db.example/agno', 'default@db.example:8443/agno', true],
    ['clickhouse://db.example/agno?secure=true&compress=lz4', 'default@db.example:8443/agno', true],
    ['clickhousedb+connect://ann@[::1]:8123/agno', 'ann@[::1]:8123/agno', false],
  ])('%s is %s', (text, label, isTls) => {
    const source = parse(text);
    expect(labelOf(source)).toBe(label);
    expect(source).toMatchObject({dialect: 'clickhouse', isTls});
  });

  it('has its password from the URL or from the variable, and shows it nowhere', () => {
    expect(secretsOf(parse('clickhouse://ann:s%40fe@h/d'))).toEqual(['s@fe']);
    expect(secretsOf(parse('clickhouse://ann@h/d', {CLICKHOUSE_PASSWORD: 'other'}))).toEqual(['other']);
  });

  it.each([
    ['clickhouse://h:9000/d', 'native protocol'],
    ['clickhouse://h/d?verify=false', 'always checked'],
    ['clickhouse://h/d?password=geheim', 'has the user after "?"'],
    ['clickhouse://a:ge/he@im@h/d', 'not a ClickHouse URL'],
    ['clickhouse://h:70000/d', 'an invalid port'],
  ])('%s is refused', (text, words) => {
    expect(messageOf(text)).toContain(words);
    expect(messageOf(text)).not.toMatch(/geheim|ge\/he/);
  });
});

type Answer = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void;

/** A server that speaks HTTP and answers what it likes. */
const servers: http.Server[] = [];
async function stranger(answer: Answer): Promise<string> {
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', chunk => {
      body += chunk;
    });
    request.on('end', () => answer(request, response, body));
  });
  servers.push(server);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return `clickhouse://ann:geheim@127.0.0.1:${(server.address() as {port: number}).port}/agno`;
}
afterAll(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
});

const failing =
  (code: string, message: string): Answer =>
  (_, response) => {
    response.writeHead(500, {'X-ClickHouse-Exception-Code': code});
    response.end(`Code: ${code}. DB::Exception: ${message}. (SOME_ERROR) (version 26.7.2.1)`);
  };

/** Writes for ever, as fast as it is read. */
const endless =
  (status: number, text: string): Answer =>
  (_, response) => {
    response.writeHead(status);
    const write = () => {
      while (!response.destroyed && response.write(text));
      if (!response.destroyed) response.once('drain', write);
    };
    write();
  };

describe('a server that answers strangely', () => {
  it.each<[string, Answer, string]>([
    [
      'refuses the login',
      failing('516', 'ann: Authentication failed: password is incorrect'),
      'refused the login of user "ann"',
    ],
    ['knows no such database', failing('81', 'Database agno does not exist'), 'there is no database "agno"'],
    ['lets nobody read', failing('497', 'ann: Not enough privileges'), 'user "ann" may not read'],
    ['is busy', failing('202', 'Too many simultaneous queries'), 'as many statements as allowed'],
    ['has another error', failing('999', `Keeper is away ${'x'.repeat(5000)}`), 'Keeper is away'],
    ['sends control characters', failing('999', 'a\u001b[31mred\u0007\nb'), 'a'],
    ['sends an error without end', endless(500, 'x'.repeat(65_536)), 'cannot be understood (an endless answer)'],
    ['sends a web page', (_, response) => response.end('<html><body>Welcome</body></html>'), 'cannot be understood'],
    ['sends nothing', (_, response) => response.end(), 'cannot be understood'],
    ['sends other rows', (_, response) => response.end('["a"]\n["String"]\n["b"]\n'), 'cannot be understood'],
    ['hangs up', (_, response) => void response.destroy(), 'broke off'],
    [
      'leads elsewhere',
      (_, response) => {
        response.writeHead(307, {Location: 'http://127.0.0.1:1/'});
        response.end();
      },
      'cannot be understood',
    ],
  ])('%s', async (_, answer, words) => {
    const {code, err} = await cli(['list', '--db', await stranger(answer), '--timeout', '20s']);
    expect(err).toContain(words);
    expect(code).toBe(4);
    expect(err.trim().split('\n').length).toBe(2);
    expect(err).toMatch(/^hint: /m);
    expect(err.length).toBeLessThan(700);
    expect(err).not.toMatch(/geheim|[\u0000-\u0009\u000b-\u001f]/);
  });

  it('every statement is sent read-only, with limits of time, memory and rows; where a profile takes none without', async () => {
    const sent: {query: URLSearchParams; body: string}[] = [];
    const takes =
      (isStrict: boolean): Answer =>
      (request, response, body) => {
        const query = new URL(request.url!, 'http://h').searchParams;
        if (isStrict && query.has('readonly'))
          return failing('164', "Cannot modify 'readonly' setting in readonly mode")(request, response, body);
        sent.push({query, body});
        const isServer = body.includes('currentUser()');
        response.end(
          isServer
            ? '["version","role","now","started","memory","seconds","result_rows"]\n["String","String","Int64","Int64","UInt64","Float64","UInt64"]\n["26.7","ann",1796058754297310,1796058700,1000000000,5,0]\n'
            : '["table","name","type"]\n["String","String","String"]\n',
        );
      };
    const {err} = await cli(['list', '--db', await stranger(takes(false)), '--timeout', '20s']);
    expect(err).toContain('has no table');
    expect(sent.map(({query}) => query.get('readonly'))).toEqual(['1', '1']);
    // The user's own limits are lower than ours.
    expect(Object.fromEntries(sent[1]!.query)).toMatchObject({
      max_execution_time: '5',
      max_memory_usage: '1000000000',
      timeout_overflow_mode: 'throw',
      result_overflow_mode: 'throw',
      cancel_http_readonly_queries_on_client_close: '1',
    });
    sent.length = 0;
    expect((await cli(['list', '--db', await stranger(takes(true))])).err).toContain('has no table');
    for (const {query} of sent) expect([...query.keys()].some(key => /readonly|max_|mode/.test(key))).toBe(false);
  });
});
