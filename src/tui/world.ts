import {detailPane} from './detail/pane.ts';
import type {Action} from './keys.ts';
import {type Arrangement, arrange, type PaneName} from './layout.ts';
import {noteOf} from './note.ts';
import type {DetailInput, SelectedRow, Size, SpanContent, TreeInput} from './pane.ts';
import {runsPane} from './runs/pane.ts';
import type {RunsInput} from './runs/state.ts';
import type {Snapshot} from './source.ts';
import type {ScreenState} from './state.ts';
import {selectedRow, treePane} from './tree/pane.ts';

/** What is shown, and where. */
export interface World {
  readonly snapshot: Snapshot;
  readonly isLive: boolean;
  /** What the span under the cursor of the tree holds. */
  readonly content: SpanContent;
  readonly size: Size;
  readonly ascii: boolean;
  statements(): readonly string[];
}

export function runsInput({snapshot, isLive}: World): RunsInput {
  return {runs: snapshot.runs, older: snapshot.older, isLive};
}

/** The rows of the run under the cursor of the list; those of another one are never shown beside it. */
export function treeInput(state: ScreenState, {snapshot}: World): TreeInput {
  const isOpen = snapshot.opened !== null && snapshot.opened.key === state.runs.cursorKey;
  return {parts: isOpen ? snapshot.opened.parts : null};
}

export function selectedSpan(state: ScreenState, world: World): SelectedRow | null {
  return selectedRow(state.tree, treeInput(state, world));
}

export function detailInput(state: ScreenState, world: World): DetailInput {
  return {selected: selectedSpan(state, world), content: world.content};
}

export function arrangementOf(state: ScreenState, world: World): Arrangement | null {
  return arrange(world.size, state.focus, noteOf(state, world) !== null);
}

/** Room that a pane has, or would have with the focus. */
export function sizeOf(name: PaneName, state: ScreenState, world: World): Size {
  return arrangementOf({...state, focus: name}, world)?.[name] ?? world.size;
}

/** Panes in order after anything changed: called before drawing. */
export function settle(state: ScreenState, world: World): ScreenState {
  const runs = runsPane.settle(state.runs, runsInput(world), sizeOf('runs', state, world));
  const withRuns = runs === state.runs ? state : {...state, runs};
  const tree = treePane.settle(state.tree, treeInput(withRuns, world), sizeOf('tree', state, world));
  const withTree = tree === state.tree ? withRuns : {...withRuns, tree};
  const detail = detailPane.settle(state.detail, detailInput(withTree, world), sizeOf('detail', state, world));
  return detail === state.detail ? withTree : {...withTree, detail};
}

/** Actions of the pane that has the focus, the most useful first. */
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
