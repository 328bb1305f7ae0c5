import type {ArchiveHeader} from '../archive/format.ts';
import type {Dialect} from '../sql/sql.ts';
import type {ConnectionFacts} from '../store/connection-info.ts';
import type {Source} from '../store/source.ts';
import type {Store} from '../store/store.ts';
import {openAlone} from './alone.ts';
import {openMonthRestorer} from './month-restore.ts';
import {planRestore, type Restored, type RestorePlan, restore, targetOf} from './restore.ts';

/** An archive on its way back into one database. */
export interface Restorer {
  /** Reads a complete archive, checks it, and counts which of its rows are already in the database. Changes nothing. */
  plan(file: string, onProgress?: (rows: number) => void): Promise<RestorePlan>;
  /** Inserts the rows and keeps existing ones. Running it again resumes. */
  run(file: string, options: {stop: AbortSignal; onProgress?: (rows: number) => void}): Promise<Restored>;
  hurry?(): void;
  close(): Promise<void>;
}

interface RestorerOptions {
  readonly isDry: boolean;
  readonly lockWaitMs: number;
}

type Open = (
  source: Source,
  store: Store,
  facts: ConnectionFacts,
  header: ArchiveHeader,
  options: RestorerOptions,
) => Promise<Restorer>;

const RESTORERS: Readonly<Record<Dialect, Open>> = {
  sqlite: inTransactions,
  postgres: inTransactions,
  clickhouse: (source, store, facts, header, {isDry}) => openMonthRestorer(source, store, facts, header, isDry),
};

export const openRestorer: Open = (source, store, facts, header, options) =>
  RESTORERS[store.dialect](source, store, facts, header, options);

async function inTransactions(
  ...[source, store, facts, header, {isDry, lockWaitMs}]: Parameters<Open>
): Promise<Restorer> {
  const target = await targetOf(store, facts, header);
  const changes = isDry ? null : await openAlone(source, store, lockWaitMs);
  return {
    plan: (file, onProgress) => planRestore(store, file, onProgress),
    run: async (file, options) => {
      await store.close();
      return restore(changes!, file, {target, ...options});
    },
    hurry: () => changes?.hurry?.(),
    close: async () => changes?.close(),
  };
}
