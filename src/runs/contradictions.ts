import {isAnyOf} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import {damaged} from '../store/damaged.ts';
import type {Store} from '../store/store.ts';
import {anyTime} from './stretches.ts';

/*
 * An index of a damaged or forged SQLite file may leave out rows of its table. Where this shows, it is reported. Each
 * check is one statement, so that no writer comes in between.
 */

/** @throws UserError exit 4 when a walk met no span because an index is empty and its table is not */
export async function checkEmpty(store: Store): Promise<void> {
  if (!TRAITS[store.dialect].mayContradictItself) return;
  const rows = await store.all(sql`
select 1
  from (select 1 from ${table('spans')} s not indexed where ${anyTime('s')} limit 1)
 where not exists (select 1 from ${table('spans')} s where ${anyTime('s')})`);
  if (rows.length > 0) throw damaged(store.label);
}

/**
 * @param spanIds of spans that the walk met but whose traces were not found; usually somebody deleted them
 * @throws UserError exit 4 when they still exist
 */
export async function checkDeleted(store: Store, spanIds: readonly string[]): Promise<void> {
  if (!TRAITS[store.dialect].mayContradictItself) return;
  const rows = await store.all(sql`
select 1
  from ${table('spans')} s
 where ${isAnyOf(raw('s.span_id'), spanIds)}
   and not exists (select 1 from ${table('spans')} o where o.trace_id = s.trace_id)
 limit 1`);
  if (rows.length > 0) throw damaged(store.label);
}
