import path from 'node:path';
import Database from 'better-sqlite3';
import type pg from 'pg';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {quoteIdentifier} from '../../src/sql/sql.ts';
import type {Case} from './case.ts';
import type {Cell, Rows} from './rows.ts';

/** What is written into a database, and how its tables differ from Agno's. */
export interface Filling extends Pick<Case, 'tables' | 'after'> {
  readonly rows: Rows;
}

let files = 0;
export function sqliteWith({rows, tables = text => text, after}: Filling, folder: string): string {
  const file = path.join(folder, `${files++}.db`);
  const db = new Database(file);
  // As Agno 2 leaves it: nobody checks that a span's trace is there.
  db.pragma('foreign_keys = off');
  db.pragma('synchronous = off');
  for (const statement of agnoTables('sqlite', '')) db.exec(tables(statement, 'sqlite'));
  const insert = db.transaction(({traces, spans}: Rows) => {
    for (const [table, list] of [
      ['agno_traces', traces],
      ['agno_spans', spans],
    ] as const) {
      for (const row of list) {
        const places = Object.values(row).map(cell => (isSql(cell) ? cell.sql : '?'));
        db.prepare(
          `insert into ${table} (${Object.keys(row).map(quoteIdentifier).join(', ')}) values (${places.join(', ')})`,
        ).run(...Object.values(row).filter(cell => !isSql(cell)));
      }
    }
  });
  insert(rows);
  for (const statement of after?.('sqlite') ?? []) db.exec(statement);
  db.close();
  return file;
}

function isSql(cell: Cell): cell is {sql: string} {
  return cell !== null && typeof cell === 'object' && !Buffer.isBuffer(cell);
}

/** Databases whose tables are as Agno makes them, so that only their rows have to go. */
const plain = new WeakSet<pg.Client>();

export async function fillPostgres(client: pg.Client, {rows, tables, after}: Filling): Promise<void> {
  if (plain.has(client)) await client.query('delete from ai.agno_spans; delete from ai.agno_traces');
  if (!plain.has(client) || tables) {
    const {rows: schemas} = await client.query(
      `select nspname from pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', 'public')`,
    );
    for (const {nspname} of schemas) await client.query(`drop schema ${quoteIdentifier(nspname)} cascade`);
    const statements = agnoTables('postgres', 'ai').map(text => tables?.(text, 'postgres') ?? text);
    await client.query(statements.join(';\n'));
  }
  if (tables || after) plain.delete(client);
  else plain.add(client);
  const {traces, spans} = rows;
  for (const [table, list] of [
    ['ai.agno_traces', traces],
    ['ai.agno_spans', spans],
  ] as const) {
    for (const row of list) {
      const places = Object.keys(row).map((_, i) => `$${i + 1}`);
      await client.query(
        `insert into ${table} (${Object.keys(row).map(quoteIdentifier).join(', ')}) values (${places.join(', ')})`,
        Object.values(row),
      );
    }
  }
  for (const statement of after?.('postgres') ?? []) await client.query(statement);
}
