import {readWidened} from '../../runs/names.ts';
import {loadRunPage, type PageOptions} from '../../runs/page.ts';
import {loadSpans} from '../../runs/spans.ts';
import {loadShownRun} from '../../show/shown.ts';
import type {Store} from '../../store/store.ts';
import type {Safe} from '../../text/safe.ts';
import type {RunFilter} from '../../trace/filter.ts';
import type {JudgedRun} from '../../trace/record.ts';
import type {Span} from '../../trace/span.ts';
import type {Failure, ListedRun, OpenedRun, RunSource, WantedPage} from '../../tui/source.ts';
import {failureOf, type PeersOf, SnapshotSource} from './snapshot-source.ts';

interface HistoryOptions extends Pick<PageOptions, 'patience' | 'prices'> {
  /** The filter of the flags with this query. @throws UserError with the place */
  readonly filter: (query: string) => RunFilter;
  readonly query: string;
  readonly notes: readonly string[];
  /** Read one screen of runs first; absent: as many as the tallest screen has. */
  readonly screenRows?: number;
  readonly page: (store: Store, wanted: WantedPage) => Promise<readonly Safe[]>;
  readonly withPeers: PeersOf;
}

/** Maximum runs in the first read, on a screen of any height. */
const FIRST_PAGE = 50;
/** Number of runs in later reads: some screens full. */
const PAGE = 100;
const LEFT: Failure = {message: 'the screens were closed', hint: null};

/** The runs of the database, page by page, newest first. */
export class HistorySource extends SnapshotSource implements RunSource {
  readonly mode = 'history';
  readonly name: string;
  private readonly store: Store;
  private filter: RunFilter;
  private next: string | null = null;
  /** Counts requests: an answer to an older one is dropped. */
  private asked = 0;
  private opening = 0;

  constructor(
    store: Store,
    private readonly options: HistoryOptions,
  ) {
    super({older: 'loading', connection: {state: 'live'}, filter: options.query, notices: options.notes});
    this.name = store.label;
    this.store = this.watched(store);
    this.filter = options.filter(options.query);
    void this.loadPage(null);
  }

  nowMicros(): number {
    return this.store.nowMicros();
  }

  loadOlder(): void {
    if (this.current.older !== 'some') return;
    this.publish({older: 'loading'});
    void this.loadPage(this.next);
  }

  setFilter(query: string): void {
    this.filter = this.options.filter(query);
    this.next = null;
    this.publish({filter: query, runs: [], older: 'loading', hiddenTraffic: null, failure: null});
    void this.loadPage(null);
  }

  open(key: string): void {
    const {opened} = this.current;
    if (key === opened?.key && !opened.failure) return;
    const run = this.current.runs.find(listed => listed.key === key);
    const at = ++this.opening;
    this.publish({opened: run ? {key: run.key, parts: null, failure: null} : null});
    if (run) void this.loadRun(run, at);
  }

  loadSpans(spanIds: readonly string[]): Promise<readonly Span[]> {
    return this.trimming(loadSpans(this.store, spanIds)).catch(error => {
      if (!this.isClosed) throw error;
      return [];
    });
  }

  page(wanted: WantedPage): Promise<readonly Safe[]> {
    return this.trimming(this.options.page(this.store, wanted));
  }

  /** The connection belongs to the caller that opened it. */
  async close(): Promise<void> {
    this.end();
  }

  private async loadPage(cursor: string | null): Promise<void> {
    const at = ++this.asked;
    const {patience, prices, screenRows = FIRST_PAGE} = this.options;
    const limit = cursor === null ? Math.min(FIRST_PAGE, screenRows) : PAGE;
    const answer = await this.read(
      readWidened(this.store, this.filter, {
        read: filter =>
          loadRunPage(this.store, {filter, limit, cursor, patience, prices, folds: true, countsTraffic: true}),
        isEmpty: ({runs}) => cursor === null && runs.length === 0,
      }),
    );
    if (at !== this.asked) return;
    if ('failure' in answer) {
      this.publish({failure: answer.failure, older: this.next === null ? 'none' : 'some'});
      return;
    }
    const {answer: page, filter, notes} = answer.read;
    const {runs, next, trafficLeftOut} = page;
    this.filter = filter;
    this.next = next;
    const before = cursor === null ? [] : this.current.runs;
    const {hiddenTraffic} = this.current;
    this.publish({
      runs: [...before, ...runs.map(listed)],
      older: next === null ? 'none' : 'some',
      hiddenTraffic: trafficLeftOut === null ? null : (cursor === null ? 0 : (hiddenTraffic ?? 0)) + trafficLeftOut,
      failure: null,
      ...(notes.length > 0 ? {notices: [...this.options.notes, ...notes]} : {}),
    });
  }

  private async loadRun({key, judged}: ListedRun, at: number): Promise<void> {
    const {patience, prices} = this.options;
    const answer = await this.read(
      loadShownRun(this.store, judged.record, {patience, prices, sessionLimit: 0})
        .then(({runs}) => this.options.withPeers(this.store, runs))
        .then(runs => this.readied(runs)),
    );
    if (at !== this.opening) return;
    const opened: OpenedRun =
      'failure' in answer ? {key, parts: null, failure: answer.failure} : {key, parts: answer.read, failure: null};
    this.publish({opened});
  }

  private async read<T>(reading: Promise<T>): Promise<{read: T} | {failure: Failure}> {
    try {
      return {read: await this.trimming(reading)};
    } catch (error) {
      // The user left, which closed the connection during a read; nobody waits for its result.
      if (this.isClosed) return {failure: LEFT};
      return {failure: failureOf(error)};
    }
  }

  private async trimming<T>(reading: Promise<T>): Promise<T> {
    try {
      return await reading;
    } finally {
      this.forgetStatements();
    }
  }
}

function listed(judged: JudgedRun): ListedRun {
  return {key: `${judged.record.traceId} ${judged.record.spanId}`, judged};
}
