import {count, shortId} from '../../render/values.ts';
import {line, type Safe, safe, trusted} from '../../text/safe.ts';
import {paint} from '../../text/style.ts';
import {truncate, width} from '../../text/width.ts';
import {displayName} from '../../trace/tree.ts';
import {hasBelow} from '../outline.ts';
import type {DetailInput, SelectedRow, Size, View} from '../pane.ts';
import {titleLine} from '../title.ts';
import {hitsIn, MOST_HITS, positionOf} from './find.ts';
import {paintedRow, type RowShape, rowsOf} from './layout.ts';
import {type DetailState, isFoldedLine, isSamePosition, type Position, readingOf, stepped} from './state.ts';

/** Columns for the marks of the cursor and of folding. */
const MARKS = 2;

export function shapeOf({wraps}: DetailState, {columns}: Size): RowShape {
  return {wraps, columns: Math.max(1, columns - MARKS)};
}

/** Rows between the title and the line about a search. */
export function bodyRows({search}: DetailState, {rows}: Size): number {
  return Math.max(1, rows - (rows > 1 ? 1 : 0) - (search !== '' && rows > 2 ? 1 : 0));
}

/** The selected span: what it is, facts, all its contents. */
export function detailLines(state: DetailState, input: DetailInput, size: Size, view: View): readonly Safe[] {
  const {selected} = input;
  if (selected === null) return [truncate(trusted(' no span is selected'), size.columns)];
  const shape = shapeOf(state, size);
  const reading = readingOf(state, input);
  const room = bodyRows(state, size);
  const lines = size.rows > 1 ? [line` ${titleOf(selected, size.columns - 2, view)}`] : [];
  let at: Position | null = reading.seen.length === 0 ? null : stepped(reading, state.top, 0, shape);
  for (let i = 0; i < room && at !== null; i++) {
    const documentLine = reading.document.lines[at.line]!;
    const isCursor = isSamePosition(at, state.cursor);
    const cursor = isCursor ? paint(trusted(view.ascii ? '>' : '›'), view.isFocused ? 'bold' : 'dim') : trusted(' ');
    const folds = at.row === 0 && documentLine.key !== null && hasBelow(reading.document.outline, at.line);
    const isFolded = folds && isFoldedLine(documentLine, state.turned);
    const below = reading.document.outline.ends[at.line]! - at.line - 1;
    const row = paintedRow(documentLine, at.row, shape, state.search);
    const room = shape.columns - width(rowsOf(documentLine, shape)[at.row]!);
    const more = isFolded
      ? truncate(line`  ${count(below)} ${trusted(below === 1 ? 'line' : 'lines')}`, room)
      : trusted('');
    lines.push(line`${cursor}${folds ? foldMark(isFolded, view) : trusted(' ')}${row}${paint(more, 'dim')}`);
    const next: Position = stepped(reading, at, 1, shape);
    at = isSamePosition(next, at) ? null : next;
  }
  while (lines.length < size.rows - (state.search === '' ? 0 : 1)) lines.push(trusted(''));
  if (state.search !== '' && size.rows > 2) lines.push(searchLine(state, input, size, shape));
  return lines.slice(0, size.rows);
}

function foldMark(isFolded: boolean, {ascii}: View): Safe {
  return paint(trusted(ascii ? (isFolded ? '+' : '-') : isFolded ? '▸' : '▾'), 'dim');
}

function titleOf({row}: SelectedRow, columns: number, view: View): Safe {
  const {node, record} = row;
  const {span} = node;
  return titleLine(
    {
      state: record.state,
      name: span ? safe(displayName(span)) : trusted('(not written yet)'),
      kind: trusted(span ? span.kind : ''),
      id: {whole: line`span ${safe(node.id)}`, short: shortId(node.id)},
    },
    Math.max(1, columns),
    view,
  );
}

function searchLine(state: DetailState, input: DetailInput, {columns}: Size, shape: RowShape): Safe {
  const {document} = readingOf(state, input);
  const hits = hitsIn(document, state.search);
  const at = hits.findIndex(
    hit => hit.line === state.cursor.line && isSamePosition(positionOf(document, hit, shape), state.cursor),
  );
  const all = hits.length >= MOST_HITS ? line`${count(MOST_HITS)} and more` : count(hits.length);
  const which = hits.length === 0 ? trusted('no match') : at < 0 ? line`${all} hits` : line`${count(at + 1)} of ${all}`;
  return paint(truncate(line` /${safe(state.search)}  ${which}`, columns), 'yellow');
}
