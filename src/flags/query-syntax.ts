import {type UserError, usageError} from '../errors.ts';
import {escapeGlob} from '../sql/fragments.ts';
import {attributeNameIn} from '../trace/asked-attributes.ts';

/*
 * The grammar of `-q`, without the meaning of its keys: text to tree, and back (docs/query.md). Pure.
 *
 *   query   = all ("OR" all)*
 *   all     = one (["AND"] one)*
 *   one     = ("-" | "NOT") one | "(" query ")" | term | value
 *   term    = key ":" [compare] value ("," value)* | known key (compare | "=" | "!=") value ("," value)*
 *   key     = a word | "attr." and the name of an attribute, in quotes where it has signs or spaces
 *   compare = ">=" | "<=" | ">" | "<"
 *   value   = a word, or anything in double quotes
 *
 * "or" and "and" between two of them are the words in capitals. Without a colon a key is one only where it is known: any other
 * word may hold such signs.
 */

export const COMPARISONS = ['>=', '<=', '>', '<'] as const;
type Comparison = (typeof COMPARISONS)[number];

/** A word or a quoted text. */
export interface Value {
  /**
   * For a word: the pattern, where `*` and `?` match other characters and `\` takes them literally. In quotes: the
   * text itself.
   */
  readonly text: string;
  readonly isQuoted: boolean;
  /** Its position, from 0. */
  readonly at: number;
}

export type Syntax =
  | {
      readonly type: 'and' | 'or';
      readonly parts: readonly Syntax[];
      /** Joined by the lower-case word. */
      readonly isSpelledSmall?: boolean;
    }
  | {readonly type: 'not'; readonly part: Syntax}
  | {readonly type: 'text'; readonly value: Value}
  | {
      readonly type: 'term';
      readonly key: string;
      readonly comparison: Comparison | null;
      readonly values: readonly Value[];
      readonly at: number;
    };

/** An error at a place of the query, in the form of all query errors. */
export function queryError(text: string, at: number, message: string, hint?: string): UserError {
  const column = Array.from(text.slice(0, at)).length + 1;
  return usageError(`--query, column ${column}: ${message}`, hint, {text, at});
}

/**
 * Parses the text of a query; only spaces give an empty `and`, which every run matches.
 * @param keys those that need no colon before an operator, in lower case
 * @throws UserError exit 2 with the place
 */
export function parseSyntax(text: string, keys: readonly string[]): Syntax {
  return new Parser(text, keys).parse();
}

/** Maximum nesting of parentheses and negations; people write three. */
const DEEPEST = 100;
/** Parts of an attribute's name: words, and anything in quotes. */
const NAME = String.raw`(?:"(?:[^"\\]|\\.)*"|[^\s:()"\\<>=!,])+`;
const KEY = new RegExp(`(?:attr\\.${NAME}|[A-Za-z][A-Za-z_-]*):`, 'iy');
const COMPARE = />=|<=|>|</y;
/** A key and an operator without the colon. */
const KEY_AND_SIGN = new RegExp(`(attr\\.${NAME}|[A-Za-z][A-Za-z_-]*)\\s*(>=|<=|!=|==?|>|<)\\s*`, 'iy');
const SPACE = /\s/;
/** Characters that end a word. A comma does so only in the list of a key. */
const ENDS_WORD = /[\s()"]/;

class Parser {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly text: string,
    private readonly keys: readonly string[],
  ) {}

  parse(): Syntax {
    this.skipSpace();
    if (this.isAtEnd()) return {type: 'and', parts: []};
    const query = this.parseOr();
    if (!this.isAtEnd())
      throw this.error(this.at, 'this ")" has no opening "(".', 'Leave it out, or put it in quotes.');
    return query;
  }

  private parseOr(): Syntax {
    const parts = [this.parseAnd()];
    let isSpelledSmall = false;
    for (let joint = this.takeJoint('OR'); joint !== null; joint = this.takeJoint('OR')) {
      isSpelledSmall ||= joint === 'small';
      parts.push(this.parseAnd());
    }
    return parts.length === 1 ? parts[0]! : {type: 'or', parts, isSpelledSmall};
  }

  private parseAnd(): Syntax {
    const parts = [this.parseOne()];
    let isSpelledSmall = false;
    while (!this.isAtEnd() && this.peek() !== ')' && !this.isJoint('OR')) {
      isSpelledSmall ||= this.takeJoint('AND') === 'small';
      parts.push(this.parseOne());
    }
    return parts.length === 1 ? parts[0]! : {type: 'and', parts, isSpelledSmall};
  }

  /** The word, or its lower-case form if something follows it: at the end of the query it is a text. */
  private isJoint(word: 'OR' | 'AND'): boolean {
    const small = word.toLowerCase();
    return this.isWord(word) || (this.isWord(small) && !/^\s*(\)|$)/.test(this.text.slice(this.at + small.length)));
  }

  private takeJoint(word: 'OR' | 'AND'): 'capital' | 'small' | null {
    if (!this.isJoint(word)) return null;
    const at = this.takeWord(word);
    if (at === null) this.takeWord(word.toLowerCase());
    else this.expectMore(at, word);
    return at === null ? 'small' : 'capital';
  }

  private parseOne(): Syntax {
    const start = this.at;
    for (const word of ['OR', 'AND']) {
      if (this.isWord(word))
        throw this.error(start, `there is nothing before ${word}.`, `In quotes it is text: "${word}".`);
    }
    if (++this.depth > DEEPEST)
      throw this.error(start, `more than ${DEEPEST} nested parentheses or negations.`, 'Write it with fewer levels.');
    const one = this.parseNegated(start) ?? this.parseGroup(start) ?? this.parseTerm(start);
    this.depth--;
    this.skipSpace();
    return one;
  }

  private parseNegated(start: number): Syntax | null {
    if (this.takeWord('NOT') !== null) this.expectMore(start, 'NOT');
    else if (this.peek() === '-') {
      this.at++;
      if (this.isAtEnd() || SPACE.test(this.peek()) || this.peek() === ')')
        throw this.error(
          start,
          'there is nothing after "-".',
          'Write -tool:web_search, or "-" in quotes for the sign itself.',
        );
    } else return null;
    return {type: 'not', part: this.parseOne()};
  }

  private parseGroup(start: number): Syntax | null {
    if (this.peek() !== '(') return null;
    this.at++;
    this.skipSpace();
    if (this.peek() === ')')
      throw this.error(start, 'there is nothing inside the parentheses.', 'Put them in quotes to search for them.');
    if (this.isAtEnd()) throw this.unclosed(start);
    const query = this.parseOr();
    if (this.peek() !== ')') throw this.unclosed(start);
    this.at++;
    return query;
  }

  private unclosed(start: number): UserError {
    return this.error(start, 'the parenthesis is not closed.', 'Add ), or put it in quotes to search for it.');
  }

  private parseTerm(start: number): Syntax {
    const signed = this.takeKeyAndSign();
    const key = signed?.key ?? this.take(KEY)?.slice(0, -1) ?? null;
    if (key === null) return {type: 'text', value: this.parseValue(false)};
    const comparison = signed ? signed.comparison : (this.take(COMPARE) as Comparison | null);
    const values: Value[] = [];
    do {
      const at = this.at;
      if (this.isAtEnd() || ENDS_WORD.test(this.peek().replace('"', '')) || this.peek() === ',') {
        throw this.error(
          values.length === 0 ? start : at - 1,
          `"${this.text.slice(start, at)}" has no value.`,
          `Write it without a space: ${key}:value; in quotes it is text.`,
        );
      }
      values.push(this.parseValue(true));
    } while (this.takeComma());
    const term: Syntax = {type: 'term', key, comparison, values, at: start};
    return signed?.isNegated ? {type: 'not', part: term} : term;
  }

  private takeKeyAndSign(): {key: string; comparison: Comparison | null; isNegated: boolean} | null {
    KEY_AND_SIGN.lastIndex = this.at;
    const [all, key, sign] = KEY_AND_SIGN.exec(this.text) ?? [];
    if (!this.keys.includes(key?.toLowerCase() ?? '') && attributeNameIn(key ?? '') === null) return null;
    this.at += all!.length;
    return {key: key!, comparison: COMPARISONS.find(known => known === sign) ?? null, isNegated: sign === '!='};
  }

  private takeComma(): boolean {
    if (this.peek() !== ',') return false;
    this.at++;
    return true;
  }

  private parseValue(isListed: boolean): Value {
    return this.peek() === '"' ? this.parseQuoted(isListed) : this.parseWord(isListed);
  }

  private parseQuoted(isListed: boolean): Value {
    const at = this.at++;
    let text = '';
    while (this.peek() !== '"') {
      if (this.isAtEnd())
        throw this.error(at, 'the quote is not closed.', String.raw`Add ", or write \" for the sign itself.`);
      // A backslash takes only itself and a quote literally; before anything else it is an ordinary character.
      if (this.peek() === '\\' && /["\\]/.test(this.text[this.at + 1] ?? '')) this.at++;
      text += this.text[this.at++];
    }
    this.at++;
    const isEnded = this.isAtEnd() || /[\s)]/.test(this.peek()) || (isListed && this.peek() === ',');
    if (!isEnded)
      throw this.error(this.at, `"${this.charAt(this.at)}" follows the quote directly.`, 'Put a space between them.');
    return {text, isQuoted: true, at};
  }

  private parseWord(isListed: boolean): Value {
    const at = this.at;
    let text = '';
    while (!this.isAtEnd() && !ENDS_WORD.test(this.peek()) && !(isListed && this.peek() === ',')) {
      let char = this.text[this.at++]!;
      if (char === '\\') {
        char = this.text[this.at] ?? '\\';
        if (!this.isAtEnd()) this.at++;
        if ('*?\\'.includes(char)) char = `\\${char}`;
      }
      text += char;
    }
    if (this.peek() === '"')
      throw this.error(
        this.at,
        'there is a quote inside a word.',
        String.raw`Put the whole text in quotes, or write \" for the sign itself.`,
      );
    return {text, isQuoted: false, at};
  }

  private isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  private peek(): string {
    return this.text[this.at] ?? '';
  }

  private charAt(at: number): string {
    return String.fromCodePoint(this.text.codePointAt(at) ?? 0);
  }

  private skipSpace(): void {
    while (!this.isAtEnd() && SPACE.test(this.peek())) this.at++;
  }

  private take(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? null;
    this.at += found?.length ?? 0;
    return found;
  }

  private isWord(word: string): boolean {
    const next = this.text[this.at + word.length];
    return this.text.startsWith(word, this.at) && (next === undefined || /[\s()]/.test(next));
  }

  /** The place of the word that was taken, or null. */
  private takeWord(word: string): number | null {
    if (!this.isWord(word)) return null;
    const at = this.at;
    this.at += word.length;
    this.skipSpace();
    return at;
  }

  private expectMore(at: number, word: string): void {
    if (this.isAtEnd() || this.peek() === ')')
      throw this.error(at, `there is nothing after ${word}.`, `In quotes it is text: "${word}".`);
  }

  private error(at: number, message: string, hint?: string): UserError {
    return queryError(this.text, Math.max(0, Math.min(at, this.text.length - 1)), message, hint);
  }
}

/** The query as text; parsing it gives the same tree. */
export function printSyntax(syntax: Syntax): string {
  switch (syntax.type) {
    case 'or':
      return syntax.parts.map(part => (part.type === 'or' ? `(${printSyntax(part)})` : printSyntax(part))).join(' OR ');
    case 'and':
      return syntax.parts.map(printInside).join(' ');
    case 'not':
      return `-${printInside(syntax.part)}`;
    case 'text':
      return printValue(syntax.value, false);
    case 'term':
      return `${syntax.key}:${syntax.comparison ?? ''}${syntax.values.map(value => printValue(value, true)).join(',')}`;
  }
}

function printInside(syntax: Syntax): string {
  return syntax.type === 'and' || syntax.type === 'or' ? `(${printSyntax(syntax)})` : printSyntax(syntax);
}

function printValue({text, isQuoted}: Value, isListed: boolean): string {
  if (isQuoted) return `"${text.replace(/["\\]/g, char => `\\${char}`)}"`;
  const word = text.replace(isListed ? /[\s()",]/g : /[\s()"]/g, char => `\\${char}`);
  if (isListed) return /^[<>=]/.test(word) ? `\\${word}` : word;
  // Text that would be read here as an operator, a word of the grammar or a key.
  const isTaken =
    /^[-<>=!]/.test(word) || /^(OR|AND|NOT|or|and)$/.test(word) || /^(attr\.|[A-Za-z][A-Za-z_-]*[:<>=!])/i.test(word);
  return isTaken ? `\\${word}` : word;
}

/** A value as a pattern. */
export function globOf({text, isQuoted}: Value): string {
  return isQuoted ? escapeGlob(text) : text;
}

/** A value without patterns, for ids and similar keys. */
export function plainOf({text, isQuoted}: Value): string {
  return isQuoted ? text : text.replace(/\\([*?\\])/g, '$1');
}
