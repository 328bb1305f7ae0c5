import {setTimeout as sleep} from 'node:timers/promises';
import {type ArchiveWriter, partialOf} from '../archive/writer.ts';
import {EXIT, UserError} from '../errors.ts';
import {isAnyOf, time} from '../sql/fragments.ts';
import {inline, raw, type Sql, sql} from '../sql/sql.ts';
import type {Mutations} from '../store/clickhouse/mutations.ts';
import type {TableFacts} from '../store/connection-info.ts';
import type {Store} from '../store/store.ts';
import {type Applied, NOTHING_APPLIED, type StoppedBy} from './apply.ts';
import type {DeletionOptions} from './ground.ts';
import {
  ALIAS,
  areSame,
  from,
  IDENTITY,
  lookAtOld,
  type Piece,
  type PiecedTrace,
  plus,
  ROLES,
  type Role,
  rowsByPartition,
} from './month-pieces.ts';
import {contentHash, ofTraces, piecesOf, readRows, withinPieces} from './month-rows.ts';
import {deleteStatement, dropStatement} from './month-statements.ts';
import {inspectArchive} from './verify.ts';

/** Rows that are archived at a time. */
const ARCHIVED_AT_ONCE = {traces: 1000, spans: 5000, bytes: 8 * 1024 ** 2};
/** Rows of one deletion: their ids fit into a statement of 256 KiB, the most that a server takes by default. */
const DELETED_AT_ONCE = {traces: 1000, rows: 8000};
/** A month is looked at again if its parts change between the look and the drop. */
const TRIES = 20;
const AGAIN_MS = 250;

/**
 * Deletes old traces of ClickHouse: archives all of them, reads the archive again from end to end, waits, looks
 * whether anything was written meanwhile, and only then begins. Spans go first, so that a trace whose deletion is
 * interrupted still has a row by which the next run finds it.
 */
export class MonthDeletion {
  private readonly applied: Applied = {...NOTHING_APPLIED};
  private readonly startMs = performance.now();
  private isDeleting = false;

  constructor(
    private readonly store: Store,
    private readonly mutations: Mutations,
    private readonly tables: Readonly<Record<Role, TableFacts>>,
    private readonly options: DeletionOptions,
  ) {}

  async run(candidates: readonly PiecedTrace[]): Promise<Applied> {
    const {applied} = this;
    try {
      applied.stoppedBy = await this.deleteAll(candidates);
    } catch (error) {
      applied.stoppedBy = 'failure';
      applied.failure = error;
    }
    // Nothing was deleted, so the archive would only have what is still there.
    if (!this.isDeleting) this.options.archive?.takeAllBack();
    return applied;
  }

  private async deleteAll(candidates: readonly PiecedTrace[]): Promise<StoppedBy | null> {
    const {archive, maxRows} = this.options;
    const within = maxRows === null ? candidates : upTo(candidates, maxRows);
    const sealed = archive ? await this.archive(within, archive) : within;
    if (sealed === null) return this.reasonToStop();
    await this.settle();
    const stopped = this.reasonToStop();
    if (stopped) return stopped;
    const standing = await this.unchanged(within, sealed);
    this.isDeleting = true;
    const gone = await this.deleteFrom('spans', standing);
    const complete = await this.deleteFrom('traces', gone);
    this.applied.traces = complete.length;
    this.report(null);
    return this.reasonToStop(within.length === candidates.length ? null : 'max-rows', standing.length > gone.length);
  }

  /**
   * Writes the rows of all of them, and reads the file again.
   * @returns the traces with the hashes of what is archived; null: it was stopped
   */
  private async archive(traces: readonly PiecedTrace[], archive: ArchiveWriter): Promise<PiecedTrace[] | null> {
    const sealed: PiecedTrace[] = [];
    for (const batch of slices(traces)) {
      if (this.reasonToStop()) return null;
      const rows = {
        spans: await readRows(this.store, 'spans', batch, this.options.columns),
        traces: await readRows(this.store, 'traces', batch, this.options.columns),
      };
      const byTrace = {spans: grouped(rows.spans), traces: grouped(rows.traces)};
      const ready = new Set<string>();
      for (const trace of batch) {
        const bounds = {first: earliest(trace.pieces), last: newest(trace.pieces)};
        const read = (hash: 'identity' | 'content') =>
          ROLES.flatMap(role => piecesOf(byTrace[role].get(trace.traceId) ?? [], role, bounds, hash));
        if (!areSame(trace.pieces, read('identity'))) {
          this.applied.changed++;
          continue;
        }
        ready.add(trace.traceId);
        sealed.push({...trace, pieces: read('content')});
      }
      const ofReady = (role: Role) =>
        rows[role].filter(({traceId}) => ready.has(traceId)).map(({archived}) => archived);
      if (ready.size > 0) archive.append({spans: ofReady('spans'), traces: ofReady('traces')});
      this.report(`the archive: ${sealed.length} of ${traces.length} traces`);
    }
    await this.verify(archive);
    return sealed;
  }

  /** @throws UserError if what is on the disk is not what was written */
  private async verify(archive: ArchiveWriter): Promise<void> {
    this.report('the archive to be read again');
    const {problem, traces, spans, looseRows} = await inspectArchive(partialOf(archive.file), {keepBatches: false});
    if (problem) throw problem;
    const {written} = archive;
    if (traces !== written.traces || spans !== written.spans || looseRows > 0)
      throw new UserError(EXIT.failed, `the archive "${archive.file}" has not what was written into it.`, {
        hint: 'Nothing was deleted. Is the disk full or failing?',
      });
  }

  /** Those of the traces to which nothing was added and of which nothing is gone since they were examined. */
  private async unchanged(
    before: readonly PiecedTrace[],
    sealed: readonly PiecedTrace[],
  ): Promise<readonly PiecedTrace[]> {
    const pieces = new Map(before.map(trace => [trace.traceId, trace.pieces]));
    const {old} = await lookAtOld(this.store, this.options.cutoff);
    return this.without(sealed, ({traceId}) => areSame(pieces.get(traceId)!, old.get(traceId)?.pieces ?? []));
  }

  private without(traces: readonly PiecedTrace[], isSame: (trace: PiecedTrace) => boolean): readonly PiecedTrace[] {
    const same = traces.filter(isSame);
    this.applied.changed += traces.length - same.length;
    return same;
  }

  /** @returns the traces of which this table has nothing any more */
  private async deleteFrom(role: Role, traces: readonly PiecedTrace[]): Promise<PiecedTrace[]> {
    const left = new Set(traces);
    const byPartition = new Map<string, PiecedTrace[]>();
    for (const trace of traces)
      for (const piece of trace.pieces)
        if (piece.role === role) byPartition.set(piece.partition, [...(byPartition.get(piece.partition) ?? []), trace]);
    const totals = await rowsByPartition(this.store, role);
    for (const [partition, all] of byPartition) {
      // What has changed in one month stays in every other one too.
      const some = all.filter(trace => left.has(trace));
      const pieces = some.flatMap(trace => trace.pieces.filter(piece => isIn(piece, role, partition)));
      const rows = pieces.reduce((sum, piece) => sum + piece.rows, 0);
      // The rows of a table may go although the work is to stop: their spans are gone.
      if (role === 'spans' && this.reasonToStop()) {
        for (const trace of some) left.delete(trace);
        continue;
      }
      if (totals.get(partition) === rows && (await this.dropWhole(role, partition, pieces))) {
        this.took(role, rows);
        continue;
      }
      for (const batch of slices(some, DELETED_AT_ONCE.rows, role)) {
        const stopped = role === 'spans' ? this.reasonToStop() : null;
        const done = stopped ? [] : await this.deleteBatch(role, partition, batch);
        if (!stopped) this.applied.changed += batch.length - done.length;
        for (const trace of batch) if (!done.includes(trace)) left.delete(trace);
      }
    }
    return [...left];
  }

  /**
   * Drops the parts of a month, each by its name, if their rows are exactly those that were examined (and archived):
   * a row that is inserted meanwhile is in a part of its own, which stays.
   * @returns false if there is anything else in it
   */
  private async dropWhole(role: Role, partition: string, pieces: readonly Piece[]): Promise<boolean> {
    const start = performance.now();
    let rows = pieces.reduce((sum, piece) => sum + piece.rows, 0);
    let digest = pieces.reduce((sum, piece) => plus(sum, piece.digest), 0n);
    const {schema, name, qualifiedName} = this.tables[role];
    let hasDropped = false;
    for (let tries = 0; tries < TRIES; tries++) {
      const parts = await this.store.all<{part: string}>(sql`
select name as part from system.parts where active and database = ${schema!} and table = ${name} and partition_id = ${partition} order by part`);
      const names = parts.map(({part}) => part);
      const found = await this.store.all<{part: string; n: number; digest: string}>(sql`
select _part as part, count() as n, toString(sum(${this.hash(role)})) as digest
  from ${from(role)}
 where _partition_id = ${partition} and ${isAnyOf(raw('_part'), names)}
 group by part`);
      const known = new Map(found.map(({part, ...sums}) => [part, {rows: sums.n, digest: BigInt(sums.digest)}]));
      const all = [...known.values()];
      const isSame =
        all.reduce((sum, part) => sum + part.rows, 0) === rows &&
        all.reduce((sum, part) => plus(sum, part.digest), 0n) === digest;
      // A merge may have replaced parts between the two reads.
      if (!isSame && tries + 1 < TRIES && !hasDropped && all.length < names.length) continue;
      if (!isSame && !hasDropped) return false;
      if (!isSame)
        throw new UserError(EXIT.failed, `${qualifiedName}: something else deleted from partition ${partition}.`, {
          hint: 'Nothing more was deleted. Run it again.',
        });
      let isAll = true;
      for (const part of names) {
        isAll = await this.mutations.dropPart(dropStatement(qualifiedName, part));
        if (!isAll) break;
        hasDropped = true;
        const {rows: n, digest: of} = known.get(part) ?? {rows: 0, digest: 0n};
        rows -= n;
        digest = plus(digest, (1n << 64n) - of);
      }
      if (isAll) {
        this.timed(start);
        return true;
      }
      await sleep(AGAIN_MS);
    }
    if (!hasDropped) return false;
    throw new UserError(
      EXIT.failed,
      `the parts of partition ${partition} of ${qualifiedName} were merged again and again.`,
      {
        hint: 'Run it again: what is left of this month is deleted then.',
      },
    );
  }

  /** With an archive, of the whole row. */
  private hash(role: Role): Sql {
    return this.options.archive ? contentHash(role, this.options.columns[role]) : IDENTITY[role];
  }

  /** @returns those that were the same, and are gone now */
  private async deleteBatch(role: Role, partition: string, batch: readonly PiecedTrace[]): Promise<PiecedTrace[]> {
    const start = performance.now();
    const {store, options} = this;
    const own = (trace: PiecedTrace) => trace.pieces.filter(piece => isIn(piece, role, partition));
    const idOf = role === 'spans' ? raw('s.span_id') : raw('toString(toUnixTimestamp64Micro(t.created_at))');
    const rows = await store.all<{id: string; trace: string; digest: string}>(sql`
select ${raw(`${ALIAS[role]}.trace_id`)} as trace, ${idOf} as id, toString(${this.hash(role)}) as digest
  from ${from(role)}
 where _partition_id = ${partition} and ${ofTraces(role, batch)} and ${withinPieces(role, batch.flatMap(own))}`);
    const sums = new Map<string, {rows: number; digest: bigint}>();
    for (const row of rows) {
      const sum = sums.get(row.trace) ?? {rows: 0, digest: 0n};
      sums.set(row.trace, {rows: sum.rows + 1, digest: plus(sum.digest, BigInt(row.digest))});
    }
    const ready = batch.filter(trace => {
      const sum = sums.get(trace.traceId);
      return own(trace).every(({rows: n, digest}) => sum?.rows === n && sum.digest === digest);
    });
    if (ready.length === 0) return ready;
    const ids = new Set(ready.map(({traceId}) => traceId));
    const keys = [...new Set(rows.filter(({trace}) => ids.has(trace)).map(({id}) => id))];
    // Without names of tables before the columns: a deletion knows none.
    const ofRows =
      role === 'spans'
        ? isAnyOf(raw('span_id'), keys)
        : raw(`toUnixTimestamp64Micro(created_at) in (${keys.map(key => String(BigInt(key))).join(', ')})`);
    const where = sql`${isAnyOf(raw('trace_id'), [...ids])} and ${ofRows} and created_at < ${time(options.cutoff.text)}`;
    const ofBatch = inline(where, 'clickhouse', store.tables);
    await this.mutations.delete(deleteStatement(this.tables[role].qualifiedName, partition, ofBatch));
    await this.untilGone(role, partition, where);
    this.timed(start);
    this.took(
      role,
      ready.flatMap(own).reduce((sum, piece) => sum + piece.rows, 0),
    );
    return ready;
  }

  /** A server may answer before a deletion is visible, whatever the settings say. */
  private async untilGone(role: Role, partition: string, where: Sql): Promise<void> {
    // It may have ended between two looks: only what is there after no deletion is open will stay.
    let wasOpen = true;
    for (;;) {
      const [row] = await this.store.all<{n: number}>(
        sql`select count() as n from ${from(role)} where _partition_id = ${partition} and ${where}`,
      );
      if (row!.n === 0) return;
      const {schema, name, qualifiedName} = this.tables[role];
      const [open] = await this.store.all<{id: string; reason: string}>(sql`
select mutation_id as id, latest_fail_reason as reason
  from system.mutations
 where database = ${schema!} and table = ${name} and not is_done
 order by latest_fail_reason desc
 limit 1`);
      if (open ? open.reason !== '' : !wasOpen)
        throw new UserError(EXIT.failed, `a deletion from ${qualifiedName} has not removed all its rows.`, {
          hint: open ? `system.mutations says why: ${open.id}` : 'Run it again.',
        });
      wasOpen = open !== undefined;
      if (!open) continue;
      this.report(`mutation ${open.id} of ${qualifiedName}`);
      await sleep(AGAIN_MS);
    }
  }

  private took(role: Role, rows: number): void {
    this.applied.batches++;
    if (role === 'spans') this.applied.spans += rows;
    this.report(null);
  }

  private timed(startMs: number): void {
    this.applied.longestBatchMs = Math.max(this.applied.longestBatchMs, performance.now() - startMs);
  }

  private reasonToStop(otherwise: StoppedBy | null = null, wasCut = true): StoppedBy | null {
    if (!wasCut) return otherwise;
    if (this.options.stop.aborted) return 'signal';
    const {maxRuntimeMs} = this.options;
    return maxRuntimeMs !== null && performance.now() - this.startMs >= maxRuntimeMs ? 'max-runtime' : otherwise;
  }

  private async settle(): Promise<void> {
    const {notBeforeMs, stop} = this.options;
    while (!stop.aborted) {
      const leftMs = notBeforeMs - performance.now();
      if (leftMs <= 0) return;
      this.report(`late spans, ${Math.ceil(leftMs / 1000)} s left`);
      await sleep(Math.min(leftMs, 1000), undefined, {signal: stop}).catch(error => {
        if (!stop.aborted) throw error;
      });
    }
  }

  private report(waitsFor: string | null): void {
    const {traces, spans, changed} = this.applied;
    this.options.onProgress?.({traces, spans, changed, waitsFor});
  }
}

const isIn = (piece: Piece, role: Role, partition: string) => piece.role === role && piece.partition === partition;

function earliest(pieces: readonly Piece[]): string {
  return pieces.reduce((min, {first}) => (first < min ? first : min), pieces[0]!.first);
}

function newest(pieces: readonly Piece[]): string {
  return pieces.reduce((max, {last}) => (last > max ? last : max), pieces[0]!.last);
}

function grouped<T extends {readonly traceId: string}>(rows: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const same = groups.get(row.traceId);
    if (same) same.push(row);
    else groups.set(row.traceId, [row]);
  }
  return groups;
}

function rowsOf({pieces}: PiecedTrace, role: Role | null): number {
  return pieces.reduce((sum, piece) => sum + (role === null || piece.role === role ? piece.rows : 0), 0);
}

/** As many as `--max-rows` allows, but at least one. */
function upTo(traces: readonly PiecedTrace[], maxRows: number): PiecedTrace[] {
  const some: PiecedTrace[] = [];
  let rows = 0;
  for (const trace of traces) {
    rows += rowsOf(trace, null);
    if (rows > maxRows && some.length > 0) break;
    some.push(trace);
  }
  return some;
}

function* slices(
  traces: readonly PiecedTrace[],
  mostRows = ARCHIVED_AT_ONCE.spans,
  role: Role | null = null,
): Generator<PiecedTrace[]> {
  let slice: PiecedTrace[] = [];
  let [rows, bytes] = [0, 0];
  for (const trace of traces) {
    const more = rowsOf(trace, role);
    const isFull = rows + more > mostRows || bytes + trace.bytes > ARCHIVED_AT_ONCE.bytes;
    if (slice.length > 0 && (isFull || slice.length >= ARCHIVED_AT_ONCE.traces)) {
      yield slice;
      slice = [];
      [rows, bytes] = [0, 0];
    }
    slice.push(trace);
    [rows, bytes] = [rows + more, bytes + trace.bytes];
  }
  if (slice.length > 0) yield slice;
}
