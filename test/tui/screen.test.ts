import xterm from '@xterm/headless';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {own} from '../../src/text/safe.ts';
import {type Frame, rowsOf} from '../../src/tui/frame.ts';
import {Screen} from '../../src/tui/screen.ts';
import {InkView} from '../../src/tui/view.tsx';

const COLUMNS = 24;
const ROWS = 6;

/** Lines as views make them: never wider than the terminal, styles closed, CJK among them. */
const line = fc
  .array(fc.constantFrom('a', 'bc', ' ', '客', '\x1b[31mx\x1b[39m', '\x1b[1m─\x1b[22m', '…', '│'), {maxLength: 12})
  .map(parts => parts.join(''));
const frame = fc.array(line, {maxLength: ROWS});

async function cellsOf(writes: readonly string[]): Promise<string> {
  const terminal = new xterm.Terminal({cols: COLUMNS, rows: ROWS, allowProposedApi: true});
  for (const text of writes) terminal.write(text);
  await new Promise<void>(resolve => terminal.write('', resolve));
  const rows = Array.from({length: ROWS}, (_, y) =>
    Array.from({length: COLUMNS}, (_, x) => {
      const cell = terminal.buffer.active.getLine(y)!.getCell(x)!;
      return `${cell.getChars() || ' '}${cell.getFgColor()}${cell.isBold()}`;
    }).join('|'),
  );
  return rows.join('\n');
}

describe('the painter', () => {
  it('leaves the screen that painting the last frame alone would give', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(frame, fc.boolean()), {minLength: 1, maxLength: 8}), async frames => {
        const written: string[] = [];
        const screen = new Screen(text => written.push('\x1b[?7l', text));
        for (const [lines, isForgotten] of frames) {
          if (isForgotten) screen.forget();
          screen.paint(lines, {columns: COLUMNS, rows: ROWS});
        }
        const alone: string[] = [];
        new Screen(text => alone.push(text)).paint(frames.at(-1)![0], {columns: COLUMNS, rows: ROWS});
        expect(await cellsOf(written)).toBe(await cellsOf(alone));
      }),
      {numRuns: 100},
    );
  });

  it('writes the lines that changed and nothing else', () => {
    const written: string[] = [];
    const screen = new Screen(text => written.push(text));
    const size = {columns: 10, rows: 3};
    screen.paint(['one', 'two', 'three'], size);
    expect(written.splice(0)[0]).toContain('\x1b[2J');
    screen.paint(['one', 'two!', 'three'], size);
    expect(written.splice(0)).toEqual(['\x1b[?2026h\x1b[2;1H\x1b[0m\x1b[2Ktwo!\x1b[0m\x1b[?2026l']);
    screen.paint(['one', 'two!', 'three'], size);
    expect(written).toEqual([]);
    screen.forget();
    screen.paint(['one'], size);
    expect(written[0]).toContain('\x1b[2J');
  });
});

describe('the view', () => {
  const SIZE = {columns: COLUMNS, rows: ROWS};
  const text = fc.constantFrom('', 'a', '\x1b[31mbc\x1b[39m', '客户').map(own);
  const lines = (count: number) => fc.array(text, {minLength: count, maxLength: count});
  /** A header, two blocks side by side, the left one as wide as it may be, and one or two lines below. */
  const screens = fc.integer({min: 1, max: 2}).chain(below =>
    fc.record({
      columns: fc.constant(COLUMNS),
      top: lines(1),
      body: fc
        .tuple(fc.constantFrom(8, 12), lines(ROWS - 1 - below), lines(ROWS - 1 - below))
        .map(([left, one, other]) => [
          {columns: left, lines: one},
          {columns: COLUMNS - left, lines: other},
        ]),
      bottom: lines(below),
    }),
  );

  function drawn(frames: readonly Frame[]): readonly string[] {
    let last: readonly string[] = [];
    const view = new InkView(
      () => SIZE,
      whole => {
        last = [...whole];
      },
    );
    for (const frame of frames) view.draw(frame);
    view.close();
    return last;
  }

  it('of which only the rows that changed are laid out is the one laid out whole', () => {
    fc.assert(
      fc.property(fc.array(screens, {minLength: 2, maxLength: 6}), frames => {
        expect(drawn(frames)).toEqual(drawn([frames.at(-1)!]));
      }),
      {numRuns: 50},
    );
  });

  it('shows what the rows of a frame without it show', async () => {
    await fc.assert(
      fc.asyncProperty(screens, async frame => {
        const cells = (rows: readonly string[]) => {
          const written: string[] = [];
          new Screen(text => written.push('\x1b[?7l', text)).paint(rows, SIZE);
          return cellsOf(written);
        };
        expect(await cells(rowsOf(frame))).toBe(await cells(drawn([frame])));
      }),
      {numRuns: 100},
    );
  });

  it('draws the same text again where it moved to another row', () => {
    const frame = (row: number): Frame => ({
      columns: COLUMNS,
      top: Array.from({length: ROWS}, (_, i) => own(i === row ? 'here' : '')),
      body: [],
      bottom: [],
    });
    for (let row = 0; row < ROWS; row++) expect(drawn([frame(0), frame(3), frame(row)])).toEqual(frame(row).top);
  });
});
