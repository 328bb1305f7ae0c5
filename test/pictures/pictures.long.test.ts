import {mkdirSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import xterm, {type Terminal} from '@xterm/headless';
import {beforeAll, expect, it} from 'vitest';
import {run} from '../../src/cli/run.ts';
import type {Context} from '../../src/context.ts';
import {traceRowOf} from '../../src/demo/agno-export.ts';
import {type PlannedSpan, perform} from '../../src/demo/performance.ts';
import {loadRecorded} from '../../src/demo/recorded.ts';
import {scenesOf} from '../../src/demo/scenes.ts';
import {Ids, mulberry32} from '../../src/demo/synthesize.ts';
import {SPAN_PLACES as SPAN} from '../../src/sql/agno-tables.ts';
import {openExporter} from '../../src/store/exporter.ts';
import {setColour} from '../../src/text/style.ts';
import {agnoTime} from '../../src/trace/time.ts';
import type {Size} from '../../src/tui/pane.ts';
import {cli} from '../cli.ts';
import {temporaryFolder} from '../fixtures.ts';
// The demo is made of the runs that a build packs.
import {ROOT} from '../program.ts';
import {VirtualTerminal} from '../tui/virtual-terminal.ts';
import {type Frame, movingSvg, rowsOf, stillSvg} from './terminal-svg.ts';

/** The pictures of the README and of docs/, drawn from what the program prints. `npm run pictures` writes them. */
const NOW = Date.UTC(2026, 10, 22, 14, 30) * 1000;
const SECOND = 1_000_000;
const ENV = {COLORTERM: '', FORCE_COLOR: '1', TERM: 'xterm-256color'};

let folder: string;

beforeAll(async () => {
  folder = temporaryFolder();
  mkdirSync(path.join(folder, 'cache'));
  const made = await cli(['demo', '--path', 'agno.db'], {cwd: folder, nowMicros: NOW});
  expect(made.code).toBe(0);
});

const picture = (name: string, svg: string) =>
  expect(svg).toMatchFileSnapshot(path.join(ROOT, 'docs/pictures', `${name}.svg`));

it.each([
  ['list', 'list --db agno.db -n 13', 112],
  ['show', 'show team-member-error', 112],
])('%s', async (name, line, columns) => {
  const {out, code} = await cli([...line.split(' ')], {
    ...{cwd: folder, columns, rows: 60, nowMicros: NOW + 90 * SECOND},
    env: {...ENV, AGNO_TRACE_CACHE: path.join(folder, 'cache')},
  });
  expect(code).toBe(0);
  const terminal = new xterm.Terminal({cols: columns, rows: 60, allowProposedApi: true, convertEol: true});
  await written(terminal, `\x1b[1m$ agno-trace ${line}\x1b[0m\n${out}`);
  const rows = terminal.buffer.active.baseY + terminal.buffer.active.cursorY;
  await picture(name, stillSvg(`agno-trace ${line}`, columns, rowsOf(terminal, 0, rows)));
});

it('screens', async () => {
  const size = {columns: 150, rows: 34};
  const screens = showScreens(['ui'], size, () => NOW + 90 * SECOND);
  await screens.terminal.until('Support Team');
  screens.terminal.press('/', ...'Support Team', 'enter', 'enter');
  await screens.terminal.until('delegate');
  screens.terminal.press('e');
  await settled(screens.terminal);
  await withoutFolder(screens.terminal, 'agno.db');
  await picture('screens', stillSvg('agno-trace ui', size.columns, rowsOf(screens.terminal.xterm, 0, size.rows)));
  await screens.leave();
});

/** What is played into the demo, by when it begins, seconds. */
const PLAYED: readonly (readonly [number, string])[] = [
  [1, 'tool-error'],
  [2.5, 'workflow'],
  [4.5, 'team-member-error'],
  [7, 'http-stream'],
  [9.5, 'model-error'],
];
/** Keys, by when they are pressed, seconds. */
const PRESSED: readonly (readonly [number, readonly string[]])[] = [
  [12, ['down']],
  [12.5, ['down']],
  [13.5, ['enter']],
  [16, ['e']],
];
const LENGTH_SECONDS = 19;
const STEP_SECONDS = 0.5;

it('tail', async () => {
  const size = {columns: 110, rows: 24};
  const file = path.join(folder, 'live.db');
  expect((await cli(['demo', '--path', file], {nowMicros: NOW})).code).toBe(0);
  const exporter = (await openExporter({dialect: 'sqlite', file}, 'ai'))!;
  let now = NOW + 60 * SECOND;
  const start = now;
  const planned = await plan(start);
  const screens = showScreens(['tail', '--db', file, '--interval', '20ms'], size, () => now);
  await screens.terminal.until('LIVE');
  const frames: Frame[] = [];
  for (let seconds = 0; seconds < LENGTH_SECONDS; seconds += STEP_SECONDS) {
    // Nothing moves but what is moved here: the clock stands still while the screen is drawn.
    now = start + seconds * SECOND;
    while (planned[0] && planned[0].dueMicros <= now) {
      const span = planned.shift()!.row.map((value, i) => (i === SPAN.created_at ? agnoTime(now) : value));
      await exporter.export(traceRowOf([span], now), [span]);
    }
    for (const [at, keys] of PRESSED) if (at === seconds) screens.terminal.press(...keys);
    await settled(screens.terminal);
    await withoutFolder(screens.terminal, 'agno.db');
    frames.push({atMs: seconds * 1000, rows: rowsOf(screens.terminal.xterm, 0, size.rows)});
  }
  const svg = movingSvg('agno-trace tail', size.columns, frames, LENGTH_SECONDS * 1000);
  expect(svg.length).toBeLessThan(300_000);
  await picture('tail', svg);
  await screens.leave();
  await exporter.close();
});

async function plan(start: number): Promise<PlannedSpan[]> {
  const scenes = scenesOf(await loadRecorded());
  const ids = new Ids(mulberry32(7));
  return PLAYED.flatMap(([seconds, session]) => {
    const scene = scenes.find(item => item.session === session)!;
    return [...perform(scene, {ids, atMicros: start + seconds * SECOND, speed: 1}).spans];
  }).sort((a, b) => a.dueMicros - b.dueMicros);
}

function showScreens(argv: readonly string[], size: Size, nowMicros: () => number) {
  const terminal = new VirtualTerminal(size);
  setColour(true);
  const write = () => undefined;
  const context: Context = {
    stdout: {write, isTTY: true, ...size},
    stderr: {write, isTTY: true, columns: size.columns},
    stdin: async () => '',
    terminal: () => terminal.streams,
    ...{env: {...ENV, AGNO_TRACE_CACHE: path.join(folder, 'cache')}, cwd: folder, notes: [], secrets: [], nowMicros},
  };
  const ended = run(argv, context);
  const leave = async () => {
    terminal.press('^c');
    expect(await ended).toBe(0);
  };
  return {terminal, leave};
}

/** When nothing has moved on the screen for as long as some polls and drawings take. */
async function settled(terminal: VirtualTerminal): Promise<void> {
  for (let before = '', alike = 0; alike < 10; await sleep(60)) {
    const cells = await terminal.cells();
    alike = cells === before ? alike + 1 : 0;
    before = cells;
  }
}

/** The header names the file; where this test has put it is nobody's matter. */
async function withoutFolder({xterm: terminal}: VirtualTerminal, name: string): Promise<void> {
  const header = terminal.buffer.active.getLine(0)!.translateToString();
  const label = /^ agno-trace (.+?) {2,}(?:[●○◌]|HISTORY)/.exec(header)?.[1];
  if (label === undefined) return;
  const column = ' agno-trace '.length + 1;
  await written(terminal, `\x1b7\x1b[1;${column}H\x1b[0m${name.padEnd(label.length)}\x1b8`);
}

function written(terminal: Terminal, text: string): Promise<void> {
  return new Promise(resolve => terminal.write(text, resolve));
}
