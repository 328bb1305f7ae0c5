import {attribute, hasAttribute, isAnyOf} from '../sql/fragments.ts';
import {join, raw, type Sql, sql} from '../sql/sql.ts';
import {KEY} from '../trace/attributes.ts';
import {KIND_RULES, type KindRule} from '../trace/kind.ts';

/** The kind of a span `s` in SQL, made from the one table of rules in `trace/kind.ts`. */
export function kindOfSpan(): Sql {
  const cases = KIND_RULES.map(rule => sql`when ${matches(rule)} then ${raw(`'${rule.kind}'`)}`);
  return sql`case ${join(cases, '\n              ')}\n              else 'other' end`;
}

function matches(rule: KindRule): Sql {
  const tests: Sql[] = [];
  const openInferenceKind = sql`upper(${attribute('s', KEY.openInferenceKind)})`;
  if (rule.openInferenceKind === null) tests.push(sql`${openInferenceKind} is null`);
  else if (rule.openInferenceKind !== undefined)
    tests.push(sql`${openInferenceKind} = ${raw(`'${rule.openInferenceKind}'`)}`);
  if (rule.has !== undefined) tests.push(hasAttribute('s', rule.has));
  if (rule.names !== undefined) tests.push(isAnyOf(raw('s.name'), rule.names));
  if (rule.otelKinds !== undefined) tests.push(isAnyOf(raw('upper(s.span_kind)'), rule.otelKinds));
  if (rule.namePrefix !== undefined)
    tests.push(sql`substr(s.name, 1, ${raw(String(rule.namePrefix.length))}) = ${raw(`'${rule.namePrefix}'`)}`);
  return join(tests, ' and ');
}

/** Names of the spans of other instrumentors that are agents and calls: looked at before their attributes, which are dear. */
const OTHERS = KIND_RULES.filter(rule => rule.has === KEY.genAiOperation && rule.namePrefix !== undefined)
  .map(rule => `s.name like '${rule.namePrefix!.replaceAll('_', '\\_')}%' escape '\\'`)
  .join(' or ');

/** A span `s` of an agent or of a call: of Agno's instrumentor and its kin, or of another one. Without any a trace is traffic. */
export const IS_OF_AGENT: Sql = sql`(${hasAttribute('s', KEY.openInferenceKind)} or ((${raw(OTHERS)}) and ${hasAttribute('s', KEY.genAiOperation)}))`;
