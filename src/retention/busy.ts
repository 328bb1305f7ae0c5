import {sql, table} from '../sql/sql.ts';
import type {Changes} from '../store/changes.ts';

export interface Busy {
  /** What the work is waiting for. */
  readonly words: string;
  /** True if continuing would harm nobody. */
  readonly mayBePassed: boolean;
}

const LONGEST_LAG_S = 5;

/**
 * Whether a standby falls behind or a vacuum of the tables is running, as far as this role can see it. SQLite has
 * neither.
 */
export async function busyWith(changes: Changes): Promise<Busy | null> {
  if (changes.dialect === 'sqlite') return null;
  const [row] = await changes.all<{lag: number | null; vacuums: number}>(sql`
select (select max(extract(epoch from replay_lag))::float8 from pg_catalog.pg_stat_replication) as lag,
       (select count(*) from pg_catalog.pg_stat_progress_vacuum
         where datname = current_database()
           and relid in (${nameOf('spans')}, ${nameOf('traces')})) as vacuums`);
  if ((row?.lag ?? 0) > LONGEST_LAG_S)
    return {words: `a standby that is ${row!.lag!.toFixed(0)} s behind`, mayBePassed: false};
  return (row?.vacuums ?? 0) > 0 ? {words: 'a vacuum of the tables', mayBePassed: true} : null;
}

/** The oid of a table, from its quoted name as text. */
function nameOf(role: 'spans' | 'traces') {
  return sql`(select min(x.tableoid) from (select tableoid from ${table(role)} limit 1) x)`;
}
