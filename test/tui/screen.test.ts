import {beforeAll, describe, expect, it} from 'vitest';
import {type Safe, trusted} from '../../src/text/safe.ts';
import {highlight, withoutStyles} from '../../src/text/style.ts';
import {width} from '../../src/text/width.ts';
import {detailPane} from '../../src/tui/detail/pane.ts';
import {arrange, PANE_NAMES, SMALLEST} from '../../src/tui/layout.ts';
import {overlayLines} from '../../src/tui/overlay.ts';
import type {Size} from '../../src/tui/pane.ts';
import {promptOf} from '../../src/tui/prompt.ts';
import {runsPane} from '../../src/tui/runs/pane.ts';
import {withSelection} from '../../src/tui/selection.ts';
import {FIRST_STATE, type ScreenState} from '../../src/tui/state.ts';
import {tickOf} from '../../src/tui/tick.ts';
import {treePane} from '../../src/tui/tree/pane.ts';
import {detailInput, runsInput, settle, treeInput, type World} from '../../src/tui/world.ts';
import {NOW_MICROS} from './history.ts';
import {VIEW} from './panes.ts';
import {linesOf, openWorlds, pressed, type Worlds} from './worlds.ts';

let snapshot: Worlds['snapshot'];
let failed: Worlds['failed'];
let world: Worlds['world'];
/** All spans of `failed`, as the detail pane has them. */
let held: World['contents'];
beforeAll(async () => {
  const worlds = await openWorlds();
  ({snapshot, failed, world} = worlds);
  held = new Map([...worlds.contents].map(([id, span]) => [id, {state: 'here', span}]));
});

describe('the row of the cursor', () => {
  it('stands out over its whole width in the pane that keys go to, and in no other', () => {
    const lines = [trusted('› here'), trusted('  there')];
    const view = {...VIEW, isFocused: true};
    expect(withSelection(lines, 10, view)).toEqual([highlight(trusted('› here    ')), '  there']);
    expect(withSelection(lines, 10, {...view, isFocused: false})).toEqual(lines);
    expect(withSelection([trusted('> here')], 6, {...view, ascii: true})).toEqual([highlight(trusted('> here'))]);
  });
});

describe('the header', () => {
  it('says whether what is shown is new, how late it is, and what is not shown', () => {
    expect(linesOf(FIRST_STATE, world())[0]).toMatch(
      /^ agno-trace shop@db.internal\/ai +● LIVE {2}42 runs {2}lag 210ms {2}3.1 runs\/min {2}38 dashboard requests hidden {2}3 loose parts$/,
    );
    expect(linesOf(pressed(FIRST_STATE, world(), 'j'), world())[0]).toContain('○ NOT FOLLOWING');
    expect(linesOf(FIRST_STATE, world({}, {isLive: false}))[0]).toContain('HISTORY');
  });

  it('keeps what was read while a connection is lost, and counts down to the next try', () => {
    const lost = world({
      connection: {
        state: 'reconnecting',
        reason: 'no Postgres answered at db:5432',
        retryAtMicros: NOW_MICROS + 2_100_000,
      },
    });
    const lines = linesOf(FIRST_STATE, lost);
    expect(lines[0]).toContain('◌ reconnecting in 3 s');
    expect(lines.at(-2)).toContain('! no Postgres answered at db:5432');
    expect(lines.join('\n')).toContain('Weather Age…');
    expect(tickOf(FIRST_STATE, lost, NOW_MICROS)).toBe(1_000_000);
    const waiting = world({connection: {state: 'waiting', reason: 'the tables do not exist yet'}, runs: []});
    expect(linesOf(FIRST_STATE, waiting)[0]).toContain('WAITING');
  });

  it('leaves figures out whole where there is no room, never the state', () => {
    const [header] = linesOf(FIRST_STATE, world({}, {size: {columns: 60, rows: 15}}));
    expect(header).toContain('● LIVE');
    expect(header).not.toContain('dashboard');
    expect(width(trusted(header!))).toBeLessThanOrEqual(60);
  });
});

const SIZES = {
  columns: [60, 61, 79, 80, 109, 110, 111, 140, 160, 200],
  rows: [15, 16, 24, 29, 30, 40, 60],
};
const PLAIN = {focus: 'runs', bottomRows: 1, isZoomed: false} as const;

describe('a frame', () => {
  it('fits the terminal exactly, whatever its size, focus and state', () => {
    const long = trusted('x'.repeat(300));
    const states = PANE_NAMES.flatMap((focus): ScreenState[] => {
      const state = {...FIRST_STATE, focus};
      return [
        state,
        {...state, isZoomed: true},
        {...state, message: long},
        {...state, overlay: {kind: 'help', top: 0, page: null}},
        {...state, prompt: {...promptOf('filter', long), problem: {message: long, place: {text: long, at: 299}}}},
        {...state, prompt: promptOf('search', long)},
      ];
    });
    for (const columns of SIZES.columns)
      for (const rows of SIZES.rows)
        for (const state of states.filter((_, i) => i % 5 === (columns + rows) % 5)) {
          const shown = world({notices: [long], filter: long}, {size: {columns, rows}});
          const lines = linesOf(state, shown);
          expect(lines).toHaveLength(rows);
          for (const line of lines) expect(width(withoutStyles(trusted(line)))).toBeLessThanOrEqual(columns);
          expect(lines[0]).toContain('● LIVE');
          if (!state.prompt) expect(lines.at(-1)).toMatch(state.overlay ? / close$/ : / q (quit|back)$/);
        }
  });

  it('asks no pane and no page for more room than there is', () => {
    for (const columns of SIZES.columns)
      for (const rows of SIZES.rows)
        for (const focus of PANE_NAMES) {
          const key = snapshot.runs[0]!.key;
          const shown = world({opened: {key, parts: failed, failure: null}}, {contents: held, size: {columns, rows}});
          const state = settle({...FIRST_STATE, focus}, shown);
          const arrangement = arrange({columns, rows}, {...PLAIN, focus})!;
          const fits = (lines: readonly Safe[], size: Size) => {
            expect(lines.length).toBeLessThanOrEqual(size.rows);
            for (const line of lines) expect(width(withoutStyles(line))).toBeLessThanOrEqual(size.columns);
          };
          if (arrangement.runs)
            fits(runsPane.lines(state.runs, runsInput(shown), arrangement.runs, VIEW), arrangement.runs);
          if (arrangement.tree)
            fits(treePane.lines(state.tree, treeInput(state, shown), arrangement.tree, VIEW), arrangement.tree);
          if (arrangement.detail)
            fits(
              detailPane.lines(state.detail, detailInput(state, shown), arrangement.detail, VIEW),
              arrangement.detail,
            );
          const page = {columns, rows: rows - 3};
          for (const kind of ['help', 'sql'] as const)
            fits(overlayLines({kind, top: 0, page: null}, state, shown, page), page);
        }
  });

  it('always shows the pane that keys go to', () => {
    for (const columns of [60, 109, 110, 200])
      for (const rows of [15, 29, 30, 60])
        for (const focus of PANE_NAMES) expect(arrange({columns, rows}, {...PLAIN, focus})?.[focus]).not.toBeNull();
    expect(arrange({...SMALLEST, rows: SMALLEST.rows - 1}, PLAIN)).toBeNull();
    expect(arrange({...SMALLEST, columns: SMALLEST.columns - 1}, PLAIN)).toBeNull();
  });

  it('says how many runs are new while the cursor is elsewhere, and how to go there', () => {
    const before = world({runs: snapshot.runs.slice(4)});
    const paused = pressed(FIRST_STATE, before, 'j', 'j');
    expect(linesOf(paused, world()).at(-1)).toMatch(/4 new ↑ G$/);
    expect(linesOf(pressed(paused, world(), 'o'), world()).at(-1)).toMatch(/4 new ↓ G$/);
    expect(linesOf(pressed(paused, world(), 'o', 'o'), world()).at(-1)).toMatch(/4 new G$/);
    expect(linesOf(pressed(paused, world(), 'G'), world()).at(-1)).not.toContain('new');
  });

  it('goes on with what runs once a second, and with nothing else', () => {
    expect(snapshot.runs.some(({judged}) => judged.record.state === 'running')).toBe(false);
    expect(tickOf(FIRST_STATE, world(), NOW_MICROS)).toBeNull();
    const running = snapshot.runs.map((run, i) =>
      i === 1 ? {...run, judged: {...run.judged, record: {...run.judged.record, state: 'running' as const}}} : run,
    );
    expect(tickOf(FIRST_STATE, world({runs: running}), NOW_MICROS)).toBe(1_000_000);
    // Ages in the list: by the second while the newest is young, then by the minute.
    const relative = pressed(FIRST_STATE, world(), 't');
    expect(tickOf(relative, world(), NOW_MICROS)).toBe(60_000_000);
  });
});
