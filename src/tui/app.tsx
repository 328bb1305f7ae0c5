import {useApp, useStdout, useWindowSize} from 'ink';
import {type Dispatch, useEffect, useReducer} from 'react';
import type {Context} from '../context.ts';
import {UserError} from '../errors.ts';
import {safe} from '../text/safe.ts';
import {readElsewhere} from './other-program.ts';
import {Screen} from './screen.tsx';
import type {RunSource, WantedPage} from './source.ts';
import {type Effect, FIRST_STEP, reduce, type ScreenEvent} from './state.ts';
import {tickOf} from './tick.ts';
import {useKeys} from './use-keys.ts';
import {useMouse} from './use-mouse.ts';
import {useSnapshot} from './use-snapshot.ts';
import {useSpanContents} from './use-span-contents.ts';
import {type LendTerminal, type Lent, useLentTerminal, useStop} from './use-terminal.ts';
import {useTick} from './use-tick.ts';
import {arrangementOf, type Shown, selectedSpan, settle, type World, wantsOlderRuns} from './world.ts';

interface AppProps {
  readonly source: RunSource;
  readonly ascii: boolean;
  readonly env: Context['env'];
  readonly lent: Lent;
}

/** How long the cursor must rest on a run before its history is read. */
const REST_MS = 60;

/** The screens over a source: its data, the state of the panes, and the keys that change it. */
export function App({source, ascii, env, lent}: AppProps) {
  const {columns, rows} = useWindowSize();
  const snapshot = useSnapshot(source);
  const [{state, effects}, dispatch] = useReducer(reduce, FIRST_STEP);
  const shown: Shown = {
    snapshot,
    isLive: source.mode === 'live',
    size: {columns, rows},
    ascii,
    statements: () => source.statements(),
  };
  const arrangement = arrangementOf(state, shown);
  const selected = selectedSpan(state, shown)?.row.node;
  const contents = useSpanContents(source, arrangement?.detail && selected?.span ? selected.id : null);
  const world: World = {...shown, contents};
  // Rows appeared or disappeared: the panes are adjusted before they are drawn.
  if (settle(state, world) !== state) dispatch({type: 'settle', world});
  const nowMicros = source.nowMicros();
  useTick(tickOf(state, world, nowMicros), nowMicros);
  const lend = useLentTerminal(lent);
  useEffects(effects, dispatch, {source, env, lend});
  const isRunShown = arrangement !== null && (arrangement.tree !== null || arrangement.detail !== null);
  useOpenRun(source, isRunShown && snapshot.runs.length > 0 ? state.runs.cursorKey : null, snapshot.opened?.key);
  // If a page arrives before the next frame, its request was never drawn; so the newest run list shows whether more
  // is still wanted.
  const olderThan = wantsOlderRuns(state, world) ? snapshot.runs : null;
  useEffect(() => {
    if (olderThan !== null) source.loadOlder();
  }, [source, olderThan]);
  const stop = useStop(lend, lent);
  useKeys(press => (press.name === '^z' ? stop() : dispatch({type: 'key', press, world})));
  useMouse(lent.hasMouse, press => dispatch({type: 'mouse', press, world}));
  return <Screen name={source.name} state={state} world={world} nowMicros={nowMicros} />;
}

interface Outside {
  readonly source: RunSource;
  readonly env: Context['env'];
  readonly lend: LendTerminal;
}

/** Does what keys requested outside of the screens. */
function useEffects(effects: readonly Effect[], dispatch: Dispatch<ScreenEvent>, {source, env, lend}: Outside): void {
  const {exit} = useApp();
  const {stdout} = useStdout();
  useEffect(() => {
    if (effects.length === 0) return;
    dispatch({type: 'done', effects: effects.length});
    for (const effect of effects) {
      if (effect.type === 'quit') exit();
      else if (effect.type === 'copy') stdout.write(clipboard(effect.text));
      else if (effect.type === 'page') void readPage(source, effect.wanted, dispatch);
      else if (effect.type === 'filter') setFilter(source, effect.text, dispatch);
      else
        void lend(async () => {
          const problem = await readElsewhere(effect.text, effect.in, env);
          if (problem !== null) dispatch({type: 'said', message: problem});
        });
    }
  }, [source, env, lend, effects, dispatch, exit, stdout]);
}

async function readPage(source: RunSource, wanted: WantedPage, dispatch: Dispatch<ScreenEvent>): Promise<void> {
  try {
    dispatch({type: 'page', wanted, answer: {lines: await source.page(wanted)}});
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    dispatch({type: 'page', wanted, answer: {problem: safe(error.message)}});
  }
}

function setFilter(source: RunSource, text: string, dispatch: Dispatch<ScreenEvent>): void {
  try {
    source.setFilter(text);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    dispatch({type: 'refused', text, error});
  }
}

/**
 * The terminal's own way to the clipboard, also over ssh. Characters that could be part of a terminal command are
 * removed.
 */
function clipboard(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
  return `\x1b]52;c;${Buffer.from(plain).toString('base64')}\x07`;
}

/** Opens the wanted run: at once if runs are in memory, otherwise when the cursor rests. */
function useOpenRun(source: RunSource, key: string | null, openKey: string | undefined): void {
  useEffect(() => {
    if (key === null || key === openKey) return;
    if (source.mode === 'live') return source.open(key);
    const timer = setTimeout(() => source.open(key), REST_MS);
    return () => clearTimeout(timer);
  }, [source, key, openKey]);
}
