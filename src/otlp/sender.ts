import {promisify} from 'node:util';
import {gzip} from 'node:zlib';
import {EXIT, type ExitCode, UserError} from '../errors.ts';
import {type Endpoint, type Protocol, shownUrl} from './endpoint.ts';
import type {OtlpSpan} from './otlp-span.ts';
import {protobufFields} from './protobuf.ts';
import {type Origin, requestJson, requestProtobuf} from './request.ts';

export interface SenderOptions {
  readonly endpoint: Endpoint;
  readonly protocol: Protocol;
  readonly compress: boolean;
  /** Longest time of one request, ms. */
  readonly timeoutMs: number;
  /** Number of retries for a request that may still succeed. */
  readonly retries: number;
  readonly origin: Origin;
  /** Nothing is sent; requests are built and counted. */
  readonly dryRun: boolean;
  /** Called with the reason for a wait. */
  readonly onWait?: (text: string) => void;
  /** Ends waiting. */
  readonly signal?: AbortSignal;
}

/** What has been sent so far. */
export interface Sent {
  requests: number;
  spans: number;
  /** As sent over the network. */
  bytes: number;
  /** Spans that the receiver reported as refused. */
  rejected: number;
  /** Its message about them, and its other warnings. */
  readonly said: Set<string>;
}

const CONTENT_TYPES: Readonly<Record<Protocol, string>> = {
  'http/protobuf': 'application/x-protobuf',
  'http/json': 'application/json',
};
/**
 * The only status codes after which the same request may be sent again (OTLP specification, "Retryable Response
 * Codes").
 */
const MAY_SUCCEED = new Set([429, 502, 503, 504]);
const TOO_LARGE = 413;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
/** If a receiver asks for a longer wait, the export gives up. */
const LONGEST_ASKED_MS = 300_000;
const LONGEST_ANSWER = 1_000_000;
const LONGEST_SAID = 300;

/** Sends spans over OTLP/HTTP, one request after the other. */
export class OtlpSender {
  readonly sent: Sent = {requests: 0, spans: 0, bytes: 0, rejected: 0, said: new Set()};

  constructor(private readonly options: SenderOptions) {}

  /** @throws UserError exit 4 if the receiver cannot be reached or denies access, 1 if it refuses the spans */
  async send(spans: readonly OtlpSpan[]): Promise<void> {
    const {protocol, origin, compress, dryRun} = this.options;
    const plain = protocol === 'http/json' ? Buffer.from(requestJson(spans, origin)) : requestProtobuf(spans, origin);
    const body = compress ? await promisify(gzip)(plain) : plain;
    if (!dryRun && !(await this.deliver(body, spans))) return;
    this.sent.requests++;
    this.sent.spans += spans.length;
    this.sent.bytes += body.length;
  }

  /** @returns false: it was too large and was sent in two halves */
  private async deliver(body: Buffer, spans: readonly OtlpSpan[]): Promise<boolean> {
    for (let tries = 0; ; tries++) {
      const answer = await this.post(body);
      if ('status' in answer && answer.status >= 200 && answer.status < 300) {
        this.readSuccess(answer.body);
        return true;
      }
      if ('status' in answer && answer.status === TOO_LARGE && spans.length > 1) {
        const half = Math.ceil(spans.length / 2);
        await this.send(spans.slice(0, half));
        await this.send(spans.slice(half));
        return false;
      }
      const mayYet = !('status' in answer) || MAY_SUCCEED.has(answer.status);
      const waitMs = 'status' in answer ? (answer.retryAfterMs ?? backoffMs(tries)) : backoffMs(tries);
      if (!mayYet || tries >= this.options.retries || waitMs > LONGEST_ASKED_MS) throw this.failure(answer, tries);
      this.options.onWait?.(`${this.saidBy(answer)}; trying again in ${(waitMs / 1000).toFixed(1)} s`);
      await this.wait(waitMs, answer, tries);
    }
  }

  private async post(body: Buffer): Promise<Answer> {
    const {endpoint, protocol, compress, timeoutMs} = this.options;
    try {
      // Not plain `fetch`: the build removes that name, because pg would load all of it at every start.
      const response = await globalThis.fetch(endpoint.url, {
        method: 'POST',
        body: new Uint8Array(body),
        // A redirect would turn it into a GET, and may send the headers elsewhere.
        redirect: 'manual',
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          'user-agent': `agno-trace/${this.options.origin.scope.version}`,
          ...Object.fromEntries(endpoint.headers),
          'content-type': CONTENT_TYPES[protocol],
          ...(compress ? {'content-encoding': 'gzip'} : {}),
        },
      });
      const bytes = await beginningOf(response.body);
      return {
        status: response.status,
        retryAfterMs: retryAfterMs(response.headers.get('retry-after'), Date.now()),
        body: {bytes, form: formOf(response.headers.get('content-type') ?? '')},
      };
    } catch (error) {
      return {reason: reasonOf(error, timeoutMs), cause: error};
    }
  }

  /** Partial success counts as success, and must never be sent again. */
  private readSuccess({bytes, form}: Body): void {
    const {rejected, message} = PARTIAL[form](bytes);
    this.sent.rejected += rejected;
    if (message !== '') this.sent.said.add(cut(message));
  }

  private failure(answer: Answer, tries: number): UserError {
    const {endpoint, protocol, compress} = this.options;
    const after = tries > 0 ? ` after ${tries + 1} tries` : '';
    const message = `${shownUrl(endpoint.url)} did not accept it${after}: ${this.saidBy(answer)}.`;
    const fail = (code: ExitCode, hint: string) =>
      new UserError(code, message, {hint, cause: 'cause' in answer ? answer.cause : undefined});
    if (!('status' in answer)) return fail(EXIT.unreachable, 'Check the address, and whether the receiver is running.');
    const {status} = answer;
    if (status === 401 || status === 403)
      return fail(EXIT.unreachable, 'Check the key: --header, or OTEL_EXPORTER_OTLP_HEADERS.');
    if (status >= 300 && status < 400) return fail(EXIT.failed, 'Redirects are not followed: pass the final address.');
    if (status === 404 || status === 405)
      return fail(EXIT.failed, 'Check the path: /v1/traces is added to --to unless it already ends with that.');
    if (MAY_SUCCEED.has(status)) return fail(EXIT.unreachable, 'Try again later, or with --retries 10.');
    const other = protocol === 'http/json' ? 'http/protobuf' : 'http/json';
    return fail(EXIT.failed, `It may accept --protocol ${other}${compress ? ', or no compression (--no-gzip)' : ''}.`);
  }

  private saidBy(answer: Answer): string {
    if (!('status' in answer)) return answer.reason;
    const {bytes, form} = answer.body;
    const text = MESSAGE[form](bytes);
    return `HTTP ${answer.status}${text === '' ? '' : ` (${cut(text)})`}`;
  }

  private async wait(waitMs: number, answer: Answer, tries: number): Promise<void> {
    const {signal} = this.options;
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        clearTimeout(timer);
        reject(this.failure(answer, tries));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, waitMs);
      if (signal?.aborted) onAbort();
      else signal?.addEventListener('abort', onAbort, {once: true});
    });
  }
}

/** The part of an answer that is read; the rest is never fetched. */
async function beginningOf(body: ReadableStream<Uint8Array> | null): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop closes the connection.
  for await (const part of body ?? []) {
    parts.push(part);
    length += part.length;
    if (length >= LONGEST_ANSWER) break;
  }
  return Buffer.concat(parts).subarray(0, LONGEST_ANSWER);
}

interface Body {
  readonly bytes: Buffer;
  /** The form that the receiver declares: many send plain text where the specification requires a message. */
  readonly form: 'json' | 'protobuf' | 'text';
}
type Answer =
  | {readonly status: number; readonly retryAfterMs: number | null; readonly body: Body}
  | {readonly reason: string; readonly cause: unknown};

/** Twice as long each time, with jitter, so that many senders do not return at the same time. */
function backoffMs(tries: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** tries) * (0.5 + Math.random() / 2);
}

/** Seconds, or a date (RFC 9110, 10.2.3); null: it cannot be understood. */
export function retryAfterMs(text: string | null, nowMs: number): number | null {
  if (text === null) return null;
  if (/^\s*\d+\s*$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  UND_ERR_SOCKET: 'the connection was cut',
  ENOTFOUND: 'the host does not exist',
  EAI_AGAIN: 'the host name could not be resolved',
  ETIMEDOUT: 'no answer in time',
  EHOSTUNREACH: 'the host cannot be reached',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed (NODE_EXTRA_CA_CERTS adds authorities)',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not trusted (NODE_EXTRA_CA_CERTS adds authorities)',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not trusted (NODE_EXTRA_CA_CERTS adds authorities)',
  CERT_HAS_EXPIRED: 'its certificate has expired',
};

function reasonOf(error: unknown, timeoutMs: number): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`;
  // fetch only says "fetch failed"; the reason is in its cause, or in one of several addresses that were tried.
  let cause: unknown = error;
  while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
  const {code, message} = cause as {code?: string; message?: string};
  return (code !== undefined && REASONS[code]) || code || message || 'the request failed';
}

function partialOfJson(bytes: Buffer): {rejected: number; message: string} {
  const partial = record(record(parsed(bytes))?.partialSuccess);
  const rejected = Number(partial?.rejectedSpans ?? 0);
  return {
    rejected: Number.isSafeInteger(rejected) && rejected > 0 ? rejected : 0,
    message: typeof partial?.errorMessage === 'string' ? partial.errorMessage : '',
  };
}

/** ExportTraceServiceResponse.partial_success (1): rejected_spans (1), error_message (2). */
function partialOfProtobuf(bytes: Buffer): {rejected: number; message: string} {
  let rejected = 0;
  let message = '';
  for (const outer of protobufFields(bytes)) {
    if (outer.field !== 1 || typeof outer.value === 'bigint') continue;
    for (const {field, value} of protobufFields(outer.value)) {
      if (field === 1 && typeof value === 'bigint') rejected = Number(BigInt.asIntN(64, value));
      if (field === 2 && typeof value !== 'bigint') message = value.toString();
    }
  }
  return {rejected: Math.max(0, rejected), message};
}

function messageOfJson(bytes: Buffer): string {
  const value = record(parsed(bytes));
  const said = value?.message ?? value?.detail ?? value?.error ?? value?.title;
  return typeof said === 'string' ? said : bytes.toString();
}

/** google.rpc.Status.message (2). */
function messageOfProtobuf(bytes: Buffer): string {
  for (const {field, value} of protobufFields(bytes))
    if (field === 2 && typeof value !== 'bigint') return value.toString();
  return '';
}

const PARTIAL = {
  json: partialOfJson,
  protobuf: partialOfProtobuf,
  text: () => ({rejected: 0, message: ''}),
} as const;
const MESSAGE = {
  json: messageOfJson,
  protobuf: messageOfProtobuf,
  text: (bytes: Buffer) => bytes.toString(),
} as const;

function formOf(contentType: string): Body['form'] {
  return /json/.test(contentType) ? 'json' : /protobuf/.test(contentType) ? 'protobuf' : 'text';
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return null;
  }
}

function record(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

function cut(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > LONGEST_SAID ? `${line.slice(0, LONGEST_SAID - 1)}…` : line;
}
