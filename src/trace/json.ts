/**
 * JSON as it is found in the tables. `JSON.parse` first; what it refuses is read by a tolerant parser, because Python's
 * `json.dumps` itself writes `NaN` and `Infinity`, and other hands leave byte order marks and cut texts behind
 * (reliability.md section 6, A1-A15).
 */
export type Json = null | boolean | number | string | Json[] | {[key: string]: Json};

export interface ParsedJson {
  value: Json;
  /** What was wrong with the text, in words; empty when nothing was. */
  problems: string[];
}

interface ParseOptions {
  /** Also notice what JSON.parse passes over in silence (repeated keys); slower. */
  thorough?: boolean;
}

/** JSON.parse rounds these without a word, or calls them infinite, so they are read by the tolerant parser, which keeps them as text. */
const BIG_NUMBER = /(?:^|[\s:,[])-?\d(?:\d{15}|[\d.]*[eE]\+?\d{3})/;

/** @returns null when the text is not JSON at all, even for the tolerant reader. Never throws. */
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

interface Cursor {
  text: string;
  at: number;
  problems: Set<string>;
}

type Container = {kind: 'array'; value: Json[]} | {kind: 'object'; value: {[key: string]: Json}; key: string | null};

/**
 * Iterative, so that depth cannot overflow the stack. Stops at the first thing it cannot read and keeps what came
 * before: of a cut text the good part is shown.
 */
function parseTolerant(text: string): ParsedJson | null {
  const cursor: Cursor = {text, at: 0, problems: new Set()};
  if (text.charCodeAt(0) === 0xfeff) {
    cursor.at = 1;
    cursor.problems.add('starts with a byte order mark');
  }
  skipBlank(cursor);
  if (cursor.at >= text.length) return null;
  const stack: Container[] = [];
  let root: Json | undefined;
  let ended = false;

  const put = (value: Json): void => {
    const top = stack.at(-1);
    if (!top) root = value;
    else if (top.kind === 'array') top.value.push(value);
    else if (top.key !== null) {
      if (Object.hasOwn(top.value, top.key))
        cursor.problems.add(`repeats the key ${JSON.stringify(top.key)}, the last one counts`);
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
      const key = char === '"' ? readString(cursor) : null;
      if (key === null) break;
      top.key = key;
      continue;
    }
    if (char === '{' || char === '[') {
      cursor.at++;
      const value: Json = char === '{' ? Object.create(null) : [];
      put(value);
      stack.push(
        char === '{'
          ? {kind: 'object', value: value as {[key: string]: Json}, key: null}
          : {kind: 'array', value: value as Json[]},
      );
      continue;
    }
    const scalar = char === '"' ? readString(cursor) : readWord(cursor);
    if (scalar === undefined || (char === '"' && scalar === null)) break;
    put(scalar);
    ended = stack.length === 0;
  }
  if (root === undefined) return null;
  if (stack.length > 0) cursor.problems.add('is cut off');
  else if (cursor.at < text.trimEnd().length) cursor.problems.add('has text after its end');
  return {value: root, problems: [...cursor.problems]};
}

function skipBlank(cursor: Cursor): void {
  while (cursor.at < cursor.text.length && ' \t\r\n'.includes(cursor.text[cursor.at]!)) cursor.at++;
}

/** A string from its opening quote on; a cut one is kept as far as it goes. */
function readString(cursor: Cursor): string | null {
  const {text} = cursor;
  let end = cursor.at + 1;
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
  const body = text.slice(cursor.at + 1, Math.min(end, text.length));
  if (end >= text.length) cursor.problems.add('is cut off');
  cursor.at = end + 1;
  return unescapeBody(body);
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

function readWord(cursor: Cursor): Json | undefined {
  const match = /[^\s,:[\]{}"]+/y;
  match.lastIndex = cursor.at;
  const word = match.exec(cursor.text)?.[0];
  if (word === undefined) return undefined;
  cursor.at += word.length;
  if (Object.hasOwn(WORDS, word)) return WORDS[word]!;
  const number = Number(word);
  if (Number.isFinite(number)) {
    if (!/^-?\d+$/.test(word) || Number.isSafeInteger(number)) return number;
    cursor.problems.add('holds integers beyond 2^53, kept as text');
    return word;
  }
  if (/^-?\d+(\.\d+)?([eE]\+?\d+)?$/.test(word)) {
    cursor.problems.add('holds numbers beyond a double, kept as text');
    return word;
  }
  if (/^-?(NaN|Infinity)$/.test(word)) {
    cursor.problems.add(`holds ${word}`);
    return word;
  }
  return undefined;
}

/** Plain assignment would run the setter of `__proto__`. */
function define(target: {[key: string]: Json}, key: string, value: Json): void {
  Object.defineProperty(target, key, {value, enumerable: true, configurable: true, writable: true});
}

/** Deepest value that is printed; JSON.stringify overflows the stack at about 10,000 (A15). */
const DEEPEST = 500;
const TOO_DEEP = '(nested too deeply to print)';

/** Text of any JSON value, indented; never overflows the stack. */
export function formatJson(value: Json, indent = 2): string {
  return JSON.stringify(printable(value), null, indent);
}

/** The value, or a word in its place where it is nested too deeply for JSON.stringify. */
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
