import type {ArchiveColumn, ArchiveHeader} from '../archive/format.ts';
import {FORMAT_VERSION} from '../archive/format.ts';
import type {ConnectionFacts, TableFacts} from '../store/connection-info.ts';
import {patient} from '../store/patient.ts';
import type {Store} from '../store/store.ts';
import {writable} from '../store/writable.ts';
import type {Patience} from '../trace/runs.ts';
import {isoTime} from '../trace/time.ts';
import {type Cutoff, cutoffAt} from './cutoff.ts';
import {type PrunePlan, prunePlan} from './plan.ts';
import {oldestTransaction, preflight} from './preflight.ts';
import type {Selection} from './rules.ts';
import {chooseTraces} from './select.ts';
import {add, countTraces, type OldTrace, surveyOrphans, surveyTraces} from './survey.ts';

export interface PrepareOptions {
  readonly cutoffMicros: number;
  readonly selection: Selection;
  /** The selection in words. */
  readonly words: string;
  readonly orphans: boolean;
  readonly patience: Patience;
  readonly archive: string | null;
  /** Time between examining and the first deletion. */
  readonly settleMs: number;
  /** Nothing will be deleted. */
  readonly plansOnly: boolean;
  /** Called with the current step and the number of traces done. */
  readonly onProgress?: (what: string, traces: number) => void;
}

export interface Prepared {
  readonly plan: PrunePlan;
  readonly candidates: readonly OldTrace[];
  readonly cutoff: Cutoff;
  readonly settledXid: bigint | null;
  /** When the last of them had been examined (`performance.now`). */
  readonly lookedAtMs: number;
  readonly columns: {readonly traces: readonly ArchiveColumn[]; readonly spans: readonly ArchiveColumn[]};
  readonly notes: readonly string[];
}

/** Examines everything that is old enough and plans what to delete. Only reads. */
export async function preparePrune(
  impatient: Store,
  facts: ConnectionFacts,
  options: PrepareOptions,
): Promise<Prepared> {
  const store = patient(impatient);
  const {notes, ...tables} = await preflight(store, facts, options);
  const cutoff = cutoffAt(options.cutoffMicros);
  const settledXid = await oldestTransaction(store);
  const report = (what: string) => (traces: number) => options.onProgress?.(what, traces);
  const survey = await surveyTraces(store, {cutoff, onProgress: report('reading old traces')});
  const chosen = await chooseTraces(store, survey.candidates, options.selection, survey.skipped, {
    cutoff,
    patience: options.patience,
    onProgress: report('judging runs'),
  });
  const orphans = options.orphans
    ? await surveyOrphans(store, {cutoff, onProgress: report('searching for spans without a trace row')})
    : null;
  for (const [reason, n] of orphans?.skipped ?? []) add(survey.skipped, reason, n);
  const all = {...chosen, candidates: [...chosen.candidates, ...(orphans?.candidates ?? [])]};
  const going = chosen.candidates.length;
  const staying = Math.max(0, (await countTraces(store)) - going) + total(orphans?.skipped);
  const {words: selection, archive, settleMs} = options;
  return {
    plan: prunePlan(store, {cutoff, chosen: all, skipped: survey.skipped, staying, selection, archive, settleMs}),
    candidates: all.candidates,
    cutoff,
    settledXid,
    lookedAtMs: performance.now(),
    columns: {traces: columnsOf(tables.traces), spans: columnsOf(tables.spans)},
    notes,
  };
}

function total(counts: ReadonlyMap<unknown, number> = new Map()): number {
  return [...counts.values()].reduce((sum, n) => sum + n, 0);
}

function columnsOf({columns}: TableFacts): ArchiveColumn[] {
  return columns.map(({name, type}) => ({name, type}));
}

/** The header of an archive of these rows. */
export function archiveHeader(
  store: Pick<Store, 'dialect' | 'label' | 'tables'>,
  {columns, cutoff, plan}: Prepared,
  {writtenBy, nowMicros}: {writtenBy: string; nowMicros: number},
): ArchiveHeader {
  return {
    agnoTraceArchive: FORMAT_VERSION,
    dialect: writable(store.dialect),
    source: store.label,
    tables: {traces: store.tables.traces!, spans: store.tables.spans!},
    columns,
    cutoff: isoTime(cutoff.micros)!,
    selection: plan.selection,
    writtenBy,
    createdAt: isoTime(nowMicros)!,
  };
}
