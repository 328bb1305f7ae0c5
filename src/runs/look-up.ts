import {attribute, attributeLike, isAnyOf} from '../sql/fragments.ts';
import {anyOf, either, inline, join, quoteIdentifier, raw, type Sql, sql} from '../sql/sql.ts';
import type {IndexFacts, TableFacts} from '../store/connection-info.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';

/**
 * The names that Agno gives run spans. Measured: finds the same rows as the JSON test at a fifth of its cost, because
 * it does not touch the payload (docs/measurements.md, Large tables). The partial indexes below use the same
 * condition.
 */
export const IS_RUN_NAME = either({
  sqlite: raw(String.raw`(s.name like '%run' or s.name like '%.\_aexecute%' escape '\')`),
  postgres: raw(String.raw`(s.name like '%run' or s.name like '%.\_aexecute%' escape '\')`),
  clickhouse: raw(String.raw`(s.name like '%run' or s.name like '%.\\_aexecute%')`),
});
/** Those run spans that continue a run after a pause. */
export const IS_CONTINUATION_NAME = either({
  sqlite: raw(String.raw`s.name like '%continue\_run' escape '\'`),
  postgres: raw(String.raw`s.name like '%continue\_run' escape '\'`),
  clickhouse: raw(String.raw`s.name like '%continue\\_run'`),
});

/** Ids of run spans that are looked up where trace rows are empty; on Postgres each has an index of ours. */
const LOOKED_UP = {run_id: KEY.runId, session_id: KEY.sessionId, user_id: KEY.userId} as const;
export type LookedUp = keyof typeof LOOKED_UP;

/**
 * How much of a value the index holds. A btree refuses entries above 2.7 KB, and Agno's insert would fail with it
 * (docs/measurements.md, Large tables). In byte order, so that the index also finds beginnings of ids.
 */
const HELD = 64;
const held = (of: LookedUp): Sql => sql`left(${attribute('s', LOOKED_UP[of])}, ${raw(String(HELD))}) collate "C"`;
const heldOf = (text: string): string => Array.from(text).slice(0, HELD).join('');

/** Tests that a span `s` has one of these values. The index answers it if it exists. */
export function hasValue(of: LookedUp, values: readonly string[]): Sql {
  const exact = isAnyOf(attributeLike('s', LOOKED_UP[of], values), values);
  const heads = values.map(text => sql`${held(of)} = ${heldOf(text)}`);
  return either({
    sqlite: exact,
    postgres: sql`((${anyOf(heads)}) and ${exact})`,
    clickhouse: holdsText(of, values),
  });
}

/** Like `hasValue`, for values that begin with `text`. */
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
 * Tests that the text of the attributes has the key and one of these texts, as json.dumps writes them. This only
 * narrows. It takes a quarter of the time of looking into the JSON, and also works on attributes that are not valid
 * JSON (docs/measurements.md, ClickHouse).
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

/** A text as json.dumps writes it, without the quotes: only ASCII. */
function asPythonWrites(text: string): string {
  const escaped = JSON.stringify(text).slice(1, -1);
  return escaped.replace(/[\u007f-\uffff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/**
 * The same two expressions as an index defines them. An index is built outside any transaction, where nothing fixes
 * the search path, and it keeps the meaning that its names had then. So each name is qualified as the server's own
 * (`store/postgres/transaction.ts`), and each text means the same under every session setting.
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

/**
 * Spans that the database cannot look into may have any value, so every look-up also needs the index that finds them.
 */
const OPAQUE = 'opaque';
export type LookUpIndexKind = LookedUp | typeof OPAQUE;
const LOOK_UP_INDEXES = [...(Object.keys(LOOKED_UP) as LookedUp[]), OPAQUE] as const;

/** The names of our own objects begin with this, and no others do. */
export const OWN_PREFIX = 'agnotrace_';

/** Postgres cuts names after 63 bytes. */
const indexName = (tableName: string, of: LookUpIndexKind): string => `${OWN_PREFIX}${tableName.slice(0, 40)}_${of}`;

/** A search through this many spans deserves a note. */
export const MANY_SPANS = 50_000;

/** The hint when a look-up had to scan all spans. */
export const INDEX_HINT = 'agno-trace migrate creates an index that makes this fast';

/**
 * Only on Postgres: on SQLite, an index over JSON would make Agno's insert fail if its text is not JSON. And not over
 * a column of type json, which is read through a subselect.
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
  /** Creates it without a lock that would make Agno wait. */
  readonly create: string;
  /** Drops the object of this name: an index that a failed attempt left invalid, or one with another definition. */
  readonly drop: string;
  /** What the table has under this name. */
  readonly found: IndexFacts | null;
  /** It exists, is valid, and has this definition. */
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
 * Whether the server's text for an index means the same as our statement. The server adds casts, parentheses and the
 * method, and writes LIKE and ESCAPE as an operator and a function.
 */
export function isSameIndex(definition: string | null, statement: string): boolean {
  return definition !== null && essence(definition) === essence(statement);
}

function essence(statement: string): string {
  // Only our own text qualifies each column with the table.
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

/** Statements that create the missing indexes. */
export function missingIndexes(table: Pick<TableFacts, 'schema' | 'name' | 'qualifiedName' | 'indexes'>): string[] {
  return lookUpIndexes(table)
    .filter(({isMade}) => !isMade)
    .map(({found, drop, create}) => `${found ? `${drop}; ` : ''}${create};`);
}
