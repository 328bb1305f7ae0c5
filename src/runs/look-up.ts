import {attribute, attributeLike, isAnyOf} from '../sql/fragments.ts';
import {either, inline, join, quoteIdentifier, raw, type Sql, sql} from '../sql/sql.ts';
import type {IndexFacts, TableFacts} from '../store/connection-info.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';

/**
 * The names Agno gives run spans. Measured to find the same rows as the JSON test at a fifth of its cost, because
 * payload is not touched (docs/measurements.md, Large tables). The partial indexes below carry the same words.
 */
export const IS_RUN_NAME = either({
  sqlite: raw(String.raw`(s.name like '%run' or s.name like '%.\_aexecute%' escape '\')`),
  postgres: raw(String.raw`(s.name like '%run' or s.name like '%.\_aexecute%' escape '\')`),
  clickhouse: raw(String.raw`(s.name like '%run' or s.name like '%.\\_aexecute%')`),
});
/** Of them, those that continue a run after a pause. */
export const IS_CONTINUATION_NAME = either({
  sqlite: raw(String.raw`s.name like '%continue\_run' escape '\'`),
  postgres: raw(String.raw`s.name like '%continue\_run' escape '\'`),
  clickhouse: raw(String.raw`s.name like '%continue\\_run'`),
});

/** Ids of run spans that are asked for where trace rows are empty, and an index of ours for each on Postgres. */
const LOOKED_UP = {run_id: KEY.runId, session_id: KEY.sessionId, user_id: KEY.userId} as const;
export type LookedUp = keyof typeof LOOKED_UP;

/**
 * What the index holds of a value: its beginning, as a btree refuses rows of more than 2.7 KB and with them Agno's insert
 * (docs/measurements.md, Large tables), in the order of bytes, so that beginnings of ids are found too.
 */
const HELD = 64;
const held = (of: LookedUp): Sql => sql`left(${attribute('s', LOOKED_UP[of])}, ${raw(String(HELD))}) collate "C"`;
const heldOf = (text: string): string => Array.from(text).slice(0, HELD).join('');

/** A test on a span `s`: it has one of these values. The index answers it where there is one. */
export function hasValue(of: LookedUp, values: readonly string[]): Sql {
  const exact = isAnyOf(attributeLike('s', LOOKED_UP[of], values), values);
  const heads = values.map(text => sql`${held(of)} = ${heldOf(text)}`);
  return either({
    sqlite: exact,
    postgres: sql`((${join(heads, ' or ')}) and ${exact})`,
    clickhouse: holdsText(of, values),
  });
}

/** As `hasValue`, for values that begin with `text`. */
export function hasBeginning(of: LookedUp, text: string): Sql {
  const exact = sql`substr(${attributeLike('s', LOOKED_UP[of], [text])}, 1, ${raw(String(Array.from(text).length))}) = ${text}`;
  const pattern = `${heldOf(text).replace(/[\\%_]/g, char => `\\${char}`)}%`;
  return either({
    sqlite: exact,
    postgres: sql`(${held(of)} like ${pattern} and ${exact})`,
    clickhouse: holdsText(of, [text]),
  });
}

/**
 * The text of the attributes has the key and one of these texts as json.dumps writes them. It narrows and no more: a quarter of the
 * time of looking into the JSON, and true of attributes that are not quite JSON (docs/measurements.md, ClickHouse).
 */
function holdsText(of: LookedUp, texts: readonly string[]): Sql {
  const written = [...new Set(texts.flatMap(text => [asPythonWrites(text), text]))];
  const groups = Array.from({length: Math.ceil(written.length / MOST_NEEDLES)}, (_, i) =>
    written.slice(i * MOST_NEEDLES, (i + 1) * MOST_NEEDLES),
  );
  const any = join(
    groups.map(some => sql`multiSearchAny(s.attributes, ${some})`),
    ' or ',
  );
  return sql`(position(s.attributes, ${`"${LOOKED_UP[of]}":`}) > 0 and (${any}))`;
}

/** `multiSearchAny` takes 255. */
const MOST_NEEDLES = 250;

/** The inside of a text as json.dumps has it: nothing but ASCII. */
function asPythonWrites(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1);
  return escaped.replace(/[\u007f-\uffff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * The same two expressions as an index has them. It is built outside of any transaction, where nothing pins the path, and
 * keeps what its names meant then for ever: so each name says that it is the server's own (`store/postgres/transaction.ts`),
 * and each text reads the same whatever the session has set.
 */
const isRunNameOfIndex = (alias: string): Sql =>
  raw(
    String.raw`(${alias}.name operator(pg_catalog.~~) '%run' or ${alias}.name operator(pg_catalog.~~) pg_catalog.like_escape(E'%.\\_aexecute%', E'\\'))`,
  );
const heldOfIndex = (alias: string, of: LookedUp): Sql =>
  raw(
    `pg_catalog.left(${alias}.attributes operator(pg_catalog.->>) '${LOOKED_UP[of]}', ${HELD}) collate pg_catalog."C"`,
  );
const isOpaqueOfIndex = (alias: string): Sql =>
  raw(`pg_catalog.jsonb_typeof(${alias}.attributes) operator(pg_catalog.=) 'string'`);

/** Spans that the database cannot look into may have any value, so every look-up needs the index that finds them. */
const OPAQUE = 'opaque';
export type LookUpIndexKind = LookedUp | typeof OPAQUE;
const LOOK_UP_INDEXES = [...(Object.keys(LOOKED_UP) as LookedUp[]), OPAQUE] as const;

/** What is ours bears this, and nothing else does. */
export const OWN_PREFIX = 'agnotrace_';

/** Postgres cuts names at 63 bytes. */
const indexName = (tableName: string, of: LookUpIndexKind): string => `${OWN_PREFIX}${tableName.slice(0, 40)}_${of}`;

/** What to say where a look-up had to go through all spans. */
export const INDEX_HINT = 'agno-trace migrate creates an index that makes this fast';

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
   and c.relname = any(array(select ${OWN_PREFIX} || left(t.relname, 40) || '_' || x from unnest(${wanted}::text[]) x))`);
  return Number(row?.found) === wanted.length;
}

/** One of the indexes on a table of spans, whether it is there or not. */
export interface LookUpIndex {
  readonly of: LookUpIndexKind;
  readonly name: string;
  /** Makes it without a lock that would make Agno wait. */
  readonly create: string;
  /** Takes away what has the name: one that a failed attempt left invalid, or another definition. */
  readonly drop: string;
  /** What the table has under that name. */
  readonly found: IndexFacts | null;
  /** It is there, valid, and defined as here. */
  readonly isMade: boolean;
}

export function lookUpIndexes({
  schema,
  name,
  qualifiedName,
  indexes,
}: Pick<TableFacts, 'schema' | 'name' | 'qualifiedName' | 'indexes'>): LookUpIndex[] {
  const alias = quoteIdentifier(name);
  return LOOK_UP_INDEXES.map(of => {
    const over =
      of === OPAQUE
        ? sql`(start_time) WHERE ${isOpaqueOfIndex(alias)}`
        : sql`((${heldOfIndex(alias, of)})) WHERE ${isRunNameOfIndex(alias)}`;
    const index = quoteIdentifier(indexName(name, of));
    const create = `CREATE INDEX CONCURRENTLY ${index} ON ${qualifiedName} ${inline(over, 'postgres', {})}`;
    const found = indexes.find(one => one.name === indexName(name, of)) ?? null;
    return {
      of,
      name: indexName(name, of),
      create,
      drop: `DROP INDEX CONCURRENTLY IF EXISTS ${quoteIdentifier(schema!)}.${index}`,
      found,
      isMade: found?.isValid === true && found.foreign.length === 0 && isSameIndex(found.definition, create),
    };
  });
}

/**
 * Whether the server's spelling of an index says what a statement of ours does. The server adds casts, parentheses and the
 * method, and writes LIKE and ESCAPE as an operator and a function.
 */
export function isSameIndex(definition: string | null, statement: string): boolean {
  return definition !== null && essence(definition) === essence(statement);
}

function essence(statement: string): string {
  // Only our own text puts the table in front of each column.
  const table = /\bON (?:ONLY )?(?:(?:"(?:[^"]|"")*"|\w+)\.)?("(?:[^"]|"")*"|\w+)/i.exec(statement)?.[1] ?? '';
  const bare = table.replace(/["\s]/g, '');
  return statement
    .replace(/\boperator\(pg_catalog\.([^)]*)\)/gi, '$1')
    .replaceAll('pg_catalog.', '')
    .replace(/ CONCURRENTLY| USING btree|::(?:text|character varying)|like_escape|(?: escape|,) E?'\\+'/gi, '')
    .replaceAll('~~', 'like')
    .replace(/\bE'([^']*)'/g, (_, text: string) => `'${text.replaceAll('\\\\', '\\')}'`)
    .replace(/[()"\s]/g, '')
    .replaceAll(`${bare}.`, '')
    .toLowerCase();
}

/** Statements that make those that are missing. */
export function missingIndexes(table: Pick<TableFacts, 'schema' | 'name' | 'qualifiedName' | 'indexes'>): string[] {
  return lookUpIndexes(table)
    .filter(({isMade}) => !isMade)
    .map(({found, drop, create}) => `${found ? `${drop}; ` : ''}${create};`);
}
