import path from 'node:path';
import Database from 'better-sqlite3';
import stringWidth from 'string-width';
import {beforeAll, describe, expect, it} from 'vitest';
import {agnoTables, SPAN_COLUMNS, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {setColour} from '../../src/text/style.ts';
import {openScreens} from '../../src/tui/screens.ts';
import {type CliOptions, cli} from '../cli.ts';
import {BACKENDS, type Backend, newPostgresDatabase, temporaryFolder} from '../databases.ts';
import {badHostileRows, hostile, hostileRows, OWN_SEQUENCE, PAYLOADS, UNSAFE} from '../hostile-rows.ts';
import {IS_LONG} from '../long.ts';
import {loaded, openHistory} from '../tui/history.ts';
import {VirtualTerminal} from '../tui/virtual-terminal.ts';

/** What the screens make beside: the life cycle of the terminal, and Ink's way from line to line. A copied id is base64. */
const SCREEN_SEQUENCE =
  /\x1b\[(?:\?(?:1049|25|7|2004|2026)[hl]|1;1H|\d*[AEGK]|[HJ]|2K)|\n|\x1b\]52;c;[A-Za-z0-9+/=]*\x07/g;

async function openHostile(backend: Backend): Promise<string> {
  const parts = hostile(backend).flatMap((item, i) => [hostileRows(item), badHostileRows(item, i)]);
  const tables = [
    ['agno_traces', TRACE_COLUMNS, parts.flatMap(part => part.traces)],
    ['agno_spans', SPAN_COLUMNS, parts.flatMap(part => part.spans)],
  ] as const;
  if (backend === 'sqlite') {
    const file = path.join(temporaryFolder(), 'hostile.db');
    const db = new Database(file);
    for (const statement of agnoTables('sqlite', '')) db.exec(statement);
    for (const [table, columns, rows] of tables) {
      const insert = db.prepare(`insert into ${table} values (${columns.map(() => '?').join(', ')})`);
      for (const row of rows) insert.run(...row);
    }
    db.close();
    return file;
  }
  const {url, client} = await newPostgresDatabase();
  for (const statement of agnoTables('postgres', 'ai')) await client.query(statement);
  for (const [table, columns, rows] of tables)
    for (const row of rows)
      await client.query(`insert into ai.${table} values (${columns.map((_, i) => `$${i + 1}`).join(', ')})`, row);
  return `${url}?sslmode=disable`;
}

const SCREENS: Readonly<Record<string, CliOptions>> = {
  'in a pipe': {},
  'on a terminal': {columns: 80, env: {FORCE_COLOR: '1'}},
  'on a narrow terminal': {columns: 30, env: {FORCE_COLOR: '1'}},
};
const BY = ['name', 'kind', 'tool', 'model'] as const;

/** What of `argv`'s output a terminal would act on, or a reader be fooled by; empty for a safe screen. */
async function leaks(argv: readonly string[], screen: CliOptions, exits: readonly number[] = [0]): Promise<string[]> {
  const {code, out, err} = await cli(argv, screen);
  const isTerminal = screen.columns !== undefined;
  const wrong = exits.includes(code) ? [] : [`exit ${code}: ${err}`];
  for (const text of [out, err]) {
    // Besides colours only what says how far a search is.
    const plain = isTerminal ? text.replace(OWN_SEQUENCE, '').replaceAll('\r\x1b[2K', '') : text;
    const found = UNSAFE.exec(plain);
    if (found) wrong.push(JSON.stringify(plain.slice(Math.max(0, found.index - 30), found.index + 30)));
  }
  return wrong.map(text => `${JSON.stringify(argv)}: ${text}`);
}

describe.each(BACKENDS)('hostile rows in %s', backend => {
  const rows = hostile(backend);
  let db = '';
  beforeAll(async () => {
    db = await openHostile(backend);
  });

  // What is drawn is the same from both databases; from Postgres one screen and some of the rows are enough. What a server
  // says of a payload is its own, so there all of them are asked for.
  const screens = Object.entries(SCREENS).filter(([name]) => backend === 'sqlite' || name === 'on a terminal');
  const some = rows.filter((_, i) => IS_LONG || backend === 'sqlite' || i % 5 === 0);

  /** What both print of a payload is printed by the same functions: each payload meets one of them, in the long suite all. */
  const alternately = (payload: number, commands: readonly (readonly string[])[]) =>
    commands.filter((_, i) => IS_LONG || (payload + i) % commands.length === 0);

  describe.each(screens)('%s', (name, screen) => {
    const nth = Object.keys(SCREENS).indexOf(name);
    /** Every payload meets every other command, on one of three screens; in the long suite every one on each. */
    const swept = (payload: number, commands: readonly (readonly string[])[]) =>
      commands.filter((_, i) => IS_LONG || (payload + i + nth) % 6 === 0);

    it('are listed without one of them acting', async () => {
      const wrong: string[] = [];
      for (const argv of [
        ['list', '--limit', '0'],
        ['list', '--limit', '0', '--traffic'],
        ['list', '--limit', '3'],
      ])
        wrong.push(...(await leaks([...argv, '--db', db], screen)));
      for (const by of BY) wrong.push(...(await leaks(['slowest', '--by', by, '--limit', '0', '--db', db], screen)));
      expect(wrong).toEqual([]);
    });

    it('are searched, compared and told without one of them acting', async () => {
      const wrong: string[] = [];
      const formats = [[], ['--count'], ['-l'], ['--in', 'attributes'], ['--format', 'md'], ['-C', '2', '--repeats']];
      for (const format of formats.slice(0, backend === 'postgres' ? 1 : undefined))
        wrong.push(
          ...(await leaks(['grep', 'message|content|in |out |tool|:', '--limit', '0', ...format, '--db', db], screen)),
        );
      for (const item of some) {
        const {run, payload} = item;
        const i = rows.indexOf(item);
        const id = `bad${i}${payload.replace(/\p{Cs}/gu, '?')}`;
        const commands = [
          ['transcript', run, '--tools', 'full'],
          ['transcript', run, '--tools', 'short', '--format', 'md'],
          ['diff', run, rows[(i + 1) % rows.length]!.run, '--all'],
          ['grep', '-F', payload],
          ['transcript', `${id}t`],
          ['diff', `${id}t`, run],
        ];
        for (const argv of swept(i, commands)) wrong.push(...(await leaks([...argv, '--db', db], screen)));
      }
      expect(wrong).toEqual([]);
    });

    it('are shown without one of them acting', async () => {
      const wrong: string[] = [];
      for (const item of some) {
        const {trace, run, spans, payload} = item;
        const i = rows.indexOf(item);
        const id = `bad${i}${payload.replace(/\p{Cs}/gu, '?')}`;
        const commands = [
          ['show', run, '--io', 'full'],
          ['show', trace],
          ...spans.map(span => ['show', trace, '--span', span]),
          ['show', `${id}t`, '--io', 'full'],
          ['show', `${id}t`, '--span', `${id}l`],
        ];
        for (const argv of swept(i, commands)) wrong.push(...(await leaks([...argv, '--db', db], screen)));
      }
      expect(wrong).toEqual([]);
    });

    it('are handed on as a page without one of them acting', async () => {
      for (const redacting of [[], ['--redact', 'all']])
        expect(
          await leaks(['export', '--all', '--traffic', '--format', 'md', ...redacting, '--db', db], screen),
        ).toEqual([]);
    });

    it('are not found without one of them acting, as ids, filters and flags of a person', async () => {
      const wrong: string[] = [];
      for (const [i, {payload}] of rows.entries()) {
        // No program is ever handed a NUL in an argument.
        const typed = payload.replaceAll('\0', '').replace(/\p{Cs}/gu, '?');
        const exits = new Map<readonly string[], number>([
          [['show', `nothing ${typed}`], 3],
          [['list', '--session', typed], 0],
          [['show', 't', '--debug'], 3],
          [['show', rows[0]!.trace, '--span', typed], 3],
          [['list', '--state', typed], 2],
          [['list', '--since', `9${typed}`], 2],
          [['list', '--cursor', typed], 2],
          [['slowest', '--sort', typed], 2],
          [['list', '--spans-table', typed], 5],
          [['list', `--${typed}`], 2],
          [[`cmd${typed}`], 2],
        ]);
        for (const argv of swept(i, [...exits.keys()]))
          wrong.push(...(await leaks([...argv, '--db', db], screen, [exits.get(argv)!])));
      }
      expect(wrong).toEqual([]);
    });
  });

  // From Postgres they show the same, as test/tui/screens.test.ts says.
  it.runIf(IS_LONG || backend === 'sqlite')('are drawn on the screens without one of them acting', async () => {
    await setColour(true);
    const {source, store} = await openHistory(db, {traffic: true});
    const terminal = new VirtualTerminal({columns: 130, rows: 40});
    const screens = await openScreens({terminal: terminal.streams, ascii: false, env: {}});
    const left = screens.show(source);
    await loaded(source);
    const {runs} = source.snapshot();
    expect(runs.length).toBeGreaterThan(rows.length);
    for (const [nth, {key}] of runs.entries()) {
      await expect.poll(() => source.snapshot().opened, {interval: 5}).toMatchObject({key, parts: expect.anything()});
      // Through the tree and what its spans hold, and back.
      terminal.press('2', 'L', 'j', 'j', '3', 'L', 'v', 'v', '1', 'y', 'm');
      // What was said in it, or how it differs from the one before: of each some, in the long suite of all that have one.
      const pages = IS_LONG ? (nth === 0 ? ['T'] : ['T', 'D']) : nth % 4 === 1 ? ['T'] : nth % 4 === 3 ? ['D'] : [];
      for (const page of pages) {
        terminal.press(page);
        await terminal.until(page === 'T' ? '[transcript]' : '[diff]');
        await terminal.untilWithout(/^ reading …/m);
        terminal.press('pagedown', 'end', 'escape');
        await terminal.until('[1 runs]');
      }
      terminal.press('down');
    }
    for (const {payload} of rows) terminal.press('F', `\x1b[200~${payload}\x1b[201~`, '\r', 'escape');
    terminal.press('?', 'S', '\x03');
    await left;
    await store.close();
    await setColour(false);
    const written = terminal.written.join('').replace(OWN_SEQUENCE, '').replace(SCREEN_SEQUENCE, '');
    const found = UNSAFE.exec(written);
    expect(found && JSON.stringify(written.slice(Math.max(0, found.index - 40), found.index + 40))).toBeNull();
    for (const [, copied] of terminal.written.join('').matchAll(/\x1b\]52;c;([^\x07]*)\x07/g))
      expect(Buffer.from(copied!, 'base64').toString()).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('leave the machine formats exact in a pipe', async () => {
    for (const {trace, run, payload} of rows) {
      const {out} = await cli(['show', trace, '--json', '--io', 'full', '--db', db]);
      const {spans, runs} = JSON.parse(out).data;
      const shown = spans.find(({runId, kind}: {runId: string; kind: string}) => runId === run && kind === 'agent');
      expect(shown.attributes[`key ${payload}`]).toBe(`value ${payload}`);
      expect(shown.output).toBe(`out ${payload}`);
      expect(runs[0].runId).toBe(run);
    }
  });

  it('are JSON on a terminal that acts on nothing and reads back the same', async () => {
    const screen = SCREENS['on a terminal']!;
    for (const argv of [
      ['list', '--limit', '0', '--traffic', '--json'],
      ['slowest', '--by', 'model', '--limit', '0', '--json'],
      ...some.map(({trace}) => ['show', trace, '--json', '--io', 'full']),
      ['grep', 'content', '--limit', '0', '--json'],
      ...some.flatMap(({run}, i) =>
        alternately(i, [
          ['transcript', run, '--json'],
          ['diff', run, some[(i + 1) % some.length]!.run, '--json'],
        ]),
      ),
    ]) {
      const terminal = (await cli([...argv, '--db', db], screen)).out;
      const pipe = (await cli([...argv, '--db', db])).out;
      // Combining marks are data like letters; JSON shows them all.
      expect(UNSAFE.exec(terminal.replace(/\p{M}/gu, ''))).toBeNull();
      expect(JSON.parse(terminal)).toEqual(JSON.parse(pipe));
    }
    for (const format of ['otlp', 'jsonl']) {
      const argv = ['export', '--all', '--traffic', '--format', format, '--db', db];
      const [terminal, pipe] = [(await cli(argv, screen)).out.replace(OWN_SEQUENCE, ''), (await cli(argv)).out];
      expect(UNSAFE.exec(terminal.replace(/\p{M}/gu, ''))).toBeNull();
      const read = (out: string) => out.split('\n').flatMap(text => (text.startsWith('{') ? [JSON.parse(text)] : []));
      expect(read(terminal)).toEqual(read(pipe));
    }
  });

  it('stay in their columns on a terminal: no line is longer, so nothing can pose as a line of ours', async () => {
    const long: string[] = [];
    for (const argv of [
      ['list', '--limit', '0', '--traffic'],
      ...BY.map(by => ['slowest', '--by', by, '--limit', '0']),
      ...some.map(({trace}) => ['show', trace, '--io', 'preview']),
      ['grep', 'content', '--limit', '0'],
      ['grep', 'content', '--count'],
      ...some.flatMap(({run}, i) =>
        alternately(i, [
          ['transcript', run],
          ['transcript', run, '--tools', 'full'],
          ['diff', run, some[(i + 1) % some.length]!.run, '--all'],
        ]),
      ),
    ]) {
      const {out} = await cli([...argv, '--db', db], SCREENS['on a terminal']!);
      const lines = out.replace(OWN_SEQUENCE, '').split('\n');
      // But for the command to type next, which is only of use whole.
      for (const text of lines)
        if (!text.startsWith('next: ') && stringWidth(text) > 80) long.push(`${JSON.stringify(argv)}: ${text}`);
    }
    expect(long).toEqual([]);
  });
});

it('a file whose name is hostile is named safely', async () => {
  const folder = temporaryFolder();
  for (const screen of Object.values(SCREENS)) {
    for (const payload of Object.values(PAYLOADS)) {
      const name = payload.replace(/[\0/]|\p{Cs}/gu, '?');
      expect(await leaks(['list', '--db', path.join(folder, `none ${name}.db`)], screen, [4])).toEqual([]);
    }
  }
});

it('a database whose own names are hostile is named safely', async () => {
  const {url, client} = await newPostgresDatabase();
  const name = `"\x1b]0;owned\x07\u202e"`;
  for (const statement of agnoTables('postgres', 'ai')) await client.query(statement);
  await client.query(`alter schema ai rename to ${name}`);
  await client.query(`create schema "\x1b[2J"`);
  await client.query(`create table "\x1b[2J".agno_spans (x int)`);
  for (const screen of Object.values(SCREENS)) {
    expect(await leaks(['list', '--db', url], screen, [2])).toEqual([]);
    expect(await leaks(['list', '--schema', '\x1b[2J', '--db', url], screen, [5])).toEqual([]);
    expect(await leaks(['list', '--schema', 'none\x1b[2J', '--db', url], screen, [5])).toEqual([]);
    expect(await leaks(['list', '--schema', '\x1b]0;owned\x07\u202e', '--db', url, '--debug'], screen)).toEqual([]);
  }
});
