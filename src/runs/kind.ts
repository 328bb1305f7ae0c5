import {attribute, hasAttribute, isAnyOf} from '../sql/fragments.ts';
import {join, raw, type Sql, sql} from '../sql/sql.ts';
import {KEY} from '../trace/attributes.ts';
import {KIND_RULES, type KindRule} from '../trace/kind.ts';

/** The kind of a span `s` in SQL, built from the rules in `trace/kind.ts`. */
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
  if (rule.namePrefix !== undefined) tests.push(beginsWith(rule.namePrefix));
  if (rule.namePrefixes !== undefined) tests.push(sql`(${join(rule.namePrefixes.map(beginsWith), ' or ')})`);
  return join(tests, ' and ');
}

function beginsWith(prefix: string): Sql {
  return sql`substr(s.name, 1, ${raw(String(prefix.length))}) = ${raw(`'${prefix}'`)}`;
}

/** Rules for spans without OpenInference's mark that are not traffic. */
const OTHERS = KIND_RULES.filter(rule => rule.has !== undefined && rule.openInferenceKind === null);
const prefixesOf = ({namePrefix, namePrefixes}: KindRule) =>
  namePrefixes ?? (namePrefix === undefined ? [] : [namePrefix]);

/** Tests one of their names first and then, because attributes are expensive, the attribute that they have. */
function ofOthers(key: string): Sql {
  const named = OTHERS.filter(rule => rule.has === key)
    .flatMap(prefixesOf)
    .map(beginsWith);
  return sql`when ${join(named, ' or ')} then ${hasAttribute('s', key)}`;
}

/** Two letters rule out nearly every plain request; comparing twenty names took as long as everything else. */
const BEGINNINGS = [...new Set(OTHERS.flatMap(prefixesOf).map(prefix => prefix.slice(0, 2)))];

/**
 * A span `s` of an agent or of a call: from Agno's instrumentor and similar ones, from another instrumentor, or from
 * an MCP client. A trace without any is traffic. Written as one `case`: SQLite computes both sides of an `or` that is
 * a value.
 */
export const IS_OF_AGENT: Sql = sql`case when ${hasAttribute('s', KEY.openInferenceKind)} then true
             when substr(s.name, 1, 2) not in (${join(
               BEGINNINGS.map(text => raw(`'${text}'`)),
               ', ',
             )}) then false
             ${ofOthers(KEY.genAiOperation)}
             ${ofOthers(KEY.mcpMethod)}
             else false end`;
