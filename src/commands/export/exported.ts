import type {Prices} from '../../prices/prices.ts';
import {loadRuns} from '../../runs/load.ts';
import {loadRunPage} from '../../runs/page.ts';
import {inTraces} from '../../runs/spans.ts';
import {walkMatchingTraces} from '../../runs/walk.ts';
import {loadShown, shownRun} from '../../show/shown.ts';
import {isAnyOf} from '../../sql/fragments.ts';
import {raw, sql, table} from '../../sql/sql.ts';
import type {Store} from '../../store/store.ts';
import type {DrawnSpan, ShownRun} from '../../trace/drawn-spans.ts';
import type {Query, RunFilter} from '../../trace/filter.ts';
import type {JudgedRun} from '../../trace/record.ts';
import type {Patience} from '../../trace/runs.ts';
import type {SpanRow} from '../../trace/span.ts';
import {type StoredSpan, toStoredSpan} from '../../trace/stored-span.ts';

/** Which runs: those that ids name, as in `show`, or all that match. */
export type ExportSelection =
  | {readonly ids: readonly string[]; readonly query: Query | null}
  | {
      readonly filter: RunFilter;
      /** Number of the newest ones; 0: all. */
      readonly limit: number;
    };

interface ExportOptions {
  readonly patience: Patience;
  readonly prices?: Prices;
  /** Gives each run all of its rows, even those of a request around several runs. */
  readonly isWhole: boolean;
  /** Called with what belongs to reading the answer correctly. */
  readonly note: (text: string) => void;
  readonly onProgress?: (spans: number) => void;
}

/** Runs per page; a page keeps its runs in memory until it has been written. */
const RUNS_PER_PAGE = 200;

/** A run, with only those rows that no run before it had: the request around several runs is exported once. */
export interface ExportedRun {
  readonly shown: ShownRun;
  readonly rows: readonly DrawnSpan[];
}

/** The selected runs, in groups that are read together. Past ones are not kept. */
export async function* exportedRuns(
  store: Store,
  selection: ExportSelection,
  options: ExportOptions,
): AsyncGenerator<readonly ExportedRun[]> {
  if ('ids' in selection) {
    const seen = new Set<string>();
    for (const id of selection.ids) {
      const {runs, notes} = await loadShown(store, id, {...options, sessionLimit: 0, query: selection.query});
      notes.forEach(options.note);
      yield unseen(runs, options.isWhole ? null : seen);
    }
    return;
  }
  const {filter, limit} = selection;
  if (limit > 0) return yield* newestRuns(store, filter, limit, options);
  const walk = {filter, ...options, from: null, firstStretch: Number.POSITIVE_INFINITY};
  for await (const {trace, runs} of walkMatchingTraces(store, walk))
    yield unseen(
      runs.map(judged => shownRun(judged, trace)),
      options.isWhole ? null : new Set(),
    );
}

async function* newestRuns(
  store: Store,
  filter: RunFilter,
  limit: number,
  {patience, prices, isWhole, onProgress}: ExportOptions,
): AsyncGenerator<readonly ExportedRun[]> {
  const seen = new Set<string>();
  let cursor: string | null = null;
  for (let left = limit; left > 0; left -= RUNS_PER_PAGE) {
    const page = await loadRunPage(store, {
      filter,
      limit: Math.min(left, RUNS_PER_PAGE),
      cursor,
      patience,
      prices,
      onProgress,
    });
    const ids = [...new Set(page.runs.map(({run}) => run.traceId))];
    const traces = new Map((await loadRuns(store, ids, {patience, prices})).map(item => [item.trace.traceId, item]));
    for (const judged of page.runs) {
      const found = traces.get(judged.run.traceId);
      const again = found?.runs.find(({run}) => isSame(run, judged.run));
      if (found && again) yield unseen([shownRun(again, found.trace)], isWhole ? null : seen);
    }
    cursor = page.next;
    if (cursor === null) return;
  }
}

/** A run that ended between two reads now has its run span, in the place of the missing one. */
function isSame(a: JudgedRun['run'], b: JudgedRun['run']): boolean {
  return a.root.id === b.root.id || a.startSpan.spanId === b.startSpan.spanId;
}

/** Runs with the rows of theirs that are stored and that none before had; `seen` null: with all that are stored. */
export function unseen(runs: readonly ShownRun[], seen: Set<string> | null): ExportedRun[] {
  return runs.map(shown => ({
    shown,
    rows: shown.rows.filter(({node}) => {
      if (!node.span || !seen) return node.span !== null;
      const key = keyOf(node.traceId, node.id);
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    }),
  }));
}

/** The beginning of a run, or a row of the run that began last, with everything stored about it. */
export interface ExportedItem {
  readonly run: ShownRun;
  /** Null: the run begins. */
  readonly row: DrawnSpan | null;
  /** Null: it was deleted since its trace was read. */
  readonly span: StoredSpan | null;
}

/** Initial number of complete rows per statement; later as many as a few megabytes hold. */
const FIRST_ROWS = 50;
const MOST_ROWS = 200;
const FITTING_BYTES = 4_000_000;

/** Reads complete rows of runs, some at a time: of large ones, only one payload is in memory. */
export async function* wholeRows(
  store: Store,
  groups: AsyncIterable<readonly ExportedRun[]>,
): AsyncGenerator<ExportedItem> {
  let rowsAtOnce = FIRST_ROWS;
  let waiting: {run: ShownRun; row: DrawnSpan | null}[] = [];
  let rows = 0;
  const load = async () => {
    const items = waiting;
    const count = rows;
    waiting = [];
    rows = 0;
    const nodes = items.flatMap(({row}) => (row ? [row.node] : []));
    const found = await loadStored(store, nodes);
    const bytes = [...found.values()].reduce((sum, span) => sum + span.bytes, 0);
    rowsAtOnce = Math.max(1, Math.min(MOST_ROWS, Math.floor((count * FITTING_BYTES) / Math.max(bytes, 1))));
    return items.map(
      ({run, row}): ExportedItem => ({
        run,
        row,
        span: row && (found.get(keyOf(row.node.traceId, row.node.id)) ?? null),
      }),
    );
  };
  for await (const runs of groups) {
    for (const {shown, rows: own} of runs) {
      waiting.push({run: shown, row: null});
      for (const row of own) {
        waiting.push({run: shown, row});
        if (++rows >= rowsAtOnce) yield* await load();
      }
    }
  }
  yield* await load();
}

/** OpenTelemetry guarantees that a span id is unique only within its trace. */
function keyOf(traceId: string, spanId: string): string {
  return `${traceId} ${spanId}`;
}

async function loadStored(store: Store, nodes: readonly DrawnSpan['node'][]): Promise<Map<string, StoredSpan>> {
  if (nodes.length === 0) return new Map();
  const spanIds = nodes.map(({id}) => id);
  const traceIds = [...new Set(nodes.map(({traceId}) => traceId))];
  const rows = await store.all<SpanRow>(sql`
select s.*
  from ${table('spans')} s
 where ${isAnyOf(raw('s.span_id'), spanIds)}${inTraces(traceIds)}`);
  return new Map(rows.map(toStoredSpan).map(span => [keyOf(span.traceId, span.spanId), span]));
}
