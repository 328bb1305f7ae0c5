import type {ArchiveHeader} from '../archive/format.ts';
import {FORMAT_VERSION} from '../archive/format.ts';
import {patient} from '../store/patient.ts';
import type {Store} from '../store/store.ts';
import type {Patience} from '../trace/runs.ts';
import {isoTime} from '../trace/time.ts';
import {type Cutoff, cutoffAt} from './cutoff.ts';
import type {Columns, Ground} from './ground.ts';
import {type PrunePlan, prunePlan} from './plan.ts';
import type {Selection} from './rules.ts';
import {chooseTraces} from './select.ts';
import {add, type OldTrace} from './survey.ts';

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
  /** When the last of them had been examined (`performance.now`). */
  readonly lookedAtMs: number;
  readonly columns: Columns;
  readonly notes: readonly string[];
}

/** Examines everything that is old enough and plans what to delete. Only reads. */
export async function preparePrune(impatient: Store, ground: Ground, options: PrepareOptions): Promise<Prepared> {
  const store = patient(impatient);
  const {notes, columns} = await ground.check(options.plansOnly);
  const cutoff = cutoffAt(options.cutoffMicros);
  const report = (what: string) => (traces: number) => options.onProgress?.(what, traces);
  const survey = await ground.surveyTraces({cutoff, onProgress: report('reading old traces')});
  const chosen = await chooseTraces(store, survey.candidates, options.selection, survey.skipped, {
    cutoff,
    patience: options.patience,
    onProgress: report('judging runs'),
  });
  const orphans = options.orphans
    ? await ground.surveyOrphans({cutoff, onProgress: report('searching for spans without a trace row')})
    : null;
  for (const [reason, n] of orphans?.skipped ?? []) add(survey.skipped, reason, n);
  const all = {...chosen, candidates: [...chosen.candidates, ...(orphans?.candidates ?? [])]};
  const going = chosen.candidates.length;
  const staying = Math.max(0, (await ground.countTraces()) - going) + total(orphans?.skipped);
  const {words: selection, archive, settleMs} = options;
  return {
    plan: prunePlan(store.label, ground, {
      cutoff,
      chosen: all,
      skipped: survey.skipped,
      staying,
      selection,
      archive,
      settleMs,
    }),
    candidates: all.candidates,
    cutoff,
    lookedAtMs: performance.now(),
    columns,
    notes,
  };
}

function total(counts: ReadonlyMap<unknown, number> = new Map()): number {
  return [...counts.values()].reduce((sum, n) => sum + n, 0);
}

/** The header of an archive of these rows. */
export function archiveHeader(
  store: Pick<Store, 'dialect' | 'label' | 'tables'>,
  {columns, cutoff, plan}: Prepared,
  {writtenBy, nowMicros}: {writtenBy: string; nowMicros: number},
): ArchiveHeader {
  return {
    agnoTraceArchive: FORMAT_VERSION,
    dialect: store.dialect,
    source: store.label,
    tables: {traces: store.tables.traces!, spans: store.tables.spans!},
    columns,
    cutoff: isoTime(cutoff.micros)!,
    selection: plan.selection,
    writtenBy,
    createdAt: isoTime(nowMicros)!,
  };
}
