import {UserError} from '../../errors.ts';
import {recording} from '../../flags/print-sql.ts';
import {replacing, type Store} from '../../store/store.ts';
import type {ShownRun} from '../../trace/drawn-spans.ts';
import type {Failure, RunSource, Snapshot} from '../../tui/source.ts';
import {indexingRows} from '../../tui/tree/rows.ts';
import {Turns} from '../../turns.ts';

/** How many statements are kept for `S`. */
const KEPT_STATEMENTS = 40;

/** What is shown, with its place among other runs where that is known. */
export type PeersOf = (store: Store, runs: readonly ShownRun[]) => Promise<readonly ShownRun[]>;

/**
 * The common part of the live and the history source: one snapshot with its listeners, and the statements that were
 * sent.
 */
export abstract class SnapshotSource implements Pick<RunSource, 'snapshot' | 'subscribe' | 'statements'> {
  protected current: Snapshot;
  protected isClosed = false;
  private readonly sent: string[] = [];
  private readonly listeners = new Set<() => void>();

  constructor(first: Pick<Snapshot, 'older' | 'connection' | 'filter' | 'notices'>) {
    const unknown = {opened: null, runsPerMinute: null, lagMs: null, hiddenTraffic: null, failure: null};
    this.current = {runs: [], ...unknown, ...first};
  }

  snapshot(): Snapshot {
    return this.current;
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }

  statements(): readonly string[] {
    return [...new Set(this.sent)].reverse();
  }

  protected publish(change: Partial<Snapshot>): void {
    if (this.isClosed) return;
    this.current = {...this.current, ...change};
    for (const listener of this.listeners) listener();
  }

  /** The store as it is read here: its statements are recorded, and keys are handled between them. */
  protected watched(store: Store): Store {
    return takingTurns(recording(store, this.sent));
  }

  /** The parts of a run, with data that the tree would otherwise compute while a frame waits. */
  protected async readied(parts: readonly ShownRun[]): Promise<readonly ShownRun[]> {
    const turns = new Turns();
    for (const part of parts) await turns.finish(indexingRows(part));
    return parts;
  }

  protected forgetStatements(): void {
    this.sent.splice(0, this.sent.length - KEPT_STATEMENTS);
  }

  /** Nothing is published from now on. */
  protected end(): void {
    this.isClosed = true;
    this.listeners.clear();
  }
}

/**
 * `store` for the screens: keys and timers get their turn between statements. SQLite answers within the call, and
 * then an `await` alone gives nobody else a turn.
 */
function takingTurns(store: Store): Store {
  const turns = new Turns();
  return replacing(store, {
    all: async query => {
      await turns.yieldIfLong();
      return store.all(query);
    },
  });
}

/** A database error is shown; a defect ends the screens. */
export function failureOf(error: unknown): Failure {
  if (!(error instanceof UserError)) throw error;
  return {message: error.message, hint: error.hint ?? null};
}
