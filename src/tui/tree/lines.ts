import {shortRunId, titleOf} from '../../render/run-list.ts';
import {paintState, stateText} from '../../render/states.ts';
import {type Extent, labelOf, layoutFor, type RowOptions, rowText} from '../../render/tree-row.ts';
import {count} from '../../render/values.ts';
import {joined, line, type Safe, safe, trusted} from '../../text/safe.ts';
import {paint} from '../../text/style.ts';
import {truncate, width} from '../../text/width.ts';
import type {ShownRun} from '../../trace/drawn-spans.ts';
import type {Size, View} from '../pane.ts';
import {searchHits} from './find.ts';
import {headerLines, headerRows} from './header.ts';
import {type Place, type Places, placesOf} from './places.ts';
import {isGoingOn, rowIndex} from './rows.ts';
import {cursorRow, isFolded, type Parts, spanCount, type TreeState} from './state.ts';

/** The mark of the cursor and a blank. */
const MARK = 2;
/** How many labels decide the width of their column: as many as anybody sees before scrolling. */
const MEASURED = 200;

export function bodyColumns({columns}: Size): number {
  return Math.max(1, columns - MARK);
}

/** Lines between the header and the status line. */
export function bodyRows(state: TreeState, parts: Parts, size: Size): number {
  return Math.max(1, size.rows - headerRows(size) - (hasStatus(state, parts) && size.rows > 2 ? 1 : 0));
}

function hasStatus(state: TreeState, parts: Parts): boolean {
  return state.search !== '' || state.criticalOnly || parts.some(isGoingOn);
}

/** The header, the tree around the cursor, and the status of search, filter and following. */
export function treeLines(state: TreeState, parts: Parts | null, size: Size, view: View): readonly Safe[] {
  if (parts === null || parts.length === 0) return [truncate(trusted(' no run is open'), size.columns)];
  const places = placesOf(parts, state, bodyColumns(size));
  const room = bodyRows(state, parts, size);
  const at = cursorRow(state, parts);
  const draw = rowDrawer(state, parts, places, size, view);
  const lines = [
    ...headerLines(parts[at?.part ?? 0]!, size, view),
    ...places.list.slice(state.top, state.top + room).map(place => {
      const isCursor = place.type === 'span' && place.part === at?.part && place.row === at.row;
      const mark = isCursor ? paint(trusted(view.ascii ? '>' : '›'), view.isFocused ? 'bold' : 'dim') : trusted(' ');
      return line`${mark} ${draw(place)}`;
    }),
  ];
  while (lines.length < headerRows(size) + room) lines.push(trusted(''));
  if (hasStatus(state, parts)) lines.push(statusLine(state, parts, size));
  return lines.slice(0, size.rows);
}

function rowDrawer(state: TreeState, parts: Parts, places: Places, size: Size, view: View): (place: Place) => Safe {
  const columns = bodyColumns(size);
  const optionsOf = (shown: ShownRun): RowOptions => ({
    ascii: view.ascii,
    io: 'preview',
    tokensFirst: true,
    showsKind: columns >= SHOWS_KIND_FROM,
    ...(shown.judged.record.state === 'running' ? {openUntilMicros: openUntil(shown, view)} : {}),
  });
  const labelAt = (place: Place) => {
    const shown = parts[place.part]!;
    const guides = places.guides(place.part, place.row, view);
    const label = labelOf(shown.rows[place.row]!, optionsOf(shown));
    return line`${guides.first}${isFolded(state, parts, place) ? foldedLabel(label, shown, place.row, view) : label}`;
  };
  const spans = places.list.slice(0, MEASURED).filter(({type}) => type === 'span');
  const layout = layoutFor(
    spans.reduce((max, place) => Math.max(max, width(labelAt(place))), 0),
    columns,
  );
  const extents = parts.map(shown => extentOf(shown, view));
  return place => {
    const shown = parts[place.part]!;
    if (place.type === 'part') return partLine(shown, place.part, parts.length, columns, view);
    const row = shown.rows[place.row]!;
    const guides = places.guides(place.part, place.row, view);
    if (place.type === 'text') {
      const text = truncate(place.text, columns - width(guides.rest) - 2);
      return truncatedGuide(guides.rest, columns, line`  ${paintState(text, row.record.state!)}`);
    }
    return rowText(row, labelAt(place), guides, extents[place.part]!, layout, optionsOf(shown));
  };
}
/** In a narrower pane the room is better used for tokens and results. */
const SHOWS_KIND_FROM = 100;

/** A message below guides that are wider than the pane is not visible at all. */
function truncatedGuide(guide: Safe, columns: number, text: Safe): Safe {
  return width(guide) + 2 > columns ? paint(truncate(guide, columns), 'dim') : line`${paint(guide, 'dim')}${text}`;
}

function foldedLabel(label: Safe, shown: ShownRun, row: number, {ascii}: View): Safe {
  const {outline, failuresBefore} = rowIndex(shown);
  const end = outline.ends[row]!;
  const failed = failuresBefore[end]! - failuresBefore[row + 1]!;
  const inside = line`${count(end - row - 1)}${failed > 0 ? line`, ${count(failed)} failed` : trusted('')}`;
  return line`${trusted(ascii ? '+' : '▸')} ${label} (${inside})`;
}

/** Up to now while the run is running; if our clock is behind the writer's, up to the last written time. */
function openUntil(shown: ShownRun, {nowMicros}: View): number {
  return Math.max(nowMicros, rowIndex(shown).extent.to);
}

function extentOf(shown: ShownRun, view: View): Extent {
  const {extent} = rowIndex(shown);
  return shown.judged.record.state === 'running' ? {from: extent.from, to: openUntil(shown, view)} : extent;
}

function partLine(shown: ShownRun, part: number, parts: number, columns: number, view: View): Safe {
  const {record} = shown.judged;
  const state = stateText(record.state, view);
  const texts = [line`${part + 1} of ${parts}`, state, titleOf(shown.judged), shortRunId(record)];
  return paint(truncate(joined(texts, '  '), columns), 'dim');
}

function statusLine(state: TreeState, parts: Parts, {columns}: Size): Safe {
  const texts: Safe[] = [];
  if (state.search !== '') {
    const hits = searchHits(parts, state.search, state.criticalOnly);
    const at = cursorRow(state, parts);
    const place = hits.findIndex(hit => hit.part === at?.part && hit.row === at.row);
    const which =
      hits.length === 0
        ? trusted('no match')
        : place < 0
          ? line`${count(hits.length)} hits`
          : line`${place + 1} of ${count(hits.length)}`;
    texts.push(line`/${safe(state.search)}  ${which}`);
  }
  if (state.criticalOnly) texts.push(trusted('critical path only'));
  if (parts.some(isGoingOn)) {
    const fresh = Math.max(0, spanCount(parts) - state.seenSpans);
    texts.push(
      state.follows
        ? trusted('following')
        : fresh > 0
          ? line`${count(fresh)} new, G follows`
          : trusted('not following'),
    );
  }
  return paint(truncate(line` ${joined(texts, ' · ')}`, columns), 'yellow');
}
