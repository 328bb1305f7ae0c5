import type {Source} from './source.ts';
import type {OpenOptions, Store} from './store.ts';

/** Opens a database for reading; the driver is loaded only now, and only the one that is needed. */
export async function openStore(source: Source, options: OpenOptions): Promise<Store> {
  if (source.dialect === 'sqlite') {
    const {openSqlite} = await import('./sqlite/store.ts');
    return openSqlite(source, options);
  }
  const {openPostgres} = await import('./postgres/store.ts');
  return openPostgres(source, options);
}
