import vm from 'node:vm';
import {usageError} from '../../errors.ts';

export interface PatternOptions {
  /** The pattern is plain text. */
  readonly fixed: boolean;
  /** Null: ignore case unless the pattern has an upper-case letter. */
  readonly ignoreCase: boolean | null;
  readonly word: boolean;
}

/** Position of a match in its text, in JavaScript's units; the end is exclusive. */
export type Range = readonly [number, number];

/** Characters that every JSON writer leaves unchanged, so they are also found in the stored text. */
const PLAIN = /[A-Za-z0-9 _.-]+/g;
const SHORTEST_LITERAL = 3;

/** If matching a text takes longer, the text is skipped. */
const TEXT_MS = 250;
/** Texts that are matched under one timer: a timer costs 40 µs. */
const TOGETHER_MS = 500;
/** If all skipped texts together take longer, the search ends. */
const BUDGET_MS = 5000;
/** Maximum matches shown per text. */
const MOST_MATCHES = 1000;
/** Of a longer text only the beginning is searched. */
export const LONGEST_TEXT = 8_000_000;

/** What is looked for. */
export class Pattern {
  /** Lower case if case is ignored. Every matching text contains it, also in its stored form; null: there is none. */
  readonly literal: string | null;
  readonly ignoresCase: boolean;
  /** Number of texts that took too long, and of texts of which only the beginning was searched. */
  givenUp = 0;
  shortened = 0;
  private spentMs = 0;
  private readonly regex: RegExp;
  private readonly isPlain: boolean;
  private work: () => void = () => undefined;
  private watched: {script: vm.Script; context: vm.Context} | null = null;

  /** @throws UserError exit 2 for an invalid regular expression, and for one that matches every line */
  constructor(text: string, {fixed, ignoreCase, word}: PatternOptions) {
    if (text === '') throw usageError('the pattern is empty.', 'Write the text to search for.');
    const written = fixed ? null : /^\/(.+)\/([is]*)$/s.exec(text);
    const source = written ? written[1]! : text;
    const asked = written?.[2] ?? '';
    this.ignoresCase = asked.includes('i') || (ignoreCase ?? !/\p{Lu}/u.test(source.replace(/\\./g, '')));
    this.isPlain = fixed || !/[\\^$.*+?()[\]{}|]/.test(source);
    const body = this.isPlain ? source.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&') : source;
    const whole = word ? `(?<![\\p{L}\\p{N}_])(?:${body})(?![\\p{L}\\p{N}_])` : body;
    const isUnicode = word || /\\[pP]\{|\\u\{|[\u{10000}-\u{10ffff}]/u.test(source);
    const flags = `gm${this.ignoresCase ? 'i' : ''}${isUnicode ? 'u' : ''}${asked.includes('s') ? 's' : ''}`;
    this.regex = compile(text, whole, flags);
    if (!this.isPlain && this.isEmptyMatch())
      throw usageError(
        `"${text}" matches every line, because it also matches the empty text.`,
        'Write + instead of *, or .+',
      );
    // With both flags, k and s also match characters beyond ASCII: the Kelvin sign and the long s.
    this.literal = literalOf(this.isPlain ? [source] : runsOf(source), this.ignoresCase, isUnicode && this.ignoresCase);
  }

  /** True if skipped texts have used all the time they may. */
  get isExhausted(): boolean {
    return this.spentMs >= BUDGET_MS;
  }

  /** True if a text cannot match; cheap. */
  excludes(text: string): boolean {
    if (this.literal === null) return false;
    return !(this.ignoresCase ? text.toLowerCase() : text).includes(this.literal);
  }

  /** The matches in each text, at most 1000; none in a skipped one. */
  search(texts: readonly string[]): Range[][] {
    const found: Range[][] = texts.map(() => []);
    let at = 0;
    const matchNext = () => {
      for (; at < texts.length; at++) found[at] = this.match(texts[at]!);
    };
    if (this.isPlain) {
      matchNext();
      return found;
    }
    while (at < texts.length && !this.isExhausted) {
      if (this.within(TOGETHER_MS, matchNext)) break;
      // The timer ended during this text, or because of the texts before it: alone, it gets its own time.
      const start = performance.now();
      const isDone = this.within(TEXT_MS, () => {
        found[at] = this.match(texts[at]!);
      });
      if (!isDone) {
        this.givenUp++;
        this.spentMs += performance.now() - start;
        found[at] = [];
      }
      at++;
    }
    this.givenUp += this.isExhausted ? texts.length - at : 0;
    return found;
  }

  private match(text: string): Range[] {
    let searched = text;
    if (text.length > LONGEST_TEXT) {
      searched = text.slice(0, LONGEST_TEXT);
      this.shortened++;
    }
    const ranges: Range[] = [];
    this.regex.lastIndex = 0;
    for (let match = this.regex.exec(searched); match; match = this.regex.exec(searched)) {
      if (match[0] === '') this.regex.lastIndex++;
      else ranges.push([match.index, match.index + match[0].length]);
      if (ranges.length === MOST_MATCHES) break;
    }
    return ranges;
  }

  private isEmptyMatch(): boolean {
    let isEmpty = false;
    this.within(TEXT_MS, () => {
      isEmpty = this.regex.exec('')?.[0] === '';
    });
    this.regex.lastIndex = 0;
    return isEmpty;
  }

  /**
   * Runs `work` and stops it when its time is over: a regular expression can take years, and nothing else stops one.
   */
  private within(ms: number, work: () => void): boolean {
    this.watched ??= {
      script: new vm.Script('work()'),
      context: vm.createContext({work: () => this.work()}),
    };
    this.work = work;
    try {
      this.watched.script.runInContext(this.watched.context, {timeout: ms});
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return false;
      throw error;
    }
  }
}

function compile(text: string, source: string, flags: string): RegExp {
  try {
    return new RegExp(source, flags);
  } catch (error) {
    const reason = (error as Error).message.replace(/^Invalid regular expression: \/.*\/[a-z]*: /s, '');
    throw usageError(`"${text}" is not a regular expression: ${reason.toLowerCase()}.`, '-F searches for plain text.');
  }
}

function literalOf(runs: readonly string[], ignoresCase: boolean, avoidsRelatives: boolean): string | null {
  const pieces = runs
    .map(run => (avoidsRelatives ? run.replace(/[ks]/gi, '\0') : run))
    .flatMap(run => run.match(PLAIN) ?? [])
    .sort((a, b) => b.length - a.length);
  const longest = pieces[0] ?? '';
  if (longest.length < SHORTEST_LITERAL) return null;
  return ignoresCase ? longest.toLowerCase() : longest;
}

/**
 * Texts that every match of a regular expression contains, each in one piece. Cautious: groups and alternatives are
 * left out, and any character written by its number ends the search.
 */
export function runsOf(source: string): string[] {
  const runs: string[] = [];
  let run = '';
  const end = () => {
    if (run !== '') runs.push(run);
    run = '';
  };
  for (let i = 0; i < source.length; ) {
    const char = source[i]!;
    let literal: string | null = null;
    if (char === '|') return [];
    if (char === '(') i = endOfGroup(source, i);
    else if (char === '[') i = endOfClass(source, i);
    else if (char === '\\') {
      const escaped = source[i + 1] ?? '';
      if (/[xupkc0-9]/i.test(escaped)) return [];
      if (!/[A-Za-z]/.test(escaped)) literal = escaped;
      i += 2;
    } else {
      if (!/[.^$*+?)\]]/.test(char)) literal = char;
      i++;
    }
    const quantifier = /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/.exec(source.slice(i, i + 24))?.[0] ?? '';
    i += quantifier.length;
    const isOptional = /^[*?]|^\{0/.test(quantifier);
    if (literal === null || isOptional) end();
    else {
      run += literal;
      if (quantifier !== '') end();
    }
  }
  end();
  return runs;
}

function endOfGroup(source: string, from: number): number {
  let depth = 0;
  for (let i = from; i < source.length; i++) {
    if (source[i] === '\\') i++;
    else if (source[i] === '[') i = endOfClass(source, i) - 1;
    else if (source[i] === '(') depth++;
    else if (source[i] === ')' && --depth === 0) return i + 1;
  }
  return source.length;
}

function endOfClass(source: string, from: number): number {
  for (let i = from + 1; i < source.length; i++) {
    if (source[i] === '\\') i++;
    else if (source[i] === ']') return i + 1;
  }
  return source.length;
}
