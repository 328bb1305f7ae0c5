/** A text with one level of JSON escapes removed, and the original position of each character. */
export interface Unescaped {
  readonly text: string;
  /** Position of each character in the escaped text; one more at the end, its length. */
  readonly places: Uint32Array;
}

const NAMED: Readonly<Record<string, string>> = {b: '\b', f: '\f', n: '\n', r: '\r', t: '\t'};
const ESCAPE = /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([^ux]))/g;

/**
 * Removes one level: JSON inside JSON strings, as tool arguments and messages are stored, hides `@` as `\u0040` and
 * puts backslashes between the lines of a key. Also removes Python's `\x40`. Null if there is nothing to remove.
 */
export function unescaped(text: string): Unescaped | null {
  if (!text.includes('\\')) return null;
  const places = new Uint32Array(text.length + 1);
  let length = 0;
  const parts: string[] = [];
  const copy = (from: number, to: number) => {
    parts.push(text.slice(from, to));
    for (let at = from; at < to; at++) places[length++] = at;
  };
  let at = 0;
  for (const match of text.matchAll(ESCAPE)) {
    copy(at, match.index);
    const [whole, hex4, hex2, char = ''] = match;
    const hex = hex4 ?? hex2;
    parts.push(hex !== undefined ? String.fromCharCode(Number.parseInt(hex, 16)) : (NAMED[char] ?? char));
    places[length++] = match.index;
    at = match.index + whole.length;
  }
  if (at === 0) return null;
  copy(at, text.length);
  places[length] = text.length;
  return {text: parts.join(''), places: places.subarray(0, length + 1)};
}
