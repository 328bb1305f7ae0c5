import {statfsSync, statSync} from 'node:fs';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {EXIT, UserError} from '../errors.ts';
import {raw, type Sql, sql} from '../sql/sql.ts';
import type {Changes, TransactionLimits} from '../store/changes.ts';
import type {ConnectionFacts} from '../store/connection-info.ts';
import {patient, patiently} from '../store/patient.ts';
import type {Store} from '../store/store.ts';
import {isStopped} from '../store/timeout.ts';
import {whileWatching} from '../store/watch.ts';

export interface VacuumPlan {
  readonly database: string;
  /** `incremental` and `full` on SQLite, `plain` on Postgres; `none`: there is nothing to reclaim. */
  readonly method: 'none' | 'incremental' | 'full' | 'plain';
  /** The file, or both tables with their indexes. */
  readonly bytes: number;
  /** The free space inside it; null: only the vacuum itself finds out. */
  readonly freeBytes: number | null;
  /** In words. */
  readonly returns: string;
  readonly lock: string;
  readonly estimateMs: number;
  /** Disk space that it needs while it runs, and the available space. */
  readonly neededBytes: number;
  readonly availableBytes: number | null;
  readonly sql: readonly string[];
  /** Why it is not done now; null: it is done. */
  readonly blocked: {readonly reason: string; readonly hint: string} | null;
}

export interface Vacuumed {
  readonly steps: number;
  readonly longestMs: number;
  readonly stoppedBy: 'signal' | null;
}

interface Options {
  readonly stop: AbortSignal;
  readonly report: (text: string) => void;
}

/** Measured on a slow disk, and doubled. */
const FULL_BYTES_PER_MS = 40_000;
const PLAIN_BYTES_PER_MS = 100_000;
const INCREMENTAL_MS_PER_PAGE = 0.1;
const MOST_STEP_MS = 40;
const FIRST_PAGES = 64;
const STEP_LIMITS: TransactionLimits = {lockMs: 2000, statementMs: 15_000};
const LONG_LIMITS: TransactionLimits = {lockMs: 5000, statementMs: 7 * 24 * 3_600_000};

export async function planVacuum(
  store: Store,
  facts: ConnectionFacts,
  {offline, plansOnly}: {readonly offline: boolean; readonly plansOnly: boolean},
): Promise<VacuumPlan> {
  if (facts.isStandby) throw refused(`"${store.label}" is a standby: it may only be read.`, 'Connect to the primary.');
  if (facts.copyReason !== null)
    throw refused(
      `"${store.label}" cannot be changed in place: ${facts.copyReason}.`,
      'Run it as the user whose program writes the file.',
    );
  return store.dialect === 'postgres'
    ? planPostgres(store, facts, plansOnly)
    : planSqlite(patient(store), facts, offline);
}

async function planPostgres(store: Store, facts: ConnectionFacts, plansOnly: boolean): Promise<VacuumPlan> {
  const tables = [store.tables.spans!, store.tables.traces!];
  let [bytes, dead] = [0, 0];
  let blocked: VacuumPlan['blocked'] = null;
  for (const table of tables) {
    const [row] = await store.all<{owns: boolean; owner: string; bytes: number; dead: number}>(sql`
select pg_catalog.pg_has_role(c.relowner, 'usage') as owns, pg_catalog.pg_get_userbyid(c.relowner)::text as owner,
       pg_catalog.pg_total_relation_size(c.oid) as bytes, pg_catalog.pg_stat_get_dead_tuples(c.oid) as dead
  from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass(${table})`);
    if (!row)
      throw new UserError(EXIT.schema, `the spans in "${store.label}" are not in a table like Agno's.`, {
        hint: 'Only plain tables can be vacuumed.',
      });
    if (!row.owns) {
      const reason = `user "${facts.role}" may not vacuum ${table} of "${store.label}": it belongs to "${row.owner}"`;
      const hint = 'Connect as its owner.';
      if (!plansOnly) throw refused(`${reason}.`, hint);
      blocked ??= {reason, hint};
    }
    bytes += Number(row.bytes);
    dead += Number(row.dead);
  }
  return {
    database: store.label,
    method: 'plain',
    bytes,
    freeBytes: null,
    returns: `${dead} dead rows become free space for new ones. The files shrink only if their last pages are empty. VACUUM FULL would block Agno all the while, so it is never used`,
    lock: 'none that blocks writers; at the end a short exclusive one, released as soon as somebody waits',
    estimateMs: bytes / PLAIN_BYTES_PER_MS,
    neededBytes: 0,
    availableBytes: null,
    sql: tables.map(table => `VACUUM (ANALYZE) ${table}`),
    blocked,
  };
}

async function planSqlite(store: Store, facts: ConnectionFacts, offline: boolean): Promise<VacuumPlan> {
  if (!facts.mayWrite)
    throw refused(`"${store.label}" cannot be written: you lack the permission.`, 'Check the permissions of the file.');
  const pragma = async (name: string): Promise<number> =>
    Number(Object.values((await store.all<Record<string, number>>(raw(`pragma ${name}`)))[0]!)[0]);
  const [pages, free, mode] = [await pragma('page_count'), await pragma('freelist_count'), await pragma('auto_vacuum')];
  const pageBytes = facts.pageBytes!;
  const [bytes, freeBytes] = [pages * pageBytes, free * pageBytes];
  const plan = {database: store.label, bytes, freeBytes, neededBytes: 0, availableBytes: null, blocked: null};
  if (free === 0)
    return {
      ...plan,
      method: 'none',
      returns: 'nothing: the file has no free pages',
      lock: 'none',
      estimateMs: 0,
      sql: [],
    };
  if (mode === 2)
    return {
      ...plan,
      method: 'incremental',
      returns: `the file shrinks by its ${free} free pages${facts.journalMode === 'wal' ? ', after the next checkpoint of its WAL' : ''}`,
      lock: `the file's write lock, about ${MOST_STEP_MS} ms at a time, with pauses twice as long`,
      estimateMs: free * INCREMENTAL_MS_PER_PAGE * 3,
      sql: [`PRAGMA incremental_vacuum(${FIRST_PAGES})`],
    };
  const room = roomFor(facts.file!, {
    live: bytes - freeBytes,
    whole: facts.journalMode === 'wal' ? bytes - freeBytes : bytes,
  });
  return {
    ...plan,
    ...room,
    method: 'full',
    returns: `the file shrinks by its ${free} free pages; row ids may change`,
    lock: 'the whole file, from start to end: nobody can write, and what Agno writes in the meantime is lost',
    estimateMs: bytes / FULL_BYTES_PER_MS,
    sql: ['VACUUM'],
    blocked:
      room.availableBytes < room.neededBytes
        ? {
            reason: 'the disk has too little free space for the copy',
            hint: `Free some space, or set SQLITE_TMPDIR to another disk.`,
          }
        : offline
          ? null
          : {
              reason: "it would block Agno's writes until it is done",
              hint: 'Stop the program that writes the file, then add --offline.',
            },
  };
}

/** VACUUM writes the live pages into a temporary file, then back through the journal. */
function roomFor(file: string, {live, whole}: {live: number; whole: number}) {
  const folder = path.dirname(file);
  const temporary = temporaryFolder();
  const available = (place: string) => {
    const {bavail, bsize} = statfsSync(place);
    return bavail * bsize;
  };
  if (statSync(folder).dev === statSync(temporary).dev)
    return {neededBytes: live + whole, availableBytes: available(folder)};
  // The smaller of the two decides.
  const [left, leftTemporary] = [available(folder) - whole, available(temporary) - live];
  return left < leftTemporary
    ? {neededBytes: whole, availableBytes: available(folder)}
    : {neededBytes: live, availableBytes: available(temporary)};
}

/** Where SQLite puts its temporary files. */
function temporaryFolder(): string {
  const {SQLITE_TMPDIR, TMPDIR} = process.env;
  const places = [SQLITE_TMPDIR, TMPDIR, '/var/tmp', '/usr/tmp', '/tmp'];
  return places.find(place => place && statSync(place, {throwIfNoEntry: false})?.isDirectory()) ?? '.';
}

/** Executes the plan, in steps that block no writer. */
export async function applyVacuum(changes: Changes, plan: VacuumPlan, options: Options): Promise<Vacuumed> {
  if (plan.method === 'incremental') return inSteps(changes, plan, options);
  let [steps, longestMs] = [0, 0];
  for (const statement of plan.sql) {
    if (options.stop.aborted) return {steps, longestMs, stoppedBy: 'signal'};
    options.report(statement);
    const start = performance.now();
    const look = async () => {
      const [row] = (await changes.watch<Progress>(PROGRESS)) ?? [];
      if (row) options.report(`${statement}: ${row.phase}, ${row.percent ?? 0} %`);
    };
    const run = () => changes.alone(raw(statement), LONG_LIMITS);
    try {
      await patiently(() => (plan.method === 'plain' ? whileWatching(run(), look) : run()));
    } catch (error) {
      if (isStopped(error) && options.stop.aborted) return {steps, longestMs, stoppedBy: 'signal'};
      throw error;
    }
    steps++;
    longestMs = Math.max(longestMs, performance.now() - start);
  }
  return {steps, longestMs, stoppedBy: null};
}

interface Progress {
  phase: string;
  percent: number | null;
}

const PROGRESS: Sql = sql`
select p.phase, 100 * p.heap_blks_scanned / nullif(p.heap_blks_total, 0) as percent
  from pg_catalog.pg_stat_progress_vacuum p
 where p.datname = current_database()
   and p.pid in (select pid from pg_catalog.pg_stat_activity where application_name = 'agno-trace')`;

async function inSteps(changes: Changes, {bytes, freeBytes}: VacuumPlan, {stop, report}: Options): Promise<Vacuumed> {
  let [pages, steps, longestMs] = [FIRST_PAGES, 0, 0];
  for (;;) {
    const [row] = await patiently(() => changes.all<{freelist_count: number}>(raw('pragma freelist_count')));
    const left = Number(row!.freelist_count);
    if (left === 0) return {steps, longestMs, stoppedBy: null};
    if (stop.aborted) return {steps, longestMs, stoppedBy: 'signal'};
    report(`${left} free pages left; at the start the file was ${Math.round((100 * (freeBytes ?? 0)) / bytes)} % free`);
    const tookMs = await patiently(async () => {
      let start = 0;
      // Begins as a writer: a transaction that reads first is refused at once if another one wants to write.
      await changes.transaction(STEP_LIMITS, transaction => {
        start = performance.now();
        return transaction.send(`pragma incremental_vacuum(${pages})`);
      });
      return performance.now() - start;
    });
    await changes.tidy();
    steps++;
    longestMs = Math.max(longestMs, tookMs);
    pages = Math.max(1, Math.min(pages * 2, Math.floor((pages * MOST_STEP_MS) / Math.max(tookMs, 1))));
    await sleep(2 * tookMs, undefined, {signal: stop}).catch(error => {
      if (!stop.aborted) throw error;
    });
  }
}

function refused(message: string, hint: string): UserError {
  return new UserError(EXIT.unreachable, message, {hint});
}
