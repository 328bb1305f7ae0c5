import {joined, own, type Safe} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {detailPane} from './detail/pane.ts';
import {footerLine} from './footer.ts';
import {headerLine, titleRule} from './header.ts';
import {type Arrangement, PANE_NAMES, type PaneName, SMALLEST} from './layout.ts';
import {noteLines} from './note.ts';
import {overlayLines} from './overlay.ts';
import type {Size, View} from './pane.ts';
import {promptLines} from './prompt.ts';
import {runsPane} from './runs/pane.ts';
import type {ScreenState} from './state.ts';
import {treePane} from './tree/pane.ts';
import {arrangementOf, detailInput, runsInput, treeInput, type World} from './world.ts';

/** A whole screen: lines over the full width, and between them blocks of lines side by side. */
export interface Frame {
  readonly columns: number;
  readonly top: readonly Safe[];
  readonly body: readonly Block[];
  readonly bottom: readonly Safe[];
}

export interface Block {
  readonly columns: number;
  readonly lines: readonly Safe[];
}

const TITLES: Readonly<Record<PaneName, string>> = {runs: '1 runs', tree: '2 run', detail: '3 span'};

/** Draws the screen of a settled state. Pure. */
export function frameOf(name: string, state: ScreenState, world: World, nowMicros: number): Frame {
  const {columns, rows} = world.size;
  const arrangement = arrangementOf(state, world);
  if (arrangement === null) return tooSmall(world.size);
  const view: View = {ascii: world.ascii, isFocused: true, nowMicros, isRelative: state.isRelative};
  const header = headerLine(name, state, world, nowMicros);
  const bottom = state.prompt
    ? promptLines(state.prompt, columns, view)
    : [...noteLines(state, world), footerLine(state, world)];
  const bodyRows = rows - 2 - bottom.length;
  if (state.overlay) {
    const title = titleRule([{text: state.overlay.kind === 'help' ? 'keys' : 'SQL', isFocused: true}], columns, view);
    const lines = overlayLines(state.overlay, state, world, {columns, rows: bodyRows});
    return {columns, top: [header, title], body: [filled(lines, columns, bodyRows)], bottom};
  }
  const {titles, body} = panes(state, world, arrangement, view, bodyRows);
  return {columns, top: [header, titles], body, bottom};
}

function panes(
  state: ScreenState,
  world: World,
  arrangement: Arrangement,
  view: View,
  rows: number,
): {titles: Safe; body: Block[]} {
  const {columns} = world.size;
  const visible = PANE_NAMES.filter(name => arrangement[name] !== null);
  const rule = (names: readonly PaneName[], width: number) =>
    titleRule(
      names.map(name => ({text: TITLES[name], isFocused: name === state.focus})),
      width,
      view,
    );
  const below = (names: readonly PaneName[], width: number, height: number): Block => {
    const lines = names.flatMap((name, i) => {
      const size = arrangement[name]!;
      const isLast = i === names.length - 1;
      const own = linesOf(name, state, world, size, view);
      const padded = filled(own, width, isLast ? own.length : size.rows).lines;
      return i === 0 ? padded : [rule([name], width), ...padded];
    });
    return filled(lines, width, height);
  };
  if (!arrangement.isBeside) {
    const isAlone = visible.length === 1;
    return {
      titles: rule(isAlone ? PANE_NAMES : [visible[0]!], columns),
      body: [below(visible, columns, rows)],
    };
  }
  const left = arrangement.runs!.columns;
  const right = columns - left - 1;
  const [edge, corner] = view.ascii ? ['|', '+'] : ['│', '┬'];
  const rest = visible.filter(name => name !== 'runs');
  const line = paint(own(edge), 'dim');
  return {
    titles: joined(
      [
        rule(['runs'], left),
        paint(own(corner), 'dim'),
        rule(rest.length === 1 ? ['tree', 'detail'] : [rest[0]!], right),
      ],
      '',
    ),
    body: [
      below(['runs'], left, rows),
      {columns: 1, lines: Array.from({length: rows}, () => line)},
      below(rest, right, rows),
    ],
  };
}

function linesOf(name: PaneName, state: ScreenState, world: World, size: Size, view: View): readonly Safe[] {
  const own = {...view, isFocused: name === state.focus && state.prompt === null};
  switch (name) {
    case 'runs':
      return runsPane.lines(state.runs, runsInput(world), size, own);
    case 'tree': {
      const input = treeInput(state, world);
      if (input.parts === null && state.runs.cursorKey !== null) return [readingLine(world)];
      return treePane.lines(state.tree, input, size, own);
    }
    case 'detail':
      return detailPane.lines(state.detail, detailInput(state, world), size, own);
  }
}

/** The note line says why, where it could not be read. */
function readingLine({snapshot, ascii}: World): Safe {
  const dots = ascii ? '...' : '…';
  return paint(own(snapshot.opened?.failure ? ' this run could not be read' : ` reading the run ${dots}`), 'dim');
}

function filled(lines: readonly Safe[], columns: number, rows: number): Block {
  return {columns, lines: Array.from({length: rows}, (_, i) => lines[i] ?? own(''))};
}

function tooSmall({columns, rows}: Size): Frame {
  const words = ['terminal too small', `now ${columns}x${rows}, need ${SMALLEST.columns}x${SMALLEST.rows}`, 'q quits'];
  const whole = `terminal too small (now ${columns}x${rows}, need ${SMALLEST.columns}x${SMALLEST.rows})`;
  const lines = whole.length <= columns ? [whole] : words.map(text => text.slice(0, columns));
  return {columns, top: lines.slice(0, rows).map(own), body: [], bottom: []};
}

/** The rows of a frame without a layout: every line fits already, and blocks begin where those before them end. */
export function rowsOf({top, body, bottom}: Frame): string[] {
  const height = body[0]?.lines.length ?? 0;
  const rows = Array.from({length: height}, (_, row) => {
    let column = 1;
    let out = '';
    for (const {columns, lines} of body) {
      out += column === 1 ? lines[row]! : `\x1b[${column}G${lines[row]}`;
      column += columns;
    }
    return out;
  });
  return [...top, ...rows, ...bottom];
}

/** Whether two frames would look the same; then nothing has to be drawn. */
export function isSameFrame(a: Frame, b: Frame): boolean {
  const same = (one: readonly Safe[], other: readonly Safe[]) =>
    one.length === other.length && one.every((text, i) => text === other[i]);
  return (
    a.columns === b.columns &&
    same(a.top, b.top) &&
    same(a.bottom, b.bottom) &&
    a.body.length === b.body.length &&
    a.body.every((block, i) => block.columns === b.body[i]!.columns && same(block.lines, b.body[i]!.lines))
  );
}
