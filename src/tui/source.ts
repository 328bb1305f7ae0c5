import type {Safe} from '../text/safe.ts';
import type {ShownRun} from '../trace/drawn-spans.ts';
import type {JudgedRun, RunRecord} from '../trace/record.ts';
import type {Span} from '../trace/span.ts';

/**
 * What the screens need from outside: one source at a time, live (`tail`) or history (`ui`). Whoever implements it knows
 * the database; the screens never do. It is a store that is looked at: the screens take a `snapshot`, draw it, and look
 * again when told. Snapshots are not changed after they were handed out, and what did not change keeps its identity (a
 * run that gained nothing is the same object), so that nothing is drawn for nothing.
 */
export interface RunSource {
  /** `live`: runs arrive by themselves, and the newest can be followed. */
  readonly mode: 'live' | 'history';
  /** Where the runs come from, as `shop@db.internal/ai` or a file; without a secret. */
  readonly name: string;
  snapshot(): Snapshot;
  /** @returns how to stop. The listener is called after the snapshot has changed, maybe while a call of ours runs. */
  subscribe(listener: () => void): () => void;
  /** The clock that the runs' states are judged by: the database's on Postgres. Microseconds since 1970. */
  nowMicros(): number;
  /**
   * Wants the rows of a run: from then on the snapshot's `opened` is about it and grows as the run does.
   * Calling it again with the key that is open changes nothing, unless it failed: then it is tried again.
   */
  open(key: string): void;
  /** Spans with everything they hold, for the detail pane. In no order; a span that is gone is left out. Rejects with what went wrong. */
  loadSpans(spanIds: readonly string[]): Promise<readonly Span[]>;
  /** A page about runs. Rejects with what went wrong. */
  page(wanted: WantedPage): Promise<readonly Safe[]>;
  /** Wants the next older runs. Means something while `older` is `some`. */
  loadOlder(): void;
  /**
   * Keeps only runs that match a query (the grammar of `-q`); an empty text: all.
   * @throws UserError with `place`, when the text is no query; the filter in force stays
   */
  setFilter(query: string): void;
  /** The statements it sends, as `--print-sql` has them, newest first; runnable as they stand. */
  statements(): readonly string[];
  /** Ends all reading. Nothing is published afterwards. */
  close(): Promise<void>;
}

export interface Snapshot {
  /** Newest first, those that match the filter. */
  readonly runs: readonly ListedRun[];
  /** Whether there are older ones to ask for. `loading`: they were asked for, or the first page is on its way. */
  readonly older: 'some' | 'loading' | 'none';
  readonly opened: OpenedRun | null;
  readonly connection: SourceState;
  /** The query in force, as it was typed; empty: none. */
  readonly filter: string;
  /** Runs that ended or appeared within the last minutes, as a rate; null: not known, or not live. */
  readonly runsPerMinute: number | null;
  /** From a span being written to it being here, ms, lately; null: not known, or not live. */
  readonly lagMs: number | null;
  /** Traces without any of Agno's spans that are not shown, dashboard polls mostly; null: not counted. */
  readonly hiddenTraffic: number | null;
  /** What a reader must know of how it was read, oldest first: late spans, a replaced file, what cannot be covered. */
  readonly notices: readonly string[];
  /** Why the last thing asked for (a page, an older page) did not come; null: it came. What was read before stays. */
  readonly failure: Failure | null;
}

/** Whether two snapshots show the same: a follower looks several times a second, and most looks find nothing. */
export function isSameSnapshot(a: Snapshot, b: Snapshot): boolean {
  // A rate creeps while the time goes on that it is taken over; it is shown in tenths.
  const shown = ({runsPerMinute, ...rest}: Snapshot) => ({...rest, rate: runsPerMinute?.toFixed(1)});
  const other: Readonly<Record<string, unknown>> = shown(b);
  return Object.entries(shown(a)).every(([field, value]) => Object.is(value, other[field]));
}

/** What is said in a run, or where two runs part. */
export interface WantedPage {
  readonly kind: 'transcript' | 'diff';
  /** One, or the two that are compared. */
  readonly runs: readonly RunRecord[];
  readonly columns: number;
}

/** A run as the list has it. */
export interface ListedRun {
  /** The same for the whole life of a run, its run span coming or not: selection and scrolling stick to it. */
  readonly key: string;
  readonly judged: JudgedRun;
}

/** The run whose tree is looked at. */
export interface OpenedRun {
  readonly key: string;
  /** Its parts in order: a paused run and its continuations are several. Null: not here yet. */
  readonly parts: readonly ShownRun[] | null;
  /** Why it could not be read, now; `parts` may still be there from before. */
  readonly failure: Failure | null;
}

export interface Failure {
  /** One line, as errors are printed. */
  readonly message: string;
  readonly hint: string | null;
}

export type SourceState =
  | {readonly state: 'live'}
  /** Nothing is wrong and nothing to read yet: the tables do not exist. */
  | {readonly state: 'waiting'; readonly reason: string}
  | {readonly state: 'reconnecting'; readonly reason: string; readonly retryAtMicros: number};
