import type {ArchiveColumn} from '../archive/format.ts';
import {type ArchivedRow, type ArchivedValue, restored} from '../archive/value.ts';
import {type Dialect, quoteIdentifier} from '../sql/sql.ts';
import type {Stored, Transaction} from '../store/changes.ts';

interface TargetTable {
  /** As in SQL text. */
  readonly name: string;
  /** Those that the archive has. */
  readonly columns: readonly ArchiveColumn[];
  readonly hasForeignKey: boolean;
}

export interface Target {
  readonly dialect: Dialect;
  readonly traces: TargetTable;
  readonly spans: TargetTable;
}

export interface Inserted {
  readonly inserted: number;
  /** Ids of rows that the database cannot hold. */
  readonly unfit: readonly string[];
}

/** Parameters of one statement of Postgres' must stay below 65,536. */
const ROWS_PER_STATEMENT = 500;
const MOST_BYTES = 8 * 1024 ** 2;
/** What a text, a number or a JSON text cannot be: SQLSTATE class 22. */
const UNFIT = /^22/;

/** Puts archived rows into a table; ones whose id is there are left as they are. */
export class Inserter {
  constructor(private readonly target: Target) {}

  /** Rows for one transaction: so many, and not too heavy. */
  slice(rows: readonly ArchivedRow[], at: number, count: number): ArchivedRow[] {
    const slice: ArchivedRow[] = [];
    let bytes = 0;
    for (const row of rows.slice(at, at + count)) {
      bytes += typeof row.attributes === 'string' ? row.attributes.length : 0;
      if (slice.length > 0 && bytes > MOST_BYTES) break;
      slice.push(row);
    }
    return slice;
  }

  async insert(transaction: Transaction, role: 'traces' | 'spans', rows: readonly ArchivedRow[]): Promise<Inserted> {
    const {dialect, [role]: into} = this.target;
    if (dialect === 'sqlite') return {inserted: await insertIntoSqlite(transaction, into, rows), unfit: []};
    let inserted = 0;
    const unfit: string[] = [];
    for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT) {
      const some = rows.slice(at, at + ROWS_PER_STATEMENT);
      const whole = await tryInsert(transaction, into, some);
      if (whole !== null) {
        inserted += whole;
        continue;
      }
      for (const row of some) {
        const one = await tryInsert(transaction, into, [row]);
        if (one === null) unfit.push(String(role === 'spans' ? row.span_id : row.trace_id));
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
): Promise<number> {
  const names = columns.map(column => quoteIdentifier(column.name)).join(', ');
  let inserted = 0;
  for (const row of rows) {
    const values = columns.map(column => sqliteValue(row[column.name] ?? null));
    inserted += await transaction.send(
      `insert into ${name} (${names}) values (${values.map(({place}) => place).join(', ')}) on conflict do nothing`,
      values.map(({value}) => value),
    );
  }
  return inserted;
}

/** A driver may write a real without a fraction as an integer, and has no word for text that is not UTF-8. */
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

/** @returns rows inserted; null when one of them cannot be held, and the transaction is as it was before */
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

/** As text, which the server reads; SQLite's durations have a fraction that a whole column has no room for. */
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
