import type {RunRecord} from '../trace/record.ts';
import type {Span} from '../trace/span.ts';
import {detailPane} from './detail/pane.ts';
import type {Action} from './keys.ts';
import {type Arrangement, arrange, type PaneName} from './layout.ts';
import {NO_MATCH, noteOf} from './note.ts';
import type {DetailInput, SelectedRow, Size, SpanContent, TreeInput} from './pane.ts';
import {promptRows} from './prompt.ts';
import {runsPane} from './runs/pane.ts';
import {type RunsInput, type RunsState, selectedRun} from './runs/state.ts';
import type {Snapshot, WantedPage} from './source.ts';
import type {ScreenState} from './state.ts';
import {atFailure, selectedRow, treePane} from './tree/pane.ts';

/** What is shown, and where. */
export interface World {
  readonly snapshot: Snapshot;
  readonly isLive: boolean;
  /** Contents of spans, by their ids; missing ones were not read yet. */
  readonly contents: ReadonlyMap<string, SpanContent>;
  readonly size: Size;
  readonly ascii: boolean;
  statements(): readonly string[];
}

/** Everything except what takes a while to read. */
export type Shown = Omit<World, 'contents'>;

export function runsInput({snapshot, isLive}: Shown): RunsInput {
  return {runs: snapshot.runs, older: snapshot.older, isLive};
}

/** The rows of the run under the cursor of the list; rows of another run are never shown beside it. */
export function treeInput(state: ScreenState, {snapshot}: Shown): TreeInput {
  const isOpen = snapshot.opened !== null && snapshot.opened.key === state.runs.cursorKey;
  return {parts: isOpen ? snapshot.opened.parts : null};
}

export function selectedSpan(state: ScreenState, world: Shown): SelectedRow | null {
  return selectedRow(state.tree, treeInput(state, world));
}

export function detailInput(state: ScreenState, world: World): DetailInput {
  const selected = selectedSpan(state, world);
  return {selected, content: contentOf(selected, world)};
}

function contentOf(selected: SelectedRow | null, {contents}: World): SpanContent {
  const node = selected?.row.node;
  return node?.span ? (contents.get(node.id) ?? LOADING) : NOTHING;
}
const LOADING: SpanContent = {state: 'loading'};
const NOTHING: SpanContent = {state: 'here', span: null};

export function arrangementOf(state: ScreenState, world: Shown): Arrangement | null {
  const {focus, isZoomed} = state;
  return arrange(world.size, {focus, isZoomed, bottomRows: bottomRowsOf(state, world)});
}

/** Number of lines below the panes: the footer and a note, or the prompt. */
export function bottomRowsOf(state: ScreenState, world: Shown): number {
  if (state.prompt) return promptRows(state.prompt);
  return noteOf(state, world) === null ? 1 : 2;
}

/** The size that a pane has, or would have with the focus. */
export function sizeOf(name: PaneName, state: ScreenState, world: World): Size {
  return arrangementOf({...state, focus: name}, world)?.[name] ?? world.size;
}

/** Adjusts the panes after any change: call it before drawing. */
export function settle(state: ScreenState, world: World): ScreenState {
  const runs = runsPane.settle(state.runs, runsInput(world), sizeOf('runs', state, world));
  const withRuns = runs === state.runs ? state : {...withSearchOver(state, runs, world), runs};
  const input = treeInput(withRuns, world);
  // `e` in the list is done when its run is read, or the cursor is on another one.
  const isFailureHere = state.failureOf !== null && state.failureOf === runs.cursorKey && input.parts !== null;
  const isOver = state.failureOf !== null && (isFailureHere || state.failureOf !== runs.cursorKey);
  const before = isFailureHere ? atFailure(state.tree, input) : state.tree;
  const tree = treePane.settle(before, input, sizeOf('tree', state, world));
  const withTree =
    tree === state.tree && !isOver ? withRuns : {...withRuns, tree, failureOf: isOver ? null : state.failureOf};
  const detail = detailPane.settle(state.detail, detailInput(withTree, world), sizeOf('detail', state, world));
  return detail === state.detail ? withTree : {...withTree, detail};
}

/** Older runs were read for a search, and none of them matches. */
function withSearchOver(state: ScreenState, runs: RunsState, world: World): ScreenState {
  const isOver = state.runs.seeking?.what === 'match' && runs.seeking === null && state.prompt === null;
  return isOver && runsPane.matches(runs, runsInput(world)) === 0 ? {...state, message: NO_MATCH} : state;
}

/** How many matches the pane with the focus has. */
export function matchCount(state: ScreenState, world: World): number {
  switch (state.focus) {
    case 'runs':
      return runsPane.matches(state.runs, runsInput(world));
    case 'tree':
      return treePane.matches(state.tree, treeInput(state, world));
    case 'detail':
      return detailPane.matches(state.detail, detailInput(state, world));
  }
}

/** The complete span under the cursor of the tree; null: there is none, or it was not read yet. */
export function readableSpan(state: ScreenState, world: World): (SelectedRow & {readonly span: Span}) | null {
  const {selected, content} = detailInput(state, world);
  return selected !== null && content.state === 'here' && content.span !== null
    ? {...selected, span: content.span}
    : null;
}

/** The session of the run under the cursor of the list. */
export function sessionOf(state: ScreenState, world: World): string | null {
  return selectedRun(state.runs, runsInput(world))?.judged.record.sessionId || null;
}

/**
 * The run under the cursor; for a comparison the two marked runs, or a marked one and the one under the cursor. Null:
 * there are not enough.
 */
export function runsOfPage(state: ScreenState, world: World, kind: WantedPage['kind']): readonly RunRecord[] | null {
  const {runs} = world.snapshot;
  const here = selectedRun(state.runs, runsInput(world));
  const at = here === null ? [] : [here];
  const marked = state.runs.marked.flatMap(key => runs.filter(run => run.key === key));
  const others = marked.length < 2 ? at.filter(run => !marked.includes(run)) : [];
  const wanted = kind === 'transcript' ? at : [...marked, ...others];
  return wanted.length < (kind === 'diff' ? 2 : 1) ? null : wanted.map(({judged}) => judged.record);
}

/** Actions of the pane with the focus, the most useful first. */
export function paneActions(state: ScreenState, world: World): readonly Action[] {
  switch (state.focus) {
    case 'runs':
      return runsPane.actions(state.runs, runsInput(world));
    case 'tree':
      return treePane.actions(state.tree, treeInput(state, world));
    case 'detail':
      return detailPane.actions(state.detail, detailInput(state, world));
  }
}

/** The cursor is near the end of the part of the list that was read. */
export function wantsOlderRuns(state: ScreenState, world: World): boolean {
  const {snapshot, isLive} = world;
  const rows = arrangementOf(state, world)?.runs?.rows;
  if (rows === undefined || snapshot.older !== 'some' || snapshot.failure !== null) return false;
  const {index, isFollowing, order, seeking} = state.runs;
  if (seeking !== null) return true;
  // Only the runs that were read are sorted.
  if (order === 'time' || order === 'tokens') return false;
  const oldest = order === 'newest' ? snapshot.runs.length - 1 - index : index;
  return isLive ? !isFollowing && oldest === 0 : oldest < 2 * rows;
}
