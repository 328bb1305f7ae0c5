import {raw, sql} from '../sql/sql.ts';
import type {ConnectionFacts, TableFacts} from '../store/connection-info.ts';
import type {Store} from '../store/store.ts';
import agnoIndexes from './agno-indexes.ts';
import lookUpIndexes from './look-up-indexes.ts';
import type {Found} from './step.ts';
import type {MigrationSubject} from './subject.ts';

/** The indexes that should exist, as `migrate` finds them: `doctor` uses this too, so that both agree. */
export async function inspectIndexes(
  store: Store,
  facts: ConnectionFacts,
  {traces, spans}: {readonly traces: TableFacts; readonly spans: TableFacts},
): Promise<{readonly agno: readonly Found[]; readonly lookUp: readonly Found[]}> {
  const subject: MigrationSubject = {
    dialect: store.dialect,
    label: store.label,
    facts,
    schema: spans.schema ?? '',
    hasSchema: true,
    names: {traces: traces.name, spans: spans.name},
    traces,
    spans,
    store,
    made: [],
    offline: false,
    all: query => store.all(query),
    close: async () => undefined,
  };
  return {agno: await agnoIndexes.inspect(subject), lookUp: await lookUpIndexes.inspect(subject)};
}

/** The sizes of the existing indexes; SQLite does not report them. */
export async function indexBytes({dialect, schema, all}: MigrationSubject): Promise<ReadonlyMap<string, number>> {
  if (dialect === 'sqlite') return new Map();
  const rows = await all<{name: string; bytes: string}>(sql`
select c.relname as name, pg_catalog.pg_relation_size(c.oid)::text as bytes
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = ${schema} and c.relkind = ${raw("'i'")}`);
  return new Map(rows.map(({name, bytes}) => [name, Number(bytes)]));
}
