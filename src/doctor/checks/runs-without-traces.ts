import {raw, sql, table} from '../../sql/sql.ts';
import {evidenceOf} from '../../store/store.ts';
import {isoTime, parseTime} from '../../trace/time.ts';
import {defineCheck} from '../checkup.ts';
import {counted} from '../finding.ts';

/**
 * Agno writes a run's row at its end and its spans at the same time, in batch mode some seconds later; two hosts have
 * two clocks.
 */
const LATE_SECONDS = 60;

/** Agno may stop writing spans without any message, and still write runs (docs/agno.md, How a row comes to be). */
export default defineCheck(async ({store, tables}) => {
  const evidence = evidenceOf(store);
  if (!evidence.tables.runs) return null;
  const [newest] = await store.all<{written: unknown}>(
    sql`select s.created_at as written from ${table('spans')} s order by s.created_at desc limit 1`,
  );
  const micros = newest ? parseTime(newest.written) : 0;
  if (micros === null) return null;
  const since = Math.floor(micros / 1e6) + LATE_SECONDS;
  // Members are part of another run, and a run that has not ended has no run span yet.
  const [found] = await evidence.all<{runs: unknown; last: unknown; sample: unknown}>(sql`
select count(*) as runs, max(r.created_at) as last, max(r.run_id) as sample
  from ${table('runs')} r
 where r.created_at > ${raw(String(since))} and r.parent_run_id is null
   and upper(r.status) in ('COMPLETED', 'PAUSED', 'CANCELLED', 'ERROR')`);
  const count = Number(found?.runs ?? 0);
  const at = (time: number) => `${isoTime(time)!.slice(0, 19)}Z`;
  return {
    severity: count > 0 ? 'warning' : 'ok',
    count,
    isComplete: true,
    covered: `${evidence === store ? (tables.runs?.name ?? 'the run table') : evidence.label} since the newest span`,
    sample: count > 0 ? String(found!.sample) : null,
    text:
      count > 0
        ? `${counted(count, 'run', 'runs')} in Agno's own table ended after the newest span was written (${newest ? at(micros) : 'there is none'}; the last run ${at(Number(found!.last) * 1e6)}): tracing has stopped writing. Another tracer provider was set first (Langfuse, Logfire, opentelemetry-instrument), and Agno then leaves tracing off without a word; or the program runs without tracing=True or setup_tracing(); or its writes fail, which only its log says. A program that traces logs "Agno tracing successfully set up with database storage" when it starts; type(opentelemetry.trace.get_tracer_provider()) before that line names the provider that was first.`
        : 'The newest runs have spans.',
    command: null,
    repair: null,
  };
});
