import fc from 'fast-check';
import stringWidth from 'string-width';
import {describe, expect, it} from 'vitest';
import {type Safe, safe} from '../../src/text/safe.ts';
import {toWidth, truncate, width, wrap} from '../../src/text/width.ts';
import {IS_LONG} from '../long.ts';

const segmenter = new Intl.Segmenter('en', {granularity: 'grapheme'});
const clustersOf = (text: string): string[] => Array.from(segmenter.segment(text), ({segment}) => segment);

/**
 * Where string-width takes several letters for one cell because Unicode calls them one cluster, and terminals, which go by
 * each character's own width, do not. Left out of the comparison; what `width` says of them is tested below.
 * U+0D4E is a Malayalam letter that counts as a prefix of the next one, viramas join two consonants, Thai and Lao AM are
 * letters of their own cell, a keycap without FE0F is a digit with a mark.
 */
const SEVERAL_CELLS =
  /\u0d4e|[\u0e33\u0eb3]|[\d#*]\u20e3|[\u094d\u09cd\u0acd\u0b4d\u0c4d\u0d4d\u1039\u17d2\u1a60\u1b44\u1bab\ua9c0\uaaf6]\p{M}*\p{L}/u;

/** Old Korean: Unicode joins any number of leads, vowels and finals; here only the syllables of today hold together. */
const OLD_KOREAN =
  /[\u1100-\u115f\ua960-\ua97c][\u1100-\u115f\ua960-\ua97c\uac00-\ud7a3]|[\u1160-\u11a7\ud7b0-\ud7c6]{2}|[\u11a8-\u11ff\ud7cb-\ud7fb]{2}|(?<![\u1100-\u115f\ua960-\ua97c])[\u1160-\u11a7\ud7b0-\ud7c6][\u11a8-\u11ff\ud7cb-\ud7fb]/;

/** Sequences that people read as one character. */
const EMOJI = [
  ...['😀', '⌚', '🀄', '👩🏽', '☝🏽', '✌🏿', '⛹🏻', '❤️', '☎️', '‼️', '©️', '↔️', '🫱🏻‍🫲🏿', '👩‍🔬', '👩🏽‍🔬', '👨‍👩‍👧‍👦'],
  ...['🏴‍☠️', '👁️‍🗨️', '⛹🏿‍♀️', '❤️‍🔥', '❤‍🔥', '🧑🏻‍❤️‍💋‍🧑🏿', '🐦‍⬛', '🇨🇦', '🇯🇵', '🇩🇪'],
];
const PIECES = [
  ...[
    'a',
    ' ',
    'é',
    'e\u0301',
    'x\u0301\u0302\u0303\u0304\u0305',
    '漢',
    '字',
    'か',
    'が',
    'か\u3099',
    '。',
    'Ａ',
    'ｶ',
    'ｶﾞ',
    'ー',
  ],
  ...['한', '가', '\u1112\u1161', '\u1112\u1161\u11ab', '가\u11a8', '\ua960\ud7b0', '\u1100\u1161\ud7cb'],
  ...[
    'ก',
    'กั',
    'கி',
    'क',
    'कु',
    'த',
    'ש',
    'ל',
    'ا',
    'بّ',
    '…',
    '─',
    '█',
    '→',
    '€',
    '★',
    '★\ufe0f',
    '❤',
    '❤️',
    '\n',
    '\t',
    '\x1b',
  ],
];
const bmpText = fc.oneof(
  fc.array(fc.integer({min: 0, max: 0xffff}), {maxLength: 30}).map(units => String.fromCharCode(...units)),
  fc.array(fc.constantFrom(...PIECES), {maxLength: 30}).map(parts => parts.join('')),
  fc
    .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({unit: 'binary-ascii', maxLength: 4})), {maxLength: 20})
    .map(parts => parts.join('')),
);
const anyText = fc.oneof(
  bmpText,
  fc.array(fc.constantFrom(...PIECES, ...EMOJI), {maxLength: 30}).map(parts => parts.join('')),
);
const RUNS = {numRuns: 1500};
/** Blocks of thousands of characters of one width, of which a sample is enough outside the long suite. */
const UNIFORM = /[\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\ue000-\uf8ff]/;
// Beyond the second plane there are ideographs, tags and nothing.
const step = (code: number): number =>
  code >= 0x20000 || (!IS_LONG && UNIFORM.test(String.fromCodePoint(code))) ? 97 : 1;

describe('the width of safe text', () => {
  it('is what string-width says of any text of the basic plane', () => {
    fc.assert(
      fc.property(bmpText, text => {
        const shown = safe(text);
        fc.pre(!SEVERAL_CELLS.test(shown));
        expect(width(shown)).toBe(stringWidth(shown));
      }),
      RUNS,
    );
  });

  it('is what string-width says of every single character', () => {
    const wrong: string[] = [];
    for (let code = 0; code <= 0x10ffff; code += step(code)) {
      const shown = safe(String.fromCodePoint(code));
      if (width(shown) !== stringWidth(shown)) wrong.push(`U+${code.toString(16)}`);
    }
    expect(wrong).toEqual([]);
  });

  it.each(['a', '漢', '\u1100', '가'])(
    'is what string-width says of %j with every character of the basic plane',
    base => {
      const wrong: string[] = [];
      for (let code = 0x80; code <= 0xffff; code += step(code)) {
        const shown = safe(base + String.fromCharCode(code));
        if (!SEVERAL_CELLS.test(shown) && width(shown) !== stringWidth(shown)) wrong.push(`U+${code.toString(16)}`);
      }
      expect(wrong).toEqual([]);
    },
  );

  it.each(EMOJI)('counts two columns for %s', emoji => {
    expect(safe(emoji)).toBe(emoji);
    expect(width(safe(emoji))).toBe(2);
    expect(width(safe(`a${emoji}b`))).toBe(4);
  });

  it('counts two columns for every emoji with every skin tone', () => {
    const wrong: string[] = [];
    for (let code = 0x2000; code <= 0x1ffff; code++) {
      const base = String.fromCodePoint(code);
      if (!/\p{Emoji_Modifier_Base}/u.test(base)) continue;
      for (const tone of ['🏻', '🏼', '🏽', '🏾', '🏿']) {
        if (width(safe(base + tone)) !== 2) wrong.push(base + tone);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('counts two columns only for emoji that FE0F turns into pictures, of all characters it may follow', () => {
    const wrong: string[] = [];
    for (let code = 0xa0; code <= 0x1ffff; code++) {
      const char = String.fromCodePoint(code);
      if (!/\p{Extended_Pictographic}/u.test(char)) continue;
      const shown = safe(`${char}\ufe0f`);
      if (width(shown) !== stringWidth(shown)) wrong.push(`U+${code.toString(16)}`);
    }
    expect(wrong).toEqual([]);
  });

  it('counts two columns for every flag', () => {
    // As text: the property of strings needs the v flag, which TypeScript takes in a literal for newer targets only.
    const [pattern, flags] = ['^\\p{RGI_Emoji_Flag_Sequence}$', 'v'];
    const flag = new RegExp(pattern!, flags);
    const letters = Array.from({length: 26}, (_, i) => String.fromCodePoint(0x1f1e6 + i));
    const pairs = letters.flatMap(a => letters.map(b => a + b)).filter(pair => flag.test(pair));
    expect(pairs.length).toBeGreaterThan(250);
    expect(pairs.filter(pair => width(safe(pair)) !== 2)).toEqual([]);
  });

  it.each([
    ['漢字', 4],
    ['カタカナ', 8],
    ['ｶﾀｶﾅ', 4],
    ['ｶﾞ', 2],
    ['か\u3099', 2],
    ['한국어', 6],
    // The same word as macOS writes it into file names: letters that join into syllables.
    ['\u1112\u1161\u11ab\u1100\u116e\u11a8\u110b\u1165', 6],
    ['e\u0301', 1],
    ['Ａ', 2],
    ['भाषा', 4],
    // A cell of its own on terminals, though Unicode joins it to the letter before.
    ['กำ', 2],
    ['क्ष', 2],
    ['…─█', 3],
    ['', 0],
  ])('counts the columns of %j as terminals do', (text, columns) => {
    expect(width(safe(text))).toBe(columns);
  });
});

/** Text, and columns from none to more than it takes. */
const textAndColumns = fc.tuple(anyText, fc.integer({min: 0, max: 24}));

describe('cut text', () => {
  it('never takes more columns than it was given, by this measure and by string-width', () => {
    fc.assert(
      fc.property(textAndColumns, ([text, columns]) => {
        const cut = truncate(safe(text), columns);
        expect(width(cut)).toBeLessThanOrEqual(columns);
        expect(stringWidth(cut)).toBeLessThanOrEqual(columns);
      }),
      RUNS,
    );
  });

  it('is the text itself where it fits, else its beginning and an ellipsis, cut between characters', () => {
    fc.assert(
      fc.property(textAndColumns, ([text, columns]) => {
        const whole = safe(text);
        fc.pre(!SEVERAL_CELLS.test(whole) && !OLD_KOREAN.test(whole) && columns > 0);
        const cut = truncate(whole, columns);
        if (cut === whole) return;
        expect(width(whole)).toBeGreaterThan(columns);
        expect(cut.endsWith('…')).toBe(true);
        const kept = clustersOf(cut.slice(0, -1));
        expect(kept).toEqual(clustersOf(whole).slice(0, kept.length));
      }),
      RUNS,
    );
  });

  it('fills its cell exactly, to either side', () => {
    fc.assert(
      fc.property(textAndColumns, fc.constantFrom('left', 'right'), ([text, columns], align) => {
        const cell = toWidth(safe(text), columns, align as 'left' | 'right');
        expect(width(cell)).toBe(columns);
        if (!SEVERAL_CELLS.test(cell)) expect(stringWidth(cell)).toBe(columns);
        const content = align === 'left' ? cell.trimEnd() : cell.trimStart();
        expect(truncate(safe(text), columns)).toContain(content);
      }),
      RUNS,
    );
  });

  it.each([
    ['a family', '👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 3, '👨‍👩‍👧‍👦…'],
    ['a family that does not fit', '👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 2, '…'],
    ['a skin tone', '👍🏽👍🏽👍🏽', 5, '👍🏽👍🏽…'],
    ['flags', '🇨🇦🇯🇵🇩🇪', 4, '🇨🇦…'],
    ['wide characters', '漢字漢字', 6, '漢字…'],
    ['wide characters at an odd edge', '漢字漢字', 5, '漢字…'],
    ['marks', 'e\u0301e\u0301e\u0301', 2, 'e\u0301…'],
    ['a syllable in letters', '\u1112\u1161\u11ab\u1112\u1161\u11ab', 3, '\u1112\u1161\u11ab…'],
    ['a picture with a joiner', '👩🏽‍🔬👩🏽‍🔬', 3, '👩🏽‍🔬…'],
    ['half-width kana with their marks', 'ｶﾞｶﾞ', 3, 'ｶﾞ…'],
    ['ASCII', 'abcdef', 4, 'abc…'],
    ['nothing to spare', 'abcdef', 1, '…'],
    ['no room at all', 'abcdef', 0, ''],
  ])('keeps %s in one piece', (_, text, columns, cut) => {
    expect(truncate(safe(text), columns)).toBe(cut);
  });
});

describe('wrapped text', () => {
  it('never takes more columns than it was given', () => {
    fc.assert(
      fc.property(anyText, fc.integer({min: 1, max: 24}), (text, columns) => {
        for (const part of wrap(safe(text, {multiline: true}), columns)) {
          // One character with its marks that is wider than the room has nowhere else to go.
          if (clustersOf(part).length === 1 || /^\P{M}\p{M}+$/u.test(part)) continue;
          expect(width(part)).toBeLessThanOrEqual(columns);
          if (!SEVERAL_CELLS.test(part)) expect(stringWidth(part)).toBeLessThanOrEqual(columns);
        }
      }),
      RUNS,
    );
  });

  it('loses nothing but blanks, and breaks between characters', () => {
    fc.assert(
      fc.property(anyText, fc.integer({min: 2, max: 24}), (text, columns) => {
        const whole = safe(text, {multiline: true});
        fc.pre(!SEVERAL_CELLS.test(whole) && !OLD_KOREAN.test(whole));
        const parts = wrap(whole, columns);
        expect(parts.join('').replaceAll(/\s/g, '')).toBe(whole.replaceAll(/\s/g, ''));
        const visible = (list: readonly string[]) => list.filter(cluster => !/^\s*$/.test(cluster));
        expect(visible(parts.flatMap(part => clustersOf(part)))).toEqual(visible(clustersOf(whole)));
      }),
      RUNS,
    );
  });

  it.each<[string, string, number, string[]]>([
    ['at blanks', 'the quick brown fox', 10, ['the quick', 'brown fox']],
    ['inside a word that is too long', 'abcdefghij klm', 4, ['abcd', 'efgh', 'ij', 'klm']],
    ['wide characters', '漢字かな交じり文', 6, ['漢字か', 'な交じ', 'り文']],
    ['families', '👨‍👩‍👧‍👦👨‍👩‍👧‍👦👨‍👩‍👧‍👦', 4, ['👨‍👩‍👧‍👦👨‍👩‍👧‍👦', '👨‍👩‍👧‍👦']],
    ['at line breaks', 'a\n\nb', 10, ['a', '', 'b']],
    ['a character that is wider than the room', '漢字', 1, ['漢', '字']],
    ['nothing', '', 10, ['']],
  ])('breaks %s', (_, text, columns, lines) => {
    expect(wrap(safe(text, {multiline: true}) as Safe, columns)).toEqual(lines);
  });
});
