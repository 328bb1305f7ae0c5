import {attribute, attributeLike, holdsAscii, isAnyOf, mayContain, mayMatchGlob, orOpaque} from '../sql/fragments.ts';
import {anyOf, either, join, raw, type Sql, sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY, TEXT_KEYS} from '../trace/attributes.ts';
import type {Query, RunFilter} from '../trace/filter.ts';
import {IS_OF_AGENT} from './kind.ts';
import {hasIndexes, hasValue, IS_RUN_NAME, type LookedUp, mayBeIndexed} from './look-up.ts';

/**
 * Names of Agno's model calls and steps. If a span of another library has such a name, that costs only a look at its
 * trace.
 */
const IS_AGNO_NAME = raw("s.name like '%.%invoke%' or s.name like '%.%execute%'");

const IS_TOOL = orOpaque('s', sql`${attribute('s', KEY.openInferenceKind)} = 'TOOL'`);

const HAS_KIND = orOpaque('s', IS_OF_AGENT, true);

/**
 * Spans of Agno's and of other OpenInference libraries. A span with large attributes is usually a model call, and its
 * name identifies it without a look inside. In the small attributes of plain requests, a look costs half as much as
 * comparing names.
 */
const isAgno = (size: string) => sql`case when ${raw(size)}(s.attributes) < 1000 then ${HAS_KIND}
        else ${IS_AGNO_NAME} or ${IS_RUN_NAME} or ${HAS_KIND} end`;
const IS_AGNO = either({
  sqlite: isAgno('octet_length'),
  postgres: isAgno('pg_column_size'),
  clickhouse: HAS_KIND,
});

/** A test that at least one span of every wanted run passes; the earliest such span is not before the run's start. */
export interface Candidates {
  readonly test: Sql;
  /** False: the test finds only Agno's own spans. To find spans of other libraries, use the same test without names. */
  readonly isComplete: boolean;
  /** True: every span of a wanted run passes it, including its first one. */
  readonly takesEverySpan: boolean;
  /** The test looks up one of these ids, and an index may answer it. */
  readonly lookUp?: LookedUp;
}

interface CandidateOptions {
  readonly byName?: boolean;
}

/**
 * The sharpest test on single spans that a filter allows. `trace/filter.ts` selects the runs; this test only avoids
 * reading traces that cannot match.
 */
export function candidatesOf(filter: RunFilter, {byName = true}: CandidateOptions = {}): Candidates {
  const isRun = byName ? IS_RUN_NAME : HAS_KIND;
  const runSpan = (test: Sql, lookUp?: LookedUp): Candidates => ({
    test: sql`${isRun} and ${orOpaque('s', test, lookUp !== undefined)}`,
    isComplete: !byName,
    takesEverySpan: false,
    ...(byName && lookUp ? {lookUp} : {}),
  });
  const anySpan = (test: Sql, takesEverySpan = false): Candidates => ({test, isComplete: true, takesEverySpan});
  if (filter.runs.length > 0) return runSpan(hasValue('run_id', filter.runs), 'run_id');
  if (filter.sessions.length > 0) return runSpan(hasValue('session_id', filter.sessions), 'session_id');
  if (filter.users.length > 0) return runSpan(hasValue('user_id', filter.users), 'user_id');
  for (const [wanted, idKey, nameKey] of [
    [filter.agents, KEY.agentId, KEY.agentName],
    [filter.teams, KEY.teamId, KEY.agentName],
    [filter.workflows, KEY.workflowId, KEY.nodeName],
  ] as const) {
    if (wanted.length === 0) continue;
    const names = wanted.map(name => mayMatchGlob(attributeLike('s', nameKey, wanted), name));
    return runSpan(oneOf([isAnyOf(attributeLike('s', idKey, wanted), wanted), ...names]));
  }
  if (filter.errors.length > 0) {
    return anySpan(
      oneOf(
        filter.errors.flatMap(text => [
          mayContain(raw('s.status_message'), text),
          sql`(${IS_RUN_NAME} or ${IS_TOOL}) and ${orOpaque('s', mayContain(attributeLike('s', KEY.output, [text]), text))}`,
        ]),
      ),
    );
  }
  if (filter.tools.length > 0) {
    // If a call left no span, the answer of the model that asked for it still names it.
    const asked = filter.tools.map(tool => mayMatchGlob(attributeLike('s', KEY.output, [tool]), `*${tool}*`));
    return anySpan(
      oneOf([
        ...filter.tools.map(tool => mayMatchGlob(raw('s.name'), tool)),
        sql`(s.name like '%invoke%' and ${orOpaque('s', oneOf(asked))})`,
      ]),
    );
  }
  if (filter.models.length > 0)
    return anySpan(
      orOpaque('s', oneOf(filter.models.map(model => mayMatchGlob(attributeLike('s', KEY.model, [model]), model)))),
    );
  if (filter.traces.length > 0) return anySpan(isAnyOf(raw('s.trace_id'), filter.traces));
  const ofQuery = filter.query && candidatesOfQuery(filter.query, {byName});
  if (ofQuery) return ofQuery;
  if (filter.traffic) return anySpan(raw('true'), true);
  return anySpan(IS_AGNO, true);
}

/** True if an index would answer the filter's look-up, but the index is missing. */
export async function wantsIndex(store: Store, filter: RunFilter): Promise<boolean> {
  const {lookUp} = candidatesOf(filter);
  return mayBeIndexed(store) && lookUp !== undefined && !(await hasIndexes(store, [lookUp]));
}

/**
 * The test that a query allows; null if the query says nothing about single spans, because it asks for something
 * absent or computed.
 */
function candidatesOfQuery(query: Query, options: CandidateOptions): Candidates | null {
  switch (query.type) {
    case 'and': {
      const parts = query.parts.map(part => candidatesOfQuery(part, options));
      return parts.find(part => part !== null) ?? null;
    }
    case 'or': {
      // Names may find runs for one part and none for another, so no part relies on names.
      const parts = query.parts.map(part => candidatesOfQuery(part, {byName: false}));
      const known = parts.filter(part => part !== null);
      if (known.length < parts.length) return null;
      return {test: oneOf(known.map(({test}) => sql`(${test})`)), isComplete: true, takesEverySpan: false};
    }
    case 'flag': {
      const candidates = candidatesOf(query.filter, options);
      return candidates.takesEverySpan ? null : candidates;
    }
    case 'text': {
      const within = `*${query.glob}*`;
      const columns = [raw('s.name'), raw('s.status_message')];
      const attributes = TEXT_KEYS.map(key => mayMatchGlob(attributeLike('s', key, [within]), within));
      return {
        test: oneOf([...columns.map(column => mayMatchGlob(column, within)), orOpaque('s', oneOf(attributes))]),
        isComplete: true,
        takesEverySpan: false,
      };
    }
    case 'attribute':
      return {test: mayHaveAttribute(query), isComplete: true, takesEverySpan: false};
    case 'not':
    case 'compare':
    case 'mark':
      return null;
  }
}

const ATTRIBUTES_TEXT = either({
  sqlite: raw('s.attributes'),
  postgres: raw('s.attributes::text'),
  clickhouse: raw('s.attributes'),
});

/** Beginnings of escaped characters that names and words may have: ASCII, and the variants of k and s beyond it. */
const ESCAPED = ['002', '003', '004', '005', '006', '007', '212a', '212A', '017f', '017F'];
const MAY_HIDE_WORDS = sql`(${holdsAscii(ATTRIBUTES_TEXT, '\\u', false)} and ${oneOf(ESCAPED.map(code => holdsAscii(ATTRIBUTES_TEXT, `\\u${code}`, false)))})`;

/**
 * The name and the value are somewhere in the text of the attributes, at any depth and however often encoded, unless their
 * characters are escaped.
 */
function mayHaveAttribute({path, test}: Extract<Query, {type: 'attribute'}>): Sql {
  const names = path.split('.').filter(part => /^[\w@-]+$/.test(part));
  const word = test.type === 'is' && test.number === null && /^[\w@.-]+$/.test(test.glob) ? [test.glob] : [];
  const tests = [
    ...names.slice(-1).map(name => holdsAscii(ATTRIBUTES_TEXT, name, false)),
    ...word.map(text => mayContain(ATTRIBUTES_TEXT, text)),
  ];
  if (tests.length === 0) return raw('true');
  return sql`(${join(tests, ' and ')} or ${MAY_HIDE_WORDS})`;
}

function oneOf(tests: readonly Sql[]): Sql {
  return sql`(${anyOf(tests)})`;
}
