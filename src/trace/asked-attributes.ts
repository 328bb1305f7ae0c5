import type {Attributes} from './attributes.ts';
import {type Json, parseJson} from './json.ts';

/*
 * Attributes by their own names, such as `metadata.plan`: for `-q attr.…` and for facts that keep them. The rules are
 * in docs/query.md; the program alone applies them, so they are the same on every database.
 */

export type Scalar = string | number | boolean;
/** A list has the values that are no lists or objects themselves. */
export type AttributeValue = Scalar | readonly Scalar[];

/** The attributes of a span that somebody asked for, by path; without those it does not have. */
export type AskedAttributes = ReadonlyMap<string, AttributeValue>;

/** A longer text is its beginning and `…`, in questions as in facts. */
export const LONGEST_VALUE = 200;
const MOST_ITEMS = 20;
/** Texts that are longer are not searched for JSON. Databases send one character more, counted in code points. */
export const LONGEST_JSON = 65_536;
export const LONGEST_PATH = 200;
/** Each part may be a key of its own, or belong to one with dots. */
export const MOST_PARTS = 12;

/** The name in a key `attr.…`, without the quotes; null: it is another key. */
export function attributeNameIn(key: string): string | null {
  if (!/^attr\../i.test(key)) return null;
  return key
    .slice('attr.'.length)
    .replace(/"((?:[^"\\]|\\.)*)"/g, (_, text: string) => text.replace(/\\(["\\])/g, '$1'));
}

/** A name as a key that `attributeNameIn` reads, in quotes if it has signs or spaces. */
export function attributeKey(name: string): string {
  return `attr.${/^[^\s:()"\\<>=!,]+$/.test(name) ? name : `"${name.replace(/["\\]/g, char => `\\${char}`)}"`}`;
}

/** Where an attribute of that name may begin: `a.b` may be in the key `a.b` or in the value of the key `a`. */
export function keysOf(path: string): string[] {
  const parts = path.split('.');
  return parts.map((_, i) => parts.slice(0, parts.length - i).join('.'));
}

/** Keys that Agno and instrumentors write themselves. */
const COMMON =
  /^(agno|agent|anthropic|code|db|embedding|exception|fastapi|gen_ai|graph|http|input|llm|mcp|network|openinference|output|reranker|retrieval|rpc|server|session|team|tool|url|user|user_agent|workflow)\./;
const MOST_NAMES = 100;
const DEEPEST_NAME = 3;

/** Names of the values that an application added to a span, as `attr.…` finds them. */
export function namesIn(attributes: Attributes): string[] {
  const names: string[] = [];
  const visit = (value: Json, name: string, depth: number): void => {
    const inside = depth < DEEPEST_NAME ? objectIn(value) : null;
    if (inside)
      for (const key of Object.keys(inside).slice(0, MOST_NAMES)) visit(inside[key]!, `${name}.${key}`, depth + 1);
    else if (usable(value) !== null && name.length <= LONGEST_PATH && names.length < MOST_NAMES) names.push(name);
  };
  for (const key of Object.keys(attributes)) if (!COMMON.test(key)) visit(attributes[key]!, key, 1);
  return names;
}

/** The asked attributes of a span; null: it has none of them. */
export function askedOf(attributes: Attributes, paths: readonly string[]): AskedAttributes | null {
  const found = new Map<string, AttributeValue>();
  for (const path of paths) {
    const value = usable(valueAt(attributes, path));
    if (value !== null) found.set(path, value);
  }
  return found.size === 0 ? null : found;
}

/** The value under a name: the longest key that fits has it, or an object in that key, or JSON in its text. */
function valueAt(container: Json | Attributes, path: string): Json {
  const inside = objectIn(container);
  if (!inside) return null;
  for (const key of keysOf(path)) {
    if (!Object.hasOwn(inside, key)) continue;
    const value = inside[key]!;
    const found = key.length === path.length ? value : valueAt(value, path.slice(key.length + 1));
    if (found !== null) return found;
  }
  return null;
}

function objectIn(value: Json | Attributes): Attributes | null {
  if (typeof value === 'string') {
    if (value.length > LONGEST_JSON || !/^\s*\{/.test(value)) return null;
    return objectIn(parseJson(value)?.value ?? null);
  }
  return value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Attributes) : null;
}

function usable(value: Json): AttributeValue | null {
  if (!Array.isArray(value)) return scalarOf(value);
  const items = value.slice(0, MOST_ITEMS).flatMap(item => scalarOf(item) ?? []);
  return items.length === 0 ? null : items;
}

function scalarOf(value: Json): Scalar | null {
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (typeof value !== 'string') return null;
  if (value.length <= LONGEST_VALUE) return value;
  const points = Array.from(value.slice(0, 2 * LONGEST_VALUE + 2));
  return points.length <= LONGEST_VALUE ? value : `${points.slice(0, LONGEST_VALUE - 1).join('')}…`;
}
