import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Action} from '../../src/tui/keys.ts';
import {
  actOnRuns,
  FIRST_RUNS_STATE,
  newRuns,
  type RunsInput,
  type RunsState,
  searchRuns,
  selectedRun,
  settleRuns,
} from '../../src/tui/runs/state.ts';
import type {ListedRun} from '../../src/tui/source.ts';
import {sqliteCopy} from '../fixtures.ts';
import {loaded, openHistory} from './history.ts';

/** Ten rows for runs and the line of headings. */
const SIZE = {columns: 80, rows: 11};
let all: readonly ListedRun[] = [];
let opened: Awaited<ReturnType<typeof openHistory>>;

beforeAll(async () => {
  opened = await openHistory(sqliteCopy('agno-3.1.10-pictures.sqlite'));
  await loaded(opened.source);
  all = opened.source.snapshot().runs;
  expect(all.length).toBeGreaterThan(40);
});
afterAll(() => opened.store.close());

function live(runs: readonly ListedRun[]): RunsInput {
  return {runs, older: 'none', isLive: true};
}

/** Actions one after the other, each on a settled list, as the screens do it. */
function acted(state: RunsState, input: RunsInput, ...actions: Action[]): RunsState {
  const settled = settleRuns(state, input, SIZE);
  return actions.reduce((now, action) => settleRuns(actOnRuns(now, action, input, SIZE), input, SIZE), settled);
}

describe('the list of runs', () => {
  it('stays on the newest run while it follows', () => {
    const first = acted(FIRST_RUNS_STATE, live(all.slice(5)));
    expect(first.cursorKey).toBe(all[5]!.key);
    const later = settleRuns(first, live(all), SIZE);
    expect([later.cursorKey, later.index, later.top]).toEqual([all[0]!.key, 0, 0]);
    expect(newRuns(later, live(all))).toBe(0);
  });

  it('pauses when the cursor is moved away: new runs move neither the cursor nor its place on the screen', () => {
    const paused = acted(FIRST_RUNS_STATE, live(all.slice(7)), 'down', 'down', 'down');
    expect(paused).toMatchObject({isFollowing: false, index: 3, top: 0});
    const later = settleRuns(paused, live(all), SIZE);
    expect(later).toMatchObject({cursorKey: paused.cursorKey, index: 10, top: 7});
    expect(newRuns(later, live(all))).toBe(7);
  });

  it('follows again with G, with f, and when the cursor is moved onto the newest run', () => {
    const paused = settleRuns(acted(FIRST_RUNS_STATE, live(all.slice(2)), 'pageDown'), live(all), SIZE);
    for (const actions of [['newest'], ['follow'], ['first']] as const) {
      expect(acted(paused, live(all), ...actions)).toMatchObject({isFollowing: true, cursorKey: all[0]!.key, top: 0});
    }
    const off = acted(FIRST_RUNS_STATE, live(all.slice(1)), 'follow');
    expect(settleRuns(off, live(all), SIZE)).toMatchObject({isFollowing: false, cursorKey: all[1]!.key});
  });

  it('with the oldest on top follows at the bottom', () => {
    const turned = acted(FIRST_RUNS_STATE, live(all.slice(3)), 'order');
    expect(turned.cursorKey).toBe(all[3]!.key);
    const later = settleRuns(turned, live(all), SIZE);
    expect(later).toMatchObject({cursorKey: all[0]!.key, index: all.length - 1, top: all.length - 10});
  });

  it('keeps the place when the run under the cursor is gone', () => {
    const state = acted(FIRST_RUNS_STATE, live(all), 'pageDown');
    const without = all.filter(({key}) => key !== state.cursorKey);
    expect(settleRuns(state, live(without), SIZE)).toMatchObject({
      index: state.index,
      cursorKey: without[state.index]!.key,
    });
    expect(settleRuns(state, live([]), SIZE)).toMatchObject({index: 0, top: 0});
  });

  it('keeps the cursor on the screen however it is moved, and the ends are ends', () => {
    const moves: Action[] = [
      'last',
      'up',
      'pageUp',
      'halfUp',
      'down',
      'pageDown',
      'halfDown',
      'first',
      'down',
      'last',
      'down',
    ];
    let state = acted(FIRST_RUNS_STATE, live(all));
    for (const action of moves) {
      state = acted(state, live(all), action);
      expect(state.index).toBeGreaterThanOrEqual(state.top);
      expect(state.index).toBeLessThan(state.top + 10);
      expect(selectedRun(state, live(all))?.key).toBe(state.cursorKey);
    }
    expect(state.index).toBe(all.length - 1);
    expect(actOnRuns(state, 'down', live(all), SIZE)).toBe(state);
  });

  it('goes from error to error, round the end', () => {
    const errors = all.flatMap(({judged}, i) => (judged.record.state === 'error' ? [i] : []));
    let state = acted(FIRST_RUNS_STATE, live(all));
    for (const index of [...errors, errors[0]!]) {
      state = acted(state, live(all), 'nextError');
      expect(state.index).toBe(index);
    }
    expect(acted(state, live(all), 'previousError').index).toBe(errors.at(-1));
    const none = live(all.filter(({judged}) => judged.record.state !== 'error'));
    const settled = acted(FIRST_RUNS_STATE, none);
    expect(actOnRuns(settled, 'nextError', none, SIZE)).toBe(settled);
  });

  it('finds what is searched for from the cursor on, whatever its case', () => {
    const state = acted(FIRST_RUNS_STATE, live(all));
    const hits = all.flatMap(({judged}, i) => (judged.record.name?.includes('Careful') ? [i] : []));
    const found = searchRuns(state, 'CAREFUL', live(all), SIZE);
    expect(found.index).toBe(hits[0]);
    expect(acted(found, live(all), 'nextMatch').index).toBe(hits[1]);
    expect(acted(found, live(all), 'previousMatch').index).toBe(hits.at(-1));
    expect(searchRuns(found, 'CAREFUL', live(all), SIZE)).toBe(found);
    expect(searchRuns(state, 'nobody of that name', live(all), SIZE)).toMatchObject({index: 0});
  });
});
