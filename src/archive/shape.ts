import {ARCHIVED_DIALECTS, FORMAT_VERSION, type Line} from './format.ts';

/*
 * Whether a JSON value is a valid line of an archive. A hash only proves that the file is as its writer made it, and
 * that may be anybody.
 */

/** A real line of a million bytes has at most a few dozen; an object with so many is far larger than its text. */
const MOST_VALUES = 100_000;
/** Header, column lists, a column, and one in reserve. */
const MOST_DEPTH = 5;
/** Below this size even the worst line is harmless. */
const HARMLESS_BYTES = 1 << 20;

/**
 * Whether a long line looks like one of ours, with few values and little nesting: parsing others would take many
 * times their size.
 */
export function isPlain(bytes: Buffer): boolean {
  if (bytes.length <= HARMLESS_BYTES) return true;
  let depth = 0;
  let values = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      at = endOfText(bytes, at);
      if (at < 0) return false;
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (++depth > MOST_DEPTH) return false;
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) depth--;
    else if (byte === COMMA && ++values > MOST_VALUES) return false;
  }
  return true;
}

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];

/** The end of a text that begins at a quote; negative: it has none. */
function endOfText(bytes: Buffer, from: number): number {
  let end = from;
  for (;;) {
    end = bytes.indexOf(QUOTE!, end + 1);
    if (end < 0) return end;
    let first = end;
    while (bytes[first - 1] === BACKSLASH) first--;
    // Two backslashes stand for one.
    if ((end - first) % 2 === 0) return end;
  }
}

type Json = Readonly<Record<string, unknown>>;

/**
 * @returns null for anything that is not a line of an archive; of a header, only the format's number is checked if it
 * is not ours
 */
export function lineFrom(value: unknown): Line | null {
  if (!isRecord(value)) return null;
  // A header of another format may look different; only its number is reported.
  if ('agnoTraceArchive' in value)
    return value.agnoTraceArchive === FORMAT_VERSION && !isHeader(value) ? null : (value as unknown as Line);
  if ('manifest' in value) return isManifest(value.manifest) ? (value as unknown as Line) : null;
  if ('batch' in value) return isTrailer(value) ? (value as unknown as Line) : null;
  const row = 'trace' in value ? value.trace : value.span;
  return isRow(row) ? (value as unknown as Line) : null;
}

function isHeader({dialect, source, tables, columns, cutoff, selection, writtenBy, createdAt}: Json): boolean {
  return (
    [source, cutoff, selection, writtenBy, createdAt].every(isText) &&
    ARCHIVED_DIALECTS.some(known => known === dialect) &&
    isRecord(tables) &&
    isText(tables.traces) &&
    isText(tables.spans) &&
    isRecord(columns) &&
    areColumns(columns.traces) &&
    areColumns(columns.spans)
  );
}

function areColumns(value: unknown): boolean {
  if (!Array.isArray(value) || !value.every(column => isRecord(column) && isText(column.name) && isText(column.type)))
    return false;
  // No table has two columns with the same name; an insert that names one twice would be refused for all rows.
  return new Set(value.map(({name}) => name)).size === value.length;
}

function isManifest(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const {batches, traces, spans, sha256, cutoff, finishedAt} = value;
  return [batches, traces, spans].every(isCount) && [sha256, cutoff, finishedAt].every(isText);
}

function isTrailer({batch, traces, spans, first, last, sha256}: Json): boolean {
  return [batch, traces, spans].every(isCount) && [first, last, sha256].every(isText);
}

function isRow(value: unknown): boolean {
  return isRecord(value) && Object.values(value).every(isValue);
}

/** In the form that `value.ts` writes. */
function isValue(value: unknown): boolean {
  if (value === null || typeof value === 'string') return true;
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (!isRecord(value)) return false;
  const {int, real, blob, text} = value;
  if (isText(int)) return /^-?\d{1,19}$/.test(int) && BigInt.asIntN(64, BigInt(int)) === BigInt(int);
  if (isText(real)) return real.trim() !== '' && !Number.isNaN(Number(real));
  return isText(blob) || isText(text);
}

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
