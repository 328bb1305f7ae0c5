import type {Dialect} from './sql.ts';

/** A token of a statement, as the server's own lexer would see it. */
export interface Token {
  /**
   * `word`: a name or a keyword; `quoted`: a name in quotes; `param`: `:name`; `placeholder`: `$1`, `?`, `@x`, which
   * we do not support; `symbol`: one other character, or `::` and `:=`. A token without its end is `open`.
   */
  readonly kind: 'word' | 'quoted' | 'string' | 'number' | 'param' | 'placeholder' | 'symbol' | 'open';
  /**
   * A word in the database's case folding, a quoted name without its quotes, a parameter without its colon; otherwise
   * as written.
   */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** For Postgres a byte order mark is not blank, and it refuses it; SQLite skips it. */
const BLANK = /[ \t\n\r\f\v\ufeff]+/y;
const WORD = /[A-Za-z_\x80-\uffff][A-Za-z0-9_$\x80-\uffff]*/y;
const NUMBER = /(?:\.?\d)(?:[eE][+-]|[A-Za-z0-9_.])*/y;
const PARAM = /:[A-Za-z_\x80-\uffff][A-Za-z0-9_$\x80-\uffff]*/y;
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\x80-\uffff][A-Za-z0-9_\x80-\uffff]*)?\$/y;
const PLACEHOLDER = {
  sqlite: /\?\d*|[@$#][A-Za-z0-9_$\x80-\uffff]+/y,
  postgres: /\$\d+/y,
  // `{name:Type}`; `?` is an operator there.
  clickhouse: /\{\s*[A-Za-z_]\w*\s*:/y,
} as const;
/** The syntax that can hide text from a reader of the statement, by dialect. */
const LEXICON = {
  sqlite: {nestsComments: false, hasDollarQuotes: false, escapes: 'none', lineEndsAtReturn: false},
  postgres: {nestsComments: true, hasDollarQuotes: true, escapes: 'E', lineEndsAtReturn: true},
  clickhouse: {nestsComments: false, hasDollarQuotes: true, escapes: 'all', lineEndsAtReturn: false},
} as const;
/** Postgres continues a string after a line break, with the rules of its first part. */
const CONTINUED = /[ \t\f\v]*(?:--[^\n\r]*)?[\n\r](?:[ \t\n\r\f\v]|--[^\n\r]*[\n\r])*'/y;

/**
 * Splits a statement into tokens; comments and blanks are dropped. It handles everything that can hide a semicolon, a
 * colon or a name: strings with both kinds of escapes, dollar quotes, nested comments, all ways to quote a name.
 */
export function tokenize(text: string, dialect: Dialect): Token[] {
  const tokens: Token[] = [];
  const isPostgres = dialect === 'postgres';
  const isClickhouse = dialect === 'clickhouse';
  const {nestsComments, hasDollarQuotes, escapes, lineEndsAtReturn} = LEXICON[dialect];
  let at = 0;
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? null;
  };
  const add = (kind: Token['kind'], value: string, end: number) => {
    tokens.push({kind, text: value, start: at, end});
    at = end;
  };
  while (at < text.length) {
    const char = text[at]!;
    const blank = match(BLANK);
    if (blank) at += blank.length;
    else if (text.startsWith('--', at) || (isClickhouse && /^#[ !]/.test(text.slice(at, at + 2))))
      at = lineEnd(text, at, lineEndsAtReturn);
    else if (text.startsWith('/*', at)) {
      const end = commentEnd(text, at, nestsComments);
      // For SQLite an open comment reaches to the end, and this is safe: nothing follows it.
      if (end === null && dialect !== 'sqlite') add('open', '/*', text.length);
      else at = end ?? text.length;
    } else if (char === "'") addString(stringEnd(text, at, escapes === 'all'));
    else if (isPostgres && /[eE]/.test(char) && text[at + 1] === "'") addString(escapeStringEnd(text, at + 1));
    else if (isPostgres && /^[uU]&"/.test(text.slice(at, at + 3))) add('open', 'U&"', text.length);
    else if (char === '"' || (!isPostgres && char === '`')) addQuoted(char);
    else if (dialect === 'sqlite' && char === '[') {
      const end = text.indexOf(']', at);
      if (end < 0) add('open', '[', text.length);
      else add('quoted', text.slice(at + 1, end), end + 1);
    } else {
      const dollar = hasDollarQuotes ? match(DOLLAR_QUOTE) : null;
      const word = match(WORD);
      const param = match(PARAM);
      const placeholder = match(PLACEHOLDER[dialect]);
      const number = match(NUMBER);
      if (dollar) {
        const end = text.indexOf(dollar, at + dollar.length);
        addString(end < 0 ? null : end + dollar.length);
      } else if (word) add('word', fold(word), at + word.length);
      else if (number) add('number', number, at + number.length);
      else if (text.startsWith('::', at) || text.startsWith(':=', at)) add('symbol', text.slice(at, at + 2), at + 2);
      else if (param) add('param', param.slice(1), at + param.length);
      else if (placeholder) add('placeholder', placeholder, at + placeholder.length);
      else add('symbol', char, at + 1);
    }
  }
  return tokens;

  function addString(end: number | null): void {
    if (end === null) add('open', text.slice(at, at + 2), text.length);
    else add('string', text.slice(at, end), end);
  }

  function addQuoted(quote: string): void {
    const end = stringEnd(text, at, escapes === 'all', quote);
    if (end === null) add('open', quote, text.length);
    else add('quoted', text.slice(at + 1, end - 1).replaceAll(quote + quote, quote), end);
  }
}

/** Like the databases, only ASCII letters: otherwise another name would be looked up than the one that is called. */
export function fold(word: string): string {
  return word.replace(/[A-Z]/g, letter => letter.toLowerCase());
}

function lineEnd(text: string, at: number, isPostgres: boolean): number {
  const end = /[\n\r]/g;
  end.lastIndex = at;
  if (!isPostgres) return indexOrEnd(text, text.indexOf('\n', at));
  return indexOrEnd(text, end.exec(text)?.index ?? -1);
}

function indexOrEnd(text: string, index: number): number {
  return index < 0 ? text.length : index;
}

function commentEnd(text: string, at: number, nests: boolean): number | null {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = at + 2;
  let depth = 1;
  for (let mark = marks.exec(text); mark; mark = marks.exec(text)) {
    if (mark[0] === '*/') depth--;
    else if (nests) depth++;
    // `/*/` does not end where it began; without nesting the next mark may overlap this one.
    else marks.lastIndex = mark.index + 1;
    if (depth === 0) return mark.index + 2;
  }
  return null;
}

/** Position after the closing quote; a doubled quote is part of the text. */
function stringEnd(text: string, at: number, hasEscapes: boolean, quote = "'"): number | null {
  for (let i = at + 1; i < text.length; i++) {
    if (hasEscapes && text[i] === '\\') i++;
    else if (text[i] === quote) {
      if (text[i + 1] !== quote) return i + 1;
      i++;
    }
  }
  return null;
}

function escapeStringEnd(text: string, at: number): number | null {
  let end = stringEnd(text, at, true);
  while (end !== null) {
    CONTINUED.lastIndex = end;
    const more = CONTINUED.exec(text);
    if (!more) return end;
    end = stringEnd(text, CONTINUED.lastIndex - 1, true);
  }
  return null;
}
