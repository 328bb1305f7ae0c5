import {Box} from 'ink';
import type {ReactNode} from 'react';
import {type Safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {detailPane} from './detail/pane.ts';
import {Footer} from './footer.tsx';
import {Header} from './header.tsx';
import {type Arrangement, PANE_NAMES, type PaneName, SMALLEST} from './layout.ts';
import {NO_MATCH, noteOf, readingOn} from './note.ts';
import {NoteLine} from './note-line.tsx';
import {overlayLines} from './overlay.ts';
import type {Size, View} from './pane.ts';
import {textOf} from './prompt.ts';
import {PromptLine} from './prompt-line.tsx';
import {runsPane} from './runs/pane.ts';
import {Lines} from './safe-text.tsx';
import {withSelection} from './selection.ts';
import type {ScreenState} from './state.ts';
import {TitleRule} from './title-rule.tsx';
import {treePane} from './tree/pane.ts';
import {arrangementOf, bottomRowsOf, detailInput, matchCount, runsInput, treeInput, type World} from './world.ts';

interface ScreenProps {
  readonly name: string;
  /** Settled for this world. */
  readonly state: ScreenState;
  readonly world: World;
  readonly nowMicros: number;
}

/** The whole screen. */
export function Screen({name, state, world, nowMicros}: ScreenProps) {
  const {columns, rows} = world.size;
  const arrangement = arrangementOf(state, world);
  if (arrangement === null) return <TooSmall {...world.size} />;
  const view: View = {ascii: world.ascii, isFocused: true, nowMicros, isRelative: state.isRelative};
  const note = noteOf(state, world);
  const bodyRows = rows - 1 - bottomRowsOf(state, world);
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      <Header {...{name, state, world, nowMicros}} />
      {state.overlay ? (
        <OverlayPage state={state} world={world} size={{columns, rows: bodyRows}} view={view} />
      ) : (
        <Panes state={state} world={world} arrangement={arrangement} view={view} rows={bodyRows} />
      )}
      {state.prompt ? (
        <PromptLine prompt={state.prompt} remark={remarkOf(state, world)} columns={columns} ascii={world.ascii} />
      ) : (
        <>
          {note === null ? null : <NoteLine note={note} columns={columns} />}
          <Footer state={state} world={world} />
        </>
      )}
    </Box>
  );
}

/** The remark after a search while it is typed. */
function remarkOf(state: ScreenState, world: World): Safe {
  const {prompt, focus, runs} = state;
  if (prompt?.kind !== 'search' || textOf(prompt) === '' || matchCount(state, world) > 0) return trusted('');
  return trusted(`  ${focus === 'runs' && runs.seeking !== null ? readingOn(world.ascii) : NO_MATCH}`);
}

interface PaneProps {
  readonly state: ScreenState;
  readonly world: World;
  readonly size: Size;
  readonly view: View;
}

function OverlayPage({state, world, size, view}: PaneProps) {
  const overlay = state.overlay!;
  const {columns} = size;
  const title = {help: 'keys', sql: 'SQL', transcript: 'transcript', diff: 'diff'}[overlay.kind];
  const rows = size.rows - 1;
  return (
    <Box flexDirection="column" height={size.rows} flexShrink={0}>
      <TitleRule titles={[{text: title, isFocused: true}]} columns={columns} ascii={view.ascii} />
      <Lines lines={overlayLines(overlay, state, world, {columns, rows})} columns={columns} rows={rows} />
    </Box>
  );
}

const TITLES: Readonly<Record<PaneName, string>> = {runs: '1 runs', tree: '2 run', detail: '3 span'};

interface PanesProps extends Omit<PaneProps, 'size'> {
  readonly arrangement: Arrangement;
  readonly rows: number;
}

/** The panes that fit: the list beside the others, or all above each other. */
function Panes({state, world, arrangement, view, rows}: PanesProps) {
  const {columns} = world.size;
  const visible = PANE_NAMES.filter(name => arrangement[name] !== null);
  const pane = (name: PaneName, names: readonly PaneName[] = [name]) => (
    <TitledPane key={name} {...{name, names, state, world, view}} size={arrangement[name]!} />
  );
  if (!arrangement.isBeside) {
    const isAlone = visible.length === 1;
    return (
      <Column columns={columns} rows={rows}>
        {visible.map(name => pane(name, isAlone ? PANE_NAMES : [name]))}
      </Column>
    );
  }
  const left = arrangement.runs!.columns;
  const others = visible.filter(name => name !== 'runs');
  const isOne = others.length === 1;
  return (
    <Box height={rows} flexShrink={0}>
      <Column columns={left} rows={rows}>
        {pane('runs')}
      </Column>
      <Edge rows={rows} ascii={view.ascii} />
      <Column columns={columns - left - 1} rows={rows}>
        {others.map(name => pane(name, isOne ? ['tree', 'detail'] : [name]))}
      </Column>
    </Box>
  );
}

function Column({columns, rows, children}: {columns: number; rows: number; children: ReactNode}) {
  return (
    <Box flexDirection="column" width={columns} height={rows} flexShrink={0}>
      {children}
    </Box>
  );
}

/** The line between the list and the others. */
function Edge({rows, ascii}: {rows: number; ascii: boolean}) {
  const [edge, corner] = ascii ? ['|', '+'] : ['│', '┬'];
  const line = paint(trusted(edge), 'dim');
  return <Lines lines={[paint(trusted(corner), 'dim'), ...Array.from({length: rows - 1}, () => line)]} columns={1} />;
}

interface TitledPaneProps extends PaneProps {
  readonly name: PaneName;
  /** The panes named in the title: this one, and those that it hides. */
  readonly names: readonly PaneName[];
}

function TitledPane({name, names, state, world, size, view}: TitledPaneProps) {
  const titles = names.map(title => ({text: TITLES[title], isFocused: title === state.focus}));
  const paneView = {...view, isFocused: name === state.focus && state.prompt === null};
  return (
    <>
      <TitleRule titles={titles} columns={size.columns} ascii={view.ascii} />
      <Lines lines={withSelection(linesOf(name, state, world, size, paneView), size.columns, paneView)} {...size} />
    </>
  );
}

function linesOf(name: PaneName, state: ScreenState, world: World, size: Size, view: View): readonly Safe[] {
  switch (name) {
    case 'runs':
      return runsPane.lines(state.runs, runsInput(world), size, view);
    case 'tree': {
      const input = treeInput(state, world);
      if (input.parts === null && state.runs.cursorKey !== null) return [readingLine(world)];
      return treePane.lines(state.tree, input, size, view);
    }
    case 'detail':
      return detailPane.lines(state.detail, detailInput(state, world), size, view);
  }
}

/** The note line says why, if it could not be read. */
function readingLine({snapshot, ascii}: World): Safe {
  const dots = ascii ? '...' : '…';
  return paint(trusted(snapshot.opened?.failure ? ' this run could not be read' : ` reading the run ${dots}`), 'dim');
}

function TooSmall({columns, rows}: Size) {
  const words = ['terminal too small', `now ${columns}x${rows}, need ${SMALLEST.columns}x${SMALLEST.rows}`, 'q quits'];
  const whole = `terminal too small (now ${columns}x${rows}, need ${SMALLEST.columns}x${SMALLEST.rows})`;
  const lines = whole.length <= columns ? [whole] : words.map(text => text.slice(0, columns));
  return <Lines lines={lines.slice(0, rows).map(trusted)} columns={columns} rows={rows} />;
}
