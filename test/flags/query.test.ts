import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {UserError} from '../../src/errors.ts';
import {parseQuery, QUERY_KEYS, queryNote} from '../../src/flags/query.ts';
import {COMPARISONS, parseSyntax, printSyntax, type Syntax} from '../../src/flags/query-syntax.ts';
import {NO_FILTER, type Query, type RunFilter} from '../../src/trace/filter.ts';

const NOW = Date.parse('2026-11-22T12:00:00Z') * 1000;
const HOUR = 3_600_000_000;
const parse = (text: string) => parseQuery(text, NOW);
const syntaxOf = (text: string) => parseSyntax(text, QUERY_KEYS);
const flag = (fields: Partial<RunFilter>): Query => ({type: 'flag', filter: {...NO_FILTER, ...fields}});

/** A tree without the places in the text. */
function shape(syntax: Syntax): unknown {
  return JSON.parse(
    JSON.stringify(syntax, (key, value) => (key === 'at' || key === 'isSpelledSmall' ? undefined : value)),
  );
}

describe('the grammar', () => {
  it('reads what the documentation shows', () => {
    expect(parse('agent:billing -tool:web_search duration:>5s error "customs hold"')).toEqual({
      type: 'and',
      parts: [
        flag({agents: ['billing']}),
        {type: 'not', part: flag({tools: ['web_search']})},
        {type: 'compare', figure: 'durationMs', comparison: '>', value: 5000},
        flag({states: ['error']}),
        {type: 'text', glob: 'customs hold'},
      ],
    });
  });

  it('binds "and" closer than OR; NOT, - and parentheses closest', () => {
    const text = (glob: string): Query => ({type: 'text', glob});
    expect(parse('a b OR c')).toEqual({
      type: 'or',
      parts: [{type: 'and', parts: [text('a'), text('b')]}, text('c')],
    });
    expect(parse('a AND (b OR NOT c)')).toEqual({
      type: 'and',
      parts: [text('a'), {type: 'or', parts: [text('b'), {type: 'not', part: text('c')}]}],
    });
    expect(parse('-(a b)')).toEqual({type: 'not', part: {type: 'and', parts: [text('a'), text('b')]}});
    expect(parse('or not and')).toEqual({type: 'and', parts: [text('or'), text('not'), text('and')]});
    expect(parse('  ')).toBeNull();
  });

  it.each([
    ['duration>5s', 'duration:>5s'],
    ['duration >= 5s', 'duration:>=5s'],
    ['cost>0.03 tokens<5k', 'cost:>0.03 tokens:<5k'],
    ['agent=billing*', 'agent:billing*'],
    ['Agent == "Billing Agent",x', 'agent:"Billing Agent",x'],
    ['agent!=billing*', '-agent:billing*'],
    ['-state=ok', '-state:ok'],
    ['error or degraded', 'error OR degraded'],
    ['model:x and error', 'model:x AND error'],
    ['a and (b or -c)', 'a (b OR -c)'],
  ])('takes %s as %s', (natural, written) => {
    expect(parse(natural)).toEqual(parse(written));
  });

  it('takes signs behind other words, and small words at an end, as text', () => {
    expect(parse('x>5')).toEqual({type: 'text', glob: 'x>5'});
    expect(parse('"duration>5s"')).toEqual({type: 'text', glob: 'duration>5s'});
    expect(parse(String.raw`\duration>5s`)).toEqual({type: 'text', glob: 'duration>5s'});
    expect(parse('a or')).toEqual(parse('a "or"'));
    expect(parse('and (or b)')).toEqual(parse('"and" ("or" b)'));
    expect(errorOf('duration>')?.message).toBe('--query, column 1: "duration>" has no value.');
  });

  it('reads names of attributes, with signs in quotes', () => {
    const is = (path: string, glob: string): Query => ({
      type: 'attribute',
      path,
      test: {type: 'is', glob, number: null},
    });
    const compares = (path: string, ...bounds: ['>=' | '<=' | '>' | '<', number | string][]): Query => ({
      type: 'attribute',
      path,
      test: {type: 'compares', bounds: bounds.map(([comparison, value]) => ({comparison, value}))},
    });
    expect(parse('attr.tenant:acme')).toEqual(is('tenant', 'acme'));
    expect(parse(String.raw`ATTR."it's \"q\":".Sub/x:"a*"`)).toEqual(is(`it's "q":.Sub/x`, String.raw`a\*`));
    expect(parse('attr.n!=-1.5e3')).toEqual({
      type: 'not',
      part: {type: 'attribute', path: 'n', test: {type: 'is', glob: '-1.5e3', number: -1500}},
    });
    expect(parse('attr.n >= 2')).toEqual(compares('n', ['>=', 2]));
    expect(parse('attr.n:>"2"')).toEqual(compares('n', ['>', '2']));
    expect(parse('attr.n:1..2')).toEqual(compares('n', ['>=', 1], ['<=', 2]));
    expect(parse('attr.n:..2')).toEqual(compares('n', ['<=', 2]));
    expect(parse('attr.n:a..b')).toEqual(is('n', 'a..b'));
    expect(errorOf(`x attr.${'a.'.repeat(12)}b:1`)?.message).toBe(
      '--query, column 3: "attr.a.a.a.a.a.a.a.a.a.a.a.a.b" is no name of an attribute.',
    );
    expect(errorOf('attr."\u001b":1')?.message).toContain('is no name of an attribute');
  });

  it('says that a small word was read as one in capitals', () => {
    expect(queryNote('a or b and c')).toBe('-q reads or as OR, and as AND; quote a word to search for it');
  });

  it('takes values literally in quotes and after a backslash, and as patterns elsewhere', () => {
    expect(parse('tool:"a*b"')).toEqual(flag({tools: [String.raw`a\*b`]}));
    expect(parse('tool:a*b,"c,d",e\\,f')).toEqual(flag({tools: ['a*b', 'c,d', 'e,f']}));
    expect(parse(String.raw`session:a\*b\ c`)).toEqual(flag({sessions: ['a*b c']}));
    expect(parse(String.raw`"say \"hi\" \n"`)).toEqual({type: 'text', glob: String.raw`say "hi" \\n`});
    expect(parse('"agent:x"')).toEqual({type: 'text', glob: 'agent:x'});
    expect(parse('14:00')).toEqual({type: 'text', glob: '14:00'});
  });

  it('reads a state that stands alone as the state, and says so; in quotes it is text', () => {
    expect(parse('-error')).toEqual({type: 'not', part: flag({states: ['error']})});
    expect(parse('"error"')).toEqual({type: 'text', glob: 'error'});
    expect(queryNote('(x OR -lost) error lost')).toBe(
      '-q reads lost as state:lost, error as state:error; quote a word to search for it',
    );
    expect(queryNote('"lost" state:error errors')).toBeNull();
  });

  it('makes alternatives of one flag one flag', () => {
    expect(parse('session:a OR session:b,c')).toEqual(flag({sessions: ['a', 'b', 'c']}));
    expect(parse('is:error OR state:lost')).toEqual(flag({states: ['error', 'lost']}));
  });
});

describe('figures and moments', () => {
  const compare = (figure: string, comparison: string, value: number) => ({
    type: 'compare',
    figure,
    comparison,
    value,
  });

  it('compare, or lie in a range with both ends', () => {
    expect(parse('tokens:<=1.5k')).toEqual(compare('totalTokens', '<=', 1500));
    expect(parse('spans:7')).toEqual(compare('spanCount', '=', 7));
    expect(parse('cost:>$0.05')).toEqual(compare('costUsd', '>', 0.05));
    expect(parse('duration:1s..1m30s')).toEqual({
      type: 'and',
      parts: [compare('durationMs', '>=', 1000), compare('durationMs', '<=', 90_000)],
    });
    expect(parse('errors:2..')).toEqual(compare('errorCount', '>=', 2));
    expect(parse('retries:>0')).toEqual(compare('retryCount', '>', 0));
    expect(parse('cached:>2k')).toEqual(compare('cachedTokens', '>', 2000));
    expect(parse('cached:12.5%..')).toEqual(compare('cacheHitRate', '>=', 0.125));
    for (const wrong of ['cached:<101%', 'cached:>%', 'cached:>-1%', 'cached:>1e1%', 'cached:>x', 'retries:x'])
      expect(() => parse(wrong), wrong).toThrow(/is not a/);
    expect(parse('errors:*..2')).toEqual(compare('errorCount', '<=', 2));
  });

  it('take a date as the whole day', () => {
    const [from, to] = [Date.parse('2026-11-20') * 1000, Date.parse('2026-11-21') * 1000];
    expect(parse('started:2026-11-20')).toEqual(flag({sinceMicros: from, untilMicros: to}));
    expect(parse('started:>2026-11-20')).toEqual(flag({sinceMicros: to}));
    expect(parse('started:>=2026-11-20')).toEqual(flag({sinceMicros: from}));
    expect(parse('started:<2026-11-20')).toEqual(flag({untilMicros: from}));
    expect(parse('started:<=2026-11-20')).toEqual(flag({untilMicros: to}));
    expect(parse('started:2026-11-20..2026-11-20T06:00')).toEqual(
      flag({sinceMicros: from, untilMicros: from + 6 * HOUR + 1}),
    );
  });

  it('count lengths back from now, as the flags do', () => {
    expect(parse('started:>2h')).toEqual(flag({sinceMicros: NOW - 2 * HOUR + 1}));
    expect(parse('since:2h')).toEqual(flag({sinceMicros: NOW - 2 * HOUR}));
    expect(parse('until:yesterday')).toEqual(flag({untilMicros: Date.parse('2026-11-21') * 1000}));
    expect(parse('age:<2h')).toEqual(flag({sinceMicros: NOW - 2 * HOUR + 1}));
    expect(parse('age:>=1d')).toEqual(flag({untilMicros: NOW - 24 * HOUR + 1}));
    expect(parse('age:1h..2h')).toEqual(flag({sinceMicros: NOW - 2 * HOUR, untilMicros: NOW - HOUR + 1}));
  });
});

/** What is wrong, where (from 0), and what the hint names. */
const WRONG: readonly [query: string, at: number, message: RegExp, hint: RegExp][] = [
  ['agnt:x', 0, /"agnt" is not a key/, /Did you mean agent\?/],
  ['error zzzzz:x', 6, /"zzzzz" is not a key/, /^Keys: run, /],
  ['https://x', 0, /"https" is not a key/, /in quotes/],
  ['constructor:x', 0, /"constructor" is not a key/, /Keys/],
  ['state:eror', 6, /state "eror" is not known/, /Did you mean error\?/],
  ['kind:agent,tol', 11, /kind "tol" is not known/, /Did you mean tool\?/],
  ['is:gone', 3, /is "gone" is not known/, /missing/],
  ['duration:>5', 10, /duration "5" has no unit/, /5ms, 5s/],
  ['duration:5s', 0, /exact microsecond/, /duration:>5s/],
  ['tokens:many', 7, /"many" is not a number/, /tokens:>5k/],
  ['cost:-1', 5, /"-1" is not an amount/, /cost:>0.05/],
  ['started:soon', 8, /started "soon" is not a time/, /yesterday/],
  ['started:14:00', 0, /exact microsecond/, /started:>=14:00/],
  ['age:2h', 0, /exact microsecond/, /age:<2h/],
  ['since:9999999w', 6, /too far in the past/, /7d/],
  ['agent:>x', 0, /cannot be compared with >/, /agent:value/],
  ['a agent: b', 2, /"agent:" has no value/, /without a space/],
  ['agent:a,', 7, /has no value/, /agent:value/],
  ['agent:""', 6, /nothing inside the quotes/, /between/],
  ['ab "cd', 3, /quote is not closed/, /Add "/],
  ['ab"cd"', 2, /quote inside a word/, /whole text in quotes/],
  ['"ab"c', 4, /"c" follows the quote/, /space/],
  ['x (a (b)', 2, /parenthesis is not closed/, /Add \)/],
  ['a)', 1, /has no opening/, /quotes/],
  ['f()', 1, /nothing inside/, /quotes/],
  ['a OR', 2, /nothing after OR/, /"OR"/],
  ['OR a', 0, /nothing before OR/, /"OR"/],
  ['(NOT)', 1, /nothing after NOT/, /"NOT"/],
  ['a - b', 2, /nothing after "-"/, /-tool:web_search/],
  [`x ${'y'.repeat(2_001)}`, 2, /2001 characters is too long/, /2000/],
  [`x ${'('.repeat(200)}`, 102, /more than 100 nested parentheses/, /fewer levels/],
];

describe('a query that cannot be read', () => {
  it.each(WRONG)('%s', (query, at, message, hint) => {
    const error = errorOf(query);
    expect(error?.message).toMatch(message);
    expect(error?.message).toMatch(new RegExp(`^--query, column ${at + 1}: `));
    expect(error?.hint ?? '').toMatch(hint);
    expect(error?.place).toEqual({text: query, at});
    expect(error?.exitCode).toBe(2);
  });
});

function errorOf(query: string): UserError | null {
  try {
    parse(query);
    return null;
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

/** Text as people mistype it: pieces of the grammar in any order, and any characters. */
const PIECES = [
  ...QUERY_KEYS.map(key => `${key}:`),
  ...['attr.', 'attr.a.b:', 'attr."a b":', 'attr.ü>='],
  ...COMPARISONS,
  ...['(', ')', '"', '-', '\\', ',', '..', '*', '?', ' ', '\t', ':', 'OR', 'AND', 'NOT', 'error', 'llm', '5s', '12'],
  ...['today', '2026-11-22', '🙂', 'é', '\u202e', '\n'],
];
const anyText = fc.oneof(
  fc.string({unit: 'binary', maxLength: 40}),
  fc.array(fc.constantFrom(...PIECES), {maxLength: 25}).map(pieces => pieces.join('')),
);

describe('any text', () => {
  it('is read, or refused with one error whose place is inside the text', () => {
    fc.assert(
      fc.property(anyText, text => {
        const error = errorOf(text);
        if (error === null) return;
        expect(error.place?.text).toBe(text);
        expect(error.place!.at).toBeGreaterThanOrEqual(0);
        expect(error.place!.at).toBeLessThan(text.length);
        expect(error.message).not.toContain('undefined');
        expect(error.message).toMatch(/^--query, column \d+: \S/);
      }),
      {numRuns: 5000},
    );
  });

  it('that is read means the same when it is printed and read again', () => {
    let read = 0;
    fc.assert(
      fc.property(anyText, text => {
        if (errorOf(text) !== null) return;
        read++;
        const printed = printSyntax(syntaxOf(text));
        expect(shape(syntaxOf(printed))).toEqual(shape(syntaxOf(text)));
        expect(parse(printed)).toEqual(parse(text));
      }),
      {numRuns: 5000},
    );
    expect(read).toBeGreaterThan(200);
  });
});

describe('any tree', () => {
  const character = fc.oneof(
    fc.string({unit: 'binary', minLength: 1, maxLength: 3}).map(text => text.replaceAll('\\', '')),
    fc.constantFrom(
      '\\*',
      '\\?',
      '\\\\',
      '*',
      '?',
      ' ',
      '"',
      '(',
      ')',
      ',',
      '-',
      ':',
      '>',
      '=',
      '!',
      'OR',
      'or',
      'and',
      'cost',
      'a',
    ),
  );
  const word = fc.array(character, {minLength: 1, maxLength: 4}).map(parts => parts.join(''));
  const value = fc.oneof(
    word.filter(text => text !== '').map(text => ({text, isQuoted: false, at: 0})),
    fc.string({unit: 'binary', maxLength: 6}).map(text => ({text, isQuoted: true, at: 0})),
  );
  const {tree} = fc.letrec<{tree: Syntax}>(tie => ({
    tree: fc.oneof(
      {maxDepth: 4, withCrossShrink: true},
      fc.record({type: fc.constant('text' as const), value}),
      fc.record({
        type: fc.constant('term' as const),
        key: fc.constantFrom(...QUERY_KEYS, 'attr.metadata.plan', String.raw`attr."a \" :".b`),
        comparison: fc.constantFrom(null, ...COMPARISONS),
        values: fc.array(value, {minLength: 1, maxLength: 3}),
        at: fc.constant(0),
      }),
      fc.record({type: fc.constant('not' as const), part: tie('tree')}),
      fc.record({
        type: fc.constantFrom('and' as const, 'or' as const),
        parts: fc.array(tie('tree'), {minLength: 2, maxLength: 3}),
      }),
    ),
  }));

  it('printed and read again is the same tree', () => {
    fc.assert(
      fc.property(tree, syntax => {
        expect(shape(syntaxOf(printSyntax(syntax)))).toEqual(shape(syntax));
      }),
      {numRuns: 3000},
    );
  });
});
