import {copyFileSync} from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {welcome} from '../../src/cli/welcome.ts';
import {COMMANDS} from '../../src/commands/index.ts';
import type {Safe} from '../../src/text/safe.ts';
import {cli, json} from '../cli.ts';
import {fixture, sqliteCopy, temporaryFolder} from '../fixtures.ts';

const SHOP = 'agno-3.1.10-shop.sqlite';
const NOW = Date.parse('2026-11-22T15:00:00Z') * 1000;
const HOME = {HOME: '/nowhere'};
/** As long as an answer may be that nobody asked for. */
const MOST_LINES = 12;

describe('agno-trace alone on a terminal', () => {
  const greet = (env: Record<string, string>, cwd = '/') =>
    cli([], {columns: 80, rows: 24, nowMicros: NOW, env: {...HOME, NO_COLOR: '1', ...env}, cwd});

  it('says which database there is, the newest run, and three commands', async () => {
    let out = '';
    const write = (text: Safe) => {
      out += text;
    };
    const terminal = {write, isTTY: true, columns: 80};
    const env = {...HOME, AGNO_TRACE_DB: sqliteCopy(SHOP), AGNO_TRACE_CACHE: temporaryFolder()};
    const context = {
      stdout: terminal,
      stderr: terminal,
      stdin: async () => '',
      env,
      cwd: '/',
      notes: [],
      secrets: [],
      nowMicros: () => NOW,
    };
    await welcome(context, 60_000);
    expect(out.split('\n').length).toBeLessThanOrEqual(MOST_LINES);
    expect(out).toContain('(AGNO_TRACE_DB)');
    expect(out).toMatch(/newest +[0-9a-f]{8} {2}\w+ {2}.* {2}2026-11-22 14:3/);
    for (const typed of ['agno-trace list', 'agno-trace show latest', 'agno-trace tail']) expect(out).toContain(typed);
    expect(out).not.toMatch(/^ +runs /m);
    // Counted where the facts of all days are kept.
    const {data} = await json(['stats'], {env, nowMicros: NOW});
    out = '';
    await welcome(context, 60_000);
    expect(out).toContain(`${data[0].runs} on 2026-11-22 15:00:00 UTC`);
    expect(out.split('\n').length).toBeLessThanOrEqual(MOST_LINES);
  });

  it('finds ./agno.db, and says so where a variable is read instead', async () => {
    const folder = temporaryFolder();
    copyFileSync(fixture(SHOP), path.join(folder, 'agno.db'));
    expect((await greet({}, folder)).out).toContain('(./agno.db)');
    expect((await greet({AGNO_TRACE_DB: sqliteCopy(SHOP)}, folder)).out).toContain(
      './agno.db exists too, but is not read',
    );
  });

  it('names a variable of other programs and does not open what it names', async () => {
    const {code, out} = await greet({DATABASE_URL: 'postgresql://u:secret-pw@127.0.0.1:1/d'});
    expect(code).toBe(0);
    expect(out).toContain('u@127.0.0.1:1/d (DATABASE_URL)');
    expect(out).not.toMatch(/secret-pw|^ *error/m);
  });

  it('says what is wrong with a database of its own, and how to name one where there is none', async () => {
    expect((await greet({AGNO_TRACE_DB: '/nowhere/agno.db'})).out).toContain('there is no database file');
    const {out} = await greet({});
    expect(out).toContain('no database given');
    expect(out).toContain('--db <url>');
    expect(out).toContain('agno-trace demo');
  });
});

it('agno-trace alone in a pipe prints the list of all commands', async () => {
  const {out} = await cli([]);
  for (const name of Object.keys(COMMANDS)) expect(out).toContain(name);
});

it('a page of list is as long as the terminal, and its cursor is short', async () => {
  const db = ['--db', sqliteCopy(SHOP)];
  for (const rows of [15, 24, 50]) {
    const {out} = await cli(['list', ...db], {columns: 80, rows, env: {NO_COLOR: '1'}});
    const lines = out.trimEnd().split('\n');
    // What was typed, and the prompt, have a line each.
    expect(lines.length).toBeLessThan(rows - 1);
    expect(lines.length).toBeGreaterThanOrEqual(rows - 5);
    const more = lines.find(text => text.includes('more: '))!;
    expect(more.length).toBeLessThan(60);
    const cursor = more.split(' ').at(-1)!;
    const next = await cli(['list', '--cursor', cursor, ...db], {columns: 80, rows, env: {NO_COLOR: '1'}});
    expect(next.code).toBe(0);
    expect(next.out.split('\n')[1]).not.toBe(lines[1]);
  }
  expect(JSON.parse((await cli(['list', '--json', ...db], {columns: 80, rows: 15})).out).data).toHaveLength(20);
});

it('what list says around its rows fits the terminal, and names the default file as it is looked for', async () => {
  const cwd = temporaryFolder();
  copyFileSync(fixture(SHOP), path.join(cwd, 'agno.db'));
  const {out, err} = await cli(['list', '-q', 'ok or error or degraded'], {
    ...{cwd, columns: 80, rows: 24, env: {NO_COLOR: '1'}},
  });
  expect(out).toContain(' · ./agno.db');
  expect(out).not.toContain(cwd);
  expect(err.replaceAll('\n', ' ')).toContain(
    'note: -q reads or as OR, ok as state:ok, error as state:error, degraded as state:degraded; quote a word to search for it',
  );
  const lines = (out + err).trimEnd().split('\n');
  for (const text of lines) expect(text.length).toBeLessThanOrEqual(80);
  // What was typed stays above them, and the prompt has the last line.
  expect(lines.length).toBeLessThanOrEqual(22);
});

it('usage ends with its total, in thousands', async () => {
  const {data} = (await json(['usage', '--limit', '0', '--db', sqliteCopy(SHOP)])) as {
    data: {calls: number; totalTokens: number | null}[];
  };
  const sum = (key: 'calls' | 'totalTokens') =>
    data.reduce((all, row) => all + (row[key] ?? 0), 0).toLocaleString('en-US');
  const {out, err} = await cli(['usage', '--limit', '1', '--db', sqliteCopy(SHOP)]);
  expect(out + err).toContain(`total: ${sum('calls')} calls, ${sum('totalTokens')} tokens, `);
});

it('an address that leads nowhere is said with what it comes from', async () => {
  const env = {...HOME, DATABASE_URL: 'postgresql://u@127.0.0.1:1/d'};
  expect((await cli(['list'], {env})).err).toContain('The address came from DATABASE_URL.');
  expect((await cli(['list', '--db', 'postgresql://u@127.0.0.1:1/d'])).err).not.toContain('comes from');
});
