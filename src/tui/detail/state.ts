import {command} from '../../text/shell.ts';
import {above, hasBelow, seenRows} from '../outline.ts';
import type {DetailInput} from '../pane.ts';
import {contentLines, type Document, type DocumentLine, documentOf} from './document.ts';
import {fieldLines, idLines} from './fields.ts';
import {type RowShape, rowsOf} from './layout.ts';
import {rawLines} from './raw.ts';

/** A row of the pane: a line of the document, and the number of its row. */
export interface Position {
  readonly line: number;
  readonly row: number;
}

export interface DetailState {
  /** The span that is shown; null: none yet. */
  readonly spanId: string | null;
  readonly raw: boolean;
  readonly wraps: boolean;
  /** Keys of lines whose folding differs from the initial one. */
  readonly turned: ReadonlySet<string>;
  readonly cursor: Position;
  readonly top: Position;
  readonly search: string;
}

const START: Position = {line: 0, row: 0};

export const DETAIL_START: DetailState = {
  spanId: null,
  raw: false,
  wraps: true,
  turned: new Set(),
  cursor: START,
  top: START,
  search: '',
};

/** The contents of a span, without the folded parts. */
export interface Reading {
  readonly document: Document;
  /** Visible lines, ascending. */
  readonly seen: readonly number[];
}

interface Known {
  readonly content: DetailInput['content'];
  readonly raw: boolean;
  readonly turned: ReadonlySet<string>;
  readonly reading: Reading;
}
const KNOWN = new WeakMap<object, Known>();
const CONTENT = new WeakMap<object, readonly DocumentLine[]>();

const EMPTY: Reading = {document: documentOf([]), seen: []};

/** Built again when the span, its facts or the folding changes; the lines of its contents are built once. */
export function readingOf({raw, turned}: DetailState, input: DetailInput): Reading {
  const {selected, content} = input;
  if (selected === null) return EMPTY;
  const known = KNOWN.get(selected.row);
  const isSame = known?.content === content && known.raw === raw;
  if (isSame && known.turned === turned) return known.reading;
  const document = isSame ? known.reading.document : documentOf(linesOf(raw, input));
  const seen = seenRows(document.outline, line => isFoldedLine(document.lines[line]!, turned));
  const reading = {document, seen};
  KNOWN.set(selected.row, {content, raw, turned, reading});
  return reading;
}

function linesOf(raw: boolean, input: DetailInput): readonly DocumentLine[] {
  const {selected, content} = input;
  if (selected === null) return [];
  const {node} = selected.row;
  const span = content.state === 'here' ? content.span : null;
  const whole = command`agno-trace show ${node.traceId} --span ${node.id}`;
  if (raw && (span !== null || node.span === null)) return rawLines(selected.row, span, whole);
  const fields = fieldLines(input);
  const ids = idLines(input);
  if (span === null) return [...fields, ...ids];
  const lines = CONTENT.get(span) ?? contentLines(span, whole);
  CONTENT.set(span, lines);
  return [...fields, ...lines, ...ids];
}

export function isFoldedLine({key, isFoldedAtFirst}: DocumentLine, turned: ReadonlySet<string>): boolean {
  return key !== null && turned.has(key) !== isFoldedAtFirst;
}

/** The nearest line that can be folded, at or above another one; null: there is none. */
function headOf({document}: Reading, line: number): number | null {
  for (const up of above(document.outline, line)) if (document.lines[up]!.key !== null) return up;
  return null;
}

function turned(state: DetailState, keys: readonly string[]): DetailState {
  const next = new Set(state.turned);
  for (const key of keys) if (!next.delete(key)) next.add(key);
  return {...state, turned: next};
}

/** Folds or unfolds the line of the cursor. */
export function setFolded(state: DetailState, reading: Reading, folds: boolean): DetailState {
  const {lines, outline} = reading.document;
  const {line} = state.cursor;
  const at = lines[line];
  const isHead = at !== undefined && at.key !== null && hasBelow(outline, line);
  if (isHead && isFoldedLine(at, state.turned) !== folds) return turned(state, [at.key]);
  if (!folds) return state;
  const head = headOf(reading, line);
  return head === null ? state : {...state, cursor: {line: head, row: 0}};
}

export function toggled(state: DetailState, reading: Reading): DetailState {
  const at = reading.document.lines[state.cursor.line];
  return at === undefined || at.key === null
    ? setFolded(state, reading, true)
    : setFolded(state, reading, !isFoldedLine(at, state.turned));
}

/** Folds all sections, or unfolds everything. */
export function setAllFolded(state: DetailState, reading: Reading, folds: boolean): DetailState {
  const keys = reading.document.lines.flatMap(line =>
    line.key !== null && (!folds || line.depth === (state.raw ? 1 : 0)) && isFoldedLine(line, state.turned) !== folds
      ? [line.key]
      : [],
  );
  return keys.length === 0 ? state : turned(state, keys);
}

/** Unfolds everything that hides a line. */
export function revealed(state: DetailState, {document}: Reading, line: number): DetailState {
  const hiding = [...above(document.outline, line)].flatMap(up => {
    const head = document.lines[up]!;
    return head.key !== null && isFoldedLine(head, state.turned) ? [head.key] : [];
  });
  return hiding.length === 0 ? state : turned(state, hiding);
}

/** The index of a line among the visible ones; for a hidden line, that of the one before it. */
export function placeOf({seen}: Reading, line: number): number {
  let [low, high] = [0, seen.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (seen[middle]! <= line) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** This many rows further down, or up, as far as possible. Lays out only the rows in between. */
export function stepped(reading: Reading, from: Position, by: number, shape: RowShape): Position {
  const {seen, document} = reading;
  if (seen.length === 0) return START;
  let place = placeOf(reading, from.line);
  const rowsAt = (at: number) => rowsOf(document.lines[seen[at]!]!, shape).length;
  if (by === Number.POSITIVE_INFINITY) place = seen.length - 1;
  if (by === Number.NEGATIVE_INFINITY) place = 0;
  if (!Number.isFinite(by)) return {line: seen[place]!, row: by > 0 ? rowsAt(place) - 1 : 0};
  let row = Math.min(seen[place] === from.line ? from.row : 0, rowsAt(place) - 1);
  let left = by;
  while (left > 0) {
    const below = rowsAt(place) - 1 - row;
    if (left <= below || place === seen.length - 1) {
      row += Math.min(left, below);
      break;
    }
    left -= below + 1;
    place++;
    row = 0;
  }
  while (left < 0) {
    if (-left <= row || place === 0) {
      row = Math.max(0, row + left);
      break;
    }
    left += row + 1;
    place--;
    row = rowsAt(place) - 1;
  }
  return {line: seen[place]!, row};
}

export function isBefore(a: Position, b: Position): boolean {
  return a.line !== b.line ? a.line < b.line : a.row < b.row;
}

export function isSamePosition(a: Position, b: Position): boolean {
  return a.line === b.line && a.row === b.row;
}

/** Adjusts cursor and first row to the current contents. */
export function settledDetail(before: DetailState, input: DetailInput, shape: RowShape, room: number): DetailState {
  const spanId = input.selected?.row.node.id ?? null;
  const state = spanId === before.spanId ? before : {...before, spanId, cursor: START, top: START};
  const reading = readingOf(state, input);
  const cursor = stepped(reading, state.cursor, 0, shape);
  let top = stepped(reading, state.top, 0, shape);
  if (isBefore(cursor, top)) top = cursor;
  const highest = stepped(reading, cursor, -(room - 1), shape);
  if (isBefore(top, highest)) top = highest;
  // No space at the end stays empty.
  const lowest = stepped(reading, stepped(reading, top, Number.POSITIVE_INFINITY, shape), -(room - 1), shape);
  if (isBefore(lowest, top)) top = lowest;
  if (state === before && isSamePosition(cursor, state.cursor) && isSamePosition(top, state.top)) return state;
  return {...state, cursor, top};
}
