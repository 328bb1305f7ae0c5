import {safe} from './safe.ts';

/*
 * Command lines to be copied: what comes from data, a path or an argument arrives as exactly one argument, whatever is in it.
 * For POSIX shells; also bash and zsh as people type into them (history expansion, words that begin with ~ or =).
 */

const PLAIN = /^[\w./:@%+,-][\w./:@%+=,-]*$/;

/**
 * `text` as a word of a shell. What could not be read or copied as it stands (a line break, an escape, what reorders text) is
 * spelled in octal by printf, in one line; line breaks at the very end, and NUL, cannot be told to a program so.
 */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text;
  if (safe(text) === text) return `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const spelled = Array.from(Buffer.from(text.replaceAll('\0', '\ufffd')), byte => {
    const char = String.fromCharCode(byte);
    if (char === '%') return '%%';
    return /[A-Za-z0-9 ._/:@+=,]/.test(char) ? char : `\\${byte.toString(8).padStart(3, '0')}`;
  });
  return `"$(printf '${spelled.join('')}')"`;
}

/**
 * A command line: our own words as they stand, each value as part of one argument. A value that begins with a dash and is no
 * option's goes behind `--`, or it would be taken for an option.
 */
export function command(strings: TemplateStringsArray, ...values: readonly string[]): string {
  const behind: string[] = [];
  let out = strings[0]!;
  for (const [i, value] of values.entries()) {
    const isArgument = /(^|\s)[^-\s]\S*\s$/.test(out) && value.startsWith('-');
    if (isArgument) {
      behind.push(shellWord(value));
      out = out.slice(0, -1);
    } else out += shellWord(value);
    out += strings[i + 1]!;
  }
  return behind.length === 0 ? out : `${out} -- ${behind.join(' ')}`;
}
