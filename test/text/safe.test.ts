import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {safe, terminalJson} from '../../src/text/safe.ts';

/**
 * What must never reach a terminal, written out from the policy (docs/design.md, Text is hostile) and not taken from the code under
 * test: C0, DEL, C1, bidi, format and invisible characters, line and paragraph separators, fillers, variation selectors,
 * tags, private use, noncharacters, halves of surrogate pairs.
 */
const FORBIDDEN = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xd800, 0xdfff],
  [0xe000, 0xf8ff],
  [0xfdd0, 0xfdef],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff0, 0xfffb],
  [0xfffe, 0xffff],
  [0xe0000, 0xe0fff],
  [0xf0000, 0x10ffff],
] as const;

function isForbidden(code: number): boolean {
  // The last two code points of every plane are noncharacters.
  return (code & 0xfffe) === 0xfffe || FORBIDDEN.some(([from, to]) => code >= from && code <= to);
}

const NEWLINE = 0x0a;
const ZWJ = 0x200d;
const EMOJI_PRESENTATION = 0xfe0f;
const isPictograph = (char: string | undefined) => char !== undefined && /^\p{Extended_Pictographic}/u.test(char);
const isSkinTone = (char: string | undefined) => char !== undefined && /^[\u{1f3fb}-\u{1f3ff}]/u.test(char);

/** Forbidden characters left in `text`, as numbers; a joiner between two emoji and FE0F after one are part of a picture. */
function forbiddenIn(text: string, {multiline = false} = {}): string[] {
  const points = Array.from(text);
  return points.flatMap((char, i) => {
    const code = char.codePointAt(0)!;
    if (!isForbidden(code) || (multiline && code === NEWLINE)) return [];
    if (code === EMOJI_PRESENTATION && isPictograph(points[i - 1])) return [];
    if (code === ZWJ && isPictograph(points[i + 1]) && endsWithEmoji(points.slice(0, i))) return [];
    return [`U+${code.toString(16)}`];
  });
}

function endsWithEmoji(points: readonly string[]): boolean {
  let last = points.length - 1;
  while (points[last]?.codePointAt(0) === EMOJI_PRESENTATION || isSkinTone(points[last])) last--;
  return isPictograph(points[last]) || isSkinTone(points[last + 1]);
}

/** The longest pile of combining marks on one base; FE0F counts as part of its picture. */
function highestPile(text: string): number {
  return Math.max(0, ...(text.match(/\p{M}+/gu) ?? []).map(pile => Array.from(pile.replaceAll('\ufe0f', '')).length));
}

/** Characters that are rare among all and matter most here, so that they meet each other. */
const TROUBLE = fc.constantFrom(
  ...['\x1b', '[', ']', '2J', '\x07', '\r', '\n', '\t', '\0', '\x7f', '\x84', '\x85', '\x90', '\x9b', '\x9c', '\x9d'],
  ...['\u202e', '\u2066', '\u2069', '\u200b', '\u200d', '\u200f', '\u2028', '\u00ad', '\u034f', '\ufeff', '\ufffe'],
  ...['\u3164', '\u115f', '\ufe0f', '\ufe0e', '\u180e', '\u{e0041}', '\u{e007f}', '\u{e0100}', '\ue000', '\u{f0000}'],
  ...['\ud800', '\udbff', '\udc00', '\udfff', '\ud83d', '\ude00'],
  ...['\u0301', '\u0302', '\u20e3', '\u0903', '\u{1d165}', '\u{1e944}', 'a', 'é', '漢', '\u1100', '\u1161', '\u11a8'],
  ...['😀', '👩', '🔬', '🏽', '❤', '🇨', '🇳', '1', '©', '\\', 'x', 'u', '{', '}', '+'],
);

const anyText = fc.oneof(
  fc.string({unit: 'binary', maxLength: 40}),
  // Any sequence of UTF-16 code units: what a driver or JSON.parse can hand over, halves of pairs among them.
  fc.array(fc.integer({min: 0, max: 0xffff}), {maxLength: 40}).map(units => String.fromCharCode(...units)),
  fc
    .array(
      fc.oneof({weight: 6, arbitrary: TROUBLE}, {weight: 1, arbitrary: fc.string({unit: 'binary', maxLength: 2})}),
      {
        maxLength: 40,
      },
    )
    .map(parts => parts.join('')),
);
const RUNS = {numRuns: 3000};

describe.each([{multiline: false}, {multiline: true}])('safe text (multiline: $multiline)', options => {
  it('holds nothing that a terminal acts on or that hides text, whatever went in', () => {
    fc.assert(
      fc.property(anyText, text => {
        expect(forbiddenIn(safe(text, options), options)).toEqual([]);
      }),
      RUNS,
    );
  });

  it('stays the same when it is made safe again', () => {
    fc.assert(
      fc.property(anyText, text => {
        const once = safe(text, options);
        expect(safe(once, options)).toBe(once);
      }),
      RUNS,
    );
  });

  it('is as safe beside other safe text as alone', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const both = safe(a, options) + safe(b, options);
        expect(forbiddenIn(both, options)).toEqual([]);
        expect(safe(both, options)).toBe(both);
      }),
      RUNS,
    );
  });

  it('piles at most four combining marks on a character, also where two texts meet', () => {
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        expect(highestPile(safe(a, options) + safe(b, options))).toBeLessThanOrEqual(4);
      }),
      RUNS,
    );
  });

  it('has no line break but those that are asked for', () => {
    fc.assert(
      fc.property(anyText, text => {
        const breaks = options.multiline ? (text.match(/\n/g) ?? []).length : 0;
        expect((safe(text, options).match(/[\n\r\v\f\x85\u2028\u2029]/g) ?? []).length).toBe(breaks);
      }),
      RUNS,
    );
  });
});

it('every single character of Unicode comes out safe', () => {
  // All of them, not a sample: the quick test for harmless text is a table of ranges, and a table can have a hole.
  const leaks: string[] = [];
  for (let code = 0; code <= 0x10ffff; code++) {
    const char = String.fromCodePoint(code);
    for (const text of [char, `a${char}`]) leaks.push(...forbiddenIn(safe(text)));
  }
  expect(leaks).toEqual([]);
});

it('text that people write is left as it is', () => {
  for (const text of [
    'plain ASCII, with \\x1b written out',
    'Grüße, señor, Ελληνικά, русский, עברית, العربية, हिन्दी, ภาษาไทย',
    '漢字かな交じり文、한국어 텍스트',
    'e\u0301 with one mark',
    '👩🏽‍🔬 👨‍👩‍👧‍👦 ❤️ 🇨🇦 1 © ™',
    '–—…“”‘’ € → ✔ █ ┆',
  ])
    expect(safe(text)).toBe(text);
});

it('a line break shows as ⏎ in one line, and breaks where lines are wanted', () => {
  expect(safe('a\nb')).toBe('a⏎b');
  expect(safe('a\nb', {multiline: true})).toBe('a\nb');
  expect(safe('a\r\nb', {multiline: true})).toBe('a\\x0d\nb');
  expect(safe('a\tb')).toBe('a    b');
});

/** The payloads that stripping libraries let through (docs/design.md, Text is hostile), and what a reader sees instead. */
const PAYLOADS: [what: string, payload: string, shown: string][] = [
  ['a colour', '\x1b[31mred\x1b[0m', '\\x1b[31mred\\x1b[0m'],
  ['clear screen', '\x1b[2J', '\\x1b[2J'],
  ['a window title with terminator', '\x1b]0;owned\x07', '\\x1b]0;owned\\x07'],
  ['a clipboard write (OSC 52)', '\x1b]52;c;cm0gLXJmIH4=\x1b\\', '\\x1b]52;c;cm0gLXJmIH4=\\x1b\\'],
  [
    'a link (OSC 8)',
    '\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\',
    '\\x1b]8;;http://evil.example\\x1b\\here\\x1b]8;;\\x1b\\',
  ],
  ['a nested sequence that stripping would splice together', '\x1b[\x1b[31m2J', '\\x1b[\\x1b[31m2J'],
  ['an OSC that never ends', '\x1b]0;owned', '\\x1b]0;owned'],
  ['a lone ESC', '\x1b', '\\x1b'],
  ['ESC before a sequence', '\x1b\x1b[2J', '\\x1b\\x1b[2J'],
  ['DCS', '\x1bP$q"p\x1b\\', '\\x1bP$q"p\\x1b\\'],
  ['APC', '\x1b_Gi=1;AAAA\x1b\\', '\\x1b_Gi=1;AAAA\\x1b\\'],
  ['PM', '\x1b^secret\x1b\\', '\\x1b^secret\\x1b\\'],
  ['an 8-bit CSI', '\x9b2J', '\\x9b2J'],
  ['an 8-bit OSC', '\x9d0;owned\x9c', '\\x9d0;owned\\x9c'],
  ['an 8-bit DCS', '\x90$q"p\x9c', '\\x90$q"p\\x9c'],
  ['NEL', 'a\x85b', 'a\\x85b'],
  ['BEL', '\x07', '\\x07'],
  ['BS over what was written', 'rm -rf /\b\b\b\b', 'rm -rf /\\x08\\x08\\x08\\x08'],
  ['CR over what was written', 'evil\rgood', 'evil\\x0dgood'],
  ['NUL', 'a\0b', 'a\\x00b'],
  ['DEL', 'a\x7fb', 'a\\x7fb'],
  ['ENQ', '\x05', '\\x05'],
  ['SO and SI', '\x0ea\x0f', '\\x0ea\\x0f'],
  ['XOFF', '\x13', '\\x13'],
  ['bidi override (Trojan Source)', 'a\u202eb\u2066c\u2069', 'a\\u{202e}b\\u{2066}c\\u{2069}'],
  [
    'zero-width characters',
    'a\u200bb\u200cc\u200dd\u2060e\ufefff',
    'a\\u{200b}b\\u{200c}c\\u{200d}d\\u{2060}e\\u{feff}f',
  ],
  ['tag characters that hide a prompt', 'hi\u{e0069}\u{e0067}\u{e007f}', 'hi\\u{e0069}\\u{e0067}\\u{e007f}'],
  ['a line separator', 'a\u2028b\u2029c', 'a\\u{2028}b\\u{2029}c'],
  ['a soft hyphen', 'pay\u00adpal', 'pay\\u{ad}pal'],
  ['Hangul fillers', '\u3164\u115f\u1160\uffa0', '\\u{3164}\\u{115f}\\u{1160}\\u{ffa0}'],
  ['50 combining marks', `a${'\u0301'.repeat(50)}`, `a${'\u0301'.repeat(4)}+46`],
  ['a mark on nothing', '\u0301', '\\u{301}'],
  ['a lone surrogate', 'a\ud800b\udc00c', 'a\ufffdb\ufffdc'],
  ['private use', '\ue000\u{f0000}\u{10fffd}', '\\u{e000}\\u{f0000}\\u{10fffd}'],
  ['noncharacters', '\ufffe\uffff\ufdd0\u{1ffff}', '\\u{fffe}\\u{ffff}\\u{fdd0}\\u{1ffff}'],
  ['a variation selector on a letter', 'a\ufe0fb\u{e0100}', 'a\\u{fe0f}b\\u{e0100}'],
  ['a joiner between letters', 'p\u200daypal', 'p\\u{200d}aypal'],
];

it.each(PAYLOADS)('%s is shown, not done', (_, payload, shown) => {
  expect(safe(payload)).toBe(shown);
  expect(safe(payload, {multiline: true})).toBe(shown);
});

it('the escapes that a payload turns into do not join with text around it', () => {
  for (const [, payload] of PAYLOADS)
    for (const [, other] of PAYLOADS) expect(forbiddenIn(safe(payload) + safe(other))).toEqual([]);
});

describe('JSON for a terminal', () => {
  it('reads back as the same value and holds nothing that a terminal acts on or that hides text', () => {
    const anyJson = fc.oneof(fc.jsonValue({stringUnit: 'binary'}), fc.dictionary(anyText, anyText), anyText);
    fc.assert(
      fc.property(anyJson, value => {
        const text = JSON.stringify(value);
        const shown = terminalJson(text);
        expect(forbiddenStrictlyIn(shown)).toEqual([]);
        expect(JSON.parse(shown)).toEqual(JSON.parse(text));
      }),
      RUNS,
    );
  });

  it('escapes every single character that matters, one by one', () => {
    const leaks: string[] = [];
    for (let code = 0; code <= 0x10ffff; code++) {
      if (!isForbidden(code)) continue;
      const text = String.fromCodePoint(code);
      const shown = terminalJson(JSON.stringify(text));
      if (forbiddenStrictlyIn(shown).length > 0 || JSON.parse(shown) !== text) leaks.push(`U+${code.toString(16)}`);
    }
    expect(leaks).toEqual([]);
  });
});

/** JSON shows no pictures: every forbidden character is written as `\u`, joiners between emoji too. */
function forbiddenStrictlyIn(text: string): string[] {
  return Array.from(text).flatMap(char => {
    const code = char.codePointAt(0)!;
    return isForbidden(code) ? [`U+${code.toString(16)}`] : [];
  });
}
