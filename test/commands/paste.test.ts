import {chmodSync, mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {agnoTables, SPAN_COLUMNS, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {type CliOptions, cli} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';
import {PASTED, paste} from '../shell.ts';

/** A run for each text, with the text in every id and name. */
function database(texts: readonly string[]): string {
  const file = path.join(temporaryFolder(), 'agno.db');
  const db = new Database(file);
  for (const statement of agnoTables('sqlite', '')) db.exec(statement);
  const insert = (table: string, columns: readonly string[]) =>
    db.prepare(`insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`);
  const [traces, spans] = [insert('agno_traces', TRACE_COLUMNS), insert('agno_spans', SPAN_COLUMNS)];
  const [start, end] = ['2026-01-01T00:00:00+00:00', '2026-01-01T00:00:01+00:00'];
  for (const text of texts) {
    traces.run(text, text, 'OK', start, end, 1000, text, text, text, text, text, text, start);
    const span = (id: string, parent: string | null, name: string, attributes: object) =>
      spans.run(id, text, parent, name, 'INTERNAL', 'ERROR', text, start, end, 1000, JSON.stringify(attributes), start);
    span(text, null, `${text}.run`, {
      'openinference.span.kind': 'AGENT',
      'agno.run.id': text,
      'session.id': text,
      'agent.name': text,
      'input.value': 'customs hold',
    });
    span(`${text}2`, text, text, {'openinference.span.kind': 'TOOL', 'tool.name': text});
  }
  db.close();
  return file;
}

/** What a person would copy of what was printed: the lines after `next:`, and of hints and notes what begins with a command. */
async function copied(argv: readonly string[], options: CliOptions = {}): Promise<string[]> {
  const lines: string[] = [];
  // On a terminal all of it is printed.
  const {out, err} = await cli(argv, {...options, columns: 200, env: {...options.env, NO_COLOR: '1'}});
  for (const line of `${out}\n${err}`.split('\n')) {
    const next = /^\s*next: (.*)$/.exec(line)?.[1];
    const hint = /^hint: .*?((?:agno-trace|mkdir|chmod|sqlite3) .*)$/.exec(line)?.[1];
    const command = /^ *\$ (agno-trace .*)$/.exec(line)?.[1];
    for (const text of [next, hint, command])
      if (text) lines.push(text.replace(/ (?:makes it|lists its|--db <url>|\| sqlite3) .*$/, ''));
  }
  return lines;
}

const NASTY = 'x `touch ran` $(touch ran) ; touch ran ; \'q"\n-x';

describe('a line to be copied', () => {
  it('runs nothing but what it says, whatever ids and names the data has', async () => {
    const db = database(PASTED.flatMap(text => [text, `${text}b`]));
    const lines = [...(await copied(['list', '--db', db])), ...(await copied(['grep', 'customs hold', '--db', db]))];
    for (const text of PASTED) {
      lines.push(...(await copied(['show', '--db', db, '--', text])));
      lines.push(...(await copied(['show', '--db', db, '--span', 'nope', '--', text])));
      lines.push(...(await copied(['diff', '--db', db, '--', text, `${text}b`])));
    }
    expect(lines.filter(line => line.startsWith('agno-trace show')).length).toBeGreaterThan(PASTED.length * 2);
    const {calls, ran} = paste(lines);
    expect(ran).toBe(false);
    // One call a line, and no more arguments than an ordinary name would give.
    expect(calls).toHaveLength(lines.length);
    expect(calls.filter(call => call.length > (call.includes('--') ? 6 : 5))).toEqual([]);
  });

  it('runs nothing but what it says, whatever a path is called', async () => {
    const folder = path.join(temporaryFolder(), NASTY);
    mkdirSync(folder);
    const db = path.join(folder, 'a.db');
    new Database(db).close();
    const archive = path.join(folder, 'a.ndjson');
    const shop = sqliteCopy('agno-3.1.10-shop.sqlite');
    const prune = [
      'prune',
      '--db',
      shop,
      '--older-than',
      '1h',
      '--force',
      '--settle',
      '0s',
      '--yes',
      '--expect-max',
      '1000',
    ];
    await cli([...prune, '--archive', archive]);
    const damaged = path.join(folder, 'damaged.db');
    writeFileSync(damaged, Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(4096, 7)]));
    const config = path.join(folder, 'config.toml');
    writeFileSync(config, '[profiles.a]\ndb = "postgresql://u:secret@h/d"\n', {mode: 0o644});
    chmodSync(config, 0o644);
    const lines = [
      ...(await copied(['archive', 'verify', archive])),
      ...(await copied(['list', '--db', damaged])),
      ...(await copied([...prune, '--archive', path.join(folder, 'none', 'a.ndjson')])),
      ...(await copied(['list', '--db', db, '-o', path.join(folder, 'none', 'x')])),
      ...(await copied(['list', '--profile', 'a'], {env: {AGNO_TRACE_CONFIG: config}})),
      ...(await copied(['list', '--profile', NASTY], {env: {AGNO_TRACE_CONFIG: path.join(folder, 'none.toml')}})),
      ...(await copied(['demo', '--path', path.join(folder, 'demo.db')])),
    ];
    const {calls, ran} = paste(lines);
    expect(ran).toBe(false);
    for (const program of ['agno-trace', 'mkdir', 'chmod'])
      expect(calls.some(call => call[0] === program && call.some(word => word.includes('$(touch ran)')))).toBe(true);
  });

  it('is no part of --print-sql that a path could end: what stands in a comment stays in it', async () => {
    const runs = path.join(temporaryFolder(), 'x\ndrop table agno_spans; --\r');
    const shop = sqliteCopy('agno-3.1.10-shop.sqlite');
    new Database(runs).exec('create table agno_runs (run_id text, status text, created_at integer)').close();
    const {code, out} = await cli(['list', '--db', shop, '--runs-db', runs, '--print-sql']);
    expect(code).toBe(0);
    expect(out).toContain('-- in ');
    expect(out).not.toMatch(/^drop table/m);
  });
});
