import type {TextPlace} from '../errors.ts';
import type {Safe} from '../text/safe.ts';
import {detailPane} from './detail/pane.ts';
import type {DetailState} from './detail/state.ts';
import type {KeyPress} from './keys.ts';
import type {PaneName} from './layout.ts';
import {type MousePress, pressMouse} from './mouse.ts';
import type {OtherProgram} from './other-program.ts';
import type {Overlay} from './overlay.ts';
import {press} from './press.ts';
import {type Prompt, problemOf, promptOf} from './prompt.ts';
import {runsPane} from './runs/pane.ts';
import type {RunsState} from './runs/state.ts';
import type {WantedPage} from './source.ts';
import {treePane} from './tree/pane.ts';
import type {TreeState} from './tree/state.ts';
import {settle, type World} from './world.ts';

/** The states of the panes. */
export interface PaneStates {
  readonly runs: RunsState;
  readonly tree: TreeState;
  readonly detail: DetailState;
}

/** The state of the screens themselves. Pure; the data they show is the `World`. */
export interface ScreenState extends PaneStates {
  readonly focus: PaneName;
  readonly overlay: Overlay | null;
  readonly prompt: Prompt | null;
  readonly isRelative: boolean;
  /** The pane with the focus has the whole screen. */
  readonly isZoomed: boolean;
  /** Shown until the next key. */
  readonly message: Safe | null;
  /** The texts typed into each prompt before, the newest last. */
  readonly typed: Readonly<Record<Prompt['kind'], readonly string[]>>;
  /** The run to whose failed span the tree goes when it is read; null: none. */
  readonly failureOf: string | null;
  /** Number of notices that were dismissed. */
  readonly noticesRead: number;
}

/** An effect outside of the screens after a key. */
export type Effect =
  | {readonly type: 'quit'}
  | {readonly type: 'copy'; readonly text: string}
  | {readonly type: 'filter'; readonly text: string}
  | {readonly type: 'page'; readonly wanted: WantedPage}
  /** Show it in another program. */
  | {readonly type: 'read'; readonly text: Safe; readonly in: OtherProgram};

export interface Step {
  readonly state: ScreenState;
  readonly effects: readonly Effect[];
}

export const FIRST_STATE: ScreenState = {
  focus: 'runs',
  runs: runsPane.start,
  tree: treePane.start,
  detail: detailPane.start,
  overlay: null,
  prompt: null,
  isRelative: false,
  isZoomed: false,
  message: null,
  typed: {search: [], filter: [], columns: []},
  failureOf: null,
  noticesRead: 0,
};

/** The state at the beginning, and the effects still to run. */
export const FIRST_STEP: Step = {state: FIRST_STATE, effects: []};

export type ScreenEvent =
  | {readonly type: 'key'; readonly press: KeyPress; readonly world: World}
  | {readonly type: 'mouse'; readonly press: MousePress; readonly world: World}
  /** The data, or the room for it, changed. */
  | {readonly type: 'settle'; readonly world: World}
  /** This many of the oldest effects were handled. */
  | {readonly type: 'done'; readonly effects: number}
  | {readonly type: 'said'; readonly message: Safe}
  | {readonly type: 'page'; readonly wanted: WantedPage; readonly answer: PageAnswer}
  | {readonly type: 'refused'; readonly text: string; readonly error: RefusedFilter};

/** A page that was read, or why it could not be. */
type PageAnswer = {readonly lines: readonly Safe[]} | {readonly problem: Safe};

/** The only way in which anything changes. Pure. */
export function reduce(step: Step, event: ScreenEvent): Step {
  const {state} = step;
  switch (event.type) {
    case 'key':
    case 'mouse': {
      const before = settle(state, event.world);
      const pressed =
        event.type === 'key' ? press(before, event.press, event.world) : pressMouse(before, event.press, event.world);
      const settled = settle(pressed.state, event.world);
      // The same object, so that a key without meaning draws nothing.
      if (settled === state && pressed.effects.length === 0) return step;
      return {state: settled, effects: [...step.effects, ...pressed.effects]};
    }
    case 'settle':
      return {...step, state: settle(state, event.world)};
    case 'done':
      return {...step, effects: step.effects.slice(event.effects)};
    case 'said':
      return {...step, state: {...state, message: event.message}};
    case 'page':
      return {...step, state: withPage(state, event.wanted, event.answer)};
    case 'refused':
      return {...step, state: refused(state, event.text, event.error)};
  }
}

/** Ignores a page that nobody waits for any more: it was closed, or another one was requested since. */
function withPage(state: ScreenState, wanted: WantedPage, answer: PageAnswer): ScreenState {
  const {overlay} = state;
  if (overlay?.page?.wanted !== wanted) return state;
  if ('problem' in answer) return {...state, overlay: null, message: answer.problem};
  return {...state, overlay: {...overlay, page: {wanted, lines: answer.lines}}};
}

interface RefusedFilter {
  readonly message: string;
  readonly place?: TextPlace;
}

/** The filter was refused: its prompt comes back with the reason and the place. */
function refused(state: ScreenState, text: string, error: RefusedFilter): ScreenState {
  return {...state, prompt: {...promptOf('filter', text), problem: problemOf(error.message, error.place)}};
}
