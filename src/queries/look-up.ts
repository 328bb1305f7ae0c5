import {attribute, isAnyOf} from '../sql/fragments.ts';
import {either, inline, join, quoteIdentifier, raw, type Sql, sql} from '../sql/sql.ts';
import type {TableFacts} from '../store/facts.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';

/**
 * The names Agno gives run spans. Measured to find the same rows as the JSON test at a fifth of its cost, because
 * payload is not touched (queries.md, NAME). The partial indexes below carry the same words.
 */
const isRunName = (alias: string): Sql =>
  raw(String.raw`(${alias}.name like '%run' or ${alias}.name like '%.\_aexecute%' escape '\')`);
export const IS_RUN_NAME = isRunName('s');

/** Ids of run spans that are asked for where trace rows are empty, and an index of ours for each on Postgres. */
const LOOKED_UP = {run_id: KEY.runId, session_id: KEY.sessionId, user_id: KEY.userId} as const;
export type LookedUp = keyof typeof LOOKED_UP;

/**
 * What the index holds of a value: its beginning, as a btree refuses rows of more than 2.7 KB and with them Agno's insert
 * (agno.md section 7), in the order of bytes, so that beginnings of ids are found too.
 */
const HELD = 64;
const held = (alias: string, of: LookedUp): Sql =>
  sql`left(${attribute(alias, LOOKED_UP[of])}, ${raw(String(HELD))}) collate "C"`;
const heldOf = (text: string): string => Array.from(text).slice(0, HELD).join('');

/** A test on a span `s`: it has one of these values. The index answers it where there is one. */
export function hasValue(of: LookedUp, values: readonly string[]): Sql {
  const exact = isAnyOf(attribute('s', LOOKED_UP[of]), values);
  const heads = values.map(text => sql`${held('s', of)} = ${heldOf(text)}`);
  return either({sqlite: exact, postgres: sql`((${join(heads, ' or ')}) and ${exact})`});
}

/** As `hasValue`, for values that begin with `text`. */
export function hasBeginning(of: LookedUp, text: string): Sql {
  const exact = sql`substr(${attribute('s', LOOKED_UP[of])}, 1, ${raw(String(Array.from(text).length))}) = ${text}`;
  const pattern = `${heldOf(text).replace(/[\\%_]/g, char => `\\${char}`)}%`;
  return either({sqlite: exact, postgres: sql`(${held('s', of)} like ${pattern} and ${exact})`});
}

/** Spans that the database cannot look into may have any value, so every look-up needs the index that finds them. */
const OPAQUE = 'opaque';
type LookUpIndex = LookedUp | typeof OPAQUE;
const LOOK_UP_INDEXES = [...(Object.keys(LOOKED_UP) as LookedUp[]), OPAQUE] as const;

/** Postgres cuts names at 63 bytes. */
const indexName = (tableName: string, of: LookUpIndex): string => `${tableName.slice(0, 40)}_look_up_${of}`;

/** What to say where a look-up had to go through all spans. */
export const INDEX_HINT = 'agno-trace doctor names the index that answers it at once';

/**
 * Only on Postgres: in SQLite an index over JSON fails Agno's insert of text that is none. And not over a column of type
 * json, which is read through a subselect.
 */
export function mayBeIndexed({dialect, tables}: Pick<Store, 'dialect' | 'tables'>): boolean {
  return dialect === 'postgres' && !tables.spans!.startsWith('(');
}

/** True when indexes answer look-ups by these ids. */
export async function hasIndexes(store: Store, of: readonly LookedUp[]): Promise<boolean> {
  if (!mayBeIndexed(store)) return false;
  const wanted = [...of, OPAQUE];
  const [row] = await store.all<{found: number}>(sql`
select count(*) as found
  from pg_catalog.pg_index i
  join pg_catalog.pg_class t on t.oid = i.indrelid
  join pg_catalog.pg_class c on c.oid = i.indexrelid
 where i.indrelid = to_regclass(${store.tables.spans!}) and i.indisvalid
   and c.relname = any(array(select left(t.relname, 40) || '_look_up_' || x from unnest(${wanted}::text[]) x))`);
  return Number(row?.found) === wanted.length;
}

/** Statements that make those that are missing, without a lock that would make Agno wait. */
export function missingIndexes({
  schema,
  name,
  qualifiedName,
  indexes,
}: Pick<TableFacts, 'schema' | 'name' | 'qualifiedName' | 'indexes'>): string[] {
  const alias = quoteIdentifier(name);
  return LOOK_UP_INDEXES.filter(of => !indexes.some(index => index.name === indexName(name, of) && index.isValid)).map(
    of => {
      const over =
        of === OPAQUE
          ? sql`(start_time) WHERE ${isOpaque(alias)}`
          : sql`((${held(alias, of)})) WHERE ${isRunName(alias)}`;
      const index = quoteIdentifier(indexName(name, of));
      // An invalid one, of an attempt that failed, has the name.
      const isInvalid = indexes.some(found => found.name === indexName(name, of));
      const drop = isInvalid ? `DROP INDEX CONCURRENTLY ${quoteIdentifier(schema!)}.${index}; ` : '';
      return `${drop}CREATE INDEX CONCURRENTLY ${index} ON ${qualifiedName} ${inline(over, 'postgres', {})};`;
    },
  );
}

/** As `orOpaque` has it, on Postgres. */
const isOpaque = (alias: string): Sql => raw(`jsonb_typeof(${alias}.attributes) = 'string'`);
