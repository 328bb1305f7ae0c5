import {press} from '../../src/tui/press.ts';
import type {Snapshot} from '../../src/tui/source.ts';
import type {ScreenState} from '../../src/tui/state.ts';
import {settle, type World} from '../../src/tui/world.ts';
import {atEndOfFile} from '../end-of-file.ts';
import {sqliteCopy} from '../fixtures.ts';
import {drawn} from './drawn.tsx';
import {loaded, NOW_MICROS, openHistory} from './history.ts';
import {type Picture, picture} from './panes.ts';

export interface Worlds {
  /** The runs that were going on at the moment the fixture's last tenth was written. */
  readonly snapshot: Snapshot;
  /** A run whose model call failed, and what its spans hold. */
  readonly failed: Picture['parts'];
  readonly contents: Picture['contents'];
  readonly world: (change?: Partial<Snapshot>, more?: Partial<World>) => World;
}

/** What there is to show of the pictures, without a source behind it. */
export async function openWorlds(): Promise<Worlds> {
  const {parts: failed, contents} = await picture('agno-3.1.10-pictures.sqlite', 'model-error');
  const {source, store} = await openHistory(sqliteCopy('agno-3.1.10-pictures.sqlite'));
  atEndOfFile(() => store.close());
  await loaded(source);
  const snapshot = source.snapshot();
  const world: Worlds['world'] = (change = {}, more = {}) => ({
    snapshot: {...snapshot, runsPerMinute: 3.14, lagMs: 210, hiddenTraffic: 38, ...change},
    isLive: true,
    contents: new Map(),
    size: {columns: 120, rows: 24},
    ascii: false,
    statements: () => [],
    ...more,
  });
  return {snapshot, failed, contents, world};
}

export function linesOf(state: ScreenState, shown: World): string[] {
  return drawn({name: 'shop@db.internal/ai', state: settle(state, shown), world: shown, nowMicros: NOW_MICROS});
}

export function pressed(state: ScreenState, shown: World, ...names: string[]): ScreenState {
  return names.reduce((now, name) => settle(press(now, {name}, shown).state, shown), settle(state, shown));
}
