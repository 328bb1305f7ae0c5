import {EXIT, UserError, usageError} from '../errors.ts';
import {append} from '../lists.ts';
import {quoteIdentifier, raw, sql} from '../sql/sql.ts';
import type {ConnectionFacts, TableFacts} from '../store/connection-info.ts';
import {loadTriggers, pathOf} from '../store/postgres/triggers.ts';
import type {Store} from '../store/store.ts';
import {parseTime} from '../trace/time.ts';
import {newestRow} from './survey.ts';

const DAY_MICROS = 24 * 3_600_000_000;

/** Both tables, according to the catalogue. */
export interface Tables {
  readonly traces: TableFacts;
  readonly spans: TableFacts;
}

/**
 * Refuses a database from which rows cannot be deleted safely, before anything is examined.
 * @param plansOnly nothing will be deleted: then a missing right to delete is only a note, because users want the
 * plan before the grant
 * @returns the tables, and notes for the user
 * @throws UserError exit 4 if it is not allowed, exit 2 or 5 if it would not be safe
 */
export async function preflight(
  store: Store,
  facts: ConnectionFacts,
  {plansOnly}: {readonly plansOnly: boolean},
): Promise<Tables & {notes: string[]}> {
  const tables = {traces: tableOf(store, facts, 'traces'), spans: tableOf(store, facts, 'spans')};
  const notes: string[] = [];
  if (facts.copyReason !== null)
    throw unreachable(
      `"${store.label}" cannot be changed in place: ${facts.copyReason}.`,
      'Run it as the user whose program writes the file.',
    );
  if (facts.isStandby)
    throw unreachable(`"${store.label}" is a standby: it may only be read.`, 'Connect to the primary.');
  if (store.dialect === 'postgres') append(notes, await checkServer(store, facts, tables, plansOnly));
  else if (!facts.mayWrite && plansOnly)
    notes.push(`"${store.label}" cannot be written: deleting needs the permission to write`);
  else if (!facts.mayWrite)
    throw unreachable(
      `"${store.label}" cannot be written: you lack the permission.`,
      'Check the permissions of the file.',
    );
  const hasIndex = tables.spans.indexes.some(
    ({columns, isValid, isPartial}) => columns[0] === 'trace_id' && isValid && !isPartial,
  );
  if (!hasIndex)
    throw new UserError(
      EXIT.schema,
      `${tables.spans.qualifiedName} has no index on trace_id: each batch would scan the whole table.`,
      {
        hint: `create index ${store.dialect === 'postgres' ? 'concurrently ' : ''}on ${tables.spans.qualifiedName} (trace_id), or agno-trace migrate.`,
      },
    );
  await checkClock(store);
  if (tables.spans.foreignKeys.length === 0)
    notes.push('the tables have no foreign key, so spans without a trace row are possible (--orphans)');
  return {...tables, notes};
}

function tableOf(store: Store, facts: ConnectionFacts, role: 'traces' | 'spans'): TableFacts {
  const found = facts.tables.find(({qualifiedName}) => qualifiedName === store.tables[role]);
  if (!found || found.isView)
    throw new UserError(EXIT.schema, `the ${role} in "${store.label}" are not in a table like Agno's.`, {
      hint: 'Rows can be deleted only from plain tables with jsonb attributes.',
    });
  return found;
}

/** A wrong clock makes everything look old. */
async function checkClock(store: Store): Promise<void> {
  const newest = await newestRow(store);
  const micros = newest === null ? null : parseTime(newest);
  if (micros === null || micros - store.nowMicros() < DAY_MICROS) return;
  const clock = store.dialect === 'postgres' ? "the server's clock" : "this machine's clock";
  throw usageError(
    `the newest trace (${newest}) is more than a day ahead of ${clock}.`,
    `One of the two is wrong. Correct it first: until then nothing can be called old.`,
  );
}

interface ServerRow {
  version: number;
  encoding: string;
  delete_traces: boolean;
  update_traces: boolean;
  delete_spans: boolean;
  guarded: boolean;
  referrers: string | null;
}

async function checkServer(
  store: Store,
  facts: ConnectionFacts,
  {traces, spans}: Tables,
  plansOnly: boolean,
): Promise<string[]> {
  const notes: string[] = [];
  const [traceTable, spanTable] = [raw(literal(traces.qualifiedName)), raw(literal(spans.qualifiedName))];
  const [row] = await store.all<ServerRow>(sql`
select current_setting('server_version_num')::int as version, current_setting('server_encoding') as encoding,
       has_table_privilege(${traceTable}, 'delete') as delete_traces,
       has_table_privilege(${traceTable}, 'update') as update_traces,
       has_table_privilege(${spanTable}, 'delete') as delete_spans,
       row_security_active(${traceTable}) or row_security_active(${spanTable}) as guarded,
       (select string_agg(k.conrelid::regclass::text, ', ')
          from pg_catalog.pg_constraint k
         where k.contype = 'f' and k.confrelid in (${traceTable}::regclass, ${spanTable}::regclass)
           and k.conrelid not in (${traceTable}::regclass, ${spanTable}::regclass)) as referrers`);
  const server = row!;
  if (server.version < 130_000)
    throw unreachable(`"${store.label}" is Postgres ${facts.serverVersion}.`, 'Deleting needs Postgres 13 or later.');
  if (!(server.delete_traces && server.update_traces && server.delete_spans)) {
    const grantee = quoteIdentifier(facts.role ?? '');
    const grant = `GRANT SELECT, UPDATE, DELETE ON ${traces.qualifiedName}, ${spans.qualifiedName} TO ${grantee}; (UPDATE for the row lock)`;
    const message = `user "${facts.role}" may not delete from the tables of "${store.label}"`;
    if (!plansOnly) throw unreachable(`${message}.`, grant);
    notes.push(`${message}: ${grant}`);
  }
  if (server.referrers)
    throw new UserError(EXIT.schema, `other tables refer to these rows: ${server.referrers}.`, {
      hint: 'Delete what refers to them first, or drop the foreign key.',
    });
  // Hidden rows may be new without our knowing, and would stay behind as orphans.
  if (server.guarded)
    throw unreachable(
      `row-level security may hide rows of "${store.label}" from user "${facts.role}".`,
      'Deleting needs a user who sees all rows: the owner of the tables, or a role with BYPASSRLS.',
    );
  const triggers = await loadTriggers(store, [traces.qualifiedName, spans.qualifiedName]);
  for (const trigger of triggers.filter(({isOfDeletes}) => isOfDeletes))
    notes.push(
      `trigger ${trigger.name} runs with pg_catalog as its search path. If its function uses objects of other schemas without naming the schema: ${pathOf(trigger)}`,
    );
  return notes;
}

/** On Postgres with any server encoding except SQL_ASCII, every text arrives unchanged; elsewhere always. */
export async function canArchive(store: Store): Promise<boolean> {
  if (store.dialect !== 'postgres') return true;
  const [row] = await store.all<{encoding: string}>(sql`select current_setting('server_encoding') as encoding`);
  return row!.encoding !== 'SQL_ASCII';
}

/** The moment before which every transaction is over, for the rule of settled rows; null on SQLite. */
export async function oldestTransaction(store: Store): Promise<bigint | null> {
  if (store.dialect === 'sqlite') return null;
  const [row] = await store.all<{xmin: string}>(
    sql`select pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::text as xmin`,
  );
  return BigInt(row!.xmin);
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function unreachable(message: string, hint: string): UserError {
  return new UserError(EXIT.unreachable, message, {hint});
}
