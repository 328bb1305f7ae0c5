/** A text with one level of encoding taken off, and where each of its characters stood in the encoded one. */
export interface Unescaped {
  readonly text: string;
  readonly starts: Uint32Array;
  /** Exclusive. */
  readonly ends: Uint32Array;
}

const NAMED: Readonly<Record<string, string>> = {b: '\b', f: '\f', n: '\n', r: '\r', t: '\t'};
const ENTITIES: Readonly<Record<string, string>> = {
  ...{amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ', commat: '@', period: '.', colon: ':'},
};

/** Characters that nobody sees, or that look like one of ASCII's: full-width forms, hyphens and blanks of typesetters. */
const INVISIBLE = '\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff';
const BLANKS = '\u00a0\u2000-\u200a\u202f\u205f\u3000';
const HYPHENS = '\u2010-\u2015\u2212\ufe63';
const FULL_WIDTH = '\uff01-\uff5e';
const LOOKALIKES = `[${INVISIBLE}${BLANKS}${HYPHENS}${FULL_WIDTH}]`;
const IS_INVISIBLE = new RegExp(`[${INVISIBLE}]`);
const IS_BLANK = new RegExp(`[${BLANKS}]`);
const IS_HYPHEN = new RegExp(`[${HYPHENS}]`);

/** A line that goes on: of a shell, of quoted-printable text, and of a string literal that was written in pieces. */
const CONTINUATION =
  '(?:\\\\|=)\\r?\\n[ \\t]{0,40}|["\'](?<=[\\w+/=-].)[ \\t]{0,10}\\+?[ \\t]{0,10}\\r?\\n[ \\t]{0,40}\\+?[ \\t]{0,10}["\'](?=[\\w+/=-])';

/** What an encoding writes in place of a character. The groups: code in hex (JSON, Python, URL), named escape, entity. */
const ENCODED = new RegExp(
  `${CONTINUATION}|\\\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([^ux]))|%([2-7][0-9a-fA-F])|=(3D|40)` +
    `|&(?:#(\\d{2,7})|#x([0-9a-fA-F]{2,6})|(${Object.keys(ENTITIES).join('|')}));|${LOOKALIKES}`,
  'g',
);
/** Without one of these there is nothing to take off. */
const MAY_BE_ENCODED = new RegExp(
  `\\\\|%[2-7][0-9a-fA-F]|=(?:3D|40|\\r?\\n)|&(?:#|[a-z]{2,6};)|["'][ \\t+]{0,20}\\r?\\n|${LOOKALIKES}`,
);

/**
 * Takes off one level of what hides a text from patterns. JSON inside JSON's strings, as tool arguments and messages are
 * stored, hides `@` as `\u0040` and puts backslashes between the lines of a key; Python writes `\x40`, a URL `%40`, XML
 * `&#64;`. Null where there is nothing to take off.
 */
export function unescaped(text: string): Unescaped | null {
  if (!MAY_BE_ENCODED.test(text)) return null;
  const starts = new Uint32Array(text.length);
  const ends = new Uint32Array(text.length);
  let length = 0;
  const parts: string[] = [];
  const copy = (from: number, to: number) => {
    parts.push(text.slice(from, to));
    for (let at = from; at < to; at++) {
      starts[length] = at;
      ends[length++] = at + 1;
    }
  };
  let at = 0;
  for (const match of text.matchAll(ENCODED)) {
    copy(at, match.index);
    at = match.index + match[0].length;
    const char = meant(match);
    parts.push(char);
    for (let i = 0; i < char.length; i++) {
      starts[length] = match.index;
      ends[length++] = at;
    }
  }
  if (at === 0) return null;
  copy(at, text.length);
  return {text: parts.join(''), starts: starts.subarray(0, length), ends: ends.subarray(0, length)};
}

function meant([whole, hex4, hex2, named, percent, quoted, decimal, hex6, entity]: RegExpExecArray): string {
  const hex = hex4 ?? hex2 ?? percent ?? quoted ?? hex6;
  if (hex !== undefined) return charOf(Number.parseInt(hex, 16));
  if (named !== undefined) return NAMED[named] ?? named;
  if (decimal !== undefined) return charOf(Number(decimal));
  if (entity !== undefined) return ENTITIES[entity]!;
  if (whole.length > 1 || IS_INVISIBLE.test(whole)) return '';
  if (IS_BLANK.test(whole)) return ' ';
  if (IS_HYPHEN.test(whole)) return '-';
  return charOf(whole.charCodeAt(0) - 0xfee0);
}

const charOf = (code: number): string => (code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd');
