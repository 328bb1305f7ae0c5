import type {Look} from '../render/states.ts';
import type {Safe} from '../text/safe.ts';
import type {DrawnSpan, ShownRun} from '../trace/drawn-spans.ts';
import type {Span} from '../trace/span.ts';
import type {Action} from './keys.ts';
import type {Failure} from './source.ts';

/** Size of a pane, in characters, without a border. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** Settings of the screen, the same for all panes. */
export interface View extends Look {
  /** Keys go to this pane. */
  readonly isFocused: boolean;
  /** The clock of the source; what is still running is drawn up to here. */
  readonly nowMicros: number;
  /** Show times as `3m ago` instead of moments. */
  readonly isRelative: boolean;
}

/**
 * A part of the screen, as pure functions: its state, the effect of a key, its lines. `Input` is what it shows. A
 * state holds ids, never only row positions, so that rows may appear and disappear: after any change, `settle` is
 * called before `lines`, with the same input and size.
 */
export interface Pane<State, Input> {
  readonly start: State;
  /** The state after an action; the same object if the action means nothing here now. */
  act(state: State, action: Action, input: Input, size: Size): State;
  /**
   * Sets a search text (`/`) and goes to the first hit from the cursor on, as `n` does next; empty: none. Returns the
   * same object if this is already the search text.
   */
  search(state: State, text: string, input: Input, size: Size): State;
  /**
   * Puts the cursor on a row of `lines`, for a click; the same object if it was there already.
   * @returns null: there is nothing there
   */
  pick(state: State, row: number, input: Input, size: Size): State | null;
  /** How many rows match the search, including folded ones. */
  matches(state: State, input: Input): number;
  /** Adjusts cursor and scrolling after the input or the size changed. The same object if nothing moved. */
  settle(state: State, input: Input, size: Size): State;
  /** At most `size.rows` styled lines of at most `size.columns` columns; the screen fills up the rest. */
  lines(state: State, input: Input, size: Size, view: View): readonly Safe[];
  /** The keys that would do something now, for the footer and the help. The most useful first. */
  actions(state: State, input: Input): readonly Action[];
  /** It shows something that is running, so its lines change with the clock. */
  isTicking(input: Input): boolean;
}

/** By how many rows an action moves the cursor of any pane; null: it does something else. */
export function stepOf(action: Action, page: number): number | null {
  switch (action) {
    case 'up':
      return -1;
    case 'down':
      return 1;
    case 'pageUp':
      return -page;
    case 'pageDown':
      return page;
    case 'halfUp':
      return -Math.ceil(page / 2);
    case 'halfDown':
      return Math.ceil(page / 2);
    case 'first':
      return Number.NEGATIVE_INFINITY;
    case 'last':
      return Number.POSITIVE_INFINITY;
    default:
      return null;
  }
}

/** What the tree (`tree/pane.ts`: `treePane`, `selectedRow`) shows: the parts of the open run. */
export interface TreeInput {
  /** Null: no run is open, or it is not read yet. */
  readonly parts: readonly ShownRun[] | null;
}

/** The row under the cursor of the tree, and its part. */
export interface SelectedRow {
  readonly row: DrawnSpan;
  readonly part: ShownRun;
}

/** What the detail pane (`detail/pane.ts`: `detailPane`) shows: one span, and its contents once they are read. */
export interface DetailInput {
  readonly selected: SelectedRow | null;
  readonly content: SpanContent;
}

export type SpanContent =
  | {readonly state: 'loading'}
  /** Null: the span is a ghost, or it was deleted from the database. */
  | {readonly state: 'here'; readonly span: Span | null}
  | {readonly state: 'failed'; readonly failure: Failure};
