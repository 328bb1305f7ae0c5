import {asDouble, attribute, percentile} from '../../sql/fragments.ts';
import {EMPTY, raw, type Sql, sql, table} from '../../sql/sql.ts';
import {KEY} from '../../trace/attributes.ts';
import {kindOfSpan} from '../kind.ts';
import {defineQuestion} from '../question.ts';

const KEYS: Readonly<Record<string, () => Sql>> = {
  name: () => raw('s.name'),
  kind: kindOfSpan,
  tool: () => attribute('s', KEY.toolName),
  model: () => attribute('s', KEY.model),
};

/** The question of Agno's own documentation, with what it leaves out beside it. */
export default defineQuestion({
  summary: 'Span names by average duration, slowest first (tools, models or kinds with --by)',
  examples: [
    {line: 'slowest --limit 10', answer: "the ten slowest span names, as in Agno's documentation"},
    {line: 'slowest --by tool --last 24h --sort p95Ms', answer: 'tools by their 95th percentile since yesterday'},
  ],
  by: ['name', 'kind', 'tool', 'model'],
  columns: {
    name: {label: 'NAME', description: 'span name, kind, tool or model'},
    calls: {label: 'CALLS', unit: 'count', description: 'spans, those of plain HTTP requests among them'},
    errors: {label: 'ERRORS', unit: 'count', description: 'spans stored as ERROR'},
    avgMs: {label: 'AVG', unit: 'ms', description: 'average of the stored duration_ms'},
    p50Ms: {label: 'P50', unit: 'ms', description: 'median'},
    p95Ms: {label: 'P95', unit: 'ms', description: '95th percentile, interpolated'},
    p99Ms: {label: 'P99', unit: 'ms', description: '99th percentile, interpolated'},
    maxMs: {label: 'MAX', unit: 'ms', description: 'longest'},
    totalMs: {label: 'TOTAL', unit: 'ms', description: 'sum'},
  },
  sort: 'avgMs',
  note: 'times as Agno stores them, whole milliseconds',
  // Grouping is by a projection: a GROUP BY over the table itself makes SQLite's sorter carry the payload (queries.md D).
  sql: ({by, sort, limit, where}) => sql`
select name, calls, errors, "avgMs", "p50Ms", "p95Ms", "p99Ms", "maxMs", "totalMs"
  from (
    select name, count(*) as calls, sum(error) as errors, ${asDouble(raw('avg(duration_ms)'))} as "avgMs",
           ${percentile(raw('ms'), 0.5)} as "p50Ms", ${percentile(raw('ms'), 0.95)} as "p95Ms",
           ${percentile(raw('ms'), 0.99)} as "p99Ms", max(ms) as "maxMs", sum(ms) as "totalMs"
      from (
        select ${KEYS[by]!()} as name, s.duration_ms, ${asDouble(raw('s.duration_ms'))} as ms,
               case when upper(s.status_code) = 'ERROR' then 1 else 0 end as error
          from ${table('spans')} s
         where ${where}
      ) spans
     where name is not null
     group by name
  ) groups
 order by ${raw(`"${sort.column}"`)} ${raw(sort.descending ? 'desc' : 'asc')}, name
 ${limit === 0 ? EMPTY : sql`limit ${limit}`}`,
});
