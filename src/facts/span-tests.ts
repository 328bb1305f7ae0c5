import {contains, isAnyOf, matchesGlob} from '../sql/fragments.ts';
import {anyOf, join, raw, type Sql, sql} from '../sql/sql.ts';
import type {Figure, Query, RunFilter} from '../trace/filter.ts';
import {attributeTest, notKept} from './attributes.ts';
import type {Facts} from './facts.ts';
import {testsOfRun, testsOfSpan, windowTests} from './relations.ts';

/*
 * Filters and `-q` for single spans `s` of runs `r`: time, kind, names, state, tokens, cost and errors are the span's
 * own, ids and components those of its run.
 */

/** Tokens of the span itself; for run spans, steps and tools, of everything inside. */
export const SPAN_TOKENS = raw('coalesce(s.total_tokens, s.within_tokens)');
/** US dollars times 10^12; null if the cost of a call in it is unknown. */
export const SPAN_COST = raw('coalesce(s.cost_pusd, iif(s.within_unpriced > 0, null, s.within_cost_pusd))');

type Kept = Pick<Facts, 'all' | 'attributes'>;

export function testsOfEachSpan(filter: RunFilter, facts: Kept): Sql[] {
  return [
    // Without spans around runs, and without spans of requests that have no run.
    filter.traffic ? raw('r.run_key is not null') : raw('r.traffic = 0'),
    raw('s.from_messages = 0'),
    ...testsOf(filter),
    ...(filter.query === null ? [] : [testOf(filter.query, facts)]),
  ];
}

function testsOf(filter: RunFilter): Sql[] {
  const {states, errors, minTokens} = filter;
  return [
    ...windowTests(filter, 's'),
    ...testsOfSpan(filter),
    ...testsOfRun({...filter, states: [], minTokens: null}, false),
    ...(states.length === 0 ? [] : [isAnyOf(raw('s.state'), states)]),
    ...(minTokens === null ? [] : [sql`${SPAN_TOKENS} >= ${minTokens}`]),
    ...(errors.length === 0 ? [] : [sql`(${anyOf(errors.map(text => contains(raw('s.error'), text)))})`]),
  ];
}

const FIGURES: Readonly<Record<Figure, Sql>> = {
  durationMs: raw('s.duration_ms'),
  totalTokens: SPAN_TOKENS,
  cachedTokens: raw('s.cached_tokens'),
  // As `cacheHitRate` of `trace/tokens.ts`.
  cacheHitRate: raw(
    'iif(s.cached_tokens <= s.gross_prompt_tokens, s.cached_tokens * 1.0 / nullif(s.gross_prompt_tokens, 0), null)',
  ),
  costUsd: sql`${SPAN_COST} / 1e12`,
  spanCount: raw('r.span_count'),
  errorCount: raw('r.error_count'),
  retryCount: raw('r.retry_count'),
};

/** True or false, never unknown: an unknown value matches nothing, but matches the negation. */
function testOf(query: Query, facts: Kept): Sql {
  switch (query.type) {
    case 'and':
      return sql`(${join(
        query.parts.map(part => testOf(part, facts)),
        ' and ',
        raw('true'),
      )})`;
    case 'or':
      return sql`(${anyOf(
        query.parts.map(part => testOf(part, facts)),
        raw('false'),
      )})`;
    case 'not':
      return sql`not ${testOf(query.part, facts)}`;
    case 'flag':
      return known(join(testsOf(query.filter), ' and ', raw('true')));
    case 'compare':
      return known(sql`${FIGURES[query.figure]} ${raw(query.comparison)} ${query.value}`);
    case 'mark':
      return known(raw(`r.${query.mark} = 1`));
    case 'attribute':
      return attributeTest(facts, query, raw('r.run_key')) ?? notKept(query.path);
    case 'text': {
      const within = `*${query.glob}*`;
      const columns = ['s.name', 's.span_name', 's.error'].map(column => matchesGlob(raw(column), within));
      return known(anyOf(columns));
    }
  }
}

const known = (test: Sql): Sql => sql`coalesce((${test}), false)`;
