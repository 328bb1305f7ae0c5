import {type Facts, openFacts, openKeptFacts} from '../facts/facts.ts';
import {IS_CALL} from '../facts/schema.ts';
import {asDouble, matchesGlob} from '../sql/fragments.ts';
import {EMPTY, either, join, raw, type Sql, sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell} from '../table/table.ts';
import {attributesIn, type RunFilter, takesEveryRun, withQueryFlags} from '../trace/filter.ts';
import {coverageOf, factsAsked, inputsFor} from './ask.ts';
import {type Answer, type Ask, type AskOptions, defineQuestion, type QuestionInput} from './question.ts';
import {type Coverage, countInTables, covers, summedAtOnce, TABLE_KEYS} from './slowest-tables.ts';

/** Owners of a span: the innermost one around it, or the span itself; only the tree of its run shows them. */
const OWNERS = ['agent', 'team', 'workflow', 'step'];

const NOTE = 'times as stored by Agno, in whole milliseconds';

/** The question of Agno's own documentation; it also shows what that one leaves out. */
const slowest = defineQuestion({
  examples: [
    {line: 'slowest --limit 10', answer: "the ten slowest span names, as in Agno's documentation"},
    {line: 'slowest --by agent --last 24h --sort p95Ms', answer: 'agents by 95th percentile in the last 24 hours'},
  ],
  by: [...Object.keys(TABLE_KEYS), ...OWNERS],
  columns: {
    name: {label: 'NAME', description: 'span name, kind, tool, model; agent, team, workflow, or workflow / step'},
    calls: {
      label: 'CALLS',
      unit: 'count',
      description:
        'stored spans, including HTTP requests and client libraries; by agent, team, workflow or step: its runs, including members',
    },
    errors: {
      label: 'ERRORS',
      unit: 'count',
      description: 'spans stored as ERROR; by agent, team, workflow or step: failed runs (computed)',
    },
    avgMs: {label: 'AVG', unit: 'ms', description: 'average of the stored duration_ms'},
    p50Ms: {label: 'P50', unit: 'ms', description: 'median'},
    p95Ms: {label: 'P95', unit: 'ms', description: '95th percentile, interpolated'},
    p99Ms: {label: 'P99', unit: 'ms', description: '99th percentile, interpolated'},
    maxMs: {label: 'MAX', unit: 'ms', description: 'longest'},
    totalMs: {label: 'TOTAL', unit: 'ms', description: 'sum'},
  },
  sort: 'avgMs',
  note: NOTE,
  limit: 10,
  sql: input => summed(input, OWNERS.includes(input.by) ? groupsOfOwners(input) : groupsInFacts(input)),
  answer,
});
export default slowest;

/**
 * Owners come from the facts. Other groups do too, if facts are kept, need little to become current, and give the
 * same rows sooner. Otherwise the tables are queried.
 */
async function answer(store: Store, ask: Ask, options: AskOptions): Promise<Answer> {
  const {sinceMicros, untilMicros} = withQueryFlags(ask.filter);
  const window = {...options, sinceMicros, untilMicros, attributes: attributesIn(ask.filter)};
  const beginMs = performance.now();
  const isOwner = OWNERS.includes(ask.by);
  const facts = isOwner
    ? await openFacts(store, window)
    : takesEveryRun(ask.filter, OWN_COLUMNS)
      ? await openKeptFacts(store, window)
      : null;
  if (facts) {
    try {
      if (isOwner || !asksKinds(ask) || !hasPlumbing(facts)) return await fromFacts(store, facts, ask, beginMs);
    } finally {
      facts.close();
    }
  }
  const {groups, where, notes} = await countInTables(store, ask, spans => options.onProgress?.(spans, null));
  const inTables = summed(ask, groups);
  const rows = await store.all<Record<string, Cell>>(
    either({sqlite: inTables, postgres: inTables, clickhouse: sorted(ask, summedAtOnce(ask.by, where))}),
  );
  return {rows, series: null, notes: [...notes, NOTE], facts: null, nowMicros: store.nowMicros()};
}

/** Filters on columns of a span that are the same in the facts and in the tables. */
const OWN_COLUMNS: readonly (keyof RunFilter)[] = [
  ...(['sinceMicros', 'untilMicros'] as const),
  ...(['kinds', 'names', 'statuses', 'minDurationMs', 'maxDurationMs'] as const),
];

/** True if rows depend on a kind or a model: spans of client libraries have these in the tables, but not in the facts. */
function asksKinds({by, filter}: Ask): boolean {
  return by === 'kind' || by === 'model' || filter.kinds.length > 0;
}

/** There, spans of client libraries have the kind other (`trace/plumbing.ts`). */
function hasPlumbing(facts: Facts): boolean {
  const rows = facts.all<unknown>(sql`select 1 from span_facts where kind = 'other' and run_key is not null limit 1`);
  return rows.length > 0;
}

async function fromFacts(store: Store, facts: Facts, ask: Ask, beginMs: number): Promise<Answer> {
  const currentMs = performance.now() - beginMs;
  const {chosen, inputOf, nowMicros} = await inputsFor(store, facts, ask);
  const input = inputOf(null);
  const statement = slowest.sql(input, ask.flags);
  const rows = facts.all<Record<string, Cell>>(statement);
  return {
    rows,
    series: null,
    notes: [
      ...facts.notices,
      ...(OWNERS.includes(ask.by) ? notesOnOwners(facts, input) : [coverageOf(facts, input).text]),
      ...(facts.path === null ? [] : ['from kept facts']),
      NOTE,
    ],
    facts: factsAsked(facts, [...chosen, statement], {beginMs, currentMs}),
    nowMicros,
  };
}

/** Spans of ended runs that have an owner around them; without a filter on other spans, only the owners' own. */
function owned({by, eachSpan, filter}: QuestionInput): Sql {
  const {kinds, models, tools, names, errors} = filter;
  const asksOthers = kinds.length + models.length + tools.length + names.length > 0;
  // A filter on errors chose the runs; among their spans, those with the error count.
  const failed = errors.map(text => matchesGlob(raw('error'), `*${text}*`));
  const tests = [
    asksOthers ? sql`${raw(by)} is not null` : sql`kind = ${by}`,
    ...(failed.length === 0 ? [] : [sql`status = 'ERROR' and (${join(failed, ' or ')})`]),
    raw(`run_key is not null and stored_ms is not null and ${STORED}`),
  ];
  return sql`(${eachSpan}) where ${join(tests, ' and ')}`;
}

/** A paused run is one call: the times of its parts are added, and its last part says how it ended. */
const groupsOfOwners = (input: QuestionInput): Sql => sql`
    select name, ms, count(*) as times, sum(error) as errors
      from (
        select ${raw(input.by)} as name, sum(stored_ms) as ms, max(start_micros), state = 'error' as error
          from ${owned(input)}
         group by coalesce(begin_key, span_key)
      )
     group by name, ms`;

function notesOnOwners(facts: Facts, input: QuestionInput): string[] {
  const [covered] = facts.all<Coverage>(
    sql`select min(start_micros) as first, max(start_micros) as last, count(*) as spans from ${owned(input)}`,
  );
  return [covers(covered!), 'unfinished ones left out: their time is unknown'];
}

/** Sorted durations come from an index, and the number of failures from the days, in rows of their own. */
function groupsInFacts(input: QuestionInput): Sql {
  const {by, spans, bareSpans} = input;
  const {key, where} = FACTS[by]!;
  const shown = by === 'name' ? onlyFirst(input) : EMPTY;
  return sql`
    select ${raw(key)} as name, stored_ms as ms, count(*) as times, 0 as errors
      from (${bareSpans})
     where ${raw(where)}${shown}
     group by kind, ${raw(by === 'kind' ? 'span_name' : key)}, stored_ms
     union all
    select ${raw(key)}, null, 0, sum(errors)
      from (${by === 'model' ? bareSpans : spans})
     where ${raw(where)}${shown}
     group by 1`;
}

/** The table has no calls without a span. */
const STORED = 'from_messages = 0';

/** The grouping in the facts, and which spans have it. */
const FACTS: Readonly<Record<string, {readonly key: string; readonly where: string}>> = {
  name: {key: 'span_name', where: STORED},
  kind: {key: 'kind', where: STORED},
  tool: {key: 'name', where: `${IS_CALL} and kind in ('tool', 'retrieval', 'memory') and ${STORED}`},
  model: {key: 'model', where: "kind = 'llm' and model is not null"},
};

/** Sort keys of the sums by name; percentiles are computed only for the names that are shown. */
const SUMS: Readonly<Record<string, string>> = {
  name: 'span_name',
  calls: 'sum(calls)',
  errors: 'sum(errors)',
  avgMs: 'sum(stored_us) * 1.0 / nullif(sum(timed_calls), 0)',
  totalMs: 'sum(stored_us)',
};

function onlyFirst({sort, limit, spans}: QuestionInput): Sql {
  const sum = SUMS[sort.column];
  if (limit === 0 || sum === undefined) return EMPTY;
  return sql`
       and kind in (select kind from (${spans}))
       and span_name in (
         select span_name
           from (${spans})
          where ${raw(STORED)}
          group by span_name
          order by ${raw(`${sum} ${sort.descending ? 'desc' : 'asc'}`)}, span_name
          limit ${limit}
       )`;
}

/**
 * The answer, from groups of equal durations. Durations are whole milliseconds and repeat, so every figure comes from
 * a few thousand rows, in SQL that both databases understand. percentile_cont would sort all spans, on Postgres once
 * for each percentile: 3.2 instead of 0.9 s for 1.1 million.
 */
function summed({sort, limit}: Pick<Ask, 'sort' | 'limit'>, groups: Sql): Sql {
  return sql`
select name, calls, errors, "totalMs" / nullif(timed, 0) as "avgMs",
       ${interpolated('p50', 0.5)} as "p50Ms", ${interpolated('p95', 0.95)} as "p95Ms", ${interpolated('p99', 0.99)} as "p99Ms",
       "maxMs", "totalMs"
  from (
    select name, max(calls) as calls, max(timed) as timed, sum(errors) as errors, max(ms) as "maxMs", sum(ms * times) as "totalMs",
           ${neighbours('p50', 0.5)},
           ${neighbours('p95', 0.95)},
           ${neighbours('p99', 0.99)}
      from (
        select name, ms, times, errors, ${asDouble(raw('sum(times) over (partition by name)'))} as calls,
               ${asDouble(raw(`sum(${TIMED}) over (partition by name)`))} as timed,
               sum(${raw(TIMED)}) over (partition by name order by ms) as up_to
          from (${groups}
          ) counted
      ) ranked
     group by name
  ) named
 ${inOrder({sort, limit})}`;
}

const sorted = (ask: Pick<Ask, 'sort' | 'limit'>, rows: Sql): Sql => sql`
select *
  from (${rows}
  ) summed
 ${inOrder(ask)}`;

function inOrder({sort, limit}: Pick<Ask, 'sort' | 'limit'>): Sql {
  return sql`order by ${raw(`"${sort.column}"`)} ${raw(sort.descending ? 'desc' : 'asc')}, name
 ${limit === 0 ? EMPTY : sql`limit ${limit}`}`;
}

/** Calls with a known duration. */
const TIMED = 'case when ms is null then 0 else times end';

/** Position of a percentile among the sorted durations, from 0, possibly between two of them. */
const place = (fraction: number): string => `(${fraction} * (timed - 1))`;

/** The durations on both sides of the position: the first ones whose cumulative count exceeds it. */
function neighbours(name: string, fraction: number): Sql {
  const [below, above] = ['floor', 'ceil'].map(
    side => `min(case when up_to > ${side}(${place(fraction)}) then ms end)`,
  );
  return raw(`${below} as ${name}_below, ${above} as ${name}_above`);
}

function interpolated(name: string, fraction: number): Sql {
  return raw(`${name}_below + (${name}_above - ${name}_below) * (${place(fraction)} - floor(${place(fraction)}))`);
}
