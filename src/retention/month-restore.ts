import type {ArchiveHeader} from '../archive/format.ts';
import {openArchive} from '../archive/reader.ts';
import {type ArchivedRow, restored} from '../archive/value.ts';
import {EXIT, UserError} from '../errors.ts';
import {append} from '../lists.ts';
import {isAnyOf, time} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import {type Inserted, timeField} from '../store/clickhouse/commands.ts';
import {Insertions} from '../store/clickhouse/mutations.ts';
import {bareType} from '../store/clickhouse/values.ts';
import type {ConnectionFacts} from '../store/connection-info.ts';
import type {ClickhouseSource, Source} from '../store/source.ts';
import type {Store} from '../store/store.ts';
import {ROLES, type Role} from './month-pieces.ts';
import {readRows} from './month-rows.ts';
import {eachBatch, type Restored, type RestorePlan, targetOf} from './restore.ts';
import type {Restorer} from './restorer.ts';

/** Ids that are looked up at a time. */
const LOOKED_UP_AT_ONCE = 1000;

/**
 * Restores into ClickHouse: what stands is found by reading it, as nothing there is unique. A span stands if its id
 * does; a trace row if a row with the same values does, as every export leaves one.
 */
export async function openMonthRestorer(
  source: Source,
  store: Store,
  facts: ConnectionFacts,
  header: ArchiveHeader,
  isDry: boolean,
): Promise<Restorer> {
  const target = await targetOf(store, facts, header);
  const insertions = isDry ? null : await Insertions.open(source as ClickhouseSource);
  const lacking = async (rows: Rows) => {
    const missing = {spans: [] as ArchivedRow[], traces: [] as ArchivedRow[]};
    for (const role of ROLES)
      for (let at = 0; at < rows[role].length; at += LOOKED_UP_AT_ONCE)
        append(missing[role], await lackingOf(store, role, rows[role].slice(at, at + LOOKED_UP_AT_ONCE), header));
    return missing;
  };
  return {
    plan: async (file, onProgress) => {
      const counts = {traces: 0, spans: 0, tracesThere: 0, spansThere: 0};
      const {batches} = await openArchive(file);
      const ending = await eachBatch(batches(), async rows => {
        const missing = await lacking(rows);
        counts.traces += rows.traces.length;
        counts.spans += rows.spans.length;
        counts.tracesThere += rows.traces.length - missing.traces.length;
        counts.spansThere += rows.spans.length - missing.spans.length;
        onProgress?.(counts.traces + counts.spans);
      });
      return planOf(file, store, header, counts, ending.manifest);
    },
    run: async (file, {stop, onProgress}) => {
      const done: Restored = {traces: 0, spans: 0, there: 0, withoutTrace: 0, unfit: 0, unfitIds: [], stoppedBy: null};
      const {batches} = await openArchive(file);
      let seen = 0;
      await eachBatch(batches(), async rows => {
        if (stop.aborted) done.stoppedBy = 'signal';
        if (done.stoppedBy) return;
        const missing = await lacking(rows);
        // Trace rows first, as Agno writes them.
        for (const role of ['traces', 'spans'] as const) {
          const {name, columns} = target[role];
          await insertions!.insert(
            name,
            columns.map(column => column.name),
            missing[role].map(row => columns.map(column => fieldOf(row[column.name] ?? null, column.type))),
          );
          done[role] += missing[role].length;
          done.there += rows[role].length - missing[role].length;
        }
        seen += rows.traces.length + rows.spans.length;
        onProgress?.(seen);
      });
      return done;
    },
    close: async () => insertions?.close(),
  };
}

type Rows = Readonly<Record<Role, readonly ArchivedRow[]>>;

function planOf(
  archive: string,
  store: Store,
  header: ArchiveHeader,
  counts: Pick<RestorePlan, 'traces' | 'spans' | 'tracesThere' | 'spansThere'>,
  manifest: {readonly cutoff: string} | null,
): RestorePlan {
  return {
    archive,
    database: store.label,
    source: header.source,
    cutoff: manifest?.cutoff ?? header.cutoff,
    isComplete: manifest !== null,
    ...counts,
  };
}

/** Rows that do not stand, each once. */
async function lackingOf(
  store: Store,
  role: Role,
  rows: readonly ArchivedRow[],
  header: ArchiveHeader,
): Promise<ArchivedRow[]> {
  const starts = rows.map(row => String(row.start_time)).sort();
  const bounds = {first: starts[0]!, last: starts.at(-1)!};
  const own = header.columns[role];
  const keyOf =
    role === 'spans'
      ? (row: ArchivedRow) => String(row.span_id)
      : (row: ArchivedRow) => JSON.stringify(own.map(({name}) => row[name] ?? null));
  const there =
    role === 'spans' ? await spanIds(store, rows, bounds) : (await tracesThere(store, rows, header, bounds)).map(keyOf);
  const known = new Set(there);
  return rows.filter(row => {
    const key = keyOf(row);
    if (known.has(key)) return false;
    known.add(key);
    return true;
  });
}

interface Bounds {
  readonly first: string;
  readonly last: string;
}

const idsOf = (rows: readonly ArchivedRow[]) => [...new Set(rows.map(row => String(row.trace_id)))];

async function spanIds(store: Store, rows: readonly ArchivedRow[], {first, last}: Bounds): Promise<string[]> {
  const found = await store.all<{id: string}>(sql`
select s.span_id as id
  from ${table('spans')} s
 where ${isAnyOf(raw('s.trace_id'), idsOf(rows))} and s.start_time >= ${time(first)} and s.start_time <= ${time(last)}`);
  return found.map(({id}) => id);
}

async function tracesThere(
  store: Store,
  rows: readonly ArchivedRow[],
  {columns}: ArchiveHeader,
  bounds: Bounds,
): Promise<ArchivedRow[]> {
  const piece = {role: 'traces', partition: '', rows: 0, digest: 0n, ...bounds} as const;
  const traces = idsOf(rows).map(traceId => ({traceId, pieces: [piece]}));
  return (await readRows(store, 'traces', traces, columns)).map(({archived}) => archived);
}

function fieldOf(archived: ArchivedRow[string], type: string): Inserted {
  const value = restored(archived);
  switch (value.type) {
    case 'null':
      return null;
    case 'text':
      return /^DateTime64/.test(bareType(type)) ? timeField(value.text) : value.text;
    case 'integer':
      return value.integer;
    case 'real':
      return value.real;
    default:
      return value.bytes;
  }
}

/** @throws UserError exit 2 if the rows of one kind of database do not fit the other */
export function refuseOtherRows(header: ArchiveHeader, store: Pick<Store, 'dialect' | 'label'>): void {
  const isOfMonths = TRAITS[header.dialect].hasPartialTraceRows;
  if (isOfMonths === TRAITS[store.dialect].hasPartialTraceRows) return;
  throw new UserError(
    EXIT.usage,
    isOfMonths
      ? 'the archive is of ClickHouse, whose trace rows are parts of traces: they fit no other database.'
      : 'the archive is not of ClickHouse: its rows do not fit there.',
    {hint: 'agno-trace list --db archive:FILE reads it, show and slowest too.'},
  );
}
