import {type Dialect, quoteIdentifier, raw, type Sql, sql} from '../sql/sql.ts';
import type {Transaction} from '../store/changes.ts';

/** Our own table that records what we created under a name of Agno's, so that only this can be undone. */
export const MADE_TABLE = 'agnotrace_made';

export interface Made {
  readonly kind: 'table' | 'index' | 'foreign key' | 'schema';
  readonly object: string;
}

interface Reader {
  all<Row>(query: Sql): Promise<Row[]>;
}

function tableIn(dialect: Dialect, schema: string): string {
  const name = quoteIdentifier(MADE_TABLE);
  return dialect === 'sqlite' ? name : `${quoteIdentifier(schema)}.${name}`;
}

/** In the order of creation. */
export async function readMade(reader: Reader, dialect: Dialect, schema: string): Promise<Made[]> {
  const name = tableIn(dialect, schema);
  const there =
    dialect === 'sqlite'
      ? sql`select 1 from sqlite_master where type = 'table' and name = ${MADE_TABLE}`
      : sql`select 1 where pg_catalog.to_regclass(${name}) is not null`;
  if ((await reader.all(there)).length === 0) return [];
  return reader.all<Made>(sql`select kind, object from ${raw(name)} order by place`);
}

/** Records it, in the transaction that creates it or in one just before. */
export async function remember(
  transaction: Transaction,
  {dialect, schema}: {readonly dialect: Dialect; readonly schema: string},
  {kind, object}: Made,
): Promise<void> {
  const name = tableIn(dialect, schema);
  const place = dialect === 'sqlite' ? 'integer' : 'bigint generated always as identity';
  await transaction.send(
    `create table if not exists ${name} (place ${place} primary key, kind text not null, object text not null, unique (kind, object))`,
  );
  await transaction.run(
    sql`insert into ${raw(name)} (kind, object) values (${kind}, ${object}) on conflict do nothing`,
  );
}

/** Removes a record; with the last one the table is dropped. */
export async function forget(
  transaction: Transaction,
  {dialect, schema}: {readonly dialect: Dialect; readonly schema: string},
  {kind, object}: Made,
): Promise<void> {
  const name = raw(tableIn(dialect, schema));
  await transaction.run(sql`delete from ${name} where kind = ${kind} and object = ${object}`);
  const left = await transaction.all(sql`select 1 from ${name} limit 1`);
  if (left.length === 0) await transaction.send(`drop table ${tableIn(dialect, schema)}`);
}
