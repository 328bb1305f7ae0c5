import Database from 'better-sqlite3';
import {afterEach, describe, expect, it} from 'vitest';
import {setColour} from '../../src/text/style.ts';
import {KEYS} from '../../src/tui/keys.ts';
import type {Size} from '../../src/tui/pane.ts';
import {openScreens} from '../../src/tui/screens.ts';
import type {RunSource} from '../../src/tui/source.ts';
import {BACKENDS, sharedFixture, sqliteCopy} from '../databases.ts';
import {inLong} from '../long.ts';
import {Random} from '../random.ts';
import {loaded, NOW_MICROS, openHistory} from './history.ts';
import {VirtualTerminal} from './virtual-terminal.ts';

const PICTURES = 'agno-3.1.10-pictures.sqlite';
const SIZES = {
  small: {columns: 60, rows: 15},
  usual: {columns: 80, rows: 24},
  wide: {columns: 120, rows: 40},
  large: {columns: 200, rows: 50},
  larger: {columns: 200, rows: 60},
};

/** Of keys that are drawn by lot. */
const ROUNDS = inLong(200, 20);

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
  await setColour(false);
});

interface Shown {
  readonly terminal: VirtualTerminal;
  readonly source: RunSource;
  /** Settles when the user has left. */
  readonly left: Promise<void>;
}

/** The screens of `ui` over a real database, on a terminal of this size. */
async function show(
  db: string,
  size: Size,
  {
    ascii = false,
    mouse = false,
    isMute = false,
    ...asked
  }: Parameters<typeof openHistory>[1] & {ascii?: boolean; mouse?: boolean; isMute?: boolean} = {},
): Promise<Shown> {
  const {source, store} = await openHistory(db, asked);
  const terminal = new VirtualTerminal(size);
  // A terminal that does not say how large it is.
  if (isMute) Object.assign(terminal.streams.output, {columns: 0, rows: 0});
  const screens = await openScreens({terminal: terminal.streams, ascii, mouse, env: {}});
  // A name and a time that are the same wherever and whenever the tests run.
  const named = Object.create(source, {name: {value: 'shop.db'}, nowMicros: {value: () => NOW_MICROS}});
  const left = screens.show(named);
  open.push(async () => {
    screens.close();
    await store.close();
  });
  return {terminal, source: named, left};
}

/** The first run once more, so many times, each a minute older and by an agent of its own. @returns the name of the oldest */
function copyRuns(file: string, times: number): string {
  const db = new Database(file);
  db.pragma('foreign_keys = off');
  db.exec(`
    create temp table copies as with recursive copy(n) as (select 1 union all select n + 1 from copy where n < ${times}) select n from copy;
    create temp table roots as select * from agno_spans where parent_span_id is null order by start_time limit 1;
    insert into agno_spans (span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes, created_at)
    select printf('%016x', n), printf('%032x', n), printf('Old_%d.run', n), span_kind, status_code, at, at, duration_ms,
      json_set(attributes, '$."agent.name"', printf('Old %d', n), '$."agno.run.id"', printf('old-%d', n)), at
    from (select *, strftime('%Y-%m-%dT%H:%M:%f000+00:00', start_time, printf('-%d minutes', n)) as at from roots, copies);
    insert into agno_traces (trace_id, name, status, start_time, end_time, duration_ms, run_id, created_at)
    select trace_id, name, 'OK', start_time, end_time, duration_ms, json_extract(attributes, '$."agno.run.id"'), created_at
    from agno_spans where name like 'Old_%';`);
  db.close();
  return `Old ${times}`;
}

/** Taken when all that stands there has been read. */
async function golden(name: string, terminal: VirtualTerminal): Promise<string> {
  const screen = await terminal.untilWithout(/\breading\b.*…/);
  await expect(`${screen}\n`).toMatchFileSnapshot(`../golden/screens/${name}.txt`);
  return screen;
}

describe.each(Object.entries(SIZES))('on a %s terminal', (name, size) => {
  it('stand the runs, the tree of one, what a span holds, and the keys', async () => {
    const {terminal} = await show(sqliteCopy(PICTURES), size);
    await terminal.until('Weather Agent');
    // Where there is room the run under the cursor is read at once.
    if (size.columns >= 110) await terminal.until('What is the weather');
    await golden(`runs-${name}`, terminal);
    terminal.press('/', 'S', 'u', 'p', 'p', 'o', 'r', 't', 'enter', 'n', 'enter');
    await terminal.until('delegate');
    await golden(`tree-${name}`, terminal);
    terminal.press('down', 'enter');
    await terminal.until(/\[3 span\]/);
    await golden(`span-${name}`, terminal);
    terminal.press('?');
    await terminal.until('[keys]');
    await golden(`help-${name}`, terminal);
  });
});

describe('the screens', () => {
  it('show the same on both databases, but for the fractions of milliseconds that Postgres lacks', async () => {
    const screens: string[] = [];
    for (const backend of BACKENDS) {
      const {terminal} = await show(await sharedFixture(backend, PICTURES), SIZES.large);
      await terminal.until('What is the weather');
      const screen = await terminal.until('HTTP 200');
      screens.push(screen.replace(/ *[\d.]+ms/g, ' ms'));
    }
    expect(screens[1]).toBe(screens[0]);
  });

  it('say where a filter is wrong, keep the one in force, and take the right one', async () => {
    const {terminal, source} = await show(sqliteCopy(PICTURES), SIZES.usual, {query: 'agent:Weather*'});
    await terminal.until('Weather Agent');
    terminal.press('F', ' state:eror');
    await terminal.until('filter: agent:Weather* state:eror');
    terminal.press('enter');
    await terminal.until('is not known');
    await golden('filter-refused', terminal);
    expect(source.snapshot().filter).toBe('agent:Weather*');
    terminal.press('backspace', 'backspace', 'ror', 'enter');
    const screen = await terminal.until('q: agent:Weather* state:error');
    expect(screen).not.toContain('✔ ok');
    await terminal.until('3 runs');
    // Escape clears it.
    terminal.press('escape');
    expect(await terminal.until('42 runs')).not.toContain('q:');
  });

  it('say so where a terminal is too small, and come back when it grows', async () => {
    const {terminal} = await show(sqliteCopy(PICTURES), SIZES.usual);
    await terminal.until('Weather Agent');
    terminal.resize({columns: 59, rows: 24});
    expect((await terminal.until('too small')).trim()).toBe('terminal too small (now 59x24, need 60x15)');
    terminal.resize({columns: 80, rows: 14});
    expect((await terminal.until('80x14')).trim()).toBe('terminal too small (now 80x14, need 60x15)');
    terminal.resize({columns: 20, rows: 5});
    await terminal.until('20x5');
    await golden('too-small', terminal);
    terminal.resize(SIZES.usual);
    await terminal.until('HISTORY');
    await golden('runs-usual', terminal);
  });

  it('take a terminal that reports no size for one of 80 x 24', async () => {
    const {terminal} = await show(sqliteCopy(PICTURES), SIZES.usual, {isMute: true});
    await terminal.until('Weather Agent');
    await golden('runs-usual', terminal);
  });

  it('with --ascii draw nothing else of their own', async () => {
    const {terminal} = await show(sqliteCopy(PICTURES), SIZES.large, {
      ascii: true,
      query: 'agent:Careful* OR agent:Guarded',
    });
    await terminal.until('Input');
    const screen = await golden('ascii', terminal);
    // Dashes for what is unknown and dots for what was cut stand in tables everywhere.
    expect(screen.replace(/[–…·→⏎]/g, '')).toMatch(/^[\x20-\x7e\n]*$/);
  });

  it('write no colour unless there is some, and the same words with it', async () => {
    const {terminal} = await show(sqliteCopy(PICTURES), SIZES.usual);
    const plain = await terminal.until('Weather Agent');
    expect(terminal.written.join('')).not.toMatch(/\x1b\[(?!0m|7m|27m)[\d;]*m/);
    await setColour(true);
    const coloured = await show(sqliteCopy(PICTURES), SIZES.usual);
    expect(await coloured.terminal.until('Weather Agent')).toBe(plain);
    expect(coloured.terminal.written.join('')).toMatch(/\x1b\[31m✖ error/);
  });

  it('are ended by no key of the table but those that quit', async () => {
    const {terminal} = await show(sqliteCopy(PICTURES), SIZES.large);
    await terminal.until('Weather Agent');
    // `O` and `^O` need a pager and an editor: test/e2e/terminal.test.ts.
    const left = ['quit', 'back', 'pager', 'editor'];
    const bytes = (name: string) => (/^\^.$/.test(name) ? String.fromCharCode(name.charCodeAt(1) - 96) : name);
    for (const {action, keys} of KEYS) {
      if (left.includes(action)) continue;
      terminal.press(...keys.map(bytes), 'x', 'escape', 'down');
    }
    // The last of all: it is drawn after what all others did.
    terminal.press('?');
    await terminal.until('[keys]');
  });

  it('read on for a search and for the last run, page after page', async () => {
    const db = sqliteCopy(PICTURES);
    const oldest = copyRuns(db, 450);
    const {terminal, source} = await show(db, SIZES.usual);
    await terminal.until(/\d\+ runs/);
    terminal.press('/', ...oldest, 'enter');
    await terminal.until(new RegExp(`^›.* ${oldest}`, 'm'));
    expect(source.snapshot().runs.length).toBeGreaterThan(400);
    terminal.press('escape', 'g', 'F', 'user:nobody', 'enter');
    await terminal.until('no run matches');
    terminal.press('escape');
    await terminal.until(/\d\+ runs/);
    terminal.press('G');
    await terminal.until(new RegExp(`^›.* ${oldest}`, 'm'));
    expect(source.snapshot().older).toBe('none');
  });

  it('draw nothing of what arrives while the terminal cannot follow, and the latest when it can', async () => {
    const {terminal, source} = await show(sqliteCopy(PICTURES), SIZES.usual);
    await terminal.until('42 runs');
    // By then the screens listen to what arrives.
    terminal.press('?');
    await terminal.until('[keys]');
    terminal.press('escape');
    await terminal.until('[1 runs]');
    terminal.wait(true);
    const before = terminal.written.length;
    const changed = new Promise<void>(resolve => source.subscribe(resolve));
    source.setFilter('agent:Weather*');
    await changed;
    await loaded(source);
    source.setFilter('agent:Careful*');
    await loaded(source);
    // Longer than anything waits that draws by the clock.
    await new Promise(resolve => setTimeout(resolve, 300));
    expect(terminal.written.slice(before).join('')).not.toContain('agent:');
    terminal.wait(false);
    expect(await terminal.until('q: agent:Careful*')).not.toContain('Weather Agent');
    expect(terminal.written.slice(before).join('')).not.toContain('agent:Weather*');
  });

  it('copy the id of the run, by a key and only then', async () => {
    const {terminal, source} = await show(sqliteCopy(PICTURES), SIZES.usual);
    await terminal.until('Weather Agent');
    expect(terminal.written.join('')).not.toContain('\x1b]52');
    terminal.press('y');
    await terminal.until('copied the id of the run');
    const copied = /\x1b\]52;c;([A-Za-z0-9+/=]+)\x07/.exec(terminal.written.join(''))?.[1];
    expect(Buffer.from(copied!, 'base64').toString()).toBe(source.snapshot().runs[0]!.judged.record.runId);
  });

  it('show the statements that were sent', async () => {
    const {terminal} = await show(sqliteCopy(PICTURES), SIZES.usual);
    await terminal.until('Weather Agent');
    terminal.press('S');
    expect(await terminal.until('[SQL]')).toMatch(/from "?agno_(spans|traces)"?/);
    terminal.press('escape');
    await terminal.until('[1 runs]');
  });

  it('write few bytes for a move of the cursor, and none while nothing changes', async () => {
    const {terminal} = await show(sqliteCopy(PICTURES), SIZES.usual);
    await terminal.until('Weather Agent');
    terminal.press('down');
    await terminal.until(/^ ✔.*\n›/m);
    const before = terminal.written.length;
    terminal.press('down');
    await terminal.until(/^ ✔.*\n ✔.*\n›/m);
    const bytes = Buffer.byteLength(terminal.written.slice(before).join(''));
    expect(bytes).toBeLessThan(600);
  });

  it('draw what a whole new drawing would, after any keys, sizes and stops', async () => {
    await setColour(true);
    const {terminal} = await show(sqliteCopy(PICTURES), SIZES.large);
    await terminal.until('Weather Agent');
    const sizes = [SIZES.large, SIZES.usual, {columns: 120, rows: 31}, SIZES.small, {columns: 111, rows: 16}];
    const random = new Random(1);
    const keys = [
      ...[
        'j',
        'k',
        'G',
        'g',
        'e',
        'E',
        'tab',
        'enter',
        '?',
        'H',
        'L',
        ' ',
        't',
        'v',
        'w',
        'c',
        'S',
        'o',
        '1',
        '2',
        '3',
      ],
      ...['/a', 'F:', 'pagedown', 'right', 'left'],
    ];
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 6 === 5) terminal.resize(random.pick(sizes));
      for (let i = 0; i < 4; i++) terminal.press(random.pick(keys));
      // What is in front is closed, and a page more is drawn after all that: then the keys before are too.
      terminal.press('escape', '?');
      await terminal.until('[keys]');
      terminal.press('escape');
      await terminal.untilWithout(/\[keys\]|reading/);
      const cells = await terminal.cells();
      const before = terminal.written.length;
      process.emit('SIGCONT');
      await expect.poll(() => terminal.written.slice(before).join('')).toMatch(/1049h[\s\S]*2026l/);
      expect(await terminal.cells()).toBe(cells);
    }
  });

  it('with --mouse are told of it as long as they have the terminal', async () => {
    const {terminal, left} = await show(sqliteCopy(PICTURES), SIZES.usual, {mouse: true});
    await terminal.until('Weather Agent');
    terminal.press('\x1b[<65;5;5M');
    await terminal.until(/^(.*\n){6}›/);
    terminal.press('\x1b[<0;5;4M', '\x1b[<0;5;4m', '\x1b[<0;5;4M');
    await terminal.until('[2 run]');
    expect(terminal.modes.tellsMouse).toBe(true);
    terminal.press('^c');
    await left;
    await terminal.screen();
    expect(terminal.modes.tellsMouse).toBe(false);
  });

  it('give the terminal back with q: the main screen as it was, the cursor shown, lines wrapping', async () => {
    const {terminal, left} = await show(sqliteCopy(PICTURES), SIZES.usual);
    await terminal.until('Weather Agent');
    expect(terminal.modes).toEqual({
      isAlternate: true,
      isRaw: true,
      showsCursor: false,
      wraps: false,
      marksPastes: true,
      tellsMouse: false,
    });
    terminal.press('enter');
    await terminal.until('[2 run]');
    terminal.press('q');
    await terminal.until('[1 runs]');
    terminal.press('q');
    await left;
    await terminal.screen();
    expect(terminal.modes).toEqual({
      isAlternate: false,
      isRaw: false,
      showsCursor: true,
      wraps: true,
      marksPastes: false,
      tellsMouse: false,
    });
  });
});
