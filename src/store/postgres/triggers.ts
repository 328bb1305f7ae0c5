import {EXIT, UserError} from '../../errors.ts';
import {type Sql, sql} from '../../sql/sql.ts';

/** One of the user's triggers whose function has no search path of its own. */
export interface Trigger {
  /** The trigger and its table. */
  readonly name: string;
  /** In the form for ALTER FUNCTION. */
  readonly function: string;
  readonly schema: string;
  /** It runs when rows are deleted. */
  readonly isOfDeletes: boolean;
}

/** Undefined schema, table, function, column, type or operator. */
const UNKNOWN_NAME = /^(3F000|42P01|42883|42703|42704)$/;

/** True for an error inside a function that did not find a name. */
export function isOfUnknownName(error: unknown): boolean {
  const {code = '', where} = error as {code?: string; where?: string};
  return UNKNOWN_NAME.test(code) && where !== undefined;
}

/**
 * Enabled triggers on the tables whose function relies on the writer's path. Ours is only `pg_catalog`, and we never
 * try another one: it could lead to a stranger's objects too.
 */
export function loadTriggers(
  reader: {all<Row>(query: Sql): Promise<Row[]>},
  tables: readonly string[],
): Promise<Trigger[]> {
  return reader.all<Trigger>(sql`
select t.tgname::text || ' on ' || t.tgrelid::regclass::text as name,
       t.tgfoid::regprocedure::text as function, quote_ident(n.nspname) as schema,
       t.tgtype::int & 8 > 0 as "isOfDeletes"
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_proc p on p.oid = t.tgfoid
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where t.tgrelid = any(array(select to_regclass(x)::oid from unnest(${tables}::text[]) x))
   and not t.tgisinternal and t.tgenabled in ('O', 'A')
   and p.pronamespace <> 'pg_catalog'::regnamespace
   and not exists (select 1 from unnest(p.proconfig) setting where setting like 'search_path=%')
 order by 1`);
}

/** The statement that gives a trigger's function a path of its own. */
export function pathOf({function: called, schema}: Trigger): string {
  return `alter function ${called} set search_path = ${schema}, pg_temp;`;
}

export function pathless(triggers: readonly Trigger[], cause: unknown): UserError {
  const {message = ''} = cause as {message?: string};
  return new UserError(
    EXIT.failed,
    `a trigger on the table fails: ${message} (${triggers.map(({name}) => name).join(', ')}).`,
    {
      hint: `Its function must not rely on the caller's search_path: ${triggers.map(pathOf).join(' ')} Add the schemas that the function uses.`,
      cause,
    },
  );
}
