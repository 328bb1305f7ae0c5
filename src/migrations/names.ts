import {quoteIdentifier, sql} from '../sql/sql.ts';
import type {Blocked} from './step.ts';
import type {MigrationSubject} from './subject.ts';

/**
 * Why indexes with these names cannot be created: a renamed table keeps the names of its indexes, and then Agno
 * itself cannot create the table again either.
 * @param table the table that gets the indexes; its own indexes do not count
 */
export async function takenNames(
  {dialect, schema, all}: MigrationSubject,
  table: string,
  names: readonly string[],
): Promise<Blocked | null> {
  const [row] = await all<{name: string; owner: string}>(
    dialect === 'sqlite'
      ? sql`select name, tbl_name as owner from sqlite_master
 where type = 'index' and tbl_name <> ${table} and name in (select value from json_each(${names}))`
      : sql`
select c.relname as name, coalesce(t.relname, c.relname) as owner
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_index i on i.indexrelid = c.oid
  left join pg_catalog.pg_class t on t.oid = i.indrelid
 where n.nspname = ${schema} and c.relname = any(${names}::text[]) and t.relname is distinct from ${table}
 order by 1`,
  );
  if (!row) return null;
  const rename = `ALTER INDEX ${quoteIdentifier(schema)}.${quoteIdentifier(row.name)} RENAME TO …`;
  return {
    reason: `"${row.name}" is the name of something else: it belongs to "${row.owner}"`,
    hint:
      dialect === 'sqlite'
        ? `Was it renamed away? DROP INDEX ${quoteIdentifier(row.name)} frees it.`
        : `Was it renamed away? ${rename} frees it.`,
  };
}
