import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {renderJson} from '../../src/render/json.ts';
import {KEY, listOf, numberOf, parseAttributes, textOf} from '../../src/trace/attributes.ts';
import {formatJson, type Json, parseJson, printable} from '../../src/trace/json.ts';

/** The value as any reader of the printed text would get it; objects here have no prototype, which `toEqual` forgives. */
const reread = (value: Json): Json => JSON.parse(JSON.stringify(value)) as Json;

describe('valid JSON', () => {
  /** Integers beyond 2^53 are kept as text on purpose (A13); every other number reads back the same. */
  const holdsBigInteger = (value: unknown): boolean => {
    if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value);
    return value !== null && typeof value === 'object' && Object.values(value).some(holdsBigInteger);
  };
  const anyString = fc.oneof(
    fc.string({unit: 'binary'}),
    // Texts that look like what the parser looks for.
    fc.constantFrom(
      'order 1234567890123456',
      '[-12345678901234567890',
      '__proto__',
      'constructor',
      '\\',
      '"',
      '\\"',
      '\\u0041',
    ),
    fc.array(fc.integer({min: 0, max: 0xffff}), {maxLength: 5}).map(units => String.fromCharCode(...units)),
  );
  const {value: anyJson} = fc.letrec<{value: Json}>(tie => ({
    value: fc.oneof(
      {depthSize: 'small', withCrossShrink: true},
      fc.constant(null),
      fc.boolean(),
      fc.integer(),
      fc.maxSafeInteger(),
      fc.double({noNaN: true, noDefaultInfinity: true}),
      anyString,
      fc.array(tie('value'), {maxLength: 5}),
      fc.dictionary(anyString, tie('value'), {maxKeys: 5}),
    ) as fc.Arbitrary<Json>,
  }));
  const exactJson = anyJson.filter(value => !holdsBigInteger(value));
  const indents = fc.constantFrom(undefined, 0, 2, '\t');

  it('is read as it is, without a complaint', () => {
    fc.assert(
      fc.property(exactJson, indents, (value, indent) => {
        const parsed = parseJson(JSON.stringify(value, null, indent));
        expect(parsed?.problems).toEqual([]);
        expect(reread(parsed!.value)).toEqual(reread(value));
      }),
      {numRuns: 2000},
    );
  });

  it('is read the same by the tolerant parser', () => {
    fc.assert(
      fc.property(exactJson, indents, (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        const parsed = parseJson(text, {thorough: true});
        expect(parsed?.problems).toEqual([]);
        expect(JSON.stringify(parsed!.value)).toBe(JSON.stringify(JSON.parse(text)));
      }),
      {numRuns: 2000},
    );
  });

  it('that is cut anywhere still gives its beginning, and says so', () => {
    fc.assert(
      fc.property(fc.dictionary(anyString, exactJson, {minKeys: 1, maxKeys: 4}), fc.nat(), (value, at) => {
        const text = JSON.stringify(value);
        const parsed = parseJson(text.slice(0, 1 + (at % (text.length - 1))));
        expect(parsed?.problems).toContain('is cut off');
        const whole = JSON.parse(text) as {[key: string]: Json};
        for (const key of Object.keys(parsed!.value as object).slice(0, -2)) {
          expect(reread((parsed!.value as {[key: string]: Json})[key]!)).toEqual(whole[key]);
        }
      }),
      {numRuns: 1000},
    );
  });
});

it('no text makes the parser throw, and what JSON.parse refuses is never passed off as whole', () => {
  const pieces = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    'NaN',
    '-',
    '1e9',
    ' ',
    'null',
    '\ufeff',
    'a',
    '\\u12',
  );
  const text = fc.oneof(
    fc.string({unit: 'binary'}),
    fc.array(pieces, {maxLength: 20}).map(parts => parts.join('')),
  );
  fc.assert(
    fc.property(text, fc.boolean(), (source, thorough) => {
      const parsed = parseJson(source, {thorough});
      let isValid = true;
      try {
        JSON.parse(source);
      } catch {
        isValid = false;
      }
      if (isValid) expect(parsed).not.toBeNull();
      else if (parsed) expect(parsed.problems.length).toBeGreaterThan(0);
    }),
    {numRuns: 5000},
  );
});

describe('bad JSON is read as far as it goes', () => {
  it.each(['not json', 'None', "{'a': 1", '', '   ', '\ufeff', '"', ']', ':', ',', 'undefined', '+1', '<html>'])(
    'A1 %j is not taken for a value without a word',
    text => {
      const parsed = parseJson(text);
      if (parsed) expect(parsed.problems.length).toBeGreaterThan(0);
    },
  );

  it.each([['not json'], ['None'], [''], ['   '], ['\ufeff'], ['undefined'], ['<html>']])(
    'A1 %j is no JSON at all',
    text => {
      expect(parseJson(text)).toBeNull();
    },
  );

  it.each<[string, string, Json]>([
    ['in a string', '{"a": 1, "b": "half a wo', {a: 1, b: 'half a wo'}],
    ['before a value', '{"a": 1, "b":', {a: 1}],
    ['in a key', '{"a": 1, "b', {a: 1}],
    ['after a comma', '{"a": 1,', {a: 1}],
    ['deep inside', '{"a": {"b": [1, {"c": 2', {a: {b: [1, {c: 2}]}}],
    ['in an escape', '{"a": "x\\', {a: 'x'}],
    ['in a word', '{"a": 1, "b": tru', {a: 1}],
    ['at once', '{', {}],
  ])('A2 cut off %s', (_, text, value) => {
    const parsed = parseJson(text);
    expect(parsed?.problems).toEqual(['is cut off']);
    expect(parsed?.value).toEqual(value);
  });

  it('A8 a byte order mark is passed over and named', () => {
    expect(parseJson('\ufeff{"a": 1}')).toEqual({value: {a: 1}, problems: ['starts with a byte order mark']});
  });

  it('A9 NaN and the infinities of Python are kept as words and named', () => {
    const parsed = parseJson('{"a": NaN, "b": Infinity, "c": -Infinity, "d": [NaN], "e": 1.5, "f": "NaN"}');
    expect(parsed?.value).toEqual({a: 'NaN', b: 'Infinity', c: '-Infinity', d: ['NaN'], e: 1.5, f: 'NaN'});
    expect(parsed?.problems).toEqual(['contains NaN', 'contains Infinity', 'contains -Infinity']);
  });

  it('A10 half of a surrogate pair stays what it is', () => {
    expect(parseJson(String.raw`{"a": "\ud800", "b": "\udc00x"}`)).toEqual({
      value: {a: '\ud800', b: '\udc00x'},
      problems: [],
    });
    expect(parseJson(String.raw`{"a": "\ud83d\ude00\ud800", "b": NaN}`)?.value).toEqual({a: '😀\ud800', b: 'NaN'});
  });

  it('A11 an escaped NUL stays what it is', () => {
    expect(parseJson(String.raw`{"a": "x\u0000y"}`)).toEqual({value: {a: 'x\0y'}, problems: []});
    expect(parseJson(String.raw`{"a": "x\u0000y", "b": NaN}`)?.value).toEqual({a: 'x\0y', b: 'NaN'});
  });

  it('A11 so does a raw one, which JSON does not allow', () => {
    const parsed = parseJson('{"a": "x\0y\n"}');
    expect(parsed?.value).toEqual({a: 'x\0y\n'});
    expect(parsed?.problems).toEqual(['is not valid JSON']);
  });

  it('A12 of a repeated key the last value counts, as everywhere; a thorough look names it', () => {
    const text = '{"a": 1, "b": {"c": 1, "c": 2}, "a": 3}';
    expect(parseJson(text)).toEqual({value: {a: 3, b: {c: 2}}, problems: []});
    expect(parseJson(text, {thorough: true})).toEqual({
      value: {a: 3, b: {c: 2}},
      problems: ['repeats the key "c"; the last one is used', 'repeats the key "a"; the last one is used'],
    });
  });

  it.each([
    ['9007199254740993', 'just beyond 2^53'],
    ['-9007199254740993', 'below -2^53'],
    ['18446744073709551615', '64 bits'],
    ['123456789012345678901234567890', 'more than 64 bits'],
  ])('A13 %s keeps its digits (%s)', digits => {
    for (const text of [`{"a":${digits}}`, `{"a": ${digits}}`, `{"a":[1,${digits}]}`, `{"a": [\n${digits}\n]}`]) {
      const parsed = parseJson(text);
      expect(JSON.stringify(parsed?.value)).toContain(`"${digits}"`);
      expect(parsed?.problems).toEqual(['contains integers beyond 2^53, kept as text']);
    }
  });

  it('A13 also when it is all there is', () => {
    expect(parseJson('18446744073709551615')?.value).toBe('18446744073709551615');
  });

  it('A13 a number beyond every double keeps its text, and so does what follows it', () => {
    expect(parseJson('{"a": 1e400, "b": 2}')?.value).toEqual({a: '1e400', b: 2});
    expect(parseJson('{"a": -1e400, "b": NaN}')?.value).toEqual({a: '-1e400', b: 'NaN'});
  });

  it('A13 the largest exact integers stay numbers', () => {
    expect(parseJson('{"a": 9007199254740991, "b": -9007199254740991}')).toEqual({
      value: {a: 9007199254740991, b: -9007199254740991},
      problems: [],
    });
  });

  it.each([false, true])('A14 keys that name parts of every object are data (thorough: %s)', thorough => {
    const text = '{"__proto__": {"polluted": 1}, "constructor": "c", "toString": "t", "a": {"__proto__": [2]}}';
    const {value, problems} = parseJson(text, {thorough})!;
    expect(problems).toEqual([]);
    expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)));
    expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor', 'toString', 'a']);
    expect(({} as {polluted?: unknown}).polluted).toBeUndefined();
  });

  it('text after the end is named', () => {
    expect(parseJson('{"a": 1} and more')).toEqual({value: {a: 1}, problems: ['has text after its end']});
  });

  it('what is missing between values is forgiven and named', () => {
    expect(parseJson('{"a": 1, "b": 2,}')).toEqual({value: {a: 1, b: 2}, problems: ['is not valid JSON']});
    expect(parseJson('[1 2]')).toEqual({value: [1, 2], problems: ['is not valid JSON']});
  });
});

describe.each([10_000, 100_000])('A15 a value nested %i deep', depth => {
  const shapes = {
    arrays: '['.repeat(depth) + ']'.repeat(depth),
    objects: `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`,
    'both, cut off': '[{"a":'.repeat(depth / 2),
    'both, with NaN': `${'[{"a":'.repeat(depth / 2)}NaN${'}]'.repeat(depth / 2)}`,
  };

  it.each(Object.entries(shapes))(
    '(%s) is parsed, formatted and printed as JSON without a stack overflow',
    (_, text) => {
      for (const thorough of [false, true]) {
        const {value} = parseJson(text, {thorough})!;
        expect(depthOf(value)).toBe(depth);
        expect(formatJson(value)).toBe('"(nested too deeply to print)"');
        expect(formatJson(value, 0)).toBe('"(nested too deeply to print)"');
        const printed = renderJson({command: 'show', data: printable(value)}, true);
        expect(JSON.parse(printed).data).toBe('(nested too deeply to print)');
      }
    },
  );

  it('is an attribute like any other, beside the others', () => {
    const {attributes} = parseAttributes(`{"deep": ${shapes.arrays}, "input.value": "hi"}`);
    expect(textOf(attributes, 'input.value')).toBe('hi');
    expect(textOf(attributes, 'deep')).toBe('"(nested too deeply to print)"');
    expect(listOf(attributes, 'deep')).toHaveLength(1);
  });
});

it('A15 a value nested 100 deep is printed whole', () => {
  const text = '['.repeat(100) + ']'.repeat(100);
  expect(formatJson(parseJson(text)!.value, 0)).toBe(text);
});

/** Counted level by level: a recursive count would overflow itself. */
function depthOf(value: Json): number {
  let depth = 0;
  let inside: Json | undefined = value;
  while (inside !== null && typeof inside === 'object') {
    depth++;
    inside = Object.values(inside)[0];
    if (inside === undefined) break;
  }
  return depth;
}

describe('attributes', () => {
  it.each<[string, unknown, Record<string, Json>, string[]]>([
    ['as SQLite hands them over', '{"a": "b", "n": 1}', {a: 'b', n: 1}, []],
    ['as bytes', new TextEncoder().encode('{"a": "ü"}'), {a: 'ü'}, []],
    ['as a parsed value', {a: 1}, {a: 1}, []],
    ['A1 invalid', 'not json', {}, ['attributes are not JSON']],
    ['A1 as Python prints a dict', "{'a': 1}", {}, ['attributes JSON is cut off']],
    ['A2 cut off', '{"a": "b", "c": "d', {a: 'b', c: 'd'}, ['attributes JSON is cut off']],
    ['A3 encoded twice', JSON.stringify('{"a": 1}'), {a: 1}, ['attributes were encoded twice']],
    ['A4 SQL NULL', null, {}, []],
    ['A4 undefined', undefined, {}, []],
    ['A5 JSON null', 'null', {}, []],
    ['A6 empty text', '', {}, ['attributes are empty']],
    ['A6 blanks', ' \n', {}, ['attributes are empty']],
    ['A7 an array', '[1, {"a": 2}]', {}, ['attributes are not a JSON object']],
    ['A7 a number', '42', {}, ['attributes are not a JSON object']],
    ['A7 a string', '"hello"', {}, ['attributes are not a JSON object']],
    ['A7 true', 'true', {}, ['attributes are not a JSON object']],
    ['A7 a number from SQLite, which turns digits into numbers', 42, {}, ['attributes are not a JSON object']],
    ['A8 after a byte order mark', '\ufeff{"a": 1}', {a: 1}, ['attributes JSON starts with a byte order mark']],
    ['A9 with NaN', '{"a": NaN}', {a: 'NaN'}, ['attributes JSON contains NaN']],
    [
      'A13 with a large integer',
      '{"a": 9007199254740993}',
      {a: '9007199254740993'},
      ['attributes JSON contains integers beyond 2^53, kept as text'],
    ],
    ['an empty object', '{}', {}, []],
    ['a parsed array', [1], {}, ['attributes are not a JSON object']],
  ])('%s', (_, cell, attributes, problems) => {
    const parsed = parseAttributes(cell);
    expect({...parsed.attributes}).toEqual(attributes);
    expect(parsed.problems).toEqual(problems);
  });

  it('A3 a problem of the inner text is named too', () => {
    expect(parseAttributes(JSON.stringify('{"a": NaN}')).problems).toEqual([
      'attributes JSON contains NaN',
      'attributes were encoded twice',
    ]);
  });

  it('A12 a repeated key is named when a span is read whole', () => {
    const text = '{"input.value": "first", "input.value": "second"}';
    expect(parseAttributes(text).problems).toEqual([]);
    expect(parseAttributes(text, {thorough: true}).problems).toEqual([
      'attributes JSON repeats the key "input.value"; the last one is used',
    ]);
    expect(textOf(parseAttributes(text, {thorough: true}).attributes, KEY.input)).toBe('second');
  });

  it('A14 hold keys that name parts of every object as data, and nothing that was not stored', () => {
    const {attributes} = parseAttributes('{"__proto__": {"input.value": "x"}, "constructor": "c"}');
    expect(Object.keys(attributes)).toEqual(['__proto__', 'constructor']);
    expect(textOf(attributes, '__proto__')).toBe('{"input.value":"x"}');
    expect(textOf(attributes, 'constructor')).toBe('c');
    for (const cell of ['{}', '{"__proto__": {"input.value": "x"}}', null]) {
      const seen: string[] = [];
      for (const key in parseAttributes(cell).attributes) seen.push(key);
      expect(seen).toEqual(cell?.includes('__proto__') ? ['__proto__'] : []);
      for (const key of Object.values(KEY)) expect(textOf(parseAttributes(cell).attributes, key)).toBeNull();
    }
  });

  it.each<[string, Json, number | null]>([
    ['a whole number', 12, 12],
    ['zero', 0, 0],
    ['A24 a number as text', '12', 12],
    ['A24 a fraction', 12.5, 12.5],
    ['A24 a negative number', -1, null],
    ['A24 NaN as the parser keeps it', 'NaN', null],
    ['A24 infinity as the parser keeps it', 'Infinity', null],
    ['A24 empty text', '', null],
    ['A24 a word', 'many', null],
    ['A24 null', null, null],
    ['A24 true', true, null],
    ['A24 a list', [1], null],
  ])('%s as a count of tokens', (_, value, count) => {
    const {attributes} = parseAttributes({[KEY.promptTokens]: value});
    expect(numberOf(attributes, KEY.promptTokens)).toBe(count);
  });

  it('no cell of any type makes them throw', () => {
    fc.assert(
      fc.property(fc.anything({withBigInt: true, withNullPrototype: true, withDate: true}), cell => {
        const {attributes, problems} = parseAttributes(cell);
        expect(Array.isArray(attributes)).toBe(false);
        expect(problems.every(problem => problem.startsWith('attributes '))).toBe(true);
      }),
    );
  });
});
