import {accessSync, constants, existsSync, statSync} from 'node:fs';
import {userInfo} from 'node:os';
import {quoteIdentifier} from '../../sql/sql.ts';
import type {ConnectionFacts, IndexFacts, TableFacts} from '../connection-info.ts';
import type {SqliteSource} from '../source.ts';
import type {Readable} from './private-copy.ts';
import type {Reading} from './reading.ts';

/** The file itself, and SQLite's facts about its tables; small reads of the schema only. */
export async function describeSqlite(
  reading: Reading,
  source: SqliteSource,
  {reason}: Readable,
  tableNames: readonly string[],
): Promise<ConnectionFacts> {
  const statements: string[] = [];
  const all = async <Row>(text: string, params: readonly string[] = []): Promise<Row[]> => {
    statements.push(params.reduce((sent, param) => sent.replace('?', `'${param.replaceAll("'", "''")}'`), text));
    return (await reading.all(text, params)) as Row[];
  };
  const value = async (text: string): Promise<unknown> =>
    Object.values((await all<Record<string, unknown>>(text))[0] ?? {})[0];
  const stat = statSync(source.file);
  const wal = `${source.file}-wal`;
  return {
    dialect: 'sqlite',
    label: source.file,
    tls: null,
    pooler: null,
    serverVersion: String(await value('select sqlite_version() as version')),
    role: null,
    isSuperuser: null,
    mayWrite: isWritable(source.file),
    isStandby: null,
    statementTimeoutMs: null,
    clockAheadMs: null,
    file: source.file,
    fileBytes: stat.size,
    walBytes: existsSync(wal) ? statSync(wal).size : 0,
    journalMode: String(await value('pragma journal_mode')),
    pageBytes: Number(await value('pragma page_size')),
    driver: reading.driver,
    owner: ownerOf(stat.uid),
    copyReason: reason,
    tables: (await inOrder(tableNames, name => describeTable(name, all))).filter(table => table !== null),
    statements,
  };
}

type All = <Row>(text: string, params?: readonly string[]) => Promise<Row[]>;

async function inOrder<T>(names: readonly string[], read: (name: string) => Promise<T>): Promise<T[]> {
  const found: T[] = [];
  for (const name of names) found.push(await read(name));
  return found;
}

async function describeTable(name: string, all: All): Promise<TableFacts | null> {
  const columns = await all<{name: string; type: string}>('select name, type from pragma_table_info(?)', [name]);
  if (columns.length === 0) return null;
  const keys = await all<{column: string; target: string}>(
    'select "from" as column, "table" as target from pragma_foreign_key_list(?)',
    [name],
  );
  const indexes = await all<{name: string; partial: number; column: string | null; definition: string | null}>(
    `select l.name, l.partial, i.name as column, m.sql as definition
  from pragma_index_list(?) l, pragma_index_info(l.name) i left join sqlite_master m on m.type = 'index' and m.name = l.name
 order by l.name, i.seqno`,
    [name],
  );
  const byName = new Map<string, IndexFacts & {columns: (string | null)[]}>();
  for (const row of indexes) {
    const index = byName.get(row.name) ?? {
      name: row.name,
      columns: [],
      isValid: true,
      isPartial: Boolean(row.partial),
      definition: row.definition,
      foreign: [],
    };
    index.columns.push(row.column);
    byName.set(row.name, index);
  }
  return {
    schema: null,
    name,
    qualifiedName: quoteIdentifier(name),
    columns,
    foreignKeys: keys.map(({column, target}) => ({column, references: target, isValid: true})),
    indexes: [...byName.values()],
    totalBytes: null,
    indexBytes: null,
    estimatedRows: null,
    mayRead: true,
    isView: (await all("select 1 from sqlite_master where type = 'view' and name = ?", [name])).length > 0,
  };
}

function isWritable(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The name of our own user; other users only have a number here. Windows has none. */
function ownerOf(uid: number): string | null {
  const own = process.getuid?.();
  if (own === undefined) return null;
  return uid === own ? `${userInfo().username} (you)` : `user ${uid}`;
}
