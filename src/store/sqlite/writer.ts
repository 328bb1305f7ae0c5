import {existsSync, rmSync, statSync} from 'node:fs';
import {EXIT, UserError} from '../../errors.ts';
import {agnoTables, SPAN_COLUMNS, TRACE_COLUMNS} from '../../sql/agno-tables.ts';
import type {SqliteSource} from '../source.ts';
import type {Row, TableWriter} from '../writer.ts';
import {loadBetterSqlite} from './driver.ts';

/** Marks a file as created here ("AGTR"), so that a demo can be created again but nothing else is ever replaced. */
const DEMO_APPLICATION_ID = 0x41475452;

/** Creates a new SQLite file with Agno's tables; replaces one that this tool created, refuses any other. */
export async function createSqliteTables(
  {file}: SqliteSource,
  {foreignKeys = true}: {readonly foreignKeys?: boolean} = {},
): Promise<TableWriter> {
  const Database = loadDriver();
  if (existsSync(file)) {
    refuseForeign(file, Database);
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(file + suffix, {force: true});
  }
  const db = open(() => new Database(file), file);
  db.pragma(`application_id = ${DEMO_APPLICATION_ID}`);
  // In the same mode as Agno 3's files. Losing a half-made demo to a power cut harms nobody, so writes do not wait
  // for the disk.
  db.pragma('journal_mode = wal');
  db.pragma(`foreign_keys = ${foreignKeys ? 'on' : 'off'}`);
  db.pragma('synchronous = off');
  for (const statement of agnoTables('sqlite', '')) db.exec(statement);
  const insert = (table: string, columns: readonly string[]) =>
    db.prepare(`insert or ignore into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`);
  const insertTrace = insert('agno_traces', TRACE_COLUMNS);
  const insertSpan = insert('agno_spans', SPAN_COLUMNS);
  const writeAll = db.transaction((traces: readonly Row[], spans: readonly Row[]) => {
    for (const row of traces) insertTrace.run(...row);
    for (const row of spans) insertSpan.run(...row);
  });
  return {
    write: async (traces, spans) => {
      writeAll(traces, spans);
    },
    finish: async () => {
      db.pragma('wal_checkpoint(truncate)');
      db.close();
    },
    abandon: async () => {
      db.close();
    },
  };
}

type DatabaseClass = typeof import('better-sqlite3');

/** @throws UserError exit 1 if the driver is missing: only better-sqlite3 is used for writing */
export function loadDriver(): DatabaseClass {
  try {
    return loadBetterSqlite();
  } catch (error) {
    throw new UserError(EXIT.failed, 'the SQLite driver better-sqlite3 is not installed or not built.', {
      hint: 'Install agno-trace again (on Node 20 with a C++ compiler).',
      cause: error,
    });
  }
}

/** @throws UserError exit 2 if the file is not a demo database */
export function refuseForeign(file: string, Database: DatabaseClass): void {
  // For a pipe, SQLite would wait for its writer.
  if (statSync(file).isFile() && isDemo(file, Database)) return;
  throw new UserError(EXIT.usage, `"${file}" exists and is not a demo database; it was not changed.`, {
    hint: 'Pass another --path.',
  });
}

function isDemo(file: string, Database: DatabaseClass): boolean {
  try {
    const db = new Database(file, {readonly: true, fileMustExist: true});
    const id = db.pragma('application_id', {simple: true});
    db.close();
    return id === DEMO_APPLICATION_ID;
  } catch {
    // Not SQLite, or not readable: not ours.
    return false;
  }
}

function open<T>(make: () => T, file: string): T {
  try {
    return make();
  } catch (error) {
    throw new UserError(EXIT.failed, `"${file}" cannot be created.`, {
      hint: 'Does the folder exist, and may you write to it?',
      cause: error,
    });
  }
}
