import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {tokenize} from '../../src/sql/tokens.ts';

const DIALECTS = ['sqlite', 'postgres'] as const;

function kinds(text: string, dialect: 'sqlite' | 'postgres'): string {
  return tokenize(text, dialect)
    .map(({kind, text: value}) => (kind === 'symbol' ? value : `${kind}(${value})`))
    .join(' ');
}

describe.each(DIALECTS)('a statement for %s', dialect => {
  it.each([
    ['select :a, b::text, c:=d', 'word(select) param(a) , word(b) :: word(text) , word(c) := word(d)'],
    ['\':a\' "B" Bc 1.5e-3', "string(':a') quoted(B) word(bc) number(1.5e-3)"],
    ["'it''s; :a'", "string('it''s; :a')"],
    ['"a""b"', 'quoted(a"b)'],
    ['a -- :b; c\n d', 'word(a) word(d)'],
    ['a /* :b; */ d', 'word(a) word(d)'],
    ["'open", "open('o)"],
    ['f /**/ (', 'word(f) ('],
    ['ÄBc', 'word(Äbc)'],
  ])('%j', (text, expected) => {
    expect(kinds(text, dialect)).toBe(expected);
  });
});

describe('what only one of them has', () => {
  it.each([
    ["E'\\'; :a'", "string(E'\\'; :a')"],
    ["E'a'\n'\\'; :a'", "string(E'a'\n'\\'; :a')"],
    ["E'a' -- x\n  '\\''", "string(E'a' -- x\n  '\\'')"],
    ["E'a' '\\'", "string(E'a') string('\\')"],
    ["'a\\' b", "string('a\\') word(b)"],
    ['$$ ; :a $$ b', 'string($$ ; :a $$) word(b)'],
    ['$x$ $$ $y$ $x$ b', 'string($x$ $$ $y$ $x$) word(b)'],
    ['a$x$ b$x$', 'word(a$x$) word(b$x$)'],
    ['$1', 'placeholder($1)'],
    ['a ? b', 'word(a) ? word(b)'],
    ['/* /* */ ; */ a', 'word(a)'],
    ['/*/ */ a', 'word(a)'],
    ['a --x\rb', 'word(a) word(b)'],
    ['/* open', 'open(/*)'],
    ['a[1:2]', 'word(a) [ number(1) : number(2) ]'],
    ['U&"a"', 'open(U&")'],
  ])('Postgres: %j', (text, expected) => {
    expect(kinds(text, 'postgres')).toBe(expected);
  });

  it.each([
    ['[a;b] `c"d`', 'quoted(a;b) quoted(c"d)'],
    ['/* /* */ a', 'word(a)'],
    ['/* x /*/ a', 'word(a)'],
    ['? ?1 @a $b', 'placeholder(?) placeholder(?1) placeholder(@a) placeholder($b)'],
    ['a --x\rb\nc', 'word(a) word(c)'],
    ["'a\\' b", "string('a\\') word(b)"],
  ])('SQLite: %j', (text, expected) => {
    expect(kinds(text, 'sqlite')).toBe(expected);
  });
});

describe('any text', () => {
  const hostile = fc
    .array(
      fc.constantFrom(
        "'",
        '"',
        '$$',
        '$a$',
        '/*',
        '*/',
        '--',
        '\n',
        ';',
        ':',
        ':a',
        'E',
        'x',
        ' ',
        '\\',
        '(',
        '[',
        ']',
        '`',
        '1',
        '.',
      ),
    )
    .map(parts => parts.join(''));

  it('is taken to pieces in order, and what lies between them is blank or a comment', () => {
    fc.assert(
      fc.property(fc.constantFrom(...DIALECTS), hostile, (dialect, text) => {
        let at = 0;
        for (const {start, end} of tokenize(text, dialect)) {
          expect(start).toBeGreaterThanOrEqual(at);
          expect(end).toBeGreaterThan(start);
          expect(text.slice(at, start)).toMatch(/^(\s|--.*|\/\*[\s\S]*)*$/);
          at = end;
        }
      }),
    );
  });

  it('as a text in quotes is one token, whatever it holds', () => {
    fc.assert(
      fc.property(fc.constantFrom(...DIALECTS), hostile, (dialect, text) => {
        const quoted = `'${text.replaceAll("'", "''")}'`;
        expect(kinds(`select ${quoted} ;`, dialect)).toBe(`word(select) string(${quoted}) ;`);
        const name = `"${text.replaceAll('"', '""')}"`;
        expect(kinds(`select ${name} ;`, dialect)).toBe(`word(select) quoted(${text}) ;`);
      }),
    );
  });
});
