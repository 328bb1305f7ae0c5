import {isoTime, parseTime} from '../trace/time.ts';
import type {Cutoff} from './cutoff.ts';
import type {Ground} from './ground.ts';
import type {Chosen} from './select.ts';
import type {Reason} from './survey.ts';

/** The plan of a prune, in the form of its JSON. Unknown is null. */
export interface PrunePlan {
  readonly database: string;
  /** ISO; a trace is deleted if its last activity is before this time. */
  readonly cutoff: string;
  /** Which of the old traces, in words. */
  readonly selection: string;
  readonly traces: number;
  readonly spans: number;
  /** Approximate. */
  readonly bytes: number;
  /** All traces that are kept, including newer ones. */
  readonly staying: number;
  /** More than half of all traces would be deleted. */
  readonly mostOfAll: boolean;
  /** Last activity of the trace that was quiet for longest, and of the last one to delete; ISO. */
  readonly oldest: string | null;
  readonly newest: string | null;
  /** Number of traces that the two counts below cover: all of them, or an even sample. */
  readonly judged: number;
  readonly byComponent: Readonly<Record<string, number>>;
  readonly byState: Readonly<Record<string, number>>;
  /** Traces from before the cutoff that are kept, by reason. */
  readonly skipped: Readonly<Partial<Record<Reason, number>>>;
  /** Traces without a row in the table of traces, included above. */
  readonly orphans: number;
  /** Some trace ids, from the oldest to the newest. */
  readonly sample: readonly string[];
  /** Whether the space is returned to the system, in words. */
  readonly space: string;
  /** The statements of one batch; on ClickHouse, of a whole month and of a batch. */
  readonly sql: readonly string[];
  /** False on ClickHouse: there each statement stands for itself. */
  readonly inTransactions: boolean;
  readonly archive: string | null;
  /** Time between examining and the first deletion. */
  readonly settleMs: number;
}

const SAMPLES = 5;
const COMPONENTS = 10;

interface PlanInput {
  readonly cutoff: Cutoff;
  readonly chosen: Chosen;
  readonly skipped: ReadonlyMap<Reason, number>;
  readonly staying: number;
  readonly selection: string;
  readonly archive: string | null;
  readonly settleMs: number;
}

export function prunePlan(
  label: string,
  ground: Pick<Ground, 'space' | 'statements' | 'hasTransactions'>,
  {cutoff, chosen, skipped, staying, selection, archive, settleMs}: PlanInput,
): PrunePlan {
  const {candidates, tally} = chosen;
  const sum = (figure: 'spans' | 'bytes') => candidates.reduce((total, candidate) => total + candidate[figure], 0);
  const times = candidates.map(({lastAt}) => lastAt);
  return {
    database: label,
    cutoff: isoTime(cutoff.micros)!,
    selection,
    traces: candidates.length,
    spans: sum('spans'),
    bytes: sum('bytes'),
    staying,
    mostOfAll: candidates.length > staying,
    oldest: isoTime(parseTime(smallest(times))),
    newest: isoTime(parseTime(largest(times))),
    judged: tally.traces,
    byComponent: topOf(tally.byComponent),
    byState: topOf(tally.byState),
    skipped: Object.fromEntries(skipped),
    orphans: candidates.filter(({row}) => row === null).length,
    sample: evenly(candidates, SAMPLES).map(({traceId}) => traceId),
    space: ground.space,
    sql: ground.statements(cutoff, candidates),
    inTransactions: ground.hasTransactions,
    archive,
    settleMs,
  };
}

function topOf(counts: ReadonlyMap<string, number>): Record<string, number> {
  const sorted = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const rest = sorted.slice(COMPONENTS).reduce((sum, [, n]) => sum + n, 0);
  return Object.fromEntries([...sorted.slice(0, COMPONENTS), ...(rest > 0 ? [['others', rest] as const] : [])]);
}

function smallest(texts: readonly string[]): string | null {
  return texts.reduce<string | null>((min, text) => (min === null || text < min ? text : min), null);
}

function largest(texts: readonly string[]): string | null {
  return texts.reduce<string | null>((max, text) => (max === null || text > max ? text : max), null);
}

function evenly<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  return Array.from({length: count}, (_, i) => items[Math.round((i * (items.length - 1)) / (count - 1))]!);
}
