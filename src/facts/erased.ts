import {attribute, isAnyOf} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import type {FactsFile} from './file.ts';

/** Users checked per question; the next question checks the following ones. */
const USERS_AT_ONCE = 500;

interface Known {
  readonly user_id: string;
  readonly span_id: string;
  readonly trace_id: string;
}

/**
 * Looks for people who were erased from the source. Then rows were changed in place, which Agno never does and no
 * count shows. Only the newest run of each user is checked; if only part of a user's rows were changed, only a
 * rebuild finds it.
 * @returns runs whose user the source no longer names
 */
export async function findChangedUsers(store: Store, file: FactsFile): Promise<readonly Known[]> {
  const after = file.about('users') ?? '';
  const known = file.all<Known>(sql`
select k.user_id, r.span_id, r.trace_id
  from (select user_id, max(run_key) as run_key from run_facts
         where user_id is not null and missing = 0 and user_id > ${after}
         group by user_id order by user_id limit ${USERS_AT_ONCE}) k
  join run_facts r on r.run_key = k.run_key`);
  const last = known.length < USERS_AT_ONCE ? '' : known.at(-1)!.user_id;
  if (last !== after) file.setAbout('users', last);
  if (known.length === 0) return [];
  const rows = await store.all<{span_id: unknown; own: unknown; of_trace: unknown}>(sql`
select s.span_id, ${attribute('s', KEY.userId)} as own, t.user_id as of_trace
  from ${table('spans')} s
  left join ${table('traces')} t on t.trace_id = s.trace_id
 where ${isAnyOf(
   raw('s.span_id'),
   known.map(row => row.span_id),
 )}`);
  const named = new Set(rows.flatMap(row => [row.own, row.of_trace].map(user => `${row.span_id} ${user}`)));
  return known.filter(row => !named.has(`${row.span_id} ${row.user_id}`));
}
