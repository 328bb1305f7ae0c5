import type {Place} from '../errors.ts';
import {renderSpanDetail} from '../render/span-detail.ts';
import {count} from '../render/values.ts';
import {line, own, type Safe, safe} from '../text/safe.ts';
import {detailPane} from './detail/pane.ts';
import type {DetailState} from './detail/state.ts';
import {type Action, actionOf, type KeyPress} from './keys.ts';
import {PANE_NAMES, type PaneName} from './layout.ts';
import {type OtherProgram, withoutStyles} from './other-program.ts';
import {type Overlay, overlayRows, scrolled} from './overlay.ts';
import type {Pane, Size} from './pane.ts';
import {type Prompt, problemOf, promptOf, textOf, typed} from './prompt.ts';
import {runsPane} from './runs/pane.ts';
import {ORDERS, type RunsState, selectedRun} from './runs/state.ts';
import type {WantedPage} from './source.ts';
import {heldTree, treePane} from './tree/pane.ts';
import type {TreeState} from './tree/state.ts';
import {detailInput, runsInput, selectedSpan, settle, sizeOf, treeInput, type World} from './world.ts';

/** All that the screens remember of their own. Pure; what they show is the `World`. */
export interface ScreenState {
  readonly focus: PaneName;
  readonly runs: RunsState;
  readonly tree: TreeState;
  readonly detail: DetailState;
  readonly overlay: Overlay | null;
  readonly prompt: Prompt | null;
  /** The state of the panes before a search was typed, for Escape. */
  readonly beforeSearch: Pick<ScreenState, PaneName> | null;
  readonly isRelative: boolean;
  /** The pane with the focus has the whole screen. */
  readonly isZoomed: boolean;
  /** Said until the next key. */
  readonly message: Safe | null;
  /** What was typed into each prompt before, the newest last. */
  readonly typed: Readonly<Record<Prompt['kind'], readonly string[]>>;
  /** The run whose failing span the tree goes to as soon as it is read; null: none. */
  readonly failureOf: string | null;
  /** Notices that were put away. */
  readonly noticesRead: number;
}

/** What is done outside after a key. */
export type Effect =
  | {readonly type: 'quit'}
  | {readonly type: 'copy'; readonly text: string}
  | {readonly type: 'filter'; readonly text: string}
  | {readonly type: 'page'; readonly wanted: WantedPage}
  /** Read in another program. */
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
  beforeSearch: null,
  isRelative: false,
  isZoomed: false,
  message: null,
  typed: {search: [], filter: []},
  failureOf: null,
  noticesRead: 0,
};

/** The state at the beginning, and what is still to be done outside. */
export const FIRST_STEP: Step = {state: FIRST_STATE, effects: []};

export type ScreenEvent =
  | {readonly type: 'key'; readonly press: KeyPress; readonly world: World}
  /** What is shown, or the room for it, changed. */
  | {readonly type: 'settle'; readonly world: World}
  /** So many of the oldest effects were seen to. */
  | {readonly type: 'done'; readonly effects: number}
  | {readonly type: 'said'; readonly message: Safe}
  /** A page was read; null: it could not be. */
  | {readonly type: 'page'; readonly kind: WantedPage['kind']; readonly lines: readonly Safe[] | null}
  | {readonly type: 'filtered'}
  | {readonly type: 'refused'; readonly text: string; readonly error: RefusedFilter};

/** The only way in which anything changes. Pure. */
export function reduce(before: Step, event: ScreenEvent): Step {
  switch (event.type) {
    case 'key': {
      const pressed = press(settle(before.state, event.world), event.press, event.world);
      const state = settle(pressed.state, event.world);
      // The same object, so that a key that means nothing here draws nothing.
      if (state === before.state && pressed.effects.length === 0) return before;
      return {state, effects: [...before.effects, ...pressed.effects]};
    }
    case 'settle':
      return {...before, state: settle(before.state, event.world)};
    case 'done':
      return {...before, effects: before.effects.slice(event.effects)};
    case 'page':
      return {...before, state: withPage(before.state, event.kind, event.lines)};
    case 'said':
      return {...before, state: {...before.state, message: event.message}};
    case 'filtered':
      return {...before, state: filtered(before.state)};
    case 'refused':
      return {...before, state: refused(before.state, event.text, event.error)};
  }
}

/** What a key does. */
export function press(before: ScreenState, key: KeyPress, world: World): Step {
  const state = before.message === null ? before : {...before, message: null};
  if (key.name === '^c') return {state, effects: [{type: 'quit'}]};
  if (state.prompt) return inPrompt(state, state.prompt, key, world);
  const action = actionOf(key.name);
  if (action === null) return still(state);
  if (state.overlay) return still(inOverlay(state, state.overlay, action, world));
  return perform(state, action, world);
}

function still(state: ScreenState): Step {
  return {state, effects: []};
}

function perform(state: ScreenState, action: Action, world: World): Step {
  const {focus} = state;
  switch (action) {
    case 'quit':
      return {state, effects: [{type: 'quit'}]};
    case 'help':
    case 'sql':
      return still({...state, overlay: {kind: action, top: 0, lines: null}});
    case 'transcript':
    case 'diff':
      return page(state, world, action);
    case 'mark':
      return still(marked(state, world));
    case 'filter':
      return still({...state, prompt: promptOf('filter', world.snapshot.filter, state.typed.filter)});
    case 'search':
      return still({...state, prompt: promptOf('search', '', state.typed.search), beforeSearch: panesOf(state)});
    case 'time':
      return still({...state, isRelative: !state.isRelative});
    case 'zoom':
      return still({...state, isZoomed: !state.isZoomed});
    case 'nextPane':
      return still(focused(state, PANE_NAMES[(PANE_NAMES.indexOf(focus) + 1) % PANE_NAMES.length]!));
    case 'previousPane':
      return still(
        focused(state, PANE_NAMES[(PANE_NAMES.indexOf(focus) + PANE_NAMES.length - 1) % PANE_NAMES.length]!),
      );
    case 'pane1':
    case 'pane2':
    case 'pane3':
      return still(focused(state, PANE_NAMES[Number(action.slice(-1)) - 1]!));
    case 'pager':
    case 'editor':
      return elsewhere(state, world, action);
    case 'session':
      return sameSession(state, world);
    case 'copy':
      return copied(state, world);
    case 'back':
      return focus === 'runs' ? {state, effects: [{type: 'quit'}]} : still(up(state));
    case 'close':
      return closed(state, world);
    case 'open':
      if (focus === 'runs') return still(state.runs.cursorKey === null ? state : focused(state, 'tree'));
      if (focus === 'tree' && selectedSpan(state, world))
        return still(focused({...state, tree: heldTree(state.tree, treeInput(state, world))}, 'detail'));
  }
  const acted = act(state, action, world);
  const missing = acted === state ? nothingFound(action) : null;
  if (missing !== null) return still({...acted, message: missing});
  if (action === 'order' && focus === 'runs') return still({...acted, message: orderMessage(acted, world)});
  const isToError = action === 'nextError' || action === 'previousError';
  return still(isToError && focus === 'runs' ? {...acted, failureOf: acted.runs.cursorKey} : acted);
}

function orderMessage({runs}: ScreenState, {snapshot}: World): Safe {
  const {length} = snapshot.runs;
  return line`${own(ORDERS[runs.order])}, of the ${count(length)} ${own(length === 1 ? 'run' : 'runs')} that were read`;
}

function focused(state: ScreenState, focus: PaneName): ScreenState {
  return state.focus === focus ? state : {...state, focus};
}

function up(state: ScreenState): ScreenState {
  return focused(state, PANE_NAMES[Math.max(0, PANE_NAMES.indexOf(state.focus) - 1)]!);
}

/** Escape: what stands in front is gone by now; then the search of the pane, the notices, the filter, a pane up. */
function closed(state: ScreenState, world: World): Step {
  const searched = search(state, '', world);
  if (searched !== state) return still(searched);
  const {notices, filter} = world.snapshot;
  if (notices.length > state.noticesRead) return still({...state, noticesRead: notices.length});
  if (state.focus !== 'runs') return still(up(state));
  return filter === '' ? still(state) : {state, effects: [{type: 'filter', text: ''}]};
}

function act(state: ScreenState, action: Action, world: World): ScreenState {
  return onFocused(state, world, (pane, own, input, size) => pane.act(own, action, input, size));
}

function search(state: ScreenState, text: string, world: World): ScreenState {
  return onFocused(state, world, (pane, own, input, size) => pane.search(own, text, input, size));
}

type OnPane = <State, Input>(pane: Pane<State, Input>, own: State, input: Input, size: Size) => State;

function onFocused(state: ScreenState, world: World, change: OnPane): ScreenState {
  const size = sizeOf(state.focus, state, world);
  switch (state.focus) {
    case 'runs': {
      const runs = change(runsPane, state.runs, runsInput(world), size);
      return runs === state.runs ? state : {...state, runs};
    }
    case 'tree': {
      const tree = change(treePane, state.tree, treeInput(state, world), size);
      return tree === state.tree ? state : {...state, tree};
    }
    case 'detail': {
      const detail = change(detailPane, state.detail, detailInput(state, world), size);
      return detail === state.detail ? state : {...state, detail};
    }
  }
}

function nothingFound(action: Action): Safe | null {
  if (action === 'nextError' || action === 'previousError') return own('no other error here');
  if (action === 'nextMatch' || action === 'previousMatch') return own('no other match; / searches');
  return null;
}

/** All that the span holds, in another program. */
function elsewhere(state: ScreenState, world: World, program: OtherProgram): Step {
  const {selected, content} = detailInput(state, world);
  if (selected === null || content.state !== 'here' || content.span === null)
    return still({...state, message: own('no span is read here; open one first')});
  const {row, part} = selected;
  const text = renderSpanDetail(content.span, row, part.within ?? part.judged, {columns: null, ascii: world.ascii});
  return {state, effects: [{type: 'read', text: withoutStyles(text), in: program}]};
}

/** The runs of the conversation that the run belongs to; Escape shows all again. */
function sameSession(state: ScreenState, world: World): Step {
  const id = selectedRun(state.runs, runsInput(world))?.judged.record.sessionId;
  if (!id) return still({...state, message: own('this run names no session')});
  const text = `session:"${id.replace(/["\\]/g, '\\$&')}"`;
  return {state: {...focused(state, 'runs'), message: null}, effects: [{type: 'filter', text}]};
}

function page(state: ScreenState, world: World, kind: WantedPage['kind']): Step {
  const {runs} = world.snapshot;
  const here = selectedRun(state.runs, runsInput(world));
  const chosen = state.runs.marked.flatMap(key => runs.filter(run => run.key === key));
  const others = chosen.length < 2 && here && !chosen.includes(here) ? [here] : [];
  const wanted = kind === 'transcript' ? (here ? [here] : []) : [...chosen, ...others];
  if (wanted.length < (kind === 'diff' ? 2 : 1))
    return still({...state, message: own(kind === 'diff' ? 'm marks the runs to compare' : 'there is no run here')});
  const records = wanted.map(({judged}) => judged.record);
  return {
    state: {...state, overlay: {kind, top: 0, lines: null}},
    effects: [{type: 'page', wanted: {kind, runs: records, columns: world.size.columns}}],
  };
}

function withPage(state: ScreenState, kind: WantedPage['kind'], lines: readonly Safe[] | null): ScreenState {
  if (state.overlay?.kind !== kind || state.overlay.lines !== null) return state;
  return {...state, overlay: lines === null ? null : {...state.overlay, lines}};
}

/** Marks the run, or takes its mark away; two are marked at most, the latest. */
function marked(state: ScreenState, world: World): ScreenState {
  const key = selectedRun(state.runs, runsInput(world))?.key;
  if (key === undefined) return state;
  const others = state.runs.marked.filter(other => other !== key);
  const isMarked = others.length < state.runs.marked.length;
  const next = isMarked ? others : [...others.slice(-1), key];
  const message = own(
    next.length === 2
      ? 'two runs are marked; D shows where they part'
      : isMarked
        ? 'no longer marked'
        : 'marked; mark another, or D there',
  );
  return {...state, message, runs: {...state.runs, marked: next}};
}

function copied(state: ScreenState, world: World): Step {
  const text =
    state.focus === 'runs'
      ? runIdOf(state, world)
      : (selectedSpan(state, world)?.row.record.spanId ?? runIdOf(state, world));
  if (text === null) return still(state);
  const what = state.focus === 'runs' ? 'run' : 'span';
  return {
    state: {...state, message: own(`copied the id of the ${what}: ${safe(text)}`)},
    effects: [{type: 'copy', text}],
  };
}

/** What `show` takes: the run id, or the trace while there is none. */
function runIdOf(state: ScreenState, world: World): string | null {
  const record = selectedRun(state.runs, runsInput(world))?.judged.record;
  return record ? (record.runId ?? record.traceId) : null;
}

function inOverlay(state: ScreenState, overlay: Overlay, action: Action, world: World): ScreenState {
  const isClosing = action === 'close' || action === 'back' || action === overlay.kind || action === 'open';
  if (isClosing) return {...state, overlay: null};
  if (action === 'help' || action === 'sql') return {...state, overlay: {kind: action, top: 0, lines: null}};
  return {...state, overlay: scrolled(overlay, action, overlayRows(overlay, state, world), world.size)};
}

function inPrompt(state: ScreenState, prompt: Prompt, key: KeyPress, world: World): Step {
  if (key.name === 'escape') return still({...state, ...state.beforeSearch, prompt: null, beforeSearch: null});
  if (key.name === 'enter') {
    const text = textOf(prompt).trim();
    const remembered = {...state, typed: {...state.typed, [prompt.kind]: withTyped(state.typed[prompt.kind], text)}};
    if (prompt.kind === 'filter') return {state: remembered, effects: [{type: 'filter', text}]};
    return still({
      ...remembered,
      prompt: null,
      beforeSearch: null,
      message: text === '' ? null : unmatched(state, world),
    });
  }
  const next = typed(prompt, key);
  const withPrompt = {...state, prompt: next};
  if (prompt.kind === 'filter' || next === prompt) return still(withPrompt);
  // Found while it is typed, from where the search began.
  const found = search({...withPrompt, ...panesOf(state.beforeSearch ?? state)}, textOf(next), world);
  const remark = textOf(next) === '' ? null : unmatched(found, world);
  return still(remark === null ? found : {...found, prompt: {...next, remark: own(`  ${remark}`)}});
}

/** Null: something matches. */
function unmatched(state: ScreenState, world: World): Safe | null {
  if (matches(state, world) > 0) return null;
  if (state.focus === 'runs' && state.runs.seeking !== null)
    return own(world.ascii ? 'reading on ...' : 'reading on …');
  return own('no match');
}

function matches(state: ScreenState, world: World): number {
  switch (state.focus) {
    case 'runs':
      return runsPane.matches(state.runs, runsInput(world));
    case 'tree':
      return treePane.matches(state.tree, treeInput(state, world));
    case 'detail':
      return detailPane.matches(state.detail, detailInput(state, world));
  }
}

/** Lines kept of what was typed. */
const MOST_TYPED = 50;

function withTyped(before: readonly string[], text: string): readonly string[] {
  return text === '' ? before : [...before.filter(other => other !== text), text].slice(-MOST_TYPED);
}

function panesOf({runs, tree, detail}: Pick<ScreenState, PaneName>): Pick<ScreenState, PaneName> {
  return {runs, tree, detail};
}

/** The filter was taken. */
function filtered(state: ScreenState): ScreenState {
  return {...state, prompt: null};
}

interface RefusedFilter {
  readonly message: string;
  readonly place?: Place;
}

/** The filter was refused: the prompt says why and where. */
function refused(state: ScreenState, text: string, error: RefusedFilter): ScreenState {
  const prompt = state.prompt ?? promptOf('filter', text, state.typed.filter);
  return {...state, prompt: {...prompt, problem: problemOf(error.message, error.place)}};
}
