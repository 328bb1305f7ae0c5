import {attribute, contains, hasAttribute, isAnyOf, matchesGlob, orOpaque} from '../sql/fragments.ts';
import {join, raw, type Sql, sql} from '../sql/sql.ts';
import {KEY} from '../trace/attributes.ts';
import type {RunFilter} from '../trace/filter.ts';

/**
 * The names Agno gives run spans. Measured to find the same rows as the JSON test at a fifth of its cost, because
 * payload is not touched (queries.md, NAME); partial indexes of `migrate` carry the same words.
 */
export const IS_RUN_NAME = raw(String.raw`(s.name like '%run' or s.name like '%.\_aexecute%' escape '\')`);

/** Names of Agno's model calls and steps. A span of another library that is called so costs a look at its trace, no more. */
const IS_AGNO_NAME = raw("s.name like '%.%invoke%' or s.name like '%.%execute%'");

/** A test that some span of every wanted run passes; the first of them in time is not before the run's start. */
export interface Candidates {
  readonly test: Sql;
  /** False: the test finds Agno's own spans only; spans of other libraries need the same test without names. */
  readonly isComplete: boolean;
}

/**
 * The sharpest test on single spans that a filter allows. Selecting is done in `trace/filter.ts`; this only spares
 * reading traces that cannot match.
 */
export function candidatesOf(filter: RunFilter, {byName = true}: {byName?: boolean} = {}): Candidates {
  const isRun = byName ? IS_RUN_NAME : orOpaque('s', hasAttribute('s', KEY.openInferenceKind));
  const runSpan = (test: Sql): Candidates => ({test: sql`${isRun} and ${orOpaque('s', test)}`, isComplete: !byName});
  const anySpan = (test: Sql): Candidates => ({test, isComplete: true});
  const oneOf = (tests: readonly Sql[]): Sql => sql`(${join(tests, ' or ')})`;
  if (filter.runs.length > 0) return runSpan(isAnyOf(attribute('s', KEY.runId), filter.runs));
  if (filter.sessions.length > 0) return runSpan(isAnyOf(attribute('s', KEY.sessionId), filter.sessions));
  if (filter.users.length > 0) return runSpan(isAnyOf(attribute('s', KEY.userId), filter.users));
  for (const [wanted, idKey, nameKey] of [
    [filter.agents, KEY.agentId, KEY.agentName],
    [filter.teams, KEY.teamId, KEY.agentName],
    [filter.workflows, KEY.workflowId, KEY.nodeName],
  ] as const) {
    if (wanted.length === 0) continue;
    const names = wanted.map(name => matchesGlob(attribute('s', nameKey), name));
    return runSpan(oneOf([isAnyOf(attribute('s', idKey), wanted), ...names]));
  }
  if (filter.errors.length > 0) {
    return anySpan(
      oneOf(
        filter.errors.flatMap(text => [
          contains(raw('s.status_message'), text),
          sql`${IS_RUN_NAME} and ${orOpaque('s', contains(attribute('s', KEY.output), text))}`,
        ]),
      ),
    );
  }
  if (filter.tools.length > 0) return anySpan(oneOf(filter.tools.map(tool => matchesGlob(raw('s.name'), tool))));
  if (filter.models.length > 0)
    return anySpan(orOpaque('s', oneOf(filter.models.map(model => matchesGlob(attribute('s', KEY.model), model)))));
  if (filter.traffic) return anySpan(raw('true'));
  // Agno's own names first: the largest attributes are those of model calls, and need not be parsed to know one.
  return anySpan(
    sql`(${IS_AGNO_NAME} or ${IS_RUN_NAME} or ${orOpaque('s', hasAttribute('s', KEY.openInferenceKind))})`,
  );
}

/** True when the test passes on every span of a run, its first one among them. */
export function takesEverySpan(filter: RunFilter): boolean {
  const {runs, sessions, users, agents, teams, workflows, errors, tools, models} = filter;
  return [runs, sessions, users, agents, teams, workflows, errors, tools, models].every(list => list.length === 0);
}
