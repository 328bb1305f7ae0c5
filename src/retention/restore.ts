import type {ArchiveHeader} from '../archive/format.ts';
import {type ArchiveEnd, openArchive} from '../archive/reader.ts';
import type {ArchivedRow} from '../archive/value.ts';
import {EXIT, UserError} from '../errors.ts';
import {append} from '../lists.ts';
import {isAnyOf} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import type {Changes} from '../store/changes.ts';
import type {ConnectionFacts} from '../store/connection-info.ts';
import {patient, patiently} from '../store/patient.ts';
import type {Store} from '../store/store.ts';
import {Inserter, type InsertTarget} from './insert.ts';
import {BatchPace, PACE} from './pace.ts';

export type Role = 'traces' | 'spans';
const KEYS = {traces: 'trace_id', spans: 'span_id'} as const;
const IDS_AT_ONCE = 500;
const LIMITS = {lockMs: 300, statementMs: 15_000};

/** The plan of a restore. */
export interface RestorePlan {
  readonly archive: string;
  readonly database: string;
  /** Where the rows come from. */
  readonly source: string;
  readonly cutoff: string;
  /** False: the archive has no end. It still has everything that was deleted. */
  readonly isComplete: boolean;
  readonly traces: number;
  readonly spans: number;
  /** Rows of the archive whose ids are already in the database: these stay as they are. */
  readonly tracesThere: number;
  readonly spansThere: number;
}

export interface Restored {
  traces: number;
  spans: number;
  /** Rows that existed already, or are in the archive twice. */
  there: number;
  /** Spans whose trace is neither in the archive nor in the database; the foreign key refuses them. */
  withoutTrace: number;
  /**
   * Rows that this database cannot store (in Postgres: text with NUL, JSON with NaN or nested too deeply), and some
   * of their ids.
   */
  unfit: number;
  unfitIds: string[];
  stoppedBy: 'signal' | null;
}

/** Reads a complete archive, checks it, and counts which of its rows are already in the database. Changes nothing. */
export async function planRestore(
  impatient: Store,
  file: string,
  onProgress?: (rows: number) => void,
): Promise<RestorePlan> {
  const store = patient(impatient);
  const reader = {all: store.all.bind(store), dialect: store.dialect};
  const {header, batches} = await openArchive(file);
  const counts = {traces: 0, spans: 0, tracesThere: 0, spansThere: 0};
  const ending = await eachBatch(batches(), async rows => {
    counts.traces += rows.traces.length;
    counts.spans += rows.spans.length;
    counts.tracesThere += (await standing(reader, 'traces', idsOf(rows.traces, 'trace_id'))).size;
    counts.spansThere += (await standing(reader, 'spans', idsOf(rows.spans, 'span_id'))).size;
    onProgress?.(counts.traces + counts.spans);
  });
  return {
    archive: file,
    database: store.label,
    source: header.source,
    cutoff: ending.manifest?.cutoff ?? header.cutoff,
    isComplete: ending.manifest !== null,
    ...counts,
  };
}

type Rows = {readonly traces: readonly ArchivedRow[]; readonly spans: readonly ArchivedRow[]};

export async function eachBatch(
  batches: AsyncGenerator<Rows, ArchiveEnd>,
  take: (rows: Rows) => Promise<void>,
): Promise<ArchiveEnd> {
  for (;;) {
    const next = await batches.next();
    if (next.done) return next.value;
    await take(next.value);
  }
}

function idsOf(rows: readonly ArchivedRow[], key: string): string[] {
  return [...new Set(rows.map(row => String(row[key])))];
}

/** Which ids are in a table. */
async function standing(
  {all, dialect}: Pick<Store, 'all' | 'dialect'>,
  role: Role,
  given: readonly string[],
): Promise<Set<string>> {
  // Postgres stores no text with NUL, so no such id exists there.
  const ids = dialect === 'postgres' ? given.filter(id => !id.includes('\0')) : given;
  const found = new Set<string>();
  const key = raw(KEYS[role]);
  for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
    const rows = await all<{id: unknown}>(
      sql`select ${key} as id from ${table(role)} where ${isAnyOf(key, ids.slice(at, at + IDS_AT_ONCE))}`,
    );
    for (const {id} of rows) found.add(String(id));
  }
  return found;
}

/**
 * Finds out whether the rows of an archive can be inserted into the tables unchanged.
 * @throws UserError exit 5 if a column is missing
 */
export async function targetOf(store: Store, facts: ConnectionFacts, header: ArchiveHeader): Promise<InsertTarget> {
  const of = (role: Role) => {
    const found = facts.tables.find(({qualifiedName}) => qualifiedName === store.tables[role]);
    const lacking = header.columns[role].filter(({name}) => !found?.columns.some(column => column.name === name));
    if (!found || found.isView || lacking.length > 0)
      throw new UserError(
        EXIT.schema,
        lacking.length > 0
          ? `the ${role} of "${store.label}" have no column ${lacking.map(({name}) => `"${name}"`).join(', ')}.`
          : `the ${role} in "${store.label}" are not in a table like Agno's.`,
        {hint: 'The archive has them; restore into a database of the same shape.'},
      );
    return {
      name: found.qualifiedName,
      columns: header.columns[role].map(({name}) => found.columns.find(column => column.name === name)!),
      hasForeignKey: found.foreignKeys.length > 0,
    };
  };
  return {dialect: store.dialect, traces: of('traces'), spans: of('spans')};
}

interface RestoreOptions {
  readonly target: InsertTarget;
  readonly stop: AbortSignal;
  readonly onProgress?: (rows: number) => void;
}

/**
 * Inserts the rows and keeps existing ones: traces first, because spans refer to them, in short transactions with
 * pauses. Running it again resumes.
 */
export async function restore(
  changes: Changes,
  file: string,
  {target, stop, onProgress}: RestoreOptions,
): Promise<Restored> {
  const done: Restored = {traces: 0, spans: 0, there: 0, withoutTrace: 0, unfit: 0, unfitIds: [], stoppedBy: null};
  const pace = new BatchPace(PACE[changes.dialect]);
  const inserter = new Inserter(target);
  let seen = 0;
  for (const role of ['traces', 'spans'] as const) {
    const {batches} = await openArchive(file);
    await eachBatch(batches(), async rows => {
      let some = rows[role];
      if (role === 'spans' && target.spans.hasForeignKey) some = await withTraces(changes, some, done);
      for (let at = 0; at < some.length && !done.stoppedBy; ) {
        if (stop.aborted) {
          done.stoppedBy = 'signal';
          break;
        }
        const slice = inserter.slice(some, at, pace.spans);
        let start = 0;
        const insertSlice = () => {
          start = performance.now();
          return changes.transaction(LIMITS, transaction => inserter.insert(transaction, role, slice));
        };
        const outcome = await patiently(insertSlice, () => pace.failed());
        const ms = performance.now() - start;
        pace.took(slice.length, ms);
        done[role] += outcome.inserted;
        done.unfit += outcome.unfit.length;
        append(done.unfitIds, outcome.unfit.slice(0, 5 - done.unfitIds.length));
        done.there += slice.length - outcome.inserted - outcome.unfit.length;
        at += slice.length;
        seen += slice.length;
        onProgress?.(seen);
        await changes.giveWay(ms, stop);
      }
    });
    if (done.stoppedBy) break;
  }
  return done;
}

/** Spans whose trace exists; the others are counted. */
async function withTraces(
  changes: Changes,
  spans: readonly ArchivedRow[],
  done: Restored,
): Promise<readonly ArchivedRow[]> {
  const all: Store['all'] = query => patiently(() => changes.all(query));
  const there = await standing({all, dialect: changes.dialect}, 'traces', idsOf(spans, 'trace_id'));
  const rows = spans.filter(span => there.has(String(span.trace_id)));
  done.withoutTrace += spans.length - rows.length;
  return rows;
}
