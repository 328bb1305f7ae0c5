import {safe} from './safe.ts';

/*
 * Command lines for copying: a value from data, a path or an argument becomes exactly one argument, whatever it
 * contains. For POSIX shells, and for bash and zsh in interactive use (history expansion, words that begin with ~ or
 * =).
 */

const PLAIN = /^[\w./:@%+,-][\w./:@%+=,-]*$/;

/**
 * `text` as a word of a shell. If it could not be read or copied as it is (a line break, an escape, reordering
 * characters), printf spells it in octal, in one line; line breaks at the very end, and NUL, cannot be passed to a
 * program this way.
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
 * A command line: our own words unchanged, each value as part of one argument. A value that begins with a dash and is
 * not an option's value goes after `--`; otherwise it would be read as an option.
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
