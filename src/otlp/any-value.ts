import {type ExactJson, exactJson, NumberText} from '../trace/json.ts';

/** A value in OTLP/JSON (opentelemetry-proto, common.proto); null is the empty one. 64-bit integers are text. */
export interface AnyValue {
  stringValue?: string;
  boolValue?: boolean;
  intValue?: string;
  doubleValue?: number | 'NaN' | 'Infinity' | '-Infinity';
  arrayValue?: {values: AnyValue[]};
  kvlistValue?: {values: KeyValue[]};
}
export interface KeyValue {
  key: string;
  value: AnyValue;
}

/**
 * Deepest nesting that is written as lists; deeper values become JSON text. Each level takes up to three of the 100
 * that Protobuf's own decoders allow, and they refuse a deeper message completely.
 */
const DEEPEST = 16;
const LONGEST_INT64 = 19;

/** @param losses receives, in words, what the format cannot represent exactly */
export function anyValue(value: ExactJson, losses: Set<string>, depth = 0): AnyValue {
  if (value === null) return {};
  if (typeof value === 'string') return {stringValue: unicode(value, losses)};
  if (typeof value === 'boolean') return {boolValue: value};
  if (value instanceof NumberText) return numberValue(value.text, losses);
  if (depth >= DEEPEST) {
    losses.add(`values nested deeper than ${DEEPEST} levels become JSON text`);
    return {stringValue: unicode(exactJson(value), losses)};
  }
  if (Array.isArray(value)) return {arrayValue: {values: value.map(item => anyValue(item, losses, depth + 1))}};
  return {kvlistValue: {values: keyValues(value, losses, depth + 1)}};
}

export function keyValues(entries: Readonly<Record<string, ExactJson>>, losses: Set<string>, depth = 0): KeyValue[] {
  return Object.entries(entries).map(([key, value]) => ({
    key: unicode(key, losses),
    value: anyValue(value, losses, depth),
  }));
}

function numberValue(text: string, losses: Set<string>): AnyValue {
  if (/^-?\d+$/.test(text)) {
    if (text.length < LONGEST_INT64 || fitsInt64(BigInt(text))) return {intValue: BigInt(text).toString()};
    losses.add('integers beyond 64 bits become text');
    return {stringValue: text};
  }
  if (text === 'NaN' || text === '-NaN') return {doubleValue: 'NaN'};
  if (text === 'Infinity' || text === '-Infinity') return {doubleValue: text};
  const number = Number(text);
  if (Number.isFinite(number)) return {doubleValue: number};
  losses.add('numbers beyond a double become text');
  return {stringValue: text};
}

function fitsInt64(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value;
}

/** Protobuf text must be Unicode: half a surrogate pair would make decoders refuse the whole message. */
export function unicode(text: string, losses: Set<string>): string {
  if (isWellFormed(text)) return text;
  losses.add('unpaired surrogates are replaced by U+FFFD');
  return text.replace(/\p{Cs}/gu, '\ufffd');
}

function isWellFormed(text: string): boolean {
  return !/\p{Cs}/u.test(text);
}
