import {EXIT} from '../../src/errors.ts';
import type {CliResult} from '../cli.ts';

/** What may be on a line of output that data went into: no control characters, nothing that reorders or hides. */
const UNSAFE = new RegExp(
  [
    '[\\0-\\x09\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b\\u200c\\u200e\\u200f]',
    '[\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufe00-\\ufe0e\\ufeff\\uffa0\\ufff0-\\ufffb\\u{e0000}-\\u{e0fff}\\p{Co}\\p{Cs}]',
    // A joiner and FE0F are left where they make one emoji of several characters.
    '(?<!\\p{Extended_Pictographic})\\ufe0f',
    '(?<!\\p{Extended_Pictographic}[\\ufe0f\\u{1f3fb}-\\u{1f3ff}]*)\\u200d',
    '\\u200d(?!\\p{Extended_Pictographic})',
  ].join('|'),
  'u',
);

/** What is wrong with an answer; empty when it survived. */
export function wrongWith(
  argv: readonly string[],
  result: CliResult,
  exits: readonly number[],
  good: string | null,
): string[] {
  const {code, out, err} = result;
  const wrong: string[] = [];
  const talk = `${code}: ${err.slice(0, 300)}`;
  if (!exits.includes(code)) wrong.push(`exit ${talk}, expected ${exits.join(' or ')}`);
  if (/bug in agno-trace/.test(err)) wrong.push(`a defect: ${talk}`);
  if (/^\s+at .+:\d+:\d+\)?$/m.test(out + err)) wrong.push('a stack trace');
  const isJson = argv.includes('--json');
  // `check` answers with 7 where a limit is passed, or may be, as something of what it asks for cannot be read.
  const isAnswered = code === 0 || code === EXIT.different;
  const unsafe = UNSAFE.exec(isJson ? err : out) ?? UNSAFE.exec(err);
  if (unsafe) wrong.push(`an unsafe character U+${unsafe[0].codePointAt(0)?.toString(16)}`);
  if (isJson && isAnswered) {
    try {
      JSON.parse(out);
    } catch (error) {
      wrong.push(`no JSON: ${String(error)}`);
    }
  }
  if (!isAnswered && isJson && !/^\{"error":/.test(err)) wrong.push(`its error is no JSON: ${talk}`);
  if (good !== null && isAnswered && !out.includes(good)) wrong.push(`"${good}" is missing`);
  return wrong.map(text => `${argv.map(arg => (arg.length > 60 ? `${arg.slice(0, 60)}…` : arg)).join(' ')}: ${text}`);
}
