import type {ArchiveColumn} from '../archive/format.ts';
import {type ArchivedRow, type ArchivedValue, restored} from '../archive/value.ts';
import {type Dialect, quoteIdentifier} from '../sql/sql.ts';
import type {Stored, Transaction} from '../store/changes.ts';
import {isUnfitForSqlite} from '../store/sqlite/errors.ts';

interface TargetTable {
  /** As written in SQL. */
  readonly name: string;
  /** The columns that the archive has. */
  readonly columns: readonly ArchiveColumn[];
  readonly hasForeignKey: boolean;
}

export interface InsertTarget {
  readonly dialect: Dialect;
  readonly traces: TargetTable;
  readonly spans: TargetTable;
}

export interface Inserted {
  readonly inserted: number;
  /** Ids of rows that the database cannot store. */
  readonly unfit: readonly string[];
}

const ROWS_PER_STATEMENT = 500;
/** Postgres counts parameters in 16 bits. */
const MOST_PARAMETERS = 65_535;
const MOST_BYTES = 8 * 1024 ** 2;
/**
 * SQLSTATE classes that concern one row: an invalid text, number or JSON text (22), constraints (23), and the
 * server's own limits (54): JSON that is nested too deeply, a key too long for its index.
 */
const UNFIT = /^(22|23|54)/;

/** Inserts archived rows into a table; rows whose id already exists stay as they are. */
export class Inserter {
  constructor(private readonly target: InsertTarget) {}

  /** Rows for one transaction: at most this many, and not too large. */
  slice(rows: readonly ArchivedRow[], at: number, count: number): ArchivedRow[] {
    const slice: ArchivedRow[] = [];
    let bytes = 0;
    for (const row of rows.slice(at, at + count)) {
      for (const value of Object.values(row)) if (typeof value === 'string') bytes += value.length;
      if (slice.length > 0 && bytes > MOST_BYTES) break;
      slice.push(row);
    }
    return slice;
  }

  async insert(transaction: Transaction, role: 'traces' | 'spans', rows: readonly ArchivedRow[]): Promise<Inserted> {
    const {dialect, [role]: into} = this.target;
    const idOf = (row: ArchivedRow) => String(role === 'spans' ? row.span_id : row.trace_id);
    if (dialect === 'sqlite') return insertIntoSqlite(transaction, into, rows, idOf);
    let inserted = 0;
    const unfit: string[] = [];
    const atOnce = Math.min(ROWS_PER_STATEMENT, Math.floor(MOST_PARAMETERS / Math.max(1, into.columns.length)));
    for (let at = 0; at < rows.length; at += atOnce) {
      const some = rows.slice(at, at + atOnce);
      const whole = await tryInsert(transaction, into, some);
      if (whole !== null) {
        inserted += whole;
        continue;
      }
      for (const row of some) {
        const one = await tryInsert(transaction, into, [row]);
        if (one === null) unfit.push(idOf(row));
        else inserted += one;
      }
    }
    return {inserted, unfit};
  }
}

async function insertIntoSqlite(
  transaction: Transaction,
  {name, columns}: TargetTable,
  rows: readonly ArchivedRow[],
  idOf: (row: ArchivedRow) => string,
): Promise<Inserted> {
  const names = columns.map(column => quoteIdentifier(column.name)).join(', ');
  let inserted = 0;
  const unfit: string[] = [];
  for (const row of rows) {
    const values = columns.map(column => sqliteValue(row[column.name] ?? null));
    try {
      inserted += await transaction.send(
        `insert into ${name} (${names}) values (${values.map(({place}) => place).join(', ')}) on conflict do nothing`,
        values.map(({value}) => value),
      );
    } catch (error) {
      // Only the statement is rolled back.
      if (!isUnfitForSqlite(error)) throw error;
      unfit.push(idOf(row));
    }
  }
  return {inserted, unfit};
}

/** A driver may write a real without a fraction as an integer, and cannot write text that is not UTF-8. */
function sqliteValue(archived: ArchivedValue): {place: string; value: Stored} {
  const value = restored(archived);
  switch (value.type) {
    case 'null':
      return {place: '?', value: null};
    case 'text':
      return {place: '?', value: value.text};
    case 'integer':
      return {place: '?', value: value.integer};
    case 'real':
      return {place: 'cast(? as real)', value: value.real};
    case 'blob':
      return {place: '?', value: value.bytes};
    case 'badText':
      return {place: 'cast(? as text)', value: value.bytes};
  }
}

/** @returns rows inserted; null if one of them cannot be stored, and the transaction is as it was before */
async function tryInsert(
  transaction: Transaction,
  {name, columns}: TargetTable,
  rows: readonly ArchivedRow[],
): Promise<number | null> {
  const names = columns.map(column => quoteIdentifier(column.name)).join(', ');
  const values: Stored[] = [];
  const places = rows.map(row => {
    const own = columns.map(({name: column, type}) => {
      values.push(postgresValue(row[column] ?? null, type));
      return `$${values.length}::${type}`;
    });
    return `(${own.join(', ')})`;
  });
  await transaction.send('savepoint rows');
  try {
    const inserted = await transaction.send(
      `insert into ${name} (${names}) values ${places.join(', ')} on conflict do nothing`,
      values,
    );
    await transaction.send('release savepoint rows');
    return inserted;
  } catch (error) {
    if (!UNFIT.test(String((error as {code?: unknown}).code))) throw error;
    await transaction.send('rollback to savepoint rows; release savepoint rows');
    return null;
  }
}

/** As text, which the server parses; SQLite's durations have a fraction, which an integer column cannot store. */
function postgresValue(archived: ArchivedValue, type: string): Stored {
  const value = restored(archived);
  switch (value.type) {
    case 'null':
      return null;
    case 'text':
      return value.text;
    case 'integer':
      return value.integer.toString();
    case 'real':
      return /^(bigint|integer|smallint)$/.test(type) ? String(Math.round(value.real)) : String(value.real);
    case 'blob':
      return type === 'bytea' ? `\\x${value.bytes.toString('hex')}` : value.bytes.toString('utf8');
    case 'badText':
      return value.bytes.toString('utf8');
  }
}
