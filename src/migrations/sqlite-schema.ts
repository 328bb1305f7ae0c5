import {type Sql, sql} from '../sql/sql.ts';
import type {Transaction} from '../store/changes.ts';
import type {MigrationSubject} from './subject.ts';

/** How a SQLite file defines a table: the statement that created it, as it was sent. */
export async function tableText(subject: Pick<MigrationSubject, 'all'>, name: string): Promise<string | null> {
  const [row] = await subject.all<{sql: string}>(
    sql`select sql from sqlite_master where type = 'table' and name = ${name}`,
  );
  return row?.sql ?? null;
}

/** The same with a foreign key at its end; null if the text does not end like Agno's. */
export function withForeignKey(text: string, key: string): string | null {
  return /\n\)$/.test(text) ? text.replace(/\n\)$/, `, \n\t${key}\n)`) : null;
}

/** The same without it; null if it is not at the end. */
export function withoutForeignKey(text: string, key: string): string | null {
  const end = `, \n\t${key}\n)`;
  return text.endsWith(end) ? `${text.slice(0, -end.length)}\n)` : null;
}

/**
 * The statements that replace the text of a table without changing stored data, in a transaction of their own.
 * @param version the current `pragma schema_version`: increasing it makes others read the schema again
 */
export function replaceTableText(name: string, text: string, version: number): string[] {
  return [
    'BEGIN IMMEDIATE',
    'PRAGMA writable_schema = ON',
    `UPDATE sqlite_master SET sql = ${quote(text)} WHERE type = 'table' AND name = ${quote(name)}`,
    `PRAGMA schema_version = ${version + 1}`,
    'PRAGMA writable_schema = RESET',
    'COMMIT',
  ];
}

/** The same within an open transaction. */
export async function editTableText(transaction: Transaction, name: string, text: string): Promise<void> {
  const statements = replaceTableText(name, text, await schemaVersion(transaction));
  for (const statement of statements.slice(1, -1)) await transaction.send(statement);
}

export async function schemaVersion(reader: {all<Row>(query: Sql): Promise<Row[]>}): Promise<number> {
  const [row] = await reader.all<{schema_version: number}>(sql`pragma schema_version`);
  return Number(row!.schema_version);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
