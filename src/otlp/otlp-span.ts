import {createHash} from 'node:crypto';
import {append} from '../lists.ts';
import type {StoredSpan, StoredTime} from '../trace/stored-span.ts';
import {anyValue, type KeyValue, keyValues, unicode} from './any-value.ts';

/** A span in OTLP/JSON (opentelemetry-proto, trace.proto): ids in hex, times as nanoseconds in text. */
export interface OtlpSpan {
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  kind: number;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: KeyValue[];
  status: {code?: number; message?: string};
}

const KINDS: Readonly<Record<string, number>> = {INTERNAL: 1, SERVER: 2, CLIENT: 3, PRODUCER: 4, CONSUMER: 5};
const STATUS_CODES: Readonly<Record<string, number>> = {UNSET: 0, OK: 1, ERROR: 2};
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
/** Prefix of attributes for values that the format has no place for. */
const OWN = 'agno_trace.';
const MOST_NANOS = 2n ** 64n - 1n;

/**
 * A stored span in OTLP. Values that the format cannot represent (ids that are not hex, unknown kinds, invalid times,
 * attributes that are not JSON) are written as closely as possible, with the stored value beside them in attributes
 * `agno_trace.…`.
 * @param losses receives, in words, what differs from the stored value
 */
export function otlpSpan(stored: StoredSpan, losses: Set<string>): OtlpSpan {
  const kept: KeyValue[] = [];
  const keep = (name: string, text: string) =>
    kept.push({key: `${OWN}${name}`, value: {stringValue: unicode(text, losses)}});
  const id = (name: string, text: string, bytes: number): string => {
    if (isId(text, bytes)) return text.toLowerCase();
    keep(name, text);
    losses.add('ids that are not OpenTelemetry ids are hashed');
    return createHash('sha256')
      .update(text)
      .digest('hex')
      .slice(0, 2 * bytes);
  };
  const named = (name: string, text: string, codes: Readonly<Record<string, number>>): number => {
    const known = text.toUpperCase();
    if (Object.hasOwn(codes, known)) return codes[known]!;
    if (text !== '') {
      keep(name, text);
      losses.add(`a ${name.replace('_', ' ')} that OpenTelemetry does not know becomes unspecified`);
    }
    return 0;
  };
  const [start, end] = timesOf(stored, keep, losses);
  const code = named('status_code', stored.statusCode, STATUS_CODES);
  const message = stored.statusMessage === null ? null : unicode(stored.statusMessage, losses);
  const span: OtlpSpan = {
    traceId: id('trace_id', stored.traceId, TRACE_ID_BYTES),
    spanId: id('span_id', stored.spanId, SPAN_ID_BYTES),
    ...(stored.parentSpanId === null ? {} : {parentSpanId: id('parent_span_id', stored.parentSpanId, SPAN_ID_BYTES)}),
    name: unicode(stored.name, losses),
    kind: named('span_kind', stored.otelKind, KINDS),
    startTimeUnixNano: start,
    endTimeUnixNano: end,
    attributes: keyValues(stored.attributes, losses),
    status: {...(code === 0 ? {} : {code}), ...(message === null ? {} : {message})},
  };
  if (stored.unreadAttributes !== null) {
    keep('attributes', stored.unreadAttributes);
    losses.add('attributes that could not be read completely are kept as text');
  }
  if (stored.problems.length > 0) kept.push({key: `${OWN}problems`, value: anyValue([...stored.problems], losses)});
  append(span.attributes, kept);
  return span;
}

function isId(text: string, bytes: number): boolean {
  return text.length === 2 * bytes && /^[0-9a-f]+$/i.test(text) && !/^0+$/.test(text);
}

/** An unknown time becomes the other one, or else the time of writing: at 1970 nobody would find the span. */
function timesOf(
  {start, end, created}: StoredSpan,
  keep: (name: string, text: string) => void,
  losses: Set<string>,
): [string, string] {
  const known = (time: StoredTime) => (fits(time.nanos) ? time.nanos : null);
  const one = (name: string, time: StoredTime, ...others: readonly StoredTime[]): string => {
    const nanos = known(time);
    if (nanos !== null) return nanos.toString();
    keep(name, time.text);
    losses.add("an invalid time, or one that OTLP cannot express, is replaced by the span's other time");
    return (others.map(known).find(other => other !== null) ?? 0n).toString();
  };
  return [one('start_time', start, end, created), one('end_time', end, start, created)];
}

function fits(nanos: bigint | null): nanos is bigint {
  return nanos !== null && nanos >= 0n && nanos <= MOST_NANOS;
}
