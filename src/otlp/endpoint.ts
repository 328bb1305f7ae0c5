import {type UserError, usageError} from '../errors.ts';

export const PROTOCOLS = ['http/protobuf', 'http/json'] as const;
export type Protocol = (typeof PROTOCOLS)[number];

const TRACES_PATH = '/v1/traces';
/** The value of `--to` that means OpenTelemetry's own variables. */
export const FROM_ENVIRONMENT = 'env';

export interface Endpoint {
  readonly url: URL;
  readonly headers: ReadonlyMap<string, string>;
}

interface Asked {
  /** A base URL, a complete one, or `env`. */
  readonly to: string;
  readonly headers: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * The destination, from flags and OpenTelemetry's variables (specification, "OpenTelemetry Protocol Exporter"): the
 * traces path is added to a base URL, while the variable for traces only is used as it is.
 * @throws UserError exit 2; never quotes a header's value
 */
export function endpointOf({to, headers, env}: Asked): Endpoint {
  const fromEnv = endpointIn(env);
  if (to === FROM_ENVIRONMENT && !fromEnv)
    throw usageError(
      '--to env: neither OTEL_EXPORTER_OTLP_TRACES_ENDPOINT nor OTEL_EXPORTER_OTLP_ENDPOINT is set.',
      'Set one of them, or pass --to with a URL such as http://localhost:4318.',
    );
  const url = to === FROM_ENVIRONMENT ? fromEnv! : tracesUrl(parsedUrl(to, '--to'));
  // Settings for one receiver are not sent to another.
  const isOthers = fromEnv !== null && fromEnv.origin !== url.origin;
  const all = new Map<string, string>();
  if (!isOthers) for (const [name, value] of headersIn(env)) all.set(name, value);
  for (const text of headers) {
    const [name, value] = headerOf(text);
    all.set(name, value);
  }
  if (url.username !== '' || url.password !== '') {
    const who = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    if (!all.has('authorization')) all.set('authorization', `Basic ${Buffer.from(who).toString('base64')}`);
    url.username = '';
    url.password = '';
  }
  return {url, headers: all};
}

/** For people: without a query, which may contain a key. */
export function shownUrl({origin, pathname}: URL): string {
  return origin + pathname;
}

export function protocolIn(env: Asked['env']): string | undefined {
  return env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL || env.OTEL_EXPORTER_OTLP_PROTOCOL || undefined;
}

function endpointIn(env: Asked['env']): URL | null {
  const whole = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  if (whole) return parsedUrl(whole, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const base = env.OTEL_EXPORTER_OTLP_ENDPOINT;
  return base ? tracesUrl(parsedUrl(base, 'OTEL_EXPORTER_OTLP_ENDPOINT')) : null;
}

function tracesUrl(url: URL): URL {
  const path = url.pathname.replace(/\/+$/, '');
  if (!path.endsWith(TRACES_PATH)) url.pathname = path + TRACES_PATH;
  return url;
}

function parsedUrl(text: string, from: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url && (url.protocol === 'http:' || url.protocol === 'https:') && url.hostname !== '') return url;
  const hint = 'Write http://localhost:4318, or https://cloud.langfuse.com/api/public/otel.';
  // A URL with a password is not quoted.
  const shown = text.includes('@') ? '' : ` "${text}"`;
  throw usageError(`${from}${shown} is not an http or https URL.`, hint);
}

function headersIn(env: Asked['env']): [string, string][] {
  const text = env.OTEL_EXPORTER_OTLP_TRACES_HEADERS || env.OTEL_EXPORTER_OTLP_HEADERS || '';
  return text
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '')
    .map(part => {
      const at = part.indexOf('=');
      if (at <= 0) throw badHeader('OTEL_EXPORTER_OTLP_HEADERS');
      return checked(part.slice(0, at), decoded(part.slice(at + 1).trim()), 'OTEL_EXPORTER_OTLP_HEADERS');
    });
}

/** `name=value` as in OpenTelemetry, or `name: value` as in curl. */
function headerOf(text: string): [string, string] {
  const at = text.search(/[=:]/);
  if (at <= 0) throw badHeader('--header');
  return checked(text.slice(0, at), text.slice(at + 1).trim(), '--header');
}

function checked(name: string, value: string, from: string): [string, string] {
  const known = name.trim().toLowerCase();
  if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(known) || /[^\t\x20-\x7e\x80-\xff]/.test(value)) throw badHeader(from);
  return [known, value];
}

function badHeader(from: string): UserError {
  return usageError(`${from} has an invalid header (not shown: it may be secret).`, 'Write name=value.');
}

/** The variable's values may be percent-encoded, as in W3C Baggage. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
