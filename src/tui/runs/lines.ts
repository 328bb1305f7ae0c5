import {paintState, stateText} from '../../render/states.ts';
import {joined, type Safe, trusted} from '../../text/safe.ts';
import {paint} from '../../text/style.ts';
import {toWidth, truncate} from '../../text/width.ts';
import type {Size, View} from '../pane.ts';
import type {ListedRun} from '../source.ts';
import {COLUMNS, type Room, roomsIn} from './columns.ts';
import {listRows, type RunsInput, type RunsState, runAt} from './state.ts';

const STATE = 11;
const MARK = 1;

/** The list: a line of headings, then one line per run. */
export function runsLines(state: RunsState, input: RunsInput, size: Size, view: View): Safe[] {
  const rooms = roomsIn(size.columns - MARK - STATE, state.columns);
  const heading = joined(
    [
      toWidth(trusted(' STATE'), MARK + STATE),
      ...rooms.map(({name, columns}) => toWidth(trusted(COLUMNS[name].label), columns, COLUMNS[name].align)),
    ],
    ' ',
  );
  const lines = [paint(truncate(heading, size.columns), 'dim')];
  const rows = listRows(size);
  for (let index = state.top; index < Math.min(state.top + rows, input.runs.length); index++) {
    const run = runAt(state, input, index)!;
    lines.push(runLine(run, markOf(run.key, state, view), rooms, view));
  }
  if (input.runs.length === 0) lines.push(trusted(''), emptyText(input, view));
  else if (input.older === 'loading' && lines.length <= rows)
    lines.push(paint(trusted(' reading older runs …'), 'dim'));
  return lines;
}

function emptyText({older, isLive}: RunsInput, {ascii}: View): Safe {
  const dots = ascii ? '...' : '…';
  if (older === 'loading') return trusted(` reading runs ${dots}`);
  return trusted(isLive ? ' no run yet; they appear here as Agno writes them' : ' no run matches');
}

interface RowMark {
  readonly isSelected: boolean;
  readonly mark: Safe;
}

function markOf(key: string, {cursorKey, marked}: RunsState, {ascii}: View): RowMark {
  const isSelected = key === cursorKey;
  const mark = isSelected ? (ascii ? '>' : '›') : marked.includes(key) ? (ascii ? '*' : '•') : ' ';
  return {isSelected, mark: trusted(mark)};
}

function runLine({judged}: ListedRun, {isSelected, mark}: RowMark, rooms: readonly Room[], view: View): Safe {
  const {state} = judged.record;
  const cells = rooms.map(({name, columns}, i) => {
    const {align, text, paint: paintCell} = COLUMNS[name];
    const whole = text(judged, view);
    // Nothing follows the last one.
    const cell =
      i === rooms.length - 1 && align !== 'right' ? truncate(whole, columns) : toWidth(whole, columns, align);
    return paintCell ? paintCell(cell, judged, isSelected) : cell;
  });
  const first = trusted(
    paint(mark, view.isFocused ? 'bold' : 'dim') + paintState(toWidth(stateText(state, view), STATE), state),
  );
  return joined([first, ...cells], ' ');
}
