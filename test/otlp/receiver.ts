import {createServer, type IncomingHttpHeaders} from 'node:http';
import type {AddressInfo} from 'node:net';
import {gunzipSync} from 'node:zlib';
import type {AnyValue, KeyValue} from '../../src/otlp/any-value.ts';
import type {OtlpSpan} from '../../src/otlp/otlp-span.ts';
import {protobufFields} from '../../src/otlp/protobuf.ts';
import {atEndOfFile} from '../end-of-file.ts';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Unpacked. */
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Instead of an answer the connection is cut, or nothing comes. */
  readonly instead?: 'cut' | 'silence';
}

/** A receiver that gives one answer after the other, then 200 to all; or what a function decides. */
export async function receiver(
  answers: readonly Answer[] | ((request: Received) => Answer) = [],
): Promise<{url: string; received: Received[]}> {
  const received: Received[] = [];
  const left = Array.isArray(answers) ? [...(answers as readonly Answer[])] : [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', part => parts.push(part));
    request.on('end', () => {
      const raw = Buffer.concat(parts);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(raw) : raw;
      const got = {method: request.method!, path: request.url!, headers: request.headers, body};
      received.push(got);
      const answer = typeof answers === 'function' ? answers(got) : (left.shift() ?? {status: 200});
      if (answer.instead === 'silence') return;
      if (answer.instead === 'cut') return request.socket.destroy();
      response.writeHead(answer.status, answer.headers).end(answer.body ?? '');
    });
  });
  atEndOfFile(() => {
    server.closeAllConnections();
    server.close();
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received};
}

/** The spans of a request, of either encoding, in the form of JSON. */
export function spansIn({headers, body}: Received): OtlpSpan[] {
  if (headers['content-type'] === 'application/json') return requestSpans(body.toString());
  return children(body, 1).flatMap(resource => children(resource, 2).flatMap(scope => children(scope, 2).map(spanOf)));
}

export function requestSpans(json: string): OtlpSpan[] {
  const {resourceSpans} = JSON.parse(json);
  return resourceSpans.flatMap((resource: {scopeSpans: {spans: OtlpSpan[]}[]}) =>
    resource.scopeSpans.flatMap(scope => scope.spans),
  );
}

// Read by the field numbers of opentelemetry-proto, trace.proto and common.proto.

function children(bytes: Buffer, wanted: number): Buffer[] {
  return [...protobufFields(bytes)].flatMap(({field, value}) =>
    field === wanted && typeof value !== 'bigint' ? [value] : [],
  );
}

function spanOf(bytes: Buffer): OtlpSpan {
  const fields = new Map([...protobufFields(bytes)].map(({field, value}) => [field, value]));
  const raw = (field: number) => fields.get(field) as Buffer;
  const status = new Map([...protobufFields(raw(15))].map(({field, value}) => [field, value]));
  return {
    traceId: raw(1).toString('hex'),
    spanId: raw(2).toString('hex'),
    ...(fields.has(4) ? {parentSpanId: raw(4).toString('hex')} : {}),
    name: raw(5).toString(),
    kind: Number(fields.get(6) ?? 0),
    startTimeUnixNano: raw(7).readBigUInt64LE().toString(),
    endTimeUnixNano: raw(8).readBigUInt64LE().toString(),
    attributes: children(bytes, 9).map(keyValueOf),
    status: {
      ...(status.has(3) ? {code: Number(status.get(3))} : {}),
      ...(status.has(2) ? {message: String(status.get(2))} : {}),
    },
  };
}

function keyValueOf(bytes: Buffer): KeyValue {
  const [key] = children(bytes, 1);
  const [value] = children(bytes, 2);
  return {key: key!.toString(), value: anyValueOf(value!)};
}

function anyValueOf(bytes: Buffer): AnyValue {
  const [found] = protobufFields(bytes);
  if (!found) return {};
  const {field, value} = found;
  if (field === 2) return {boolValue: value === 1n};
  if (field === 3) return {intValue: BigInt.asIntN(64, value as bigint).toString()};
  const content = value as Buffer;
  if (field === 1) return {stringValue: content.toString()};
  if (field === 4) {
    const number = content.readDoubleLE();
    return {doubleValue: Number.isFinite(number) ? number : (String(number) as 'NaN')};
  }
  if (field === 5) return {arrayValue: {values: children(content, 1).map(anyValueOf)}};
  return {kvlistValue: {values: children(content, 1).map(keyValueOf)}};
}
