import {describe, expect, it} from 'vitest';
import {retryAfterMs} from '../../src/otlp/sender.ts';
import {cli} from '../cli.ts';
import {sqliteCopy} from '../fixtures.ts';
import {type Answer, receiver, spansIn} from './receiver.ts';

const DB = sqliteCopy('agno-3.1.10-pictures.sqlite');
const KEY = 'pk-lf-0123456789abcdef';
const send = (url: string, ...more: string[]) => cli(['export', '--all', '--db', DB, '--to', url, ...more]);
/** A port that is nobody's service, and that only root could listen on. */
const CLOSED_URL = 'http://127.0.0.1:2';
const JSON_TYPE = {'content-type': 'application/json'};
const PROTOBUF = {'content-type': 'application/x-protobuf'};
const SPANS = 271;

describe('where it goes', () => {
  it.each([
    ['', '/v1/traces'],
    ['/', '/v1/traces'],
    ['/api/public/otel', '/api/public/otel/v1/traces'],
    ['/api/public/otel/', '/api/public/otel/v1/traces'],
    ['/v1/traces', '/v1/traces'],
    ['/otlp?project=a', '/otlp/v1/traces?project=a'],
  ])('to a base URL that ends with "%s" the path of traces is added', async (end, wanted) => {
    const {url, received} = await receiver();
    expect((await send(url + end)).code).toBe(0);
    expect(received.map(request => request.path)).toEqual([wanted]);
  });

  it('takes endpoint, headers and protocol from the variables of OpenTelemetry', async () => {
    const {url, received} = await receiver();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: `${url}/base`,
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Basic%20abc,x-project=one',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    };
    const result = await cli(['export', 'latest', '--db', DB, '--to', 'env', '--header', 'x-project=two'], {env});
    expect(result.code).toBe(0);
    expect(received[0]).toMatchObject({
      path: '/base/v1/traces',
      headers: {authorization: 'Basic abc', 'x-project': 'two', 'content-type': 'application/json'},
    });
    const whole = {...env, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${url}/own/path`};
    await cli(['export', 'latest', '--db', DB, '--to', 'env'], {env: whole});
    expect(received[1]!.path).toBe('/own/path');
  });

  it('tells no receiver what is meant for another one', async () => {
    const {url, received} = await receiver();
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://other.example',
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${KEY}`,
    };
    await cli(['export', 'latest', '--db', DB, '--to', url], {env});
    expect(received[0]!.headers.authorization).toBeUndefined();
    await cli(['export', 'latest', '--db', DB, '--to', url], {env: {OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a'}});
    expect(received[1]!.headers['x-key']).toBe('a');
  });

  it('makes a header of a name and a password in the URL, and shows neither', async () => {
    const {url, received} = await receiver([{status: 400}]);
    const {err} = await send(url.replace('http://', `http://pk:${KEY}@`));
    expect(received[0]!.headers.authorization).toBe(`Basic ${Buffer.from(`pk:${KEY}`).toString('base64')}`);
    expect(err).not.toContain(KEY);
  });
});

describe('what is answered', () => {
  const busy = (status: number): Answer => ({status, headers: {'retry-after': '0'}, body: 'later'});

  it.each([429, 502, 503, 504])('HTTP %d is tried again, when the receiver says', async status => {
    const {url, received} = await receiver([busy(status), busy(status)]);
    const {code, err} = await send(url);
    expect([code, received.length]).toEqual([0, 3]);
    expect(received.map(request => request.body.length)).toEqual(Array(3).fill(received[0]!.body.length));
    expect(err).toContain(`HTTP ${status} (later); trying again in 0.0 s`);
    expect(err).toContain(`sent ${SPANS} spans of 48 runs: 1 request, `);
  });

  it('is given up after so many tries, and says that nothing was sent', async () => {
    const {url, received} = await receiver(() => busy(503));
    const {code, err} = await send(url, '--retries', '2');
    expect([code, received.length]).toEqual([4, 3]);
    expect(err).toContain(
      `error: ${url}/v1/traces did not accept it after 3 tries: HTTP 503 (later). Nothing was sent.`,
    );
  });

  it('does not wait longer than is sensible', async () => {
    const {url, received} = await receiver(() => ({status: 503, headers: {'retry-after': '86400'}}));
    expect((await send(url)).code).toBe(4);
    expect(received).toHaveLength(1);
  });

  it('a connection that is cut is tried again', async () => {
    const {url, received} = await receiver([{status: 0, instead: 'cut'}]);
    const {code, err} = await send(url, '--retries', '1');
    expect([code, received.length]).toEqual([0, 2]);
    expect(err).toMatch(/^the connection was cut; trying again in (0\.\d|1\.0) s$/m);
  });

  it('nobody there, or no answer in time, is exit 4', async () => {
    const nobody = await send(CLOSED_URL, '--retries', '0');
    expect(nobody.code).toBe(4);
    expect(nobody.err).toContain('did not accept it: nothing listens there. Nothing was sent.');
    const {url} = await receiver(() => ({status: 0, instead: 'silence'}));
    const silent = await send(url, '--retries', '0', '--send-timeout', '100ms');
    expect(silent.code).toBe(4);
    expect(silent.err).toContain('no answer within 0.1 s');
  });

  it.each([
    [400, 1, 'It may accept --protocol http/json, or no compression (--no-gzip).'],
    [401, 4, 'Check the key: --header, or OTEL_EXPORTER_OTLP_HEADERS.'],
    [403, 4, 'Check the key: --header, or OTEL_EXPORTER_OTLP_HEADERS.'],
    [404, 1, 'Check the path: /v1/traces is added to --to unless it already ends with that.'],
    [500, 1, 'It may accept --protocol http/json, or no compression (--no-gzip).'],
    [307, 1, 'Redirects are not followed: pass the final address.'],
  ])('HTTP %d is final: exit %d', async (status, exit, hint) => {
    const {url, received} = await receiver(() => ({
      status,
      headers: {...JSON_TYPE, location: 'http://127.0.0.1:9/'},
      body: '{"message": "no such thing"}',
    }));
    const {code, err} = await send(url);
    expect([code, received.length]).toEqual([exit, 1]);
    expect(err).toContain(`HTTP ${status} (no such thing). Nothing was sent.\nhint: ${hint}`);
  });

  it("reads the messages of Protobuf's and of plain answers", async () => {
    const status = Buffer.concat([Buffer.from([0x08, 0x03, 0x12, 3]), Buffer.from('bad')]);
    const {url} = await receiver([
      {status: 400, headers: PROTOBUF, body: status},
      {status: 415, headers: {'content-type': 'text/plain'}, body: 'Unsupported\ncontent type'},
    ]);
    expect((await send(url)).err).toContain('HTTP 400 (bad).');
    expect((await send(url)).err).toContain('HTTP 415 (Unsupported content type).');
  });

  it.each([
    ['JSON', JSON_TYPE, '{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}'],
    ['Protobuf', PROTOBUF, Buffer.from([0x0a, 11, 0x08, 3, 0x12, 7, ...Buffer.from('too old')])],
  ] as const)('a partial success in %s is told, never sent again, and exit 1', async (_, headers, body) => {
    const {url, received} = await receiver([{status: 200, headers, body}]);
    const {code, err} = await send(url);
    expect([code, received.length]).toEqual([1, 1]);
    expect(err).toContain('the receiver rejected 3 spans\nthe receiver says: too old\n');
  });

  it('a warning beside a success is told', async () => {
    const body = '{"partialSuccess": {"errorMessage": "use a newer version"}}';
    const {url} = await receiver([{status: 200, headers: JSON_TYPE, body}]);
    const {code, err} = await send(url);
    expect([code, err]).toEqual([0, expect.stringContaining('the receiver says: use a newer version')]);
  });

  it('what is too large goes in halves', async () => {
    const {url, received} = await receiver(({body}) => ({status: body.length > 300_000 ? 413 : 200}));
    const {code, err} = await send(url);
    expect(code).toBe(0);
    const taken = received.filter(({body}) => body.length <= 300_000).flatMap(spansIn);
    expect(taken).toHaveLength(SPANS);
    expect(new Set(taken.map(({spanId}) => spanId)).size).toBe(SPANS);
    expect(err).toMatch(new RegExp(`sent ${SPANS} spans of 48 runs: [2-9] requests, `));
  });

  it('says what had been accepted before it failed', async () => {
    // The first half is taken, the second refused.
    let halves = 0;
    const {url} = await receiver(({body}) =>
      body.length > 700_000 ? {status: 413} : {status: halves++ === 0 ? 200 : 400},
    );
    const {code, err} = await send(url);
    expect(code).toBe(1);
    expect(err).toMatch(/HTTP 400\. \d+ spans in 1 requests had been accepted before\./);
  });
});

describe('headers', () => {
  it('are never printed, whatever is answered', async () => {
    const {url, received} = await receiver(({headers}) => ({
      status: 401,
      headers: {'content-type': 'text/plain'},
      body: `no such key: ${headers.authorization}`,
    }));
    for (const more of [[], ['--debug'], ['--jsonl']]) {
      const {code, err, out} = await send(url, '--header', `Authorization=Bearer ${KEY}`, ...more);
      if (more[0] !== '--jsonl') expect(code).toBe(4);
      expect(err + out).not.toContain(KEY);
    }
    expect(received[0]!.headers.authorization).toBe(`Bearer ${KEY}`);
    const warned = await receiver([
      {status: 200, headers: JSON_TYPE, body: `{"partialSuccess": {"errorMessage": "${KEY} is old"}}`},
    ]);
    const {err} = await send(warned.url, '--header', `x-api-key: ${KEY}`);
    expect(err).toContain('the receiver says: *** is old');
  });

  it.each(['hunter', '=hunter', 'x y=hunter', 'x=hun\nter'])(
    'one that is none is refused and not quoted: %j',
    async header => {
      const {code, err} = await send('http://127.0.0.1:9', '--header', header);
      expect(code).toBe(2);
      expect(err).toContain('has an invalid header');
      expect(err).not.toContain('hun');
    },
  );
});

it('a dry run counts and sends nothing', async () => {
  const {url, received} = await receiver();
  const {code, err} = await send(url, '--dry-run');
  expect([code, received.length]).toEqual([0, 0]);
  expect(err).toMatch(new RegExp(`^would send 48 runs, ${SPANS} spans: 1 request, \\d+ bytes, ${url}/v1/traces$`, 'm'));
});

it('--print-sql sends nothing', async () => {
  const {url, received} = await receiver();
  const {code, out} = await send(url, '--print-sql');
  expect([code, received.length]).toEqual([0, 0]);
  expect(out).toMatch(/from "agno_spans" s\n where s\.span_id in/);
});

it('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-11-22T00:00:00Z');
  expect(retryAfterMs('120', now)).toBe(120_000);
  expect(retryAfterMs('Sun, 22 Nov 2026 00:00:30 GMT', now)).toBe(30_000);
  expect(retryAfterMs('Sat, 21 Nov 2026 00:00:30 GMT', now)).toBe(0);
  expect(retryAfterMs('soon', now)).toBeNull();
  expect(retryAfterMs(null, now)).toBeNull();
});
