import {eastAsianWidth} from 'get-east-asian-width';
import {type Safe, trusted} from './safe.ts';

/**
 * Columns and cuts of safe text.
 *
 * string-width answers the same for text that passed `safe` (property-tested), but its Intl.Segmenter and emoji
 * tables cost ~45 ms on the first non-ASCII cell, more than the whole budget of `list`; `safe` has already removed
 * everything those tables are there for but emoji sequences.
 */
const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
/** Latin, Greek, Cyrillic, punctuation, arrows, boxes, symbols, CJK: one code unit per character, no combining marks. */
const SIMPLE =
  /^[\x20-\x7e\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u2190-\u23cf\u2400-\u27bf\u2e80-\u3029\u3030\u3040-\u3096\u30a0-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff01-\uff60]*$/;
const MARK = /\p{M}/u;
/**
 * Marks with a cell of their own, and letters that Unicode joins to the one before: Thai and Lao AM, half-width kana
 * marks.
 */
const SPACING_MARK = /[\p{Mc}\u0e33\u0eb3\uff9e\uff9f]/u;
const SKIN_TONE_BASE = /^\p{Emoji_Modifier_Base}/u;
const EMOJI = /\p{Emoji}/u;
const NONSPACING_MARK = /[\p{Mn}\p{Me}]/u;
const ZWJ = '\u200d';
const EMOJI_PRESENTATION = '\ufe0f';

/** Columns that `text` takes on a terminal. */
export function width(text: Safe): number {
  if (PRINTABLE_ASCII.test(text)) return text.length;
  if (SIMPLE.test(text)) return simpleWidth(text);
  let columns = 0;
  for (const cluster of clusters(text)) columns += cluster.width;
  return columns;
}

/** `text` in at most `columns` columns; `…` marks a cut. */
export function truncate(text: Safe, columns: number): Safe {
  if (columns <= 0) return trusted('');
  if (PRINTABLE_ASCII.test(text)) {
    return text.length <= columns ? text : trusted(`${text.slice(0, columns - 1)}…`);
  }
  if (SIMPLE.test(text)) {
    const end = simpleEnd(text, columns);
    return end === text.length ? text : trusted(`${text.slice(0, simpleEnd(text, columns - 1))}…`);
  }
  if (width(text) <= columns) return text;
  let out = '';
  let used = 0;
  for (const cluster of clusters(text)) {
    if (used + cluster.width > columns - 1) break;
    out += cluster.text;
    used += cluster.width;
  }
  return trusted(`${out}…`);
}

/** `text` in exactly `columns` columns. */
export function toWidth(text: Safe, columns: number, align: 'left' | 'right' = 'left'): Safe {
  const cut = truncate(text, columns);
  const space = ' '.repeat(Math.max(0, columns - width(cut)));
  return trusted(align === 'left' ? cut + space : space + cut);
}

/** Breaks `text` into lines of at most `columns`, at spaces if possible. */
export function wrap(text: Safe, columns: number): Safe[] {
  return text.split('\n').flatMap(paragraph => wrapLine(trusted(paragraph), Math.max(1, columns)));
}

function wrapLine(text: Safe, columns: number): Safe[] {
  if (width(text) <= columns) return [text];
  const lines: Safe[] = [];
  let current = '';
  let used = 0;
  const push = () => {
    lines.push(trusted(current.trimEnd()));
    current = '';
    used = 0;
  };
  for (const word of text.split(/(?<= )/)) {
    const size = width(trusted(word));
    if (used > 0 && used + width(trusted(word.trimEnd())) > columns) push();
    if (size <= columns) {
      current += word;
      used += size;
      continue;
    }
    for (const cluster of clusters(trusted(word))) {
      if (used > 0 && used + cluster.width > columns) push();
      current += cluster.text;
      used += cluster.width;
    }
  }
  if (current !== '') push();
  return lines;
}

function simpleWidth(text: string): number {
  let columns = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x1100 && !isBox(code) && eastAsianWidth(code) === 2) columns++;
  }
  return columns;
}

/** Lines and blocks, of which every row of a tree has dozens. */
function isBox(code: number): boolean {
  return code >= 0x2500 && code <= 0x259f;
}

/** How many characters of a simple text take at most so many columns. */
function simpleEnd(text: string, columns: number): number {
  let used = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    used += code < 0x1100 || isBox(code) ? 1 : eastAsianWidth(code);
    if (used > columns) return i;
  }
  return text.length;
}

interface Cluster {
  text: string;
  width: number;
}

/** What a person would call one character, and its width: a base with its marks, an emoji sequence, a flag. */
function* clusters(text: Safe): Generator<Cluster> {
  let current: Cluster | undefined;
  let joinNext = false;
  let isFlagOpen = false;
  let syllable: Syllable = null;
  for (const char of text) {
    const code = char.codePointAt(0)!;
    const isRegional = code >= 0x1f1e6 && code <= 0x1f1ff;
    const joined = joinedSyllable(syllable, code);
    if (current && joined !== undefined) {
      current.text += char;
      syllable = joined;
      continue;
    }
    syllable = syllableOf(code);
    const isMark = MARK.test(char) || SPACING_MARK.test(char);
    if (current && (joinNext || isMark || char === ZWJ || isSkinTone(code) || (isRegional && isFlagOpen))) {
      const isPicture: boolean =
        isRegional ||
        joinNext ||
        (isSkinTone(code) && SKIN_TONE_BASE.test(current.text)) ||
        (char === EMOJI_PRESENTATION && EMOJI.test(current.text));
      current.text += char;
      if (isPicture) current.width = 2;
      else if (SPACING_MARK.test(char)) current.width += eastAsianWidth(code);
      joinNext = char === ZWJ;
      isFlagOpen = false;
      continue;
    }
    if (current) yield current;
    current = {text: char, width: NONSPACING_MARK.test(char) ? 0 : eastAsianWidth(code)};
    isFlagOpen = isRegional;
    joinNext = false;
  }
  if (current) yield current;
}

/** The state of a Korean syllable that is written in letters; `whole…`: it began as one precomposed character. */
type Syllable = 'lead' | 'vowel' | 'whole' | 'closed' | null;

function syllableOf(code: number): Syllable {
  if ((code >= 0x1100 && code <= 0x115f) || (code >= 0xa960 && code <= 0xa97c)) return 'lead';
  if (code < 0xac00 || code > 0xd7a3) return null;
  return (code - 0xac00) % 28 === 0 ? 'whole' : 'closed';
}

/**
 * The state after adding this vowel or final, which takes no extra column; undefined: it does not belong to the
 * syllable.
 */
function joinedSyllable(syllable: Syllable, code: number): Syllable | undefined {
  if (syllable === null) return undefined;
  const isVowel = (code >= 0x1160 && code <= 0x11a7) || (code >= 0xd7b0 && code <= 0xd7c6);
  const isFinal = (code >= 0x11a8 && code <= 0x11ff) || (code >= 0xd7cb && code <= 0xd7fb);
  if (isVowel && syllable === 'lead') return 'vowel';
  if (isVowel && syllable === 'whole') return 'whole';
  if (isFinal && syllable === 'vowel') return null;
  if (isFinal && syllable !== 'lead') return 'closed';
  return undefined;
}

function isSkinTone(code: number): boolean {
  return code >= 0x1f3fb && code <= 0x1f3ff;
}
