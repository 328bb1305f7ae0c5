import type {Source} from './source.ts';
import type {OpenOptions, Store} from './store.ts';

/** Opens a database for reading. Loads only the code for its kind. */
export async function openStore(source: Source, options: OpenOptions): Promise<Store> {
  if (source.dialect === 'sqlite' && source.isArchive)
    return (await import('./archive.ts')).openArchiveStore(source, options);
  if (source.dialect === 'sqlite') return (await import('./sqlite/store.ts')).openSqlite(source, options);
  if (source.dialect === 'clickhouse') return (await import('./clickhouse/store.ts')).openClickhouse(source, options);
  return (await import('./postgres/store.ts')).openPostgres(source, options);
}
