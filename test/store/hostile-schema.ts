import pg from 'pg';

/**
 * What somebody who may create in a schema of the path could put before the server's own: an operator, a function and an
 * aggregate for each of the catalogue's, relations and types of the same names, and a cast. Each writes its name into a file
 * of the server's when it runs, which a read-only transaction does not stop and a rollback does not take back.
 */
const PLANT = `
create schema hostile;
create function hostile.record(what pg_catalog.text) returns pg_catalog.bool language plpgsql set search_path = pg_catalog as $f$
begin
  if pg_catalog.current_setting('application_name') = 'agno-trace' and (pg_stat_file(current_setting('data_directory') || '/FILE', true)).size is null then
    execute format('copy (select %L) to %L', what || ' in ' || current_query(), current_setting('data_directory') || '/FILE');
  end if;
  return true;
end $f$;

do $do$
declare o record; f record; c record; n int := 0; left_type text; right_type text;
begin
  for o in select oprname, oprkind, oprleft, oprright, oprresult from pg_operator where oprnamespace = 'pg_catalog'::regnamespace loop
    n := n + 1;
    begin
      left_type := case when o.oprleft <> 0 then format_type(o.oprleft, null) end;
      right_type := format_type(o.oprright, null);
      execute format('create function hostile.operator_%s(%s) returns %s language plpgsql as %L', n, concat_ws(', ', left_type, right_type),
        format_type(o.oprresult, null), format('begin perform hostile.record(%L); return null; end', 'operator ' || o.oprname));
      execute format('create operator hostile.%s (%s rightarg = %s, function = hostile.operator_%s)', o.oprname,
        'leftarg = ' || left_type || ',', right_type, n);
    exception when others then null; end;
  end loop;
  -- What is exact for the columns of Agno's tables.
  for o in select oprname, oprresult from pg_operator
            where oprnamespace = 'pg_catalog'::regnamespace and oprleft = 'text'::regtype and oprright = 'text'::regtype loop
    foreach right_type in array array['varchar', 'text'] loop
      n := n + 1;
      begin
        execute format('create function hostile.operator_%s(varchar, %s) returns %s language plpgsql as %L', n, right_type,
          format_type(o.oprresult, null), format('begin perform hostile.record(%L); return null; end', 'operator ' || o.oprname));
        execute format('create operator hostile.%s (leftarg = varchar, rightarg = %s, function = hostile.operator_%s)', o.oprname, right_type, n);
      exception when others then null; end;
    end loop;
  end loop;
  for f in select proname, prokind, pg_get_function_arguments(oid) as arguments, pg_get_function_result(oid) as result, proretset,
                  prorettype = 'record'::regtype as is_record
             from pg_proc where pronamespace = 'pg_catalog'::regnamespace and prokind in ('f', 'a') loop
    begin
      if f.prokind = 'a' then
        n := n + 1;
        execute format('create function hostile.step_%s(bigint%s) returns bigint language plpgsql as %L', n,
          case when f.arguments = '' then '' else ', ' || f.arguments end,
          format('begin perform hostile.record(%L); return null; end', 'aggregate ' || f.proname));
        execute format('create aggregate hostile.%I(%s) (sfunc = hostile.step_%s, stype = bigint)', f.proname,
          case when f.arguments = '' then '*' else f.arguments end, n);
      else
        execute format('create function hostile.%I(%s) returns %s language plpgsql as %L', f.proname, f.arguments, f.result,
          format('begin perform hostile.record(%L); return%s; end', 'function ' || f.proname,
            case when f.proretset or f.is_record then '' else ' null' end));
      end if;
    exception when others then null; end;
  end loop;
  for c in select relname from pg_class where relnamespace = 'pg_catalog'::regnamespace and relkind in ('r', 'v') loop
    begin
      execute format('create view hostile.%I as select * from pg_catalog.%I where hostile.record(%L)', c.relname, c.relname, 'relation ' || c.relname);
    exception when others then null; end;
  end loop;
  for c in select typname from pg_type where typnamespace = 'pg_catalog'::regnamespace and typtype = 'b' and typname not like '\\_%' loop
    begin
      execute format('create domain hostile.%I as pg_catalog.%I check (hostile.record(%L))', c.typname, c.typname, 'type ' || c.typname);
    exception when others then null; end;
  end loop;
end $do$;

create type hostile.label as enum ('x');
create function hostile.to_label(pg_catalog.varchar) returns hostile.label language plpgsql as
  $f$ begin perform hostile.record('cast'); return 'x'; end $f$;
create cast (pg_catalog.varchar as hostile.label) with function hostile.to_label(pg_catalog.varchar) as implicit;
`;

export interface HostileSchema {
  /** What of it has run, and in which statement; null: nothing has. */
  readonly called: () => Promise<string | null>;
  /** How many operators, functions, relations and types stand there. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Plants it in a database, and puts it before everything else on the path of whoever connects from now on. */
export async function plantHostileSchema(url: string, path = 'hostile, pg_catalog, public'): Promise<HostileSchema> {
  const client = new pg.Client({connectionString: url});
  await client.connect();
  const file = `agno_trace_called_${url.split('/').at(-1)}`;
  await client.query('set search_path = pg_catalog');
  await client.query(PLANT.replaceAll('FILE', file));
  const {rows} = await client.query(`
select (select count(*)::int from pg_operator where oprnamespace = 'hostile'::regnamespace) as operators,
       (select count(*)::int from pg_proc where pronamespace = 'hostile'::regnamespace and prokind = 'f') as functions,
       (select count(*)::int from pg_proc where pronamespace = 'hostile'::regnamespace and prokind = 'a') as aggregates,
       (select count(*)::int from pg_class where relnamespace = 'hostile'::regnamespace) as relations,
       (select count(*)::int from pg_type where typnamespace = 'hostile'::regnamespace and typtype = 'd') as types,
       (select quote_ident(current_database())) as database`);
  const {database, ...counts} = rows[0];
  await client.query(`alter database ${database} set search_path = ${path}`);
  await client.end();
  const called = async () => {
    const looking = new pg.Client({connectionString: url});
    await looking.connect();
    await looking.query('set search_path = pg_catalog');
    const found = await looking.query(
      `select case when (pg_stat_file(f, true)).size is not null then pg_read_file(f) end as what
         from (select current_setting('data_directory') || '/${file}' as f) x`,
    );
    await looking.end();
    return found.rows[0].what as string | null;
  };
  return {called, counts};
}
