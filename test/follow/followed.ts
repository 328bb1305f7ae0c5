import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import {DEFAULT_TABLES, type OpenOptions, type Store} from '../../src/store/store.ts';

/** Opens Agno's tables for reading, as a command would. */
export function openTables(url: string, options: Partial<OpenOptions> = {}): Promise<Store> {
  return openStore(parseSource(url, '--db', {}, '/'), {
    tables: {schema: null, tracesTable: DEFAULT_TABLES.traces, spansTable: DEFAULT_TABLES.spans},
    nowMicros: () => Date.now() * 1000,
    timeoutMs: 5000,
    ...options,
  });
}
