import {raw, sql} from '../sql/sql.ts';
import {defineQuestion} from './question.ts';

/** The name of a row, from columns of spans; and which spans count. */
const BY: Readonly<Record<string, {readonly name: string; readonly test: string}>> = {
  name: {name: 'name', test: 'true'},
  kind: {name: 'kind', test: 'true'},
  agent: {name: 'agent', test: 'true'},
  step: {name: 'step', test: 'true'},
  tool: {name: 'name', test: "kind in ('tool', 'retrieval', 'memory')"},
  model: {name: 'name', test: "kind = 'llm'"},
};

/** Where the time of runs goes: what would have to be faster for the runs to be faster. */
export default defineQuestion({
  examples: [
    {
      line: 'where --agent "Billing*" --last 7d',
      answer: 'what would make this agent faster, most effective first',
    },
    {line: 'where --by step --workflow "Content*"', answer: 'steps of one workflow by their share of its time'},
  ],
  by: Object.keys(BY),
  columns: {
    name: {
      label: 'NAME',
      description: 'name, kind, tool, model; by agent and step the innermost; null: outside any',
    },
    criticalMs: {label: 'CRITICAL', unit: 'ms', description: 'own time on the critical paths of the runs, summed'},
    share: {
      label: 'SHARE',
      unit: 'ratio',
      description: 'share of the total time of the runs',
    },
    perRunMs: {label: 'PER RUN', unit: 'ms', description: 'critical time per run, averaged over all runs'},
    callsPerRun: {label: 'CALLS/RUN', unit: 'rate', description: 'spans per run, averaged over all runs'},
    calls: {label: 'CALLS', unit: 'count', description: 'its spans'},
    selfMs: {label: 'SELF', unit: 'ms', description: 'time without its children, on the critical path or not'},
    kind: {label: 'KIND', description: 'its kind; null if several'},
  },
  sort: 'criticalMs',
  note: 'only spans on the critical path make a run longer',
  sql: ({runSpans, runs, by}) => sql`
select g.name, critical_us / 1e3 as "criticalMs", critical_us * 1.0 / nullif(all_us, 0) as share,
       critical_us / 1e3 / nullif(n.runs, 0) as "perRunMs", calls * 1.0 / nullif(n.runs, 0) as "callsPerRun", calls,
       self_us / 1e3 as "selfMs", g.kind
  from (
    select ${raw(BY[by]!.name)} as name, case when count(distinct kind) = 1 then max(kind) end as kind,
           sum(critical_us) as critical_us, sum(run_self_us) as self_us, sum(run_calls) as calls, ${raw(BY[by]!.test)} as is_asked,
           sum(sum(critical_us)) over () as all_us
      from (${runSpans}
      )
     group by ${raw(by === 'name' ? 'kind, name' : BY[by]!.name)}, is_asked
    having sum(run_calls) > 0
  ) g, (
    select count(*) as runs from (${runs}
    ) where missing = 0 and sequel = 0
  ) n
 where is_asked`,
  counted: ({runs}) => sql`
select sum(missing = 0 and sequel = 0) || iif(sum(missing = 0 and sequel = 0) = 1, ' finished run', ' finished runs') ||
       case when sum(missing) > 0 then ', ' || sum(missing) || iif(sum(missing) = 1, ' unfinished one', ' unfinished ones') || ' left out' else '' end as counted
  from (${runs}
  )`,
});
