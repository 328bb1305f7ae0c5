import {kindOfSpan} from '../runs/kind.ts';
import {loadRunPage} from '../runs/page.ts';
import {stretches} from '../runs/stretches.ts';
import {asDouble, attribute, attributeLike, isAnyOf, matchesGlob, time} from '../sql/fragments.ts';
import {anyOf, EMPTY, either, join, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell} from '../table/table.ts';
import {KEY} from '../trace/attributes.ts';
import {NO_FILTER, type RunFilter, takesEveryRun} from '../trace/filter.ts';
import {spansOf} from '../trace/record.ts';
import {PATIENCE} from '../trace/runs.ts';
import {agnoTime, isoTime, parseTime} from '../trace/time.ts';
import type {Ask} from './question.ts';

/** Columns of the span table that rows can be grouped by. */
export const TABLE_KEYS: Readonly<Record<string, () => Sql>> = {
  name: () => raw('s.name'),
  kind: kindOfSpan,
  tool: () => attribute('s', KEY.toolName),
  model: () => attribute('s', KEY.model),
};

/**
 * The stored durations by name, with the number of spans and of failures for each, from the table of spans. Filters
 * on spans become part of the statement; filters on runs first find the runs, and then only their spans count.
 */
export async function countInTables(
  store: Store,
  {by, filter}: Ask,
  onProgress: (spans: number) => void,
): Promise<{groups: Sql; where: Sql; notes: string[]}> {
  const {runFilter, spanTests} = split(filter);
  const tests = [...spanTests];
  const notes: string[] = [];
  if (runFilter) {
    const page = await loadRunPage(store, {filter: runFilter, limit: 0, cursor: null, patience: PATIENCE, onProgress});
    tests.push(
      isAnyOf(
        raw('s.span_id'),
        page.runs.flatMap(({run}) => spansOf(run).map(span => span.spanId)),
      ),
    );
    notes.push(`${page.runs.length} ${page.runs.length === 1 ? 'run' : 'runs'}`);
  }
  const where = join(tests, '\n           and ', raw('true'));
  const {groups, covered} = store.blocksWriter
    ? await countInStretches(store, by, where, windowTests(filter), onProgress)
    : {groups: groupsIn(by, where), covered: await coverage(store, where)};
  return {groups, where, notes: [...notes, covers(covered)]};
}

/** Of no values ClickHouse makes it zero. */
const percentile = (place: number): Sql => raw(`if(max_ms is null, null, percentiles[${place}])`);

/** Columns of the answer straight from the spans, for a database with exact percentiles that read each span once. */
export const summedAtOnce = (by: string, where: Sql): Sql => sql`
    select name, calls, errors, avg_ms as "avgMs", ${percentile(1)} as "p50Ms", ${percentile(2)} as "p95Ms", ${percentile(3)} as "p99Ms",
           max_ms as "maxMs", total_ms as "totalMs"
      from (
        select name, count(*) as calls, countIf(is_error) as errors, avgOrNull(ms) as avg_ms,
               quantilesExactInclusive(0.5, 0.95, 0.99)(ms) as percentiles, maxOrNull(ms) as max_ms, sumOrNull(ms) as total_ms
          from (
            select ${TABLE_KEYS[by]!()} as name, ${knownMs} as ms, upper(s.status_code) = 'ERROR' as is_error
              from ${table('spans')} s
             where ${where}
          ) spans
         where name is not null
         group by name
      ) named`;

/** A negative duration is invalid: a clock was set back. */
const knownMs = sql`case when s.duration_ms >= 0 then ${asDouble(raw('s.duration_ms'))} end`;

/** Keeps SQLite from merging the projection into the grouping, whose sorter would then carry the payload. */
const ALL_FIRST = either({sqlite: raw('limit -1 offset 0'), postgres: EMPTY, clickhouse: EMPTY});

const groupsIn = (by: string, where: Sql): Sql => sql`
            select name, ms, count(*) as times, sum(error) as errors
              from (
                select ${TABLE_KEYS[by]!()} as name, ${knownMs} as ms,
                       case when upper(s.status_code) = 'ERROR' then 1 else 0 end as error
                  from ${table('spans')} s
                 where ${where}
                 ${ALL_FIRST}
              ) spans
             where name is not null
             group by name, ms`;

interface Group {
  readonly name: Cell;
  readonly ms: Cell;
  times: number;
  errors: number;
}

/** The groups, gathered in short statements, as a relation that reads no table. */
async function countInStretches(
  store: Store,
  by: string,
  where: Sql,
  bounds: readonly Sql[],
  onProgress: (spans: number) => void,
): Promise<{groups: Sql; covered: Coverage}> {
  const found = new Map<string, Group>();
  let covered: Coverage = {first: null, last: null, spans: 0};
  let looked = 0;
  for await (const stretch of stretches(store, {bounds})) {
    const within = join([stretch.where, where], '\n           and ');
    for (const {name, ms, times, errors} of await stretch.all<Group>(groupsIn(by, within))) {
      const key = JSON.stringify([name, ms]);
      const known = found.get(key) ?? {name, ms, times: 0, errors: 0};
      found.set(key, known);
      known.times += Number(times);
      known.errors += Number(errors);
    }
    covered = joined(covered, await coverage(store, within));
    looked += stretch.length;
    onProgress(looked);
  }
  const values = JSON.stringify([...found.values()].map(({name, ms, times, errors}) => [name, ms, times, errors]));
  const columns = ['name', 'ms', 'times', 'errors'].map((name, i) => `value ->> ${i} as ${name}`).join(', ');
  return {groups: sql`select ${raw(columns)} from json_each(${values})`, covered};
}

function windowTests({sinceMicros, untilMicros}: RunFilter): Sql[] {
  return [
    ...(sinceMicros === null ? [] : [sql`s.start_time >= ${time(agnoTime(sinceMicros))}`]),
    ...(untilMicros === null ? [] : [sql`s.start_time < ${time(agnoTime(untilMicros))}`]),
  ];
}

/** Separates the tests that the statement itself can make on a span from those that need the span's run. */
function split(filter: RunFilter): {runFilter: RunFilter | null; spanTests: Sql[]} {
  const {
    sinceMicros,
    untilMicros,
    kinds,
    models,
    tools,
    names,
    statuses,
    errors,
    minDurationMs,
    maxDurationMs,
    ...rest
  } = filter;
  const any = (tests: readonly Sql[]): Sql[] => (tests.length === 0 ? [] : [sql`(${anyOf(tests)})`]);
  const spanTests = [
    ...windowTests(filter),
    ...(kinds.length === 0 ? [] : [isAnyOf(kindOfSpan(), kinds)]),
    ...any(models.map(model => matchesGlob(attributeLike('s', KEY.model, [model]), model))),
    ...any(
      tools.map(
        tool => sql`(${attribute('s', KEY.openInferenceKind)} = 'TOOL' and ${matchesGlob(raw('s.name'), tool)})`,
      ),
    ),
    ...any(names.map(name => matchesGlob(raw('s.name'), name))),
    ...any(statuses.map(status => sql`upper(s.status_code) = ${status}`)),
    ...any(
      errors.map(
        text => sql`(upper(s.status_code) = 'ERROR' and ${matchesGlob(raw('s.status_message'), `*${text}*`)})`,
      ),
    ),
    ...(minDurationMs === null ? [] : [sql`s.duration_ms >= ${minDurationMs}`]),
    ...(maxDurationMs === null ? [] : [sql`s.duration_ms <= ${maxDurationMs}`]),
  ];
  const runFilter = {...NO_FILTER, ...rest};
  return {runFilter: takesEveryRun(runFilter) ? null : {...runFilter, sinceMicros, untilMicros}, spanTests};
}

/** The range of span starts behind an answer, microseconds. */
export interface Coverage {
  readonly first: number | null;
  readonly last: number | null;
  readonly spans: number;
}

async function coverage(store: Store, where: Sql): Promise<Coverage> {
  const [row] = await store.all<{first: unknown; last: unknown; spans: unknown}>(sql`
select min(s.start_time) as first, max(s.start_time) as last, count(*) as spans
  from ${table('spans')} s
 where ${where}`);
  return {first: parseTime(row?.first), last: parseTime(row?.last), spans: Number(row?.spans ?? 0)};
}

/** Adds a period before the one covered so far. */
function joined(covered: Coverage, before: Coverage): Coverage {
  return {
    first: before.first ?? covered.first,
    last: covered.last ?? before.last,
    spans: covered.spans + before.spans,
  };
}

export function covers({first: firstMicros, last: lastMicros, spans}: Coverage): string {
  const [first, last] = [firstMicros, lastMicros].map(isoTime);
  if (!first || !last || spans === 0) return `${spans} spans`;
  return `${spans} spans from ${first.slice(0, 19)}Z to ${last.slice(0, 19)}Z`;
}
