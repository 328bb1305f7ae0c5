/**
 * Functions that Postgres calls volatile but that are harmless: clocks, random values, sizes, and what the statement
 * timeout ends. A read-only transaction does not stop functions with effects outside of tables
 * (`pg_terminate_backend`, `set_config`, `lo_export`, `dblink`, `query_to_xml` of any text), so every other volatile
 * function is refused. Only the server's own functions of these names count, and those of extensions written in C.
 */
export const HARMLESS = [
  ...['clock_timestamp', 'timeofday', 'random', 'random_normal', 'gen_random_uuid', 'uuidv4', 'uuidv7'],
  ...['uuid_generate_v4', 'bernoulli', 'system', 'pg_sleep', 'pg_sleep_for', 'pg_sleep_until'],
  ...['pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size', 'pg_database_size'],
  ...['pg_is_in_recovery', 'pg_current_wal_lsn', 'pg_last_wal_receive_lsn', 'pg_last_wal_replay_lsn'],
  ...['pg_last_xact_replay_timestamp', 'pg_blocking_pids', 'pg_partition_tree', 'pg_partition_ancestors'],
  // Used by the server's own views.
  ...['pg_lock_status'],
];

/** Postgres calls them stable, but they assign a transaction id. */
export const EFFECTIVE = ['txid_current', 'pg_current_xact_id'];

/** The calls in a stored expression, by the field names of its tree. */
const IN_TREE = ':(?:funcid|opfuncid|aggfnoid|winfnoid|tsmhandler|hashfuncid|negfuncid) ([1-9][0-9]*)';

/**
 * The first forbidden function among those that a statement calls by name ($1, and by a field $4), and among those
 * that the catalogue shows behind the objects it names: views with everything below them, policies of tables, domains
 * and types with their casts, operators, aggregates ($5 tables and types, $6 operators). What a function calls itself
 * is not visible: one that is declared stable is believed. Names longer than 63 bytes are cut as the server does it:
 * by the type `name`. `(x).f` also calls `f`, if one argument is enough for it.
 */
export const CALLED = `
with recursive schemas as (
  select n.oid
    from pg_catalog.pg_namespace n
   where n.nspname in ('pg_catalog', 'information_schema') or n.nspname = any($5::name[]) or quote_ident(n.nspname) = $7 or $7 = '"' || n.nspname || '"'
      or n.nspname in (select case btrim(p, ' "') when '$user' then current_user else btrim(p, ' "') end
                         from pg_catalog.pg_settings s, unnest(string_to_array(s.reset_val, ',')) p
                        where s.name = 'search_path')
), reached as (
  select c.oid
    from pg_catalog.pg_class c
   where c.relname = any($5::name[]) and c.relnamespace in (select oid from schemas)
  union
  select m[1]::oid
    from reached r
    join pg_catalog.pg_rewrite w on w.ev_class = r.oid and w.ev_type = '1',
         regexp_matches(w.ev_action::text, ':relid ([1-9][0-9]*)', 'g') m
), named_types as (
  select t.oid
    from pg_catalog.pg_type t
   where t.typname = any($5::name[]) and t.typnamespace in (select oid from schemas) and t.typrelid = 0
), relation_trees as (
  select w.ev_action::text as tree from reached r join pg_catalog.pg_rewrite w on w.ev_class = r.oid and w.ev_type = '1'
  union all
  select p.polqual::text from reached r join pg_catalog.pg_policy p on p.polrelid = r.oid where p.polqual is not null
), trees as (
  select tree from relation_trees
  union all
  select k.conbin::text
    from pg_catalog.pg_constraint k
   where k.contypid <> 0
     and (k.contypid in (select oid from named_types)
          or k.contypid in (select m[1]::oid from relation_trees, regexp_matches(tree, ':resulttype ([1-9][0-9]*)', 'g') m))
), parts as (
  select m[1]::oid as oid from trees, regexp_matches(tree, '${IN_TREE}', 'g') m
  union
  select o.oprcode from pg_catalog.pg_operator o where o.oprname = any($6::name[]) and o.oprnamespace in (select oid from schemas)
  union
  select o.oprcode from trees, regexp_matches(tree, ':opno ([1-9][0-9]*)', 'g') m join pg_catalog.pg_operator o on o.oid = m[1]::oid
  union
  select k.castfunc from pg_catalog.pg_cast k
   where k.castfunc <> 0 and (k.casttarget in (select oid from named_types) or k.castsource in (select oid from named_types))
  union
  select t.typinput from pg_catalog.pg_type t where t.oid in (select oid from named_types) and t.typnamespace <> 'pg_catalog'::regnamespace
  union
  select p.oid from pg_catalog.pg_proc p where p.prokind = 'a' and p.proname = any($1::name[])
), called as (
  select oid from parts
  union
  select step
    from parts join pg_catalog.pg_aggregate a on a.aggfnoid = parts.oid,
         unnest(array[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]::oid[]) step
)
select p.proname::text as name, q.direct
  from (select oid, false as direct from called
        union all
        select oid, true
          from pg_catalog.pg_proc
         where proname = any($1::name[]) or proname = any($4::name[]) and pronargs > 0 and pronargs - pronargdefaults <= 1) q
  join pg_catalog.pg_proc p on p.oid = q.oid
 where (p.provolatile = 'v'
        and not (p.proname = any($2::name[])
                 and (p.pronamespace = 'pg_catalog'::regnamespace
                      or p.prolang in (select oid from pg_catalog.pg_language where lanname in ('c', 'internal')))))
    or p.proname = any($3::name[])
 order by q.direct desc, 1 limit 1`;
