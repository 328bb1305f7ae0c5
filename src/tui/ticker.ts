import {detailPane} from './detail/pane.ts';
import {runsPane} from './runs/pane.ts';
import type {ScreenState} from './state.ts';
import {treePane} from './tree/pane.ts';
import {arrangementOf, detailInput, runsInput, treeInput, type World} from './world.ts';

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;

/** The one timer: it goes once a second while something on the screen changes with the clock, and else not at all. */
export class Ticker {
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly tick: () => void) {}

  /** Called after each frame. */
  after(state: ScreenState, world: World, nowMicros: number): void {
    this.stop();
    const every = tickOf(state, world, nowMicros);
    if (every === null) return;
    // On the second, so that all durations change together.
    const waitMs = (every - (nowMicros % every)) / 1000;
    this.timer = setTimeout(this.tick, Math.max(20, waitMs));
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }
}

/** How often what is shown changes by itself, microseconds; null: never. */
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
