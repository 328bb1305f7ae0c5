import {detailPane} from './detail/pane.ts';
import {runsPane} from './runs/pane.ts';
import type {ScreenState} from './state.ts';
import {treePane} from './tree/pane.ts';
import {arrangementOf, detailInput, runsInput, treeInput, type World} from './world.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;

/** How often the shown data changes by itself, microseconds; null: never. */
export function tickOf(state: ScreenState, world: World, nowMicros: number): number | null {
  const arrangement = arrangementOf(state, world);
  if (arrangement === null || state.overlay) return null;
  if (world.snapshot.connection.state === 'reconnecting') return SECOND;
  if (arrangement.runs && runsPane.isTicking(runsInput(world))) return SECOND;
  if (arrangement.tree && treePane.isTicking(treeInput(state, world))) return SECOND;
  if (arrangement.detail && detailPane.isTicking(detailInput(state, world))) return SECOND;
  if (!state.isRelative || !arrangement.runs) return null;
  const newest = world.snapshot.runs[0]?.judged.run.startMicros ?? null;
  if (newest === null) return null;
  return nowMicros - newest < MINUTE ? SECOND : MINUTE;
}
