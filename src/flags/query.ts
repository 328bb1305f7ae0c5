import {closest} from '../closest.ts';
import {usageError} from '../errors.ts';
import {attributeNameIn, LONGEST_PATH, MOST_PARTS} from '../trace/asked-attributes.ts';
import type {AttributeTest} from '../trace/attribute-test.ts';
import {type Figure, MARKS, NO_FILTER, type Query, type RunFilter} from '../trace/filter.ts';
import {KINDS} from '../trace/kind.ts';
import {STATES} from '../trace/states.ts';
import {globOf, parseSyntax, plainOf, queryError, type Syntax, type Value} from './query-syntax.ts';
import {
  isOpen,
  momentOf,
  numberIn,
  parseCached,
  parseCountOf,
  parseUsd,
  placed,
  type Reading,
  rangeOf,
} from './query-values.ts';
import {parseChoice, parseLength} from './values.ts';

/*
 * The meaning of the keys of `-q`. Keys that are flags of `list` mean the same as the flag; docs/query.md has them
 * all. The grammar is in query-syntax.ts.
 */

/** Possible statuses of a trace row; Agno writes the first two. */
export const STATUSES = ['ok', 'error', 'unset'] as const;

type Term = Extract<Syntax, {type: 'term'}>;
type Reader = (term: Term, reading: Reading) => Query;

const KEYS: Readonly<Record<string, Reader>> = {
  run: listed('runs', plainOf),
  trace: listed('traces', plainOf),
  session: listed('sessions', plainOf),
  user: listed('users', plainOf),
  agent: listed('agents', globOf),
  team: listed('teams', globOf),
  workflow: listed('workflows', globOf),
  kind: listed('kinds', chosenOf(KINDS)),
  model: listed('models', globOf),
  tool: listed('tools', globOf),
  name: listed('names', globOf),
  state: listed('states', chosenOf(STATES)),
  status: listed('statuses', (value, key) => chosenOf(STATUSES)(value, key).toUpperCase()),
  error: listed('errors', plainOf),
  duration: figure('durationMs', value => parseLength('duration', value), false),
  tokens: figure('totalTokens', parseCountOf('tokens'), true),
  cached: figure(text => (text.endsWith('%') ? 'cacheHitRate' : 'cachedTokens'), parseCached, true),
  spans: figure('spanCount', parseCountOf('spans'), true),
  errors: figure('errorCount', parseCountOf('errors'), true),
  retries: figure('retryCount', parseCountOf('retries'), true),
  cost: figure('costUsd', parseUsd, true),
  started: readStarted,
  age: readAge,
  since: window((micros): Partial<RunFilter> => ({sinceMicros: micros})),
  until: window((micros): Partial<RunFilter> => ({untilMicros: micros})),
  is: readMark,
};
export const QUERY_KEYS: readonly string[] = Object.keys(KEYS);

/**
 * Parses a free query. Null: it is empty.
 * @throws UserError exit 2 with the place
 */
export function parseQuery(text: string, nowMicros: number): Query | null {
  const query = read(parseSyntax(text, QUERY_KEYS), {text, nowMicros});
  return query.type === 'and' && query.parts.length === 0 ? null : query;
}

/** What a reader of the answer must know about how the query was understood; null: it was taken literally. */
export function queryNote(text: string): string | null {
  const meant = new Map<string, string>();
  const visit = (syntax: Syntax): void => {
    if (syntax.type === 'and' || syntax.type === 'or') {
      if (syntax.isSpelledSmall) meant.set(syntax.type, syntax.type.toUpperCase());
      syntax.parts.forEach(visit);
    } else if (syntax.type === 'not') visit(syntax.part);
    else if (syntax.type === 'text' && isState(syntax.value))
      meant.set(syntax.value.text, `state:${syntax.value.text}`);
  };
  visit(parseSyntax(text, QUERY_KEYS));
  if (meant.size === 0) return null;
  const words = [...meant].map(([word, meaning]) => `${word} as ${meaning}`);
  return `-q reads ${words.join(', ')}; quote a word to search for it`;
}

function read(syntax: Syntax, reading: Reading): Query {
  switch (syntax.type) {
    case 'and':
      return {type: 'and', parts: syntax.parts.map(part => read(part, reading))};
    case 'or':
      return anyOf(syntax.parts.map(part => read(part, reading)));
    case 'not':
      return {type: 'not', part: read(syntax.part, reading)};
    case 'text':
      return readText(syntax.value, reading);
    case 'term':
      return readTerm(syntax, reading);
  }
}

/** A bare word that is a state's name means the state, as shown in the list. */
function isState({text, isQuoted}: Value): boolean {
  return !isQuoted && STATES.some(state => state === text);
}

function readText(value: Value, {text}: Reading): Query {
  if (isState(value)) return flag({states: STATES.filter(state => state === value.text)});
  refuseUnfit(value, text);
  return {type: 'text', glob: globOf(value)};
}

function readTerm(term: Term, reading: Reading): Query {
  const key = term.key.toLowerCase();
  const name = attributeNameIn(term.key);
  if (name !== null) return readAttribute(name, term, reading);
  const reader = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
  if (!reader) {
    const near = closest(key, QUERY_KEYS);
    const known = `Keys: ${QUERY_KEYS.join(', ')}; attr.NAME for any attribute; in quotes it is text.`;
    throw queryError(
      reading.text,
      term.at,
      `"${term.key}" is not a key.`,
      near ? `Did you mean ${near}? ${known}` : known,
    );
  }
  for (const value of term.values) refuseUnfit(value, reading.text);
  return reader(term, reading);
}

/** `attr.metadata.plan:>=2`: an attribute by its own name. */
function readAttribute(name: string, term: Term, reading: Reading): Query {
  const path = placed({text: name, isQuoted: false, at: term.at}, reading, () => attributePath(name));
  return anyOf(
    term.values.map(value => {
      refuseUnfit(value, reading.text);
      return {type: 'attribute', path, test: attributeTest(term, value)};
    }),
  );
}

/** @throws UserError exit 2 for a name that no attribute can have */
export function attributePath(name: string): string {
  if (name.length > LONGEST_PATH || name.split('.').length > MOST_PARTS || /\p{Cc}/u.test(name))
    throw usageError(
      `"attr.${name.slice(0, 40)}" is no name of an attribute.`,
      `At most ${LONGEST_PATH} characters and ${MOST_PARTS} parts, without control characters.`,
    );
  return name;
}

function attributeTest({comparison}: Term, value: Value): AttributeTest {
  const text = plainOf(value);
  const bound = (sign: '>=' | '<=' | '>' | '<', end: string) => ({
    comparison: sign,
    value: value.isQuoted ? end : (numberIn(end) ?? end),
  });
  if (comparison !== null) return {type: 'compares', bounds: [bound(comparison, text)]};
  const [, from, to] = (value.isQuoted ? null : rangeOf(text)) ?? [];
  const isRange =
    from !== undefined && to !== undefined && [from, to].every(end => isOpen(end) || numberIn(end) !== null);
  if (!isRange) return {type: 'is', glob: globOf(value), number: value.isQuoted ? null : numberIn(text)};
  return {
    type: 'compares',
    bounds: [...(isOpen(from) ? [] : [bound('>=', from)]), ...(isOpen(to) ? [] : [bound('<=', to)])],
  };
}

/** SQLite takes patterns of 50,000 bytes at most, and V8 refuses that of a text of 10,000 times k. */
export const LONGEST_TEXT = 2_000;

function refuseUnfit({text, at}: Value, query: string): void {
  if (text === '') throw queryError(query, at, 'there is nothing inside the quotes.', 'Write a text between them.');
  if (text.length > LONGEST_TEXT)
    throw queryError(query, at, `a text of ${text.length} characters is too long.`, `At most ${LONGEST_TEXT} fit.`);
}

function flag(fields: Partial<RunFilter>): Query {
  return {type: 'flag', filter: {...NO_FILTER, ...fields}};
}

/** Alternatives of the same flag become one flag with several values, which is as fast as that flag. */
function anyOf(parts: readonly Query[]): Query {
  const merged: Query[] = [];
  for (const part of parts) {
    const at = merged.findIndex(other => listIn(other) !== null && listIn(other) === listIn(part));
    const key = listIn(part);
    if (at < 0 || key === null || part.type !== 'flag') merged.push(part);
    else {
      const before = merged[at] as typeof part;
      merged[at] = flag({[key]: [...(before.filter[key] as unknown[]), ...(part.filter[key] as unknown[])]});
    }
  }
  return merged.length === 1 ? merged[0]! : {type: 'or', parts: merged};
}

/** The one list that a flag sets; null if it sets something else. */
function listIn(query: Query): keyof RunFilter | null {
  if (query.type !== 'flag') return null;
  const {filter} = query;
  return (
    (Object.keys(filter) as (keyof RunFilter)[]).find(
      key => Array.isArray(filter[key]) && (filter[key] as unknown[]).length > 0,
    ) ?? null
  );
}

function refuseComparison({key, comparison, at}: Term, {text}: Reading, hint: string): void {
  if (comparison !== null) throw queryError(text, at, `"${key}" cannot be compared with ${comparison}.`, hint);
}

/** A key for a flag with a list of values. */
function listed<K extends keyof RunFilter>(
  field: K,
  read: (value: Value, key: string) => (RunFilter[K] & readonly unknown[])[number],
): Reader {
  return (term, reading) => {
    refuseComparison(
      term,
      reading,
      `Write ${term.key}:value; keys that can be compared: duration, tokens, cached, cost, spans, errors, retries, started, age.`,
    );
    return flag({[field]: term.values.map(value => placed(value, reading, () => read(value, term.key)))});
  };
}

function chosenOf<T extends string>(choices: readonly T[]): (value: Value, key: string) => T {
  return (value, key) => parseChoice(key, plainOf(value), choices);
}

/**
 * A figure of the run: compared, in a range, or (counts) equal.
 * @param name the figure, or which one a value means
 */
function figure(
  name: Figure | ((text: string) => Figure),
  numberOf: (text: string) => number,
  isCounted: boolean,
): Reader {
  return (term, reading) => {
    const one = (value: Value): Query => {
      const text = plainOf(value);
      const compare = (comparison: '>=' | '<=' | '>' | '<' | '=', part: string): Query => ({
        type: 'compare',
        figure: typeof name === 'string' ? name : name(part),
        comparison,
        value: placed(value, reading, () => numberOf(part)),
      });
      if (term.comparison !== null) return compare(term.comparison, text);
      const [, from, to] = rangeOf(text) ?? [];
      if (from === undefined || to === undefined) {
        if (isCounted) return compare('=', text);
        placed(value, reading, () => numberOf(text));
        throw queryError(
          reading.text,
          term.at,
          `"${term.key}:${text}" would match only the exact microsecond.`,
          `Write ${term.key}:>${text}, ${term.key}:<${text} or a range such as ${term.key}:1s..5s.`,
        );
      }
      const parts = [...(isOpen(from) ? [] : [compare('>=', from)]), ...(isOpen(to) ? [] : [compare('<=', to)])];
      return parts.length === 1 ? parts[0]! : {type: 'and', parts};
    };
    return anyOf(term.values.map(one));
  };
}

const DAY_MICROS = 86_400_000_000;

/** `started:` compares moments; a date is the whole day. */
function readStarted(term: Term, reading: Reading): Query {
  const spanOf = (value: Value, text: string): {first: number; last: number} => {
    const first = momentOf(term.key, value, text, reading);
    const isDay = /^(today|yesterday|\d{4}-\d{2}-\d{2})$/.test(text.trim());
    return {first, last: isDay ? first + DAY_MICROS - 1 : first};
  };
  const one = (value: Value): Query => {
    const text = plainOf(value);
    const [, from, to] = term.comparison === null ? (rangeOf(text) ?? []) : [];
    if (from !== undefined && to !== undefined) {
      return flag({
        sinceMicros: isOpen(from) ? null : spanOf(value, from).first,
        untilMicros: isOpen(to) ? null : spanOf(value, to).last + 1,
      });
    }
    const {first, last} = spanOf(value, text);
    if (term.comparison === null && first === last)
      throw queryError(
        reading.text,
        term.at,
        `"${term.key}:${text}" would match only the exact microsecond.`,
        `Write ${term.key}:>=${text}, ${term.key}:<${text}, a date, or a range.`,
      );
    if (term.comparison === '>') return flag({sinceMicros: last + 1});
    if (term.comparison === '>=') return flag({sinceMicros: first});
    if (term.comparison === '<') return flag({untilMicros: first});
    if (term.comparison === '<=') return flag({untilMicros: last + 1});
    return flag({sinceMicros: first, untilMicros: last + 1});
  };
  return anyOf(term.values.map(one));
}

/** `age:<2h`: how long ago the run started. */
function readAge(term: Term, reading: Reading): Query {
  const ago = (value: Value, text: string): number => {
    placed(value, reading, () => parseLength('age', text));
    return momentOf(term.key, value, text, reading);
  };
  return anyOf(
    term.values.map(value => {
      const text = plainOf(value);
      if (term.comparison === '<') return flag({sinceMicros: ago(value, text) + 1});
      if (term.comparison === '<=') return flag({sinceMicros: ago(value, text)});
      if (term.comparison === '>') return flag({untilMicros: ago(value, text)});
      if (term.comparison === '>=') return flag({untilMicros: ago(value, text) + 1});
      const [, from, to] = rangeOf(text) ?? [];
      if (from === undefined || to === undefined)
        throw queryError(
          reading.text,
          term.at,
          `"${term.key}:${text}" would match only the exact microsecond.`,
          `Write ${term.key}:<2h, ${term.key}:>1d or ${term.key}:1h..2h.`,
        );
      return flag({
        sinceMicros: isOpen(to) ? null : ago(value, to),
        untilMicros: isOpen(from) ? null : ago(value, from) + 1,
      });
    }),
  );
}

/** `since:` and `until:`, like the flags. */
function window(bound: (micros: number) => Partial<RunFilter>): Reader {
  return (term, reading) => {
    refuseComparison(term, reading, 'Use started:>= or started:<.');
    return anyOf(term.values.map(value => flag(bound(momentOf(term.key, value, plainOf(value), reading)))));
  };
}

function readMark(term: Term, reading: Reading): Query {
  refuseComparison(term, reading, `Write is:${MARKS[0]}.`);
  return anyOf(
    term.values.map(value => {
      const mark = placed(value, reading, () => parseChoice(term.key, plainOf(value), [...MARKS, ...STATES]));
      const state = STATES.find(known => known === mark);
      return state ? flag({states: [state]}) : {type: 'mark', mark: MARKS.find(known => known === mark)!};
    }),
  );
}
