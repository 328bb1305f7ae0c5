import {IS_OF_AGENT} from '../../runs/kind.ts';
import {eitherWritable, raw, sql, table} from '../../sql/sql.ts';
import {TRAITS} from '../../sql/traits.ts';
import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';
import {sweep, sweptCount} from '../sweep.ts';

/** From this share on, most of the stored data is not runs. */
const LARGE_SHARE = 0.5;

/** `offset 0` keeps Postgres from turning the test into a hash of the whole table (docs/measurements.md, Large tables). */
const EACH = eitherWritable({sqlite: raw(''), postgres: raw('offset 0')});
/** `+` keeps SQLite from using the index on run ids, because no request has one. */
const NO_RUN = eitherWritable({sqlite: raw('+x.run_id is null'), postgres: raw('x.run_id is null')});
/** The size of a row without its indexes; SQLite has no function for it, so the columns' own lengths are added. */
const SPAN_BYTES = eitherWritable({
  sqlite: raw(
    "octet_length(s.span_id || s.trace_id || coalesce(s.parent_span_id, '') || s.name || s.start_time || s.end_time || s.created_at) + coalesce(octet_length(s.attributes), 0)",
  ),
  postgres: raw('pg_column_size(s)'),
});

export default defineCheck(async subject => {
  // There, the note of `list` counts them.
  if (TRAITS[subject.store.dialect].hasPartialTraceRows) return null;
  let all = 0;
  let traces = 0;
  let spans = 0;
  let bytes = 0;
  let sample: string | null = null;
  const swept = await sweep<{all: number; traces: number; spans: number; bytes: number; sample: string | null}>(
    subject,
    {
      role: 'traces',
      column: 'start_time',
      isNewestFirst: true,
      slice: range => sql`
select (select count(*) from ${table('traces')} x where ${range}) as "all",
       count(*) as traces, max(r.trace_id) as sample, sum(r.spans) as spans, sum(r.bytes) as bytes
  from (select x.trace_id,
               (select count(*) from ${table('spans')} s where s.trace_id = x.trace_id) as spans,
               (select sum(${SPAN_BYTES}) from ${table('spans')} s where s.trace_id = x.trace_id) as bytes
          from ${table('traces')} x
         where ${range}
           and ${NO_RUN}
           and not exists (select 1 from ${table('spans')} s
                            where s.trace_id = x.trace_id and ${IS_OF_AGENT} ${EACH})) r
 where r.spans > 0`,
    },
    row => {
      all += Number(row.all);
      traces += Number(row.traces);
      spans += Number(row.spans);
      bytes += Number(row.bytes);
      sample ??= row.sample;
    },
  );
  const share = all === 0 ? 0 : traces / all;
  return {
    ...sweptCount(traces, swept),
    severity: traces === 0 ? 'ok' : share >= LARGE_SHARE ? 'warning' : 'info',
    sample,
    text:
      traces > 0
        ? `${counted(traces, 'of', 'of')} ${counted(all, 'trace')} (${percent(share)}) ${traces === 1 ? 'is a plain HTTP request' : 'are plain HTTP requests'} without a run: ${counted(spans, 'span')}, ${size(bytes)} of rows; FastAPI 0.142 and later traces every request unless AgentOS is handed an app that does not.`
        : 'No plain HTTP requests are stored.',
    command: sample === null ? null : ['show', sample],
    repair: traces > 0 ? 'AgentOS(base_app=FastAPI(telemetry={"tracing": False}))' : null,
  };
});

function size(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function percent(share: number): string {
  return share < 0.01 ? '<1%' : `${Math.round(share * 100)}%`;
}
