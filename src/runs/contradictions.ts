import {isAnyOf} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import {damaged} from '../store/damaged.ts';
import type {Store} from '../store/store.ts';
import {anyTime} from './stretches.ts';

/*
 * An index of a damaged or forged SQLite file may leave out what its table holds. Nothing is missed by that in silence where
 * it shows: each question is one statement, so that no writer comes in between.
 */

/** @throws UserError exit 4 when a walk that met no span had an index to thank for that, which is empty where its table is not */
export async function checkEmpty(store: Store): Promise<void> {
  if (!TRAITS[store.dialect].mayContradictItself) return;
  const rows = await store.all(sql`
select 1
  from (select 1 from ${table('spans')} s not indexed where ${anyTime('s')} limit 1)
 where not exists (select 1 from ${table('spans')} s where ${anyTime('s')})`);
  if (rows.length > 0) throw damaged(store.label);
}

/**
 * @param spanIds of spans that were met, whose traces were then not found; as a rule somebody deleted them
 * @throws UserError exit 4 when they are still there
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
