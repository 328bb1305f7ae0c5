import type {Dialect} from './sql.ts';

/*
 * What Agno does to a trace row that is there already when another batch of its spans arrives, the same from 2.6.7 to
 * 3.1.10 (`upsert_trace`; docs/agno.md, How a row comes to be): times widen, the status is the last batch's, the name is the highest component's,
 * ids stay once they are known.
 */

/** 3 workflow, 2 team, 1 agent, 0 anything else; only names of runs count. */
function levelOf(row: string): string {
  const isRun = `(${row}.name like '%.run%' or ${row}.name like '%.arun%')`;
  const levels = [
    ['workflow_id', 3],
    ['team_id', 2],
    ['agent_id', 1],
  ].map(([column, level]) => `when ${row}.${column} is not null and ${isRun} then ${level}`);
  return `case ${levels.join(' ')} else 0 end`;
}

const IDS = ['run_id', 'session_id', 'user_id', 'agent_id', 'team_id', 'workflow_id'];

/** The part after the values of the statement that adds a trace row; it calls the table `stored`. */
export function mergeTrace(dialect: Dialect): string {
  const [greatest, least] = dialect === 'sqlite' ? ['max', 'min'] : ['greatest', 'least'];
  const end = `${greatest}(stored.end_time, excluded.end_time)`;
  const start = `${least}(stored.start_time, excluded.start_time)`;
  // On SQLite this leaves a fraction in an integer column, as in Agno's own rows.
  const duration =
    dialect === 'sqlite'
      ? `(julianday(${end}) - julianday(${start})) * 86400000`
      : `extract(epoch from (cast(${end} as timestamptz) - cast(${start} as timestamptz))) * 1000`;
  return `on conflict (trace_id) do update set
  end_time = ${end},
  start_time = ${start},
  duration_ms = ${duration},
  status = excluded.status,
  name = case when ${levelOf('excluded')} > ${levelOf('stored')} then excluded.name else stored.name end,
  ${IDS.map(id => `${id} = coalesce(stored.${id}, excluded.${id})`).join(',\n  ')}`;
}
