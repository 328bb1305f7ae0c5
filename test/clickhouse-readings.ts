import Database from 'better-sqlite3';
import {expect} from 'vitest';
import {cli} from './cli.ts';
import {clickhouseFixture} from './clickhouse-databases.ts';
import {sqliteCopy, temporaryFolder} from './fixtures.ts';
import {inLong} from './long.ts';

/** What has to be the same to the byte, whatever database the rows are in. */
const COMMANDS = [
  'list --limit 0 --json',
  'show latest --json --io full',
  'transcript latest',
  'export --all --format jsonl',
  ...inLong(
    [
      'list --limit 5',
      'list --traffic --limit 0 --format csv',
      'show latest',
      'grep e --json --limit 3',
      'slowest --limit 0 --json',
    ],
    ['slowest --json'],
  ),
].map(line => line.split(' '));

const NOW_MICROS = Date.parse('2026-12-01T00:00:00Z') * 1000;

/** Reads the rows of a SQLite fixture where they are, and copied into ClickHouse. */
export async function readsAsOnSqlite(name: string): Promise<void> {
  const file = sqliteCopy(name);
  const url = await clickhouseFixture(name);
  const options = {env: {AGNO_TRACE_CACHE: temporaryFolder()}, nowMicros: NOW_MICROS};
  // Agno's own run table is never in ClickHouse; it is further evidence from where it is.
  const runs = hasRuns(file) ? ['--runs-db', file] : [];
  for (const command of COMMANDS) {
    const ofSqlite = await cli([...command, '--db', file], options);
    const ofClickhouse = await cli([...command, '--db', url, ...runs], options);
    expect(ofClickhouse.out, command.join(' ')).toBe(ofSqlite.out);
    expect(ofClickhouse.code, command.join(' ')).toBe(ofSqlite.code);
  }
}

function hasRuns(file: string): boolean {
  const db = new Database(file, {readonly: true});
  try {
    return db.prepare("select 1 from sqlite_master where name in ('agno_runs', 'agno_sessions')").all().length > 0;
  } finally {
    db.close();
  }
}
