import {detailPane} from './detail/pane.ts';
import {type PanePlace, placeAt} from './layout.ts';
import {act, focused, inOverlay, perform, still} from './press.ts';
import {runsPane} from './runs/pane.ts';
import type {ScreenState, Step} from './state.ts';
import {treePane} from './tree/pane.ts';
import {arrangementOf, detailInput, runsInput, treeInput, type World} from './world.ts';

/** An action of the mouse and its place, from 0. */
export interface MousePress {
  readonly kind: 'click' | 'wheelUp' | 'wheelDown';
  readonly column: number;
  readonly row: number;
}

/** Rows per step of the wheel. */
const WHEEL = 3;
const REPORT = /\x1b\[<(\d+);(\d+);(\d+)M/g;
const KINDS: Readonly<Record<number, MousePress['kind']>> = {0: 'click', 64: 'wheelUp', 65: 'wheelDown'};

/** Mouse reports among the bytes from a terminal. It reports a click twice; `M`: the button went down. */
export function mouseReports(bytes: string): MousePress[] {
  return [...bytes.matchAll(REPORT)].flatMap(([, button, column, row]) => {
    const kind = KINDS[Number(button)];
    return kind === undefined ? [] : [{kind, column: Number(column) - 1, row: Number(row) - 1}];
  });
}

/** The wheel scrolls what is below it. A click moves the cursor; if the cursor was already there, it opens. */
export function pressMouse(before: ScreenState, {kind, column, row}: MousePress, world: World): Step {
  if (before.prompt) return still(before);
  const state = before.message === null ? before : {...before, message: null};
  const step = kind === 'wheelUp' ? 'up' : 'down';
  if (state.overlay) return still(kind === 'click' ? state : times(WHEEL, state, now => inOverlay(now, step, world)));
  const arrangement = arrangementOf(state, world);
  const place = arrangement && placeAt(arrangement, column, row);
  if (!place) return still(state);
  if (kind !== 'click') return still(times(WHEEL, state, now => act(now, place.pane, step, world)));
  const there = picked(state, place, world);
  if (there === null || there !== state || state.focus !== place.pane)
    return still(focused(there ?? state, place.pane));
  return perform(state, place.pane === 'detail' ? 'toggle' : 'open', world);
}

function times(count: number, state: ScreenState, step: (now: ScreenState) => ScreenState): ScreenState {
  return Array.from({length: count}).reduce<ScreenState>(step, state);
}

/** Puts the cursor of a pane on one of its rows; null: there is nothing there. */
function picked(state: ScreenState, {pane, row}: PanePlace, world: World): ScreenState | null {
  const size = arrangementOf(state, world)![pane]!;
  switch (pane) {
    case 'runs': {
      const runs = runsPane.pick(state.runs, row, runsInput(world), size);
      return runs && (runs === state.runs ? state : {...state, runs});
    }
    case 'tree': {
      const tree = treePane.pick(state.tree, row, treeInput(state, world), size);
      return tree && (tree === state.tree ? state : {...state, tree});
    }
    case 'detail': {
      const detail = detailPane.pick(state.detail, row, detailInput(state, world), size);
      return detail && (detail === state.detail ? state : {...state, detail});
    }
  }
}
