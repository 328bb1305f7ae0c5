import {HistorySource} from '../../src/commands/ui/history.ts';
import {readPage} from '../../src/commands/ui/page.ts';
import type {Context} from '../../src/context.ts';
import {filterOf} from '../../src/flags/selection.ts';
import {Prices} from '../../src/prices/prices.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import {DEFAULT_TABLES} from '../../src/store/store.ts';
import {PATIENCE} from '../../src/trace/runs.ts';
import type {RunSource} from '../../src/tui/source.ts';

/** The pictures were taken on this afternoon. */
export const NOW_MICROS = Date.parse('2026-11-22T14:20:00Z') * 1000;

interface Asked {
  readonly query?: string;
  readonly traffic?: boolean;
  readonly nowMicros?: () => number;
}

const CONTEXT: Context = {
  stdout: {isTTY: true, columns: 80, write: () => undefined},
  stderr: {isTTY: true, columns: 80, write: () => undefined},
  env: {},
  stdin: async () => '',
  cwd: '/',
  notes: [],
  secrets: [],
  nowMicros: () => NOW_MICROS,
};

/** The runs of a real database as `ui` gives them to the screens. */
export async function openHistory(db: string, {query = '', traffic, nowMicros = () => NOW_MICROS}: Asked = {}) {
  const tables = {schema: null, tracesTable: DEFAULT_TABLES.traces, spansTable: DEFAULT_TABLES.spans};
  const store = await openStore(parseSource(db, '--db', {}, '/'), {
    nowMicros,
    tables,
    timeoutMs: 30_000,
    warn: () => undefined,
  });
  const settings = {patience: PATIENCE, prices: new Prices(null)};
  const source = new HistorySource(store, {
    filter: text => filterOf({traffic, query: text === '' ? undefined : text}, store.nowMicros()),
    query,
    ...settings,
    notes: [],
    withPeers: async (_, runs) => runs,
    page: (from, wanted) => readPage(from, wanted, {ascii: false, context: CONTEXT, ...settings}),
  });
  return {source, store};
}

/** Waits for the page that was asked for. */
export function loaded(source: RunSource): Promise<void> {
  return new Promise(resolve => {
    if (source.snapshot().older !== 'loading') return resolve();
    const stop = source.subscribe(() => {
      if (source.snapshot().older === 'loading') return;
      stop();
      resolve();
    });
  });
}
