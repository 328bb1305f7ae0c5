import Database from 'better-sqlite3';
import {json} from '../cli.ts';
import {sqliteCopy} from '../fixtures.ts';

/** Names a stranger could give himself, each with what a shell would make of it. */
export const NASTY = [
  'a b',
  'x;rm',
  '$(touch PWNED)',
  '`touch PWNED`',
  "it's",
  'say "hi"',
  '--help',
  '~root',
  'bang!x',
  'back\\slash',
  'co:lon',
  'eq=ual',
  '*',
  'é ü',
  '{a,b}',
  '#hash',
  'a&b|c>d',
  '%s %F{red}',
  '退款',
];
/** Never offered: they would act on the terminal, or end the line. */
export const UNSHOWABLE = ['line\nbreak', 'esc\x1b[31m', 'tab\there', 'bell\x07', 'bidi\u202ex', 'nul\u0000x'];

/** A SQLite database whose newest runs have such users. */
export async function databaseOfNastyUsers(): Promise<string> {
  const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const {data} = await json(['list', '--db', file, '--limit', '0']);
  const whole = data.filter((run: {part: boolean; missing: boolean}) => !run.part && !run.missing);
  const names = [...NASTY, ...UNSHOWABLE];
  if (whole.length < names.length) throw new Error(`${whole.length} runs are too few for ${names.length} names`);
  const db = new Database(file);
  const rename = db.prepare(
    `update agno_spans set attributes = json_set(attributes, '$."user.id"', ?) where span_id = ?`,
  );
  const renameTrace = db.prepare('update agno_traces set user_id = null where trace_id = ?');
  for (const [i, name] of names.entries()) {
    rename.run(name, whole[i].spanId);
    renameTrace.run(whole[i].traceId);
  }
  db.close();
  return file;
}
