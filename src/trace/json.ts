/**
 * JSON as found in the tables. `JSON.parse` is tried first; a tolerant parser reads what it refuses, because Python's
 * `json.dumps` itself writes `NaN` and `Infinity`, and other writers leave byte order marks and cut texts
 * (docs/agno.md, Text and JSON).
 */
export type Json = null | boolean | number | string | Json[] | {[key: string]: Json};

export interface Parsed<T> {
  value: T;
  /** What was wrong with the text, in words; empty if nothing was. */
  problems: string[];
}
export type ParsedJson = Parsed<Json>;

interface ParseOptions {
  /** Also report what JSON.parse silently accepts (repeated keys); slower. */
  thorough?: boolean;
}

/**
 * JSON.parse silently rounds these numbers or makes them infinite, so the tolerant parser reads them and keeps them
 * as text.
 */
const BIG_NUMBER = /(?:^|[\s:,[])-?\d(?:\d{15}|[\d.]*[eE]\+?\d{3})/;

/** @returns null if even the tolerant parser finds no JSON. Never throws. */
export function parseJson(text: string, {thorough = false}: ParseOptions = {}): ParsedJson | null {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    const parsed = parseTolerant(text);
    if (parsed && parsed.problems.length === 0) parsed.problems.push('is not valid JSON');
    return parsed;
  }
  if (thorough || BIG_NUMBER.test(text)) return parseTolerant(text) ?? {value, problems: []};
  return {value, problems: []};
}

/** A number as it is spelled in the text: `1.0` is not an integer, and no digit is lost. */
export class NumberText {
  constructor(readonly text: string) {}
}

/** JSON without any loss. */
export type ExactJson = null | boolean | string | NumberText | ExactJson[] | {[key: string]: ExactJson};

/** Like `parseJson` with `thorough`, with numbers as they are spelled, including `NaN` and `Infinity`. */
export function parseExactly(text: string): Parsed<ExactJson> | null {
  return parseTolerant(text, exactNumber);
}

interface Cursor {
  text: string;
  at: number;
  problems: Set<string>;
}

type Value = Json | ExactJson;
/** @returns undefined for a word that is not a number */
type ReadNumber = (word: string, problems: Set<string>) => Value | undefined;

type Container = {kind: 'array'; value: Value[]} | {kind: 'object'; value: {[key: string]: Value}; key: string | null};

/**
 * Iterative, so that depth cannot overflow the stack. Stops at the first unreadable place and keeps everything before
 * it: of a cut text, the good part is shown.
 */
function parseTolerant<T = Json>(text: string, readNumber: ReadNumber = plainNumber): Parsed<T> | null {
  const cursor: Cursor = {text, at: 0, problems: new Set()};
  if (text.charCodeAt(0) === 0xfeff) {
    cursor.at = 1;
    cursor.problems.add('starts with a byte order mark');
  }
  skipBlank(cursor);
  if (cursor.at >= text.length) return null;
  const stack: Container[] = [];
  let root: Value | undefined;
  let ended = false;

  const put = (value: Value): void => {
    const top = stack.at(-1);
    if (!top) root = value;
    else if (top.kind === 'array') top.value.push(value);
    else if (top.key !== null) {
      if (Object.hasOwn(top.value, top.key))
        cursor.problems.add(`repeats the key ${JSON.stringify(top.key)}; the last one is used`);
      define(top.value, top.key, value);
      top.key = null;
    }
  };

  while (!ended) {
    skipBlank(cursor);
    if (cursor.at >= text.length) break;
    const top = stack.at(-1);
    const char = text[cursor.at]!;
    if (top && (char === ',' || (char === ':' && top.kind === 'object'))) {
      cursor.at++;
      continue;
    }
    if (top && char === (top.kind === 'array' ? ']' : '}')) {
      cursor.at++;
      stack.pop();
      ended = stack.length === 0;
      continue;
    }
    if (top?.kind === 'object' && top.key === null) {
      if (char !== '"') break;
      top.key = readString(cursor);
      continue;
    }
    if (char === '{' || char === '[') {
      cursor.at++;
      const value: Value = char === '{' ? Object.create(null) : [];
      put(value);
      stack.push(
        char === '{'
          ? {kind: 'object', value: value as {[key: string]: Value}, key: null}
          : {kind: 'array', value: value as Value[]},
      );
      continue;
    }
    const scalar = char === '"' ? readString(cursor) : readWord(cursor, readNumber);
    if (scalar === undefined) break;
    put(scalar);
    ended = stack.length === 0;
  }
  if (root === undefined) return null;
  if (stack.length > 0) cursor.problems.add('is cut off');
  else if (cursor.at < text.trimEnd().length) cursor.problems.add('has text after its end');
  return {value: root as T, problems: [...cursor.problems]};
}

function skipBlank(cursor: Cursor): void {
  for (;;) {
    const code = cursor.text.charCodeAt(cursor.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    cursor.at++;
  }
}

/** A string from its opening quote on; a cut one is kept up to the cut. */
function readString(cursor: Cursor): string {
  const {text, at} = cursor;
  let end = text.indexOf('"', at + 1);
  while (end >= 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  if (end < 0) {
    cursor.problems.add('is cut off');
    cursor.at = text.length + 1;
    return unescapeBody(text.slice(at + 1));
  }
  cursor.at = end + 1;
  const body = text.slice(at + 1, end);
  if (!body.includes('\\')) return body;
  try {
    // Ten times as fast for a valid string.
    return JSON.parse(text.slice(at, end + 1)) as string;
  } catch {
    return unescapeBody(body);
  }
}

/** Whether an odd number of backslashes precedes it. */
function isEscaped(text: string, at: number): boolean {
  let before = at;
  while (text.charCodeAt(before - 1) === 0x5c) before--;
  return (at - before) % 2 === 1;
}

const ESCAPES: Readonly<Record<string, string>> = {b: '\b', f: '\f', n: '\n', r: '\r', t: '\t'};

function unescapeBody(body: string): string {
  return body.replace(/\\(?:u([0-9a-fA-F]{4})|([^u]))?/g, (whole, hex?: string, char?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    if (char !== undefined) return ESCAPES[char] ?? char;
    return whole === '\\' ? '' : whole;
  });
}

const WORDS: Readonly<Record<string, Json>> = {true: true, false: false, null: null};

function readWord(cursor: Cursor, readNumber: ReadNumber): Value | undefined {
  const match = /[^\s,:[\]{}"]+/y;
  match.lastIndex = cursor.at;
  const word = match.exec(cursor.text)?.[0];
  if (word === undefined) return undefined;
  cursor.at += word.length;
  return Object.hasOwn(WORDS, word) ? WORDS[word]! : readNumber(word, cursor.problems);
}

function plainNumber(word: string, problems: Set<string>): Json | undefined {
  const number = Number(word);
  if (Number.isFinite(number)) {
    if (!/^-?\d+$/.test(word) || Number.isSafeInteger(number)) return number;
    problems.add('contains integers beyond 2^53, kept as text');
    return word;
  }
  if (/^-?\d+(\.\d+)?([eE]\+?\d+)?$/.test(word)) {
    problems.add('contains numbers beyond a double, kept as text');
    return word;
  }
  if (/^-?(NaN|Infinity)$/.test(word)) {
    problems.add(`contains ${word}`);
    return word;
  }
  return undefined;
}

function exactNumber(word: string): ExactJson | undefined {
  return /^-?(\d+(\.\d+)?([eE][-+]?\d+)?|NaN|Infinity)$/.test(word) ? new NumberText(word) : undefined;
}

/** Plain assignment would call the setter of `__proto__`. */
function define(target: {[key: string]: Value}, key: string, value: Value): void {
  Object.defineProperty(target, key, {value, enumerable: true, configurable: true, writable: true});
}

/** Deepest value that is printed; JSON.stringify overflows the stack at about 10,000. */
const DEEPEST = 500;
const TOO_DEEP = '(nested too deeply to print)';

/** Text of any JSON value, indented; never overflows the stack. */
export function formatJson(value: Json, indent = 2): string {
  return JSON.stringify(printable(value), null, indent);
}

/**
 * JSON text of a value, with numbers as they were spelled; `NaN` and `Infinity`, which JSON does not have, become
 * text. Iterative: depth cannot overflow the stack. Can sort keys, because Postgres does not keep their order.
 */
export function exactJson(value: ExactJson, {sorted = false} = {}): string {
  const parts: string[] = [];
  // What is still to be written, in reverse order; boxed text is written unchanged.
  const stack: (ExactJson | Written)[] = [value];
  const write = (text: string) => stack.push(new Written(text));
  while (stack.length > 0) {
    const item = stack.pop()!;
    if (item instanceof Written) parts.push(item.written);
    else if (item instanceof NumberText) parts.push(/[NI]/.test(item.text) ? `"${item.text}"` : item.text);
    else if (item === null || typeof item !== 'object') parts.push(JSON.stringify(item));
    else if (Array.isArray(item)) {
      parts.push('[');
      write(']');
      for (let i = item.length - 1; i >= 0; i--) {
        stack.push(item[i]!);
        if (i > 0) write(',');
      }
    } else {
      const entries = item as {[key: string]: ExactJson};
      const keys = Object.keys(entries);
      if (sorted) keys.sort();
      parts.push('{');
      write('}');
      for (let i = keys.length - 1; i >= 0; i--) {
        stack.push(entries[keys[i]!]!);
        write(`${i > 0 ? ',' : ''}${JSON.stringify(keys[i])}:`);
      }
    }
  }
  return parts.join('');
}

class Written {
  constructor(readonly written: string) {}
}

/** The value, or a note in its place if it is nested too deeply for JSON.stringify. */
export function printable(value: Json): Json {
  return depthWithin(value, DEEPEST) ? value : TOO_DEEP;
}

function depthWithin(value: Json, limit: number): boolean {
  let level: Json[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return false;
    level = level.flatMap(item => (item !== null && typeof item === 'object' ? Object.values(item) : []));
  }
  return true;
}

/** JSON with sorted keys; other text unchanged. */
export function canonicalJson(text: string): string {
  const value = parseJson(text)?.value ?? null;
  const isReadable = value !== null && typeof value === 'object' && printable(value) === value;
  return isReadable ? JSON.stringify(inOrder(value)) : text;
}

function inOrder(value: unknown, depth = 0): unknown {
  if (value === null || typeof value !== 'object' || depth > 50) return value;
  if (Array.isArray(value)) return value.map(item => inOrder(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, inOrder(item, depth + 1)]),
  );
}
