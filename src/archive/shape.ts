import {FORMAT_VERSION, type Line} from './format.ts';

/*
 * Whether a JSON value is what a line of an archive may hold. A hash says only that a file is what its writer made of it, and
 * that may have been anybody.
 */

type Json = Readonly<Record<string, unknown>>;

/** @returns null for what is no line of an archive; of a header's format only the number is looked at */
export function lineFrom(value: unknown): Line | null {
  if (!isRecord(value)) return null;
  // A header of another format may look otherwise: which one it is, is all that is said of it.
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
    (dialect === 'sqlite' || dialect === 'postgres') &&
    isRecord(tables) &&
    isText(tables.traces) &&
    isText(tables.spans) &&
    isRecord(columns) &&
    areColumns(columns.traces) &&
    areColumns(columns.spans)
  );
}

function areColumns(value: unknown): boolean {
  return Array.isArray(value) && value.every(column => isRecord(column) && isText(column.name) && isText(column.type));
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

/** As `value.ts` writes them. */
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
