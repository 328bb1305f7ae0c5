import type {Rule} from './price-data.ts';

/** Suffixes that do not make it another model: a date, a version, `latest`. */
const RELEASE =
  /^(?:[-@_.:]?(?:latest|preview|exp|(?:19|20)\d{6}|20\d\d-\d\d-\d\d|\d\d-\d\d|0\d\d|\d{4}|v\d+(?::\d+)?))*$/;

/** @param name lower case */
export function matches(rule: Rule, name: string): boolean {
  if ('or' in rule) return rule.or.some(one => matches(one, name));
  if ('and' in rule) return rule.and.every(one => matches(one, name));
  if ('equals' in rule) return name === rule.equals.toLowerCase();
  if ('starts_with' in rule) return name.startsWith(rule.starts_with.toLowerCase());
  if ('ends_with' in rule) return name.endsWith(rule.ends_with.toLowerCase());
  if ('contains' in rule) return name.includes(rule.contains.toLowerCase());
  return new RegExp(rule.regex).test(name);
}

/**
 * The library's rules also match the beginning or a part of a name, so `claude-sonnet-5-7` would get the price of
 * `claude-sonnet-5`. Here only names of exactly this model match; anything else is unknown.
 */
export function isNamedBy(rule: Rule, name: string): boolean {
  if ('or' in rule) return rule.or.some(one => isNamedBy(one, name));
  if ('and' in rule) return matches(rule, name) && rule.and.some(one => isNamedBy(one, name));
  if (!matches(rule, name)) return false;
  if ('equals' in rule) return true;
  if ('regex' in rule) return rule.regex.startsWith('^') && rule.regex.endsWith('$');
  if ('ends_with' in rule) return isPrefix(name.slice(0, name.length - rule.ends_with.length));
  const part = ('starts_with' in rule ? rule.starts_with : rule.contains).toLowerCase();
  // The rest of a fine-tuned model's name comes from its owner.
  if (part.startsWith('ft:')) return true;
  const at = name.indexOf(part);
  // A rule may end in the middle of a date or a version (`claude-sonnet-4-2025`, `gemini-2.0-flash-0`) or before it.
  const stems = [part, part.replace(/[-@_.:]?(20\d*|0)?$/, '')];
  return isPrefix(name.slice(0, at)) && stems.some(stem => RELEASE.test(name.slice(at + stem.length)));
}

/** Regions, vendors and resource names before a model: `us.anthropic.`, `models/`. */
function isPrefix(text: string): boolean {
  return text === '' || /[./:]$/.test(text);
}

/** `gpt-4o-20240806` as `gpt-4o-2024-08-06`, as the library has it. */
export function withDashedDate(name: string): string {
  return name.replace(/-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g, '-$1-$2-$3');
}
