import {type Safe, safe, trusted} from '../../text/safe.ts';
import {paint, type Style} from '../../text/style.ts';
import {truncate, wrap} from '../../text/width.ts';
import type {DocumentLine} from './document.ts';

/** How lines become rows of the pane. */
export interface RowShape {
  readonly columns: number;
  readonly wraps: boolean;
}

interface Laid extends RowShape {
  readonly rows: readonly Safe[];
}
const LAID = new WeakMap<DocumentLine, Laid>();

/** At least one row of at most `columns` columns; a line that was laid out for this shape is not laid out again. */
export function rowsOf(line: DocumentLine, {columns, wraps}: RowShape): readonly Safe[] {
  const known = LAID.get(line);
  if (known?.columns === columns && known.wraps === wraps) return known.rows;
  const indent = indentOf(line, columns);
  const before = ' '.repeat(indent);
  const hang = hangOf(line, columns);
  const text = plainText(line);
  const room = Math.max(1, columns - indent);
  // The name of a field is before its first row; the other rows are indented to the same column.
  const laid = wraps ? wrap(trusted(text.slice(hang)), room - hang) : [truncate(text, room)];
  const rows = (laid.length === 0 ? [trusted('')] : laid).map((row, i) =>
    trusted(before + (hang === 0 || !wraps ? '' : i === 0 ? text.slice(0, hang) : ' '.repeat(hang)) + row),
  );
  LAID.set(line, {columns, wraps, rows});
  return rows;
}

/** In a narrow pane, deep lines keep half of the width for their text. */
function indentOf({indent}: DocumentLine, columns: number): number {
  return Math.min(indent, Math.floor(columns / 2));
}

/** Columns that further rows of a field leave free, so that they align with its text; none in a narrow pane. */
function hangOf({look, lead, indent}: DocumentLine, columns: number): number {
  return look === 'field' && columns >= indent + 3 * lead.length ? lead.length : 0;
}

/** The line as read and searched: escaped, without its indentation. */
export function plainText({lead, text}: DocumentLine): Safe {
  return trusted(safe(lead) + safe(text));
}

/** Where each row of a line begins in its plain text. */
export function rowStarts(line: DocumentLine, shape: RowShape): number[] {
  const text = plainText(line);
  const indent = indentOf(line, shape.columns);
  let from = 0;
  return rowsOf(line, shape).map((row, i) => {
    const body = row.slice(i === 0 ? indent : indent + hangOf(line, shape.columns));
    // Blanks at the end of a row are dropped, and a cut row ends with a mark that is not in the text.
    const at = i === 0 ? 0 : Math.max(from, text.indexOf(body, from));
    from = at + body.length;
    return at;
  });
}

const LEAD_STYLES: Readonly<Record<DocumentLine['look'], Style | null>> = {
  title: 'bold',
  head: 'cyan',
  field: 'dim',
  note: 'yellow',
  text: null,
};

/** A row with its colours; matches of the search are highlighted. */
export function paintedRow(line: DocumentLine, at: number, shape: RowShape, search: string): Safe {
  const row = rowsOf(line, shape)[at]!;
  const indent = indentOf(line, shape.columns);
  const style = LEAD_STYLES[line.look];
  const start = style === null || search !== '' ? rowStarts(line, shape)[at]! : (rowStarts(line, shape)[at] ?? 0);
  const leadEnd = line.look === 'note' ? row.length : indent + Math.max(0, safe(line.lead).length - start);
  const hits = occurrences(row.slice(indent), search).map(hit => hit + indent);
  const edges = new Set([0, row.length, Math.min(row.length, leadEnd)]);
  for (const hit of hits) {
    edges.add(hit);
    edges.add(Math.min(row.length, hit + search.length));
  }
  const sorted = [...edges].sort((a, b) => a - b);
  let out = '';
  for (const [i, from] of sorted.slice(0, -1).entries()) {
    const text = trusted(row.slice(from, sorted[i + 1]!));
    const isHit = hits.some(hit => hit <= from && from < hit + search.length);
    out += paint(text, ...(style !== null && from < leadEnd ? [style] : []), ...(isHit ? (['inverse'] as const) : []));
  }
  return trusted(out);
}

/** Positions of a text in another, ignoring case, without overlaps. */
export function occurrences(text: string, search: string): number[] {
  if (search === '') return [];
  const within = text.toLowerCase();
  const wanted = search.toLowerCase();
  const found: number[] = [];
  for (let at = within.indexOf(wanted); at >= 0; at = within.indexOf(wanted, at + wanted.length)) found.push(at);
  return found;
}
