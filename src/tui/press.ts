import {renderSpanDetail} from '../render/span-detail.ts';
import {count} from '../render/values.ts';
import {line, type Safe, safe, trusted} from '../text/safe.ts';
import {withoutStyles} from '../text/style.ts';
import {detailPane} from './detail/pane.ts';
import {type Action, actionOf, type KeyPress} from './keys.ts';
import {PANE_NAMES, type PaneName} from './layout.ts';
import {NO_MATCH} from './note.ts';
import type {OtherProgram} from './other-program.ts';
import {overlayRows, scrolled} from './overlay.ts';
import type {Pane, Size} from './pane.ts';
import {type Prompt, promptOf, textOf, typed} from './prompt.ts';
import {COLUMN_NAMES, columnsIn, USUAL} from './runs/columns.ts';
import {runsPane} from './runs/pane.ts';
import {ORDERS, selectedRun} from './runs/state.ts';
import type {WantedPage} from './source.ts';
import type {PaneStates, ScreenState, Step} from './state.ts';
import {heldTree, treePane} from './tree/pane.ts';
import {
  bottomRowsOf,
  detailInput,
  matchCount,
  readableSpan,
  runsInput,
  runsOfPage,
  selectedSpan,
  sessionOf,
  sizeOf,
  treeInput,
  type World,
} from './world.ts';

/** The effect of a key. */
export function press(before: ScreenState, key: KeyPress, world: World): Step {
  const said = before.message === null ? before : {...before, message: null};
  if (key.name === '^c') return {state: said, effects: [{type: 'quit'}]};
  if (said.prompt) return inPrompt(said, said.prompt, key, world);
  const state = said.runs.seeking === null ? said : {...said, runs: {...said.runs, seeking: null}};
  const action = actionOf(key.name);
  if (action === null) return still(state);
  if (state.overlay) return still(inOverlay(state, action, world));
  return perform(state, action, world);
}

export function still(state: ScreenState): Step {
  return {state, effects: []};
}

export function perform(state: ScreenState, action: Action, world: World): Step {
  const {focus} = state;
  switch (action) {
    case 'quit':
      return {state, effects: [{type: 'quit'}]};
    case 'help':
    case 'sql':
      return still({...state, overlay: {kind: action, top: 0, page: null}});
    case 'transcript':
    case 'diff':
      return page(state, world, action);
    case 'mark':
      return still(marked(state, world));
    case 'filter':
      return still({...state, prompt: promptOf('filter', world.snapshot.filter)});
    case 'columns':
      return still({...state, prompt: promptOf('columns', (state.runs.columns ?? USUAL).join(' '))});
    case 'search':
      return still({...state, prompt: {...promptOf('search', ''), before: panesOf(state)}});
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
  const acted = act(state, focus, action, world);
  const missing = acted === state ? nothingFound(action) : null;
  if (missing !== null) return still({...acted, message: missing});
  if (action === 'order' && focus === 'runs') return still({...acted, message: orderMessage(acted, world)});
  const isToError = action === 'nextError' || action === 'previousError';
  return still(isToError && focus === 'runs' ? {...acted, failureOf: acted.runs.cursorKey} : acted);
}

function orderMessage({runs}: ScreenState, {snapshot}: World): Safe {
  const {length} = snapshot.runs;
  return line`${trusted(ORDERS[runs.order])}, of the ${count(length)} ${trusted(length === 1 ? 'run' : 'runs')} read so far`;
}

export function focused(state: ScreenState, focus: PaneName): ScreenState {
  return state.focus === focus ? state : {...state, focus};
}

function up(state: ScreenState): ScreenState {
  return focused(state, PANE_NAMES[Math.max(0, PANE_NAMES.indexOf(state.focus) - 1)]!);
}

/** Escape when nothing is in front: clears the pane's search, else the notices, else goes a pane up, else clears the filter. */
function closed(state: ScreenState, world: World): Step {
  const searched = search(state, '', world);
  if (searched !== state) return still(searched);
  const {notices, filter} = world.snapshot;
  if (notices.length > state.noticesRead) return still({...state, noticesRead: notices.length});
  if (state.focus !== 'runs') return still(up(state));
  return filter === '' ? still(state) : {state, effects: [{type: 'filter', text: ''}]};
}

/** Applies an action to a pane. */
export function act(state: ScreenState, name: PaneName, action: Action, world: World): ScreenState {
  return onPane(state, name, world, (pane, own, input, size) => pane.act(own, action, input, size));
}

function search(state: ScreenState, text: string, world: World): ScreenState {
  return onPane(state, state.focus, world, (pane, own, input, size) => pane.search(own, text, input, size));
}

type OnPane = <State, Input>(pane: Pane<State, Input>, own: State, input: Input, size: Size) => State;

function onPane(state: ScreenState, name: PaneName, world: World, change: OnPane): ScreenState {
  const size = sizeOf(name, state, world);
  switch (name) {
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
  if (action === 'nextError' || action === 'previousError') return trusted('no other error here');
  if (action === 'nextMatch' || action === 'previousMatch') return trusted('no other match; / searches');
  return null;
}

/** Shows the complete span in another program. */
function elsewhere(state: ScreenState, world: World, program: OtherProgram): Step {
  const readable = readableSpan(state, world);
  if (readable === null) return still({...state, message: trusted('open a span first')});
  const {span, row, part} = readable;
  const text = renderSpanDetail(span, row, part.within ?? part.judged, {columns: null, ascii: world.ascii});
  return {state, effects: [{type: 'read', text: withoutStyles(text), in: program}]};
}

/** Shows the runs of the session that the run belongs to; Escape shows all again. */
function sameSession(state: ScreenState, world: World): Step {
  const id = sessionOf(state, world);
  if (id === null) return still({...state, message: trusted('this run has no session')});
  const text = `session:"${id.replace(/["\\]/g, '\\$&')}"`;
  return {state: focused(state, 'runs'), effects: [{type: 'filter', text}]};
}

function page(state: ScreenState, world: World, kind: WantedPage['kind']): Step {
  const runs = runsOfPage(state, world, kind);
  if (runs === null)
    return still({
      ...state,
      message: trusted(kind === 'diff' ? 'mark two runs with m first' : 'no run here'),
    });
  const wanted = {kind, runs, columns: world.size.columns};
  return {
    state: {...state, overlay: {kind, top: 0, page: {wanted, lines: null}}},
    effects: [{type: 'page', wanted}],
  };
}

/** Marks the run or removes its mark; at most two are marked, the latest. */
function marked(state: ScreenState, world: World): ScreenState {
  const key = selectedRun(state.runs, runsInput(world))?.key;
  if (key === undefined) return state;
  const others = state.runs.marked.filter(other => other !== key);
  const isMarked = others.length < state.runs.marked.length;
  const next = isMarked ? others : [...others.slice(-1), key];
  const message = trusted(
    next.length === 2
      ? 'two runs are marked; D compares them'
      : isMarked
        ? 'no longer marked'
        : 'marked; now mark another run, or press D on it',
  );
  return {...state, message, runs: {...state.runs, marked: next}};
}

function copied(state: ScreenState, world: World): Step {
  const spanId = state.focus === 'runs' ? null : (selectedSpan(state, world)?.row.record.spanId ?? null);
  const text = spanId ?? runIdOf(state, world);
  if (text === null) return still(state);
  const what = spanId === null ? 'run' : 'span';
  return {
    state: {...state, message: trusted(`copied the id of the ${what}: ${safe(text)}`)},
    effects: [{type: 'copy', text}],
  };
}

/** What `show` accepts: the run id, or the trace if there is none yet. */
function runIdOf(state: ScreenState, world: World): string | null {
  const record = selectedRun(state.runs, runsInput(world))?.judged.record;
  return record ? (record.runId ?? record.traceId) : null;
}

export function inOverlay(state: ScreenState, action: Action, world: World): ScreenState {
  const {overlay} = state;
  if (overlay === null) return state;
  const isClosing = action === 'close' || action === 'back' || action === overlay.kind || action === 'open';
  if (isClosing) return {...state, overlay: null};
  if (action === 'help' || action === 'sql') return {...state, overlay: {kind: action, top: 0, page: null}};
  // Without the header and the title.
  const page = Math.max(1, world.size.rows - 2 - bottomRowsOf(state, world));
  return {...state, overlay: scrolled(overlay, action, overlayRows(overlay, state, world).length, page)};
}

function inPrompt(state: ScreenState, prompt: Prompt, key: KeyPress, world: World): Step {
  if (key.name === 'escape') return still({...state, ...prompt.before, prompt: null});
  const before = state.typed[prompt.kind];
  if (key.name === 'enter') {
    const text = textOf(prompt).trim();
    const entered = {...state, prompt: null, typed: {...state.typed, [prompt.kind]: withTyped(before, text)}};
    if (prompt.kind === 'filter') return {state: entered, effects: [{type: 'filter', text}]};
    if (prompt.kind === 'columns') return still(withColumns(entered, prompt, text));
    const isInVain = text !== '' && state.runs.seeking === null && matchCount(state, world) === 0;
    return still(isInVain ? {...entered, message: NO_MATCH} : entered);
  }
  const next = typed(prompt, key, before);
  const withPrompt = {...state, prompt: next};
  if (prompt.kind !== 'search' || next === prompt) return still(withPrompt);
  // Searches while the user types, from where the search began.
  return still(search({...withPrompt, ...prompt.before}, textOf(next), world));
}

function withColumns(state: ScreenState, prompt: Prompt, text: string): ScreenState {
  const chosen = columnsIn(text);
  if ('names' in chosen) return {...state, runs: {...state.runs, columns: chosen.names}};
  const message = `there is no column "${chosen.unknown}"; there are ${COLUMN_NAMES.join(', ')}`;
  return {...state, prompt: {...prompt, problem: {message, place: {text, at: chosen.at}}}};
}

/** How many typed lines are remembered. */
const MOST_TYPED = 50;

function withTyped(before: readonly string[], text: string): readonly string[] {
  return text === '' ? before : [...before.filter(other => other !== text), text].slice(-MOST_TYPED);
}

function panesOf({runs, tree, detail}: ScreenState): PaneStates {
  return {runs, tree, detail};
}
