import packageJson from '../../../package.json' with {type: 'json'};
import type {ArchiveHeader} from '../../archive/format.ts';
import {ArchiveWriter, checkPlace} from '../../archive/writer.ts';
import type {Context} from '../../context.ts';
import {EXIT, UserError} from '../../errors.ts';
import {type Access, withPatientStore} from '../../flags/database.ts';
import {stoppable} from '../../flags/ending.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {ProgressLine} from '../../flags/progress-line.ts';
import type {WritingOptions} from '../../flags/writing.ts';
import {append} from '../../lists.ts';
import {renderNothing, renderPlan, renderResult} from '../../render/prune.ts';
import type {Applied} from '../../retention/apply.ts';
import {type Deletion, groundOf} from '../../retention/ground.ts';
import {canArchive} from '../../retention/preflight.ts';
import {archiveHeader, type Prepared, preparePrune} from '../../retention/prune.ts';
import type {Selection} from '../../retention/rules.ts';
import type {ConnectionFacts} from '../../store/connection-info.ts';
import type {Store} from '../../store/store.ts';
import type {Patience} from '../../trace/runs.ts';
import {isoTime} from '../../trace/time.ts';
import {confirm} from './confirm.ts';

export interface PruneOptions extends WritingOptions {
  readonly format: Format;
  readonly ascii: boolean | undefined;
  /** Print only the result. */
  readonly quiet: boolean;
  /** Older traces are deleted, microseconds since 1970; null: no age was given. */
  readonly cutoffAt: (nowMicros: number) => number | null;
  readonly selection: Selection;
  /** The selection as it was typed. */
  readonly words: string;
  /** Also delete spans whose trace row is missing. */
  readonly orphans: boolean;
  readonly archive: string | null;
  readonly settleMs: number;
  readonly patience: Patience;
  readonly expectMax: number | null;
  readonly maxRows: number | null;
  readonly maxRuntimeMs: number | null;
  readonly access: Access;
}

const HOUR_MICROS = 3_600_000_000;

/** Prints the plan; then, after confirmation, deletes. */
export default async function prune(options: PruneOptions, context: Context): Promise<void> {
  if (options.archive !== null) checkPlace(options.archive);
  await withPatientStore(options.access, context, (store, facts) => pruneStore(store, facts, options, context));
}

async function pruneStore(
  store: Store,
  facts: ConnectionFacts,
  options: PruneOptions,
  context: Context,
): Promise<void> {
  const {format, archive, quiet} = options;
  const {source} = options.access.connection;
  if (archive !== null && !(await canArchive(store)))
    throw new UserError(EXIT.usage, `"${store.label}" is encoded as SQL_ASCII: its text cannot be archived exactly.`, {
      hint: 'Prune without --archive, and dump the tables with pg_dump.',
    });
  const progress = new ProgressLine(context, quiet);
  // Before anything is examined: otherwise this plan would include what another command deletes meanwhile.
  const ground = groundOf(source, store, facts);
  const deletion = options.dryRun ? null : await ground.begin(options.lockWaitMs);
  try {
    const nowMicros = store.nowMicros();
    const prepared = await preparePrune(store, ground, {
      cutoffMicros: options.cutoffAt(nowMicros) ?? nowMicros - HOUR_MICROS,
      selection: options.selection,
      words: options.words,
      orphans: options.orphans,
      patience: options.patience,
      archive,
      settleMs: options.settleMs,
      plansOnly: options.dryRun,
      onProgress: (what, traces) => progress.looking(what, traces),
    });
    progress.clear();
    const {plan} = prepared;
    append(context.notes, prepared.notes);
    const isTable = format === 'table';
    if (isTable && !quiet) writeLine(context, renderPlan(plan, drawingOf(options, context)));
    const answer = (result: object | null) => {
      if (isTable) for (const note of quiet ? [] : context.notes.splice(0)) writeNote(context, note);
      else writeMachine(context, format, {command: 'prune', data: {plan, result}, items: [{plan, result}]});
    };
    if (!deletion || plan.traces === 0) {
      const left = deletion && archive !== null ? await finishLeft(archive, store, prepared, context) : null;
      if (isTable && plan.traces === 0) writeLine(context, renderNothing(plan, left));
      answer(deletion ? {...resultOf(null, null, 0), archive: left} : null);
      return;
    }
    try {
      await confirm(plan, source, options, context);
    } catch (error) {
      answer(null);
      throw error;
    }
    await deleteAll(prepared, {store, deletion, options, progress, answer}, context);
  } finally {
    progress.clear();
    await deletion?.close();
  }
}

interface Deleting {
  readonly store: Store;
  readonly deletion: Deletion;
  readonly options: PruneOptions;
  readonly progress: ProgressLine;
  readonly answer: (result: object | null) => void;
}

async function deleteAll(prepared: Prepared, {store, deletion, options, progress, answer}: Deleting, context: Context) {
  const {plan, candidates, cutoff, columns} = prepared;
  const archive =
    options.archive === null ? null : await ArchiveWriter.open(options.archive, headerOf(store, prepared, context));
  const startMs = performance.now();
  const applied = await stoppable({context, changes: deletion, unit: 'batch'}, stop =>
    deletion.apply(candidates, {
      cutoff,
      archive,
      columns,
      maxRows: options.maxRows,
      maxRuntimeMs: options.maxRuntimeMs,
      notBeforeMs: prepared.lookedAtMs + options.settleMs,
      stop,
      onProgress: ({traces, changed, waitsFor}) => progress.deleting(traces + changed, plan.traces, waitsFor),
    }),
  );
  progress.clear();
  const failure = closeArchive(archive, applied, cutoff.micros, context);
  const result = resultOf(applied, archive, performance.now() - startMs);
  if (options.format === 'table') writeLine(context, renderResult(plan, result));
  answer(result);
  if (failure) throw failure;
  if (applied.stoppedBy) context.exitCode = EXIT.stopped;
}

function headerOf(store: Store, prepared: Prepared, context: Context): ArchiveHeader {
  const writtenBy = `agno-trace ${packageJson.version}`;
  return archiveHeader(store, prepared, {writtenBy, nowMicros: context.nowMicros()});
}

/** A run that was killed after its last commit left an archive without its final name: only that remains to be done. */
async function finishLeft(
  file: string,
  store: Store,
  prepared: Prepared,
  context: Context,
): Promise<ReturnType<typeof archived>> {
  const archive = await ArchiveWriter.reopen(file, headerOf(store, prepared, context));
  archive?.finish({cutoff: prepared.plan.cutoff, finishedAt: isoTime(context.nowMicros())!});
  return archived(archive);
}

function archived(archive: ArchiveWriter | null) {
  return archive && archive.written.batches > 0 ? {...archive.written, file: archive.file} : null;
}

/** Completes the archive of the deleted rows, unless the disk or the database failed: then it can be continued. */
function closeArchive(
  archive: ArchiveWriter | null,
  applied: Applied,
  cutoffMicros: number,
  context: Context,
): unknown {
  if (!archive) return applied.failure;
  try {
    if (applied.failure) archive.leave();
    else archive.finish({cutoff: isoTime(cutoffMicros)!, finishedAt: isoTime(context.nowMicros())!});
    return applied.failure;
  } catch (error) {
    applied.stoppedBy ??= 'failure';
    return applied.failure ?? error;
  }
}

function resultOf(applied: Applied | null, archive: ArchiveWriter | null, elapsedMs: number) {
  const {traces = 0, spans = 0, changed = 0, batches = 0, longestBatchMs = 0, stoppedBy = null} = applied ?? {};
  return {
    traces,
    spans,
    changed,
    batches,
    longestBatchMs: Math.round(longestBatchMs),
    elapsedMs: Math.round(elapsedMs),
    stoppedBy,
    archive: archived(archive),
  };
}
