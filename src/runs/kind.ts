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
  if (rule.namePrefix !== undefined) tests.push(beginsWith(rule.namePrefix));
  if (rule.namePrefixes !== undefined) tests.push(sql`(${join(rule.namePrefixes.map(beginsWith), ' or ')})`);
  return join(tests, ' and ');
}

function beginsWith(prefix: string): Sql {
  return sql`substr(s.name, 1, ${raw(String(prefix.length))}) = ${raw(`'${prefix}'`)}`;
}

/** Kinds of spans without OpenInference's mark that are no traffic are looked for by names first: attributes are dear. */
function ofOthers(key: string): Sql {
  const named = KIND_RULES.filter(rule => rule.has === key && rule.openInferenceKind === null)
    .flatMap(rule => rule.namePrefixes ?? rule.namePrefix ?? [])
    .map(prefix => raw(`s.name like '${prefix.replaceAll('_', '\\_')}%' escape '\\'`));
  return sql`((${join(named, ' or ')}) and ${hasAttribute('s', key)})`;
}

/** A span `s` of an agent or of a call: of Agno's instrumentor and its kin, of another one, or of an MCP client. Without any a trace is traffic. */
export const IS_OF_AGENT: Sql = sql`(${hasAttribute('s', KEY.openInferenceKind)} or ${ofOthers(KEY.genAiOperation)} or ${ofOthers(KEY.mcpMethod)})`;
