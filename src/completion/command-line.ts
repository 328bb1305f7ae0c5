/*
 * A command line that is still being typed, read without a shell: nothing in it is expanded or run, because pressing
 * Tab does not mean consent.
 */

export interface TypedLine {
  /** Words before the one at the cursor, without their quotes; the first is the program's own name. */
  readonly words: readonly string[];
  /** The word at the cursor up to the cursor, without its quotes. */
  readonly current: string;
  /** The quote that is open at the cursor; empty: none. */
  readonly quote: Quote;
  /** How many characters of `current` precede the place from which readline replaces text. */
  readonly kept: number;
}

export type Quote = '' | "'" | '"';

/**
 * Reads bash's line up to the cursor.
 * @param breaks characters at which readline starts a new word to complete (`COMP_WORDBREAKS`): in `--state=er`, only
 * `er` is replaced
 */
export function readLine(line: string, breaks: string): TypedLine {
  const words: string[] = [];
  let current = '';
  let kept = 0;
  let quote: Quote = '';
  let isInWord = false;
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (quote === '' && /\s/.test(char)) {
      if (isInWord) words.push(current);
      [current, kept, isInWord] = ['', 0, false];
      continue;
    }
    isInWord = true;
    if (char === quote) {
      quote = '';
      kept = current.length;
    } else if (quote === '' && (char === "'" || char === '"')) {
      quote = char;
      kept = current.length;
    } else if (char === '\\' && quote !== "'" && (quote === '' || /[\\"$`]/.test(line[i + 1] ?? ''))) {
      // A backslash at the end quotes a character that is not typed yet.
      current += line[++i] ?? '';
    } else {
      current += char;
      if (quote === '' && breaks.includes(char)) kept = current.length;
    }
  }
  return {words, current, quote, kept};
}

/** What bash must put in place of the replaced part so that the word becomes `value`; null: it cannot be quoted. */
export function quotedForBash(value: string, {quote, kept}: TypedLine): string | null {
  const rest = value.slice(kept);
  // readline closes the quote, unless the text ends with a quote, which it takes for the closing one.
  const closed = (text: string) => (text.endsWith(quote) ? text + quote : text);
  if (quote === "'") return closed(rest.replaceAll("'", String.raw`'\''`));
  // Inside double quotes, the history character cannot be quoted.
  if (quote === '"') return rest.includes('!') ? null : closed(rest.replace(/[\\"$`]/g, '\\$&'));
  return rest.replace(/[^\w\-./,:=@%+\u0080-\uffff]/g, '\\$&');
}
