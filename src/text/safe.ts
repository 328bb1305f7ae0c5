/**
 * Text that may reach a terminal. Made only here, from our own literals and from escaped data.
 *
 * Every string that did not come from our source (ids, names, status, times, attribute keys and values, database
 * errors, file names, argv echoes) is data written by a model, a web page or a stranger. It is escaped per code point,
 * never stripped by pattern: stripping can splice a new sequence together (docs/design.md, Text is hostile).
 */
export type Safe = string & {readonly __safe: unique symbol};

interface SafeOptions {
  /** Keep line breaks; elsewhere a line break is shown as ⏎. */
  multiline?: boolean;
}

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;

/** Invisible and format characters that can hide or reorder text; shown as an escape because they are evidence. */
const HIDDEN =
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: single code points are meant, whatever they combine with
  /[\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\u{e0000}-\u{e0fff}]/u;
const PRIVATE_OR_NONCHARACTER = /[\p{Co}\p{Noncharacter_Code_Point}]/u;
const SUSPECT =
  /[^\x20-\x7e\u00a0-\u02ff\u0370-\u0482\u048a-\u058f\u05d0-\u05ea\u2010-\u2027\u2030-\u205e\u20a0-\u20c0\u2100-\u2bff\u2e80-\u3029\u3030-\u3098\u309b-\u3163\u3165-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff01-\uff9f]|\u00ad/u;
const MARK = /\p{M}/u;
const PICTOGRAPH = /\p{Extended_Pictographic}/u;
const SKIN_TONE = /[\u{1f3fb}-\u{1f3ff}]/u;
const ZWJ = '\u200d';
const EMOJI_PRESENTATION = '\ufe0f';
const MAX_MARKS = 4;

/** Escapes `text` so that it cannot affect a terminal. Idempotent. */
export function safe(text: string, {multiline = false}: SafeOptions = {}): Safe {
  if (PRINTABLE_ASCII.test(text)) return text as Safe;
  if (!SUSPECT.test(text)) return text as Safe;
  return escapeAll(text, multiline) as Safe;
}

/** Builds safe text from our own words and safe parts. */
export function line(strings: TemplateStringsArray, ...parts: readonly (Safe | number)[]): Safe {
  return String.raw({raw: strings}, ...parts) as Safe;
}

/** Text from our own source. Never for anything a user, a row or a driver supplied. */
export function trusted(text: string): Safe {
  return text as Safe;
}

export function joined(parts: readonly Safe[], separator: string): Safe {
  return parts.join(separator) as Safe;
}

function escapeAll(text: string, multiline: boolean): string {
  const points = Array.from(text);
  let out = '';
  let marks = 0;
  let hidden = 0;
  let hasBase = false;
  const flush = () => {
    if (hidden > 0) out += `+${hidden}`;
    hidden = 0;
  };
  for (let i = 0; i < points.length; i++) {
    const char = points[i]!;
    if (MARK.test(char) && !HIDDEN.test(char)) {
      if (!hasBase) out += escapePoint(char);
      else if (++marks <= MAX_MARKS) out += char;
      else hidden++;
      continue;
    }
    flush();
    marks = 0;
    const shown = showPoint(char, points, i, multiline);
    // After an escape there is no base character for combining marks.
    hasBase = shown === char && char !== '\n';
    out += shown;
  }
  flush();
  return out;
}

function showPoint(char: string, points: readonly string[], i: number, multiline: boolean): string {
  const code = char.codePointAt(0)!;
  if (code === 0x0a) return multiline ? '\n' : '⏎';
  if (code === 0x09) return '    ';
  if (code < 0x20 || (code >= 0x7f && code <= 0x9f)) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd';
  if (char === ZWJ && isEmojiBefore(points, i) && PICTOGRAPH.test(points[i + 1] ?? '')) return char;
  if (char === EMOJI_PRESENTATION && PICTOGRAPH.test(points[i - 1] ?? '')) return char;
  if (HIDDEN.test(char) || PRIVATE_OR_NONCHARACTER.test(char) || (code & 0xfffe) === 0xfffe) return escapePoint(char);
  return char;
}

function isEmojiBefore(points: readonly string[], i: number): boolean {
  let k = i - 1;
  while (k >= 0 && (points[k] === EMOJI_PRESENTATION || SKIN_TONE.test(points[k]!))) k--;
  return k >= 0 && PICTOGRAPH.test(points[k]!);
}

function escapePoint(char: string): string {
  return `\\u{${char.codePointAt(0)!.toString(16)}}`;
}

/**
 * JSON for a terminal: the data stays exact, as `\u` escapes that any JSON parser reads back. `JSON.stringify` leaves
 * DEL, C1, bidi controls and line separators unescaped; that is right for a pipe, but not for a terminal.
 */
export function terminalJson(json: string): Safe {
  return json.replace(INVISIBLE_IN_JSON, char =>
    Array.from({length: char.length}, (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
  ) as Safe;
}

const INVISIBLE_IN_JSON = new RegExp(`[\\x7f-\\x9f]|${HIDDEN.source}|${PRIVATE_OR_NONCHARACTER.source}`, 'gu');
