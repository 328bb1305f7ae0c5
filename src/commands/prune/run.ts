import path from 'node:path';
import packageJson from '../../../package.json' with {type: 'json'};
import type {ArchiveHeader} from '../../archive/format.ts';
import {ArchiveWriter, checkPlace} from '../../archive/writer.ts';
import type {Context} from '../../context.ts';
import {EXIT, UserError, usageError} from '../../errors.ts';
import {type AgeFlags, cutoffMicrosOf} from '../../flags/age.ts';
import {sourceOf} from '../../flags/database.ts';
import type {OutputFlags, PatienceFlags, ReadFlags, WhatFlags, WhoFlags} from '../../flags/declare.ts';
import {columnsOf, formatOf, lookOf, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {queryNotes} from '../../flags/query.ts';
import {filterOf, patienceOf} from '../../flags/selection.ts';
import {parseChoice, parseCount, parseLength} from '../../flags/values.ts';
import {append} from '../../lists.ts';
import {renderNothing, renderPlan, renderResult} from '../../render/prune.ts';
import {type Applied, applyPrune} from '../../retention/apply.ts';
import {KEEP_LAST_PER, type Selection} from '../../retention/choice.ts';
import {canArchive} from '../../retention/preflight.ts';
import {archiveHeader, openAlone, type Prepared, preparePrune} from '../../retention/prune.ts';
import type {ConnectionFacts} from '../../store/facts.ts';
import type {Source} from '../../store/source.ts';
import type {Store} from '../../store/store.ts';
import {hoisted, NO_FILTER, type RunFilter} from '../../trace/filter.ts';
import {isoTime} from '../../trace/time.ts';
import {confirm} from './confirm.ts';
import {withPatientStore} from './opening.ts';
import {ProgressLine} from './progress.ts';
import {stoppable} from './stop.ts';

export interface PruneFlags extends ReadFlags, OutputFlags, WhoFlags, WhatFlags, PatienceFlags, AgeFlags {
  ageBy?: string;
  keepErrors?: boolean;
  keepLast?: string;
  per?: string;
  traffic?: boolean;
  orphans?: boolean;
  dryRun?: boolean;
  yes?: boolean;
  expectMax?: string;
  archive?: string;
  maxRows?: string;
  maxRuntime?: string;
  lockWait?: string;
  settle?: string;
  quiet?: boolean;
}

const SETTLE_MS = 30_000;
const HOUR_MICROS = 3_600_000_000;
/** Longest waits inside one batch: for a lock, and for a statement (Postgres). */
const LIMITS = {lockMs: 300, statementMs: 15_000};

/** Answers `prune`: the plan; then, if the user says so, the deletion. */
export default async function prune(flags: PruneFlags, context: Context): Promise<void> {
  const asked = readFlags(flags, context);
  if (flags.query !== undefined) append(context.notes, queryNotes(flags.query));
  const source = sourceOf(flags, context);
  await withPatientStore(flags, context, (store, facts) => pruneStore(store, facts, source, asked, flags, context));
}

type Asked = ReturnType<typeof readFlags>;

/** Everything that can be wrong about the flags, before a database is asked. */
function readFlags(flags: PruneFlags, context: Context) {
  if (flags.ageBy !== undefined) parseChoice('--age-by', flags.ageBy, ['last-activity']);
  cutoffMicrosOf(flags, context.nowMicros());
  const filter = hoisted(
    filterOf({...flags, since: undefined, until: undefined, last: undefined} as PruneFlags, context.nowMicros()),
  );
  const hasFilter = isFilter(filter);
  const hasAge = flags.olderThan !== undefined || flags.before !== undefined;
  if (!hasAge && !hasFilter && !flags.traffic)
    throw usageError(
      'prune needs an age, or runs to choose.',
      'For example --older-than 30d; everything there is: --older-than 1h, and it will ask.',
    );
  const runs = flags.keepLast === undefined ? null : parseCount('--keep-last', flags.keepLast);
  if ((runs === null) !== (flags.per === undefined))
    throw usageError('--keep-last and --per go together.', 'For example --keep-last 100 --per agent');
  const selection: Selection = {
    filter: hasFilter ? filter : null,
    trafficOnly: flags.traffic ?? false,
    keepErrors: flags.keepErrors ?? false,
    keepLast: runs === null ? null : {runs, per: parseChoice('--per', flags.per!, KEEP_LAST_PER)},
  };
  const settleMs = flags.settle === undefined ? SETTLE_MS : parseLength('--settle', flags.settle);
  if (settleMs < SETTLE_MS && !flags.force)
    throw usageError(
      `--settle "${flags.settle}" is less than 30s: spans that are just being written could lose their trace.`,
      'Leave it out, or add --force where nothing writes.',
    );
  const archive = flags.archive === undefined ? null : path.resolve(context.cwd, flags.archive);
  if (archive !== null) checkPlace(archive);
  return {
    format: formatOf(flags, ['table', 'json']),
    selection,
    archive,
    settleMs,
    patience: patienceOf(flags),
    expectMax: flags.expectMax === undefined ? null : parseCount('--expect-max', flags.expectMax),
    maxRows: flags.maxRows === undefined ? null : parseCount('--max-rows', flags.maxRows),
    maxRuntimeMs: flags.maxRuntime === undefined ? null : parseLength('--max-runtime', flags.maxRuntime),
    lockWaitMs: flags.lockWait === undefined ? 0 : parseLength('--lock-wait', flags.lockWait),
  };
}

function isFilter(filter: RunFilter): boolean {
  return JSON.stringify({...filter, traffic: false}) !== JSON.stringify(NO_FILTER);
}

/** The selection as it was typed. */
function wordsOf(flags: PruneFlags): string {
  const words: string[] = [];
  const say = (flag: string, value: string | number | readonly string[] | boolean | undefined) => {
    if (value === undefined || value === false) return;
    for (const one of Array.isArray(value) ? value : [value]) words.push(one === true ? flag : `${flag} ${one}`);
  };
  for (const [key, value] of Object.entries(flags)) {
    if (!SELECTING.has(key)) continue;
    say(`--${key.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`, value as string);
  }
  return words.length === 0 ? 'all traces' : `traces with ${words.join(' ')}`;
}

const SELECTING = new Set([
  ...['session', 'user', 'agent', 'team', 'workflow', 'run', 'trace'],
  ...[
    'kind',
    'model',
    'tool',
    'name',
    'state',
    'status',
    'error',
    'failed',
    'minDuration',
    'maxDuration',
    'minTokens',
    'query',
  ],
  ...['keepErrors', 'keepLast', 'per', 'traffic', 'orphans', 'olderThan', 'before'],
]);

async function pruneStore(
  store: Store,
  facts: ConnectionFacts,
  source: Source,
  asked: Asked,
  flags: PruneFlags,
  context: Context,
): Promise<void> {
  if (asked.archive !== null && !(await canArchive(store)))
    throw new UserError(EXIT.usage, `"${store.label}" is encoded as SQL_ASCII: its text cannot be archived exactly.`, {
      hint: 'Prune without --archive, and dump the tables with pg_dump.',
    });
  const progress = new ProgressLine(context, flags.quiet ?? false);
  // Before anything is looked at: what another one deletes meanwhile would be in this plan.
  const changes = flags.dryRun ? null : await openAlone(source, store, asked.lockWaitMs);
  try {
    const nowMicros = store.nowMicros();
    const prepared = await preparePrune(store, facts, {
      cutoffMicros: cutoffMicrosOf(flags, nowMicros) ?? nowMicros - HOUR_MICROS,
      selection: asked.selection,
      words: wordsOf(flags),
      orphans: flags.orphans ?? false,
      patience: asked.patience,
      archive: asked.archive,
      onProgress: (what, traces) => progress.looking(what, traces),
    });
    progress.clear();
    const {plan} = prepared;
    append(context.notes, prepared.notes);
    const isTable = asked.format === 'table';
    if (isTable && !flags.quiet)
      writeLine(context, renderPlan(plan, {...lookOf(flags, context), columns: columnsOf(context)}));
    const answer = (result: object | null) => {
      if (isTable) for (const note of flags.quiet ? [] : context.notes.splice(0)) writeNote(context, note);
      else writeMachine(context, asked.format, {command: 'prune', data: {plan, result}, items: [{plan, result}]});
    };
    if (!changes || plan.traces === 0) {
      const left = changes && asked.archive !== null ? await finishLeft(asked.archive, store, prepared, context) : null;
      if (isTable && plan.traces === 0) writeLine(context, renderNothing(plan, left));
      answer(changes ? {...resultOf(null, null, 0), archive: left} : null);
      return;
    }
    try {
      await confirm(plan, source, {yes: flags.yes ?? false, expectMax: asked.expectMax}, context);
    } catch (error) {
      answer(null);
      throw error;
    }
    // At most two connections: one deletes, one holds the lock.
    await store.close();
    await deleteAll(prepared, {store, changes, asked, progress, answer}, context);
  } finally {
    progress.clear();
    await changes?.close();
  }
}

interface Deletion {
  readonly store: Store;
  readonly changes: Awaited<ReturnType<typeof openAlone>>;
  readonly asked: Asked;
  readonly progress: ProgressLine;
  readonly answer: (result: object | null) => void;
}

async function deleteAll(prepared: Prepared, {store, changes, asked, progress, answer}: Deletion, context: Context) {
  const {plan, candidates, cutoff, settledXid, columns} = prepared;
  const archive =
    asked.archive === null ? null : await ArchiveWriter.open(asked.archive, headerOf(store, prepared, context));
  const startMs = performance.now();
  const applied = await stoppable({context, changes, unit: 'batch'}, stop =>
    applyPrune(changes, candidates, {
      rules: {cutoff, settledXid, limits: LIMITS, archive, columns},
      maxRows: asked.maxRows,
      maxRuntimeMs: asked.maxRuntimeMs,
      notBeforeMs: prepared.lookedAtMs + asked.settleMs,
      stop,
      onProgress: ({traces, changed, waitsFor}) => progress.deleting(traces + changed, plan.traces, waitsFor),
    }),
  );
  progress.clear();
  const failure = closeArchive(archive, applied, cutoff.micros, context);
  const result = resultOf(applied, archive, performance.now() - startMs);
  if (asked.format === 'table') writeLine(context, renderResult(plan, result));
  answer(result);
  if (failure) throw failure;
  if (applied.stoppedBy) context.exitCode = EXIT.stopped;
}

function headerOf(store: Store, prepared: Prepared, context: Context): ArchiveHeader {
  const writtenBy = `agno-trace ${packageJson.version}`;
  return archiveHeader(store, prepared, {writtenBy, nowMicros: context.nowMicros()});
}

/** A run that was killed after its last commit left an archive without a name: nothing but this is to be done for it. */
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

/** An archive of what was deleted is finished, unless the disk or the database failed: then it can be gone on with. */
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
