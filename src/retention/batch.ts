import type {ArchiveColumn} from '../archive/format.ts';
import type {ArchiveWriter} from '../archive/writer.ts';
import {isAnyOf} from '../sql/fragments.ts';
import {eitherWritable, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Changes, Transaction, TransactionLimits} from '../store/changes.ts';
import {CommitError} from '../store/commit-error.ts';
import {byBytes, type Cutoff} from './cutoff.ts';
import {archivedRow, returningAll} from './rows.ts';
import type {OldTrace} from './survey.ts';

/** Rules for every batch of one prune. */
export interface BatchRules {
  readonly cutoff: Cutoff;
  /** On Postgres: no transaction older than this one was open when the work began (`settle` ago). */
  readonly settledXid: bigint | null;
  readonly limits: TransactionLimits;
  readonly archive: ArchiveWriter | null;
  readonly columns: {readonly traces: readonly ArchiveColumn[]; readonly spans: readonly ArchiveColumn[]};
}

export interface BatchOutcome {
  readonly traces: number;
  readonly spans: number;
  /** Traces that were skipped: written or in use since they were examined. */
  readonly changed: number;
}

/**
 * Deletes some traces with all their spans in one transaction, if they are unchanged since they were examined. Spans
 * go first: on Postgres, and under Agno 3 on SQLite, the foreign key is enforced. With an archive, the rows are on
 * disk before the commit; the other order could lose them.
 */
export async function deleteBatch(
  changes: Changes,
  batch: readonly OldTrace[],
  rules: BatchRules,
): Promise<BatchOutcome> {
  return archived(rules.archive, onArchived =>
    changes.transaction(rules.limits, async transaction => {
      const ready = await readyOf(transaction, batch, rules);
      const ids = ready.map(({traceId}) => traceId);
      const outcome = {traces: 0, spans: 0, changed: batch.length - ready.length};
      if (ids.length === 0) return outcome;
      const expected = ready.reduce((sum, {spans}) => sum + spans, 0);
      const spans = await remove(transaction, changes, 'spans', isAnyOf(raw('trace_id'), ids), rules);
      if (spans.count !== expected) throw raced(`${spans.count} spans deleted instead of ${expected}`);
      const rows = ready.filter(({row}) => row !== null).map(({traceId}) => traceId);
      const traces = await remove(transaction, changes, 'traces', isAnyOf(raw('trace_id'), rows), rules);
      if (traces.count !== rows.length) throw raced(`${traces.count} traces deleted instead of ${rows.length}`);
      onArchived({traces: traces.rows, spans: spans.rows});
      return {...outcome, traces: ready.length, spans: spans.count};
    }),
  );
}

/**
 * Without a foreign key a span can arrive in between; the next attempt finds its trace changed. The code is Postgres'
 * own for such a conflict.
 */
function raced(what: string): Error {
  return Object.assign(new Error(what), {code: '40001'});
}

export interface BatchRunner {
  /** Number of spans that the next transaction may delete. */
  readonly spans: () => number;
  /**
   * Runs one transaction, and repeats it if it timed out; counts the spans it deleted, and pauses.
   * @returns false if that was the last one for now
   */
  readonly attempt: (work: () => Promise<number>) => Promise<boolean>;
}

/**
 * Deletes a trace that is too large for one transaction: its newest spans first, so that its first spans stay to the
 * end, and its row last. If it is interrupted, the rest is still a trace, old enough to be found again.
 * @returns without spans, which `attempt` has counted; no trace if it was stopped
 */
export async function deleteInParts(
  changes: Changes,
  candidate: OldTrace,
  rules: BatchRules,
  parts: BatchRunner,
): Promise<BatchOutcome> {
  const inTrace = sql`trace_id = ${candidate.traceId}`;
  const rows = await changes.all<{span_id: unknown}>(sql`
select span_id
  from ${table('spans')}
 where ${inTrace}
 order by start_time, span_id`);
  const ids = rows.map(row => String(row.span_id));
  if (ids.length !== candidate.spans) return {traces: 0, spans: 0, changed: 1};
  let hasChanged = false;
  let isLast = false;
  const deletePart = () =>
    archived(rules.archive, onArchived =>
      changes.transaction(rules.limits, async transaction => {
        const size = parts.spans();
        isLast = ids.length <= size;
        // Between the transactions, new spans show in the row; at the end, in the number of spans.
        const standing = [{...candidate, spans: ids.length}];
        const ready = await (isLast ? readyOf : lockedOf)(transaction, standing, rules);
        const some = ids.slice(-size);
        if (ready.length === 0) return null;
        const spans = await remove(transaction, changes, 'spans', isAnyOf(raw('span_id'), some), rules);
        if (spans.count !== some.length) throw raced(`${spans.count} spans deleted instead of ${some.length}`);
        const hasRow = isLast && candidate.row !== null;
        const traces = hasRow ? await remove(transaction, changes, 'traces', inTrace, rules) : {count: 0, rows: []};
        onArchived({traces: traces.rows, spans: spans.rows});
        return spans.count;
      }),
    );
  for (;;) {
    const goesOn = await parts.attempt(async () => {
      const count = await deletePart();
      hasChanged = count === null;
      ids.length -= count ?? 0;
      return count ?? 0;
    });
    if (hasChanged) return {traces: 0, spans: 0, changed: 1};
    if (isLast) return {traces: 1, spans: 0, changed: 0};
    if (!goesOn) return {traces: 0, spans: 0, changed: 0};
  }
}

/**
 * Runs a transaction that archives as its last step. If nothing was committed, the rows are removed from the archive
 * again; if that is unknown, they stay: a duplicate is harmless, a missing row is a loss.
 */
async function archived<T>(
  archive: ArchiveWriter | null,
  work: (onArchived: (rows: Parameters<ArchiveWriter['append']>[0]) => void) => Promise<T>,
): Promise<T> {
  let hasTried = false;
  try {
    return await work(rows => {
      if (!archive || rows.traces.length + rows.spans.length === 0) return;
      hasTried = true;
      archive.append(rows);
    });
  } catch (error) {
    if (hasTried && !(error instanceof CommitError)) archive!.takeBack();
    throw error;
  }
}

/**
 * Those of the traces whose rows are unchanged; on Postgres they are locked from now on, without waiting for any
 * lock.
 */
async function lockedOf(transaction: Transaction, batch: readonly OldTrace[], rules: BatchRules): Promise<OldTrace[]> {
  const ids = batch.map(({traceId}) => traceId);
  const rows = await transaction.all<{trace_id: unknown; created_at: unknown; end_time: unknown}>(lockSql(ids, rules));
  const byId = new Map(rows.map(row => [String(row.trace_id), row]));
  const orphans = batch.filter(({row}) => row === null).map(({traceId}) => traceId);
  const returned = orphans.length === 0 ? new Set<string>() : await withRow(transaction, orphans);
  return batch.filter(({traceId, row}) => {
    if (!row) return !returned.has(traceId);
    const found = byId.get(traceId);
    return found?.created_at === row.createdAt && found.end_time === row.endedAt;
  });
}

/**
 * Those of the traces that are unchanged: the same row, and as many spans. Agno never changes a span, so an equal
 * number means the same spans. They are counted in the index, because a writer may be waiting.
 */
async function readyOf(transaction: Transaction, batch: readonly OldTrace[], rules: BatchRules): Promise<OldTrace[]> {
  const locked = await lockedOf(transaction, batch, rules);
  if (locked.length === 0) return [];
  const ids = locked.map(({traceId}) => traceId);
  const rows = await transaction.all<{trace_id: unknown; spans: number}>(sql`
select s.trace_id, count(*) as spans
  from ${table('spans')} s
 where ${isAnyOf(raw('s.trace_id'), ids)}
 group by s.trace_id`);
  const counts = new Map(rows.map(row => [String(row.trace_id), row.spans]));
  return locked.filter(({traceId, spans}) => (counts.get(traceId) ?? 0) === spans);
}

/** Traces that now have a row, of any age: they are no longer orphans. */
async function withRow(transaction: Transaction, traceIds: readonly string[]): Promise<Set<string>> {
  const rows = await transaction.all<{trace_id: unknown}>(
    sql`select t.trace_id from ${table('traces')} t where ${isAnyOf(raw('t.trace_id'), traceIds)}`,
  );
  return new Set(rows.map(row => String(row.trace_id)));
}

/**
 * Agno writes a trace's row and then, in another transaction, its spans. In between, deleting the row would lose
 * these spans. A row is settled if the transaction that wrote it was over `settle` ago. It must be `for update`: a
 * weaker lock does not conflict with the one that the foreign key of a new span takes.
 */
export function lockSql(
  traceIds: readonly string[],
  {cutoff, settledXid}: Pick<BatchRules, 'cutoff' | 'settledXid'>,
): Sql {
  return sql`
select t.trace_id, t.created_at, t.end_time
  from ${table('traces')} t
 where ${isAnyOf(raw('t.trace_id'), traceIds)}
   and ${byBytes(raw('t.created_at'))} < ${cutoff.text} and ${byBytes(raw('t.end_time'))} < ${cutoff.text}
   ${eitherWritable({sqlite: raw(''), postgres: settledXid === null ? raw('for update skip locked') : sql`and ${isSettled(settledXid)} for update skip locked`})}`;
}

const XIDS = 4_294_967_296n;

/**
 * A row has only the lower half of its transaction id, and these ids wrap around. The row is settled if its id comes
 * before `xid`, or after all current ids: then it is so old that the ids have wrapped around (it was frozen).
 */
function isSettled(xid: bigint): Sql {
  const from = (start: Sql) => sql`mod(t.xmin::text::bigint - ${start} + 4294967296, 4294967296)`;
  const next = raw('mod(pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::bigint, 4294967296)');
  return sql`(${from(raw(String(xid % XIDS)))} >= 2147483648 or ${from(next)} < 2147483648)`;
}

async function remove(
  transaction: Transaction,
  {dialect}: Changes,
  role: 'spans' | 'traces',
  where: Sql,
  {archive, columns}: BatchRules,
) {
  const statement = deleteSql(role, where);
  if (!archive) return {count: await transaction.run(statement), rows: []};
  const rows = await transaction.exactly(sql`${statement}\nreturning ${returningAll(columns[role], dialect)}`);
  return {count: rows.length, rows: rows.map(row => archivedRow(row, columns[role], dialect))};
}

export function deleteSql(role: 'spans' | 'traces', where: Sql): Sql {
  return sql`
delete from ${table(role)}
 where ${where}`;
}
