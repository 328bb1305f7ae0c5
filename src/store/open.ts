import {openArchiveStore} from './archive.ts';
import {openPostgres} from './postgres/store.ts';
import type {Source} from './source.ts';
import {openSqlite} from './sqlite/store.ts';
import type {OpenOptions, Store} from './store.ts';

/** Opens a database for reading. Each side loads its driver only when it is asked to connect. */
export function openStore(source: Source, options: OpenOptions): Promise<Store> {
  if (source.dialect === 'sqlite' && source.isArchive) return openArchiveStore(source, options);
  return source.dialect === 'sqlite' ? openSqlite(source, options) : openPostgres(source, options);
}
