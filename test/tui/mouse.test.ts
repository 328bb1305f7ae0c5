import {beforeAll, describe, expect, it} from 'vitest';
import {trusted} from '../../src/text/safe.ts';
import {withoutStyles} from '../../src/text/style.ts';
import {mouseReports} from '../../src/tui/mouse.ts';
import {FIRST_STATE, reduce, type ScreenState} from '../../src/tui/state.ts';
import {settle, type World} from '../../src/tui/world.ts';
import {linesOf as drawnLines, openWorlds, pressed, type Worlds} from './worlds.ts';

let world: Worlds['world'];
let failed: Worlds['failed'];
beforeAll(async () => {
  ({world, failed} = await openWorlds());
});

const linesOf = (state: ScreenState, shown: World) =>
  drawnLines(state, shown).map(text => withoutStyles(trusted(text)));

/** What the terminal would send, from the text that stands on the screen. */
function did(state: ScreenState, shown: World, button: number, column: number, row: number): ScreenState {
  const [press] = mouseReports(`\x1b[<${button};${column + 1};${row + 1}M`);
  return reduce({state: settle(state, shown), effects: []}, {type: 'mouse', press: press!, world: shown}).state;
}

describe('the mouse', () => {
  it('is read as terminals report it, among keys, and nothing else is', () => {
    expect(mouseReports('j\x1b[<0;10;5M\x1b[<0;10;5m\x1b[A\x1b[<65;1;1M')).toEqual([
      {kind: 'click', column: 9, row: 4},
      {kind: 'wheelDown', column: 0, row: 0},
    ]);
    for (const none of ['', '[<0;10;5M', '\x1b[<2;10;5M', '\x1b[<32;10;5M', '\x1b[<0;10M'])
      expect(mouseReports(none)).toEqual([]);
  });

  it('a click goes to the row below it in whichever pane, and opens where the cursor was', () => {
    const key = world().snapshot.runs[2]!.key;
    const shown = world({opened: {key, parts: failed, failure: null}}, {size: {columns: 160, rows: 40}});
    const there = did(FIRST_STATE, shown, 0, 5, 5);
    expect([there.runs.cursorKey, there.focus]).toEqual([key, 'runs']);
    expect(linesOf(there, shown)[5]).toMatch(/^›/);
    const opened = did(there, shown, 0, 5, 5);
    expect(opened.focus).toBe('tree');
    const lines = linesOf(opened, shown);
    const left = lines[1]!.indexOf('┬');
    const row = lines.findIndex(text => /[├└]/.test(text.slice(left + 1)));
    const onSpan = did(opened, shown, 0, left + 10, row);
    expect(linesOf(onSpan, shown)[row]!.slice(linesOf(onSpan, shown)[1]!.indexOf('┬'))).toMatch(/^.›/);
    const detail = linesOf(onSpan, shown).findIndex(text => text.includes('3 span'));
    expect(did(onSpan, shown, 0, left + 20, detail).focus).toBe('detail');
    expect(did(onSpan, shown, 0, left + 20, detail + 3).focus).toBe('detail');
    // The header, the line between the panes, the footer.
    for (const [column, line] of [
      [5, 0],
      [left, 9],
      [5, 39],
    ] as const)
      expect(did(onSpan, shown, 0, column, line)).toEqual(onSpan);
  });

  it('the wheel moves what is below it, whatever has the focus, and pages', () => {
    const shown = world({}, {size: {columns: 160, rows: 40}});
    const onTree = pressed(FIRST_STATE, shown, '2');
    const moved = did(onTree, shown, 65, 5, 9);
    expect([moved.runs.index, moved.focus]).toEqual([3, 'tree']);
    expect(did(moved, shown, 64, 5, 9).runs.index).toBe(0);
    const small = world({}, {size: {columns: 80, rows: 15}});
    const help = did(pressed(FIRST_STATE, small, '?'), small, 65, 5, 5);
    expect(help.overlay?.top).toBe(3);
    expect(did(help, small, 0, 5, 5).overlay).toEqual(help.overlay);
    const typing = pressed(FIRST_STATE, small, '/');
    expect(did(typing, small, 65, 5, 5)).toEqual(typing);
  });
});
