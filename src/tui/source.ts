import type {Safe} from '../text/safe.ts';
import type {ShownRun} from '../trace/drawn-spans.ts';
import type {JudgedRun, RunRecord} from '../trace/record.ts';
import type {Span} from '../trace/span.ts';

/**
 * What the screens need from outside: one source at a time, live (`tail`) or history (`ui`). Its implementation knows
 * the database; the screens never do. The screens take a `snapshot`, draw it, and take another when they are
 * notified. A snapshot never changes after it was returned, and unchanged parts keep their identity (a run without
 * news is the same object), so that nothing is drawn unnecessarily.
 */
export interface RunSource {
  /** `live`: runs arrive by themselves, and the newest can be followed. */
  readonly mode: 'live' | 'history';
  /** The source of the runs, such as `shop@db.internal/ai` or a file; without secrets. */
  readonly name: string;
  snapshot(): Snapshot;
  /**
   * @returns a function that unsubscribes. The listener is called after the snapshot has changed, possibly during one
   * of our calls.
   */
  subscribe(listener: () => void): () => void;
  /** The clock by which the runs' states are judged: the database's on Postgres. Microseconds since 1970. */
  nowMicros(): number;
  /**
   * Requests the rows of a run: from then on the snapshot's `opened` is about it and grows with the run. A second
   * call with the same key changes nothing, unless the first failed: then it tries again.
   */
  open(key: string): void;
  /** Complete spans for the detail pane. In no order; deleted spans are left out. Rejects with what went wrong. */
  loadSpans(spanIds: readonly string[]): Promise<readonly Span[]>;
  /** A page about runs. Rejects with what went wrong. */
  page(wanted: WantedPage): Promise<readonly Safe[]>;
  /** Requests the next older runs. Only meaningful while `older` is `some`. */
  loadOlder(): void;
  /**
   * Keeps only runs that match a query (the grammar of `-q`); an empty text: all.
   * @throws UserError with `place` if the text is not a query; the current filter stays
   */
  setFilter(query: string): void;
  /** The statements it sends, in the form of `--print-sql`, newest first; each can be run as it is. */
  statements(): readonly string[];
  /** Ends all reading. Nothing is published afterwards. */
  close(): Promise<void>;
}

export interface Snapshot {
  /** Newest first, those that match the filter. */
  readonly runs: readonly ListedRun[];
  /** Whether older runs can be requested. `loading`: they were requested, or the first page is on its way. */
  readonly older: 'some' | 'loading' | 'none';
  readonly opened: OpenedRun | null;
  readonly connection: SourceState;
  /** The current query, as it was typed; empty: none. */
  readonly filter: string;
  /** Runs that ended or appeared within the last minutes, as a rate; null: unknown, or not live. */
  readonly runsPerMinute: number | null;
  /** Recent time from writing a span to receiving it, ms; null: unknown, or not live. */
  readonly lagMs: number | null;
  /** Hidden traces without any of Agno's spans, mostly dashboard polls; null: not counted. */
  readonly hiddenTraffic: number | null;
  /** What a reader must know about the reading, oldest first: late spans, a replaced file, gaps. */
  readonly notices: readonly string[];
  /** Why the last request (a page, an older page) failed; null: it succeeded. Earlier data stays. */
  readonly failure: Failure | null;
}

/** Whether two snapshots show the same: a follower looks several times a second, and most looks find nothing. */
export function isSameSnapshot(a: Snapshot, b: Snapshot): boolean {
  // The rate changes slowly with time alone; it is shown in tenths.
  const shown = ({runsPerMinute, ...rest}: Snapshot) => ({...rest, rate: runsPerMinute?.toFixed(1)});
  const other: Readonly<Record<string, unknown>> = shown(b);
  return Object.entries(shown(a)).every(([field, value]) => Object.is(value, other[field]));
}

/** The transcript of a run, or the difference of two. */
export interface WantedPage {
  readonly kind: 'transcript' | 'diff';
  /** One, or the two that are compared. */
  readonly runs: readonly RunRecord[];
  readonly columns: number;
}

/** A run in the list. */
export interface ListedRun {
  /** Stays the same for the whole life of a run, with or without its run span: selection and scrolling depend on it. */
  readonly key: string;
  readonly judged: JudgedRun;
}

/** The run whose tree is shown. */
export interface OpenedRun {
  readonly key: string;
  /** Its parts in order: a paused run and its continuations are several. Null: not read yet. */
  readonly parts: readonly ShownRun[] | null;
  /** Why it could not be read now; earlier `parts` may still be there. */
  readonly failure: Failure | null;
}

export interface Failure {
  /** One line, as errors are printed. */
  readonly message: string;
  readonly hint: string | null;
}

export type SourceState =
  | {readonly state: 'live'}
  /** No error, but nothing to read yet: the tables do not exist. */
  | {readonly state: 'waiting'; readonly reason: string}
  | {readonly state: 'reconnecting'; readonly reason: string; readonly retryAtMicros: number};
