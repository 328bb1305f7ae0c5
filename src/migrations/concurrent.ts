import {EXIT, UserError} from '../errors.ts';
import {isSameIndex} from '../runs/look-up.ts';
import {quoteIdentifier, raw, type Sql, sql} from '../sql/sql.ts';
import type {TransactionLimits} from '../store/changes.ts';
import {whileWatching} from '../store/watch.ts';
import {isPassing, untilUnlocked} from './patience.ts';
import type {Work} from './step.ts';
import {literal} from './subject.ts';

/** A build waits for all older transactions on the table; meanwhile nobody waits for it, but nothing is vacuumed. */
const LIMITS: TransactionLimits = {lockMs: 20_000, statementMs: 24 * 3_600_000};

export interface ConcurrentIndex {
  readonly schema: string;
  /** Qualified and quoted. */
  readonly table: string;
  readonly name: string;
  /** CREATE INDEX CONCURRENTLY. */
  readonly create: string;
}

interface IndexState {
  valid: boolean;
  definition: string;
}

interface Progress {
  phase: string;
  done: number;
  total: number;
  locker: number | null;
}

/**
 * Builds an index without a lock that a writer waits for. The remains of a failed build are removed first; the name
 * alone proves nothing (IF NOT EXISTS accepts an invalid index).
 */
export async function buildConcurrently(work: Work, index: ConcurrentIndex): Promise<void> {
  const {changes, report} = work;
  await untilUnlocked(changes, `index ${index.name}`, report, async () => {
    const state = await stateOf(work, index);
    if (isRight(state, index)) return;
    await refuseBuilder(work, index);
    if (state) await dropConcurrently(work, index);
    try {
      await watched(work, index, changes.alone(raw(index.create), LIMITS));
    } catch (error) {
      // If it stayed, an invalid index would slow down every insert and serve nobody.
      const isStopped = (error as {cause?: {code?: unknown}}).cause?.code === '57014';
      if (isPassing(error) || isStopped) await dropConcurrently(work, index);
      if (!isStopped) throw error;
      throw new UserError(EXIT.unreachable, `the server stopped the build of index "${index.name}".`, {
        hint: 'A statement_timeout applies behind a pooler, or somebody cancelled it. Connect to the server directly.',
        cause: error,
      });
    }
  });
  if (!isRight(await stateOf(work, index), index))
    throw new UserError(EXIT.failed, `index "${index.name}" was built, but is not as planned.`, {
      hint: 'agno-trace doctor shows it; agno-trace migrate --print-sql shows how it should be.',
    });
}

export async function dropConcurrently({changes}: Work, {schema, name}: Pick<ConcurrentIndex, 'schema' | 'name'>) {
  await changes.alone(
    raw(`DROP INDEX CONCURRENTLY IF EXISTS ${quoteIdentifier(schema)}.${quoteIdentifier(name)}`),
    LIMITS,
  );
}

function isRight(state: IndexState | null, {create}: ConcurrentIndex): boolean {
  return state?.valid === true && isSameIndex(state.definition, create);
}

async function stateOf({changes}: Work, {table, name}: ConcurrentIndex): Promise<IndexState | null> {
  const [row] = await changes.all<IndexState>(sql`
select i.indisvalid and i.indisready as valid, pg_catalog.pg_get_indexdef(i.indexrelid) as definition
  from pg_catalog.pg_index i
  join pg_catalog.pg_class c on c.oid = i.indexrelid
 where i.indrelid = pg_catalog.to_regclass(${table}) and c.relname = ${name}`);
  return row ?? null;
}

/** If the program is killed, the server continues the build. */
async function refuseBuilder({changes}: Work, {table, name}: ConcurrentIndex): Promise<void> {
  const [row] = await changes.all<{pid: number}>(sql`
select p.pid
  from pg_catalog.pg_stat_progress_create_index p
  join pg_catalog.pg_class c on c.oid = p.index_relid
 where p.relid = pg_catalog.to_regclass(${table}) and c.relname = ${name}`);
  if (row)
    throw new UserError(EXIT.unreachable, `index "${name}" is being built by server process ${row.pid}.`, {
      hint: 'Rerun the command when that has ended.',
    });
}

/** Reports the progress of the build until it ends. */
function watched({changes, report}: Work, {table, name}: ConcurrentIndex, build: Promise<void>): Promise<void> {
  return whileWatching(build, async () => {
    const [row] = (await changes.watch<Progress>(progressOf(table))) ?? [];
    if (row) report(`index ${name}: ${wordsOf(row)}`);
  });
}

function progressOf(table: string): Sql {
  return sql`
select p.phase, coalesce(nullif(p.blocks_done, 0), nullif(p.tuples_done, 0), p.lockers_done) as done,
       coalesce(nullif(p.blocks_total, 0), nullif(p.tuples_total, 0), p.lockers_total) as total,
       nullif(p.current_locker_pid, 0) as locker
  from pg_catalog.pg_stat_progress_create_index p
 where p.relid = pg_catalog.to_regclass(${literal(table)})`;
}

function wordsOf({phase, done, total, locker}: Progress): string {
  if (locker !== null) return `${phase} (process ${locker})`;
  return Number(total) > 0 ? `${phase}, ${Math.floor((100 * Number(done)) / Number(total))} %` : phase;
}
