import Database from 'better-sqlite3';
import pg from 'pg';

export interface CatalogueRow {
  readonly kind: string;
  readonly name: string;
  readonly definition: string;
}

const POSTGRES = `
select 'column' as kind, c.relname || '.' || a.attnum || ' ' || a.attname as name,
       format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
         || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') || ' ' || a.attstorage::text || coalesce(' ' || l.collname, '') as definition
  from pg_attribute a
  join pg_class c on c.oid = a.attrelid
  left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  left join pg_collation l on l.oid = a.attcollation
 where c.relnamespace = to_regnamespace($1) and c.relname = any($2) and a.attnum > 0 and not a.attisdropped
union all
select 'constraint', k.conname, pg_get_constraintdef(k.oid) from pg_constraint k join pg_class c on c.oid = k.conrelid
 where c.relnamespace = to_regnamespace($1) and c.relname = any($2) and k.contype <> 'n'
union all
select 'index', x.relname, pg_get_indexdef(x.oid) || case when i.indisvalid then '' else ' INVALID' end
  from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
 where c.relnamespace = to_regnamespace($1) and c.relname = any($2)
union all
select 'other', c.relname, c.relkind::text from pg_class c
 where c.relnamespace = to_regnamespace($1) and c.relname not in (select unnest($2)) and c.relname ~ '^agnotrace' and c.relkind <> 'i'
union all
select 'schema', nspname, '' from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'
 order by 1, 2`;

/** Everything a database says of Agno's two tables and of what this tool may have put beside them, sorted by name. */
export async function catalogueOf(
  url: string,
  {schema = 'ai', tables = ['agno_traces', 'agno_spans']} = {},
): Promise<CatalogueRow[]> {
  if (/^postgres/.test(url)) {
    const client = new pg.Client({connectionString: url});
    await client.connect();
    const {rows} = await client.query<CatalogueRow>(POSTGRES, [schema, tables]);
    await client.end();
    return rows.sort(byName);
  }
  const db = new Database(url, {readonly: true});
  const rows = db
    .prepare(
      `select type as kind, name, coalesce(sql, '') as definition from sqlite_master
        where tbl_name in (${tables.map(() => '?').join(', ')}) or name like 'agnotrace%'`,
    )
    .all(...tables) as CatalogueRow[];
  db.close();
  return rows.sort(byName);
}

function byName(a: CatalogueRow, b: CatalogueRow): number {
  return `${a.kind} ${a.name}` < `${b.kind} ${b.name}` ? -1 : 1;
}
