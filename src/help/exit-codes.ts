import {EXIT} from '../errors.ts';
import type {Topic} from './topic.ts';

const MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  done: 'done; an empty answer is done too',
  failed: 'failed, for no reason below: a defect, or output that cannot be written',
  usage: 'wrong usage, or refused',
  notFound: 'not found, or an id that is the beginning of several',
  unreachable: 'the database, or a receiver, is unreachable or does not allow it',
  schema: 'the tables are missing, or not understood',
  stopped: 'stopped early or out of time; the same command goes on from there',
  different: 'a check or a run failed, or a difference was found',
};

const rows = Object.entries(EXIT).map(([name, code]) => [code, MEANINGS[name as keyof typeof EXIT]] as const);

const topic: Topic = {
  summary: 'what the program ends with',
  text: `Exit codes

${rows.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n')}
  130  ended by Ctrl-C (SIGINT), as the shell sees it
  143  ended by SIGTERM, as the shell sees it

A pipe that its reader closes (agno-trace list | head) is no failure: 0.

An error is one line on stderr, with a hint: what to type or to check next.
Under --json and --jsonl it is one line of JSON on stderr:

  {"error": {"message": "...", "hint": "..." or null, "exitCode": 2}}

stdout holds the answer and nothing else. --debug prints where a defect
happened.
`,
};
export default topic;
