import type {Look} from '../render/states.ts';
import type {Safe} from '../text/safe.ts';
import type {DrawnSpan, ShownRun} from '../trace/drawn-spans.ts';
import type {Span} from '../trace/span.ts';
import type {Action} from './keys.ts';
import type {Failure} from './source.ts';

/** Room of a pane, in characters, without any border. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** How the screen is set, the same for all panes. */
export interface View extends Look {
  /** Keys go to this pane. */
  readonly isFocused: boolean;
  /** The clock of the source; what still runs is drawn up to here. */
  readonly nowMicros: number;
  /** Times as `3m ago`, or as moments. */
  readonly isRelative: boolean;
}

/**
 * A part of the screen, as pure functions: its state, what a key does to it, its lines. `Input` is what it shows. A state
 * holds ids, never positions of rows alone, so that rows may come and go: whatever moved, `settle` is called before
 * `lines`, with the same input and size.
 */
export interface Pane<State, Input> {
  readonly start: State;
  /** The state after an action; the very same object, when the action means nothing here now. */
  act(state: State, action: Action, input: Input, size: Size): State;
  /**
   * Takes a search text (`/`) and goes to the first hit from the cursor on, as `n` goes on; empty: none. The same object, when
   * that is what is searched for already.
   */
  search(state: State, text: string, input: Input, size: Size): State;
  /**
   * The cursor on a row of `lines`, as a click asks for; the same object where it was there already.
   * @returns null: there is nothing to go to
   */
  pick(state: State, row: number, input: Input, size: Size): State | null;
  /** How many rows hold what is searched for; those that are folded away too. */
  matches(state: State, input: Input): number;
  /** Puts cursor and scrolling in order after the input or the size changed. The same object, when nothing moved. */
  settle(state: State, input: Input, size: Size): State;
  /** At most `size.rows` lines of at most `size.columns` columns, styled; the screen fills up what is missing. */
  lines(state: State, input: Input, size: Size, view: View): readonly Safe[];
  /** What keys would do something now; the footer and the help show them. The most useful first. */
  actions(state: State, input: Input): readonly Action[];
  /** It shows something that runs, so its lines change with the clock. */
  isTicking(input: Input): boolean;
}

/** How many rows an action moves the cursor of any pane; null: it does something else. */
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

/** What the tree (`tree/pane.ts`: `treePane`, `selectedRow`) shows: the parts of the run that is open. */
export interface TreeInput {
  /** Null: none is open, or it is not here yet. */
  readonly parts: readonly ShownRun[] | null;
}

/** The row that the cursor of the tree is on, and the part it belongs to. */
export interface SelectedRow {
  readonly row: DrawnSpan;
  readonly part: ShownRun;
}

/** What the detail pane (`detail/pane.ts`: `detailPane`) shows: one span, and what it holds as soon as it is here. */
export interface DetailInput {
  readonly selected: SelectedRow | null;
  readonly content: SpanContent;
}

export type SpanContent =
  | {readonly state: 'loading'}
  /** Null: the span is a ghost, or it is gone from the database. */
  | {readonly state: 'here'; readonly span: Span | null}
  | {readonly state: 'failed'; readonly failure: Failure};
