import {EXIT} from '../errors.ts';
import type {Topic} from './topic.ts';

const MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  done: 'done; also when the answer is empty',
  failed: 'failed for another reason: a bug, or output that cannot be written',
  usage: 'wrong usage, or refused',
  notFound: 'not found, or an ambiguous id',
  unreachable: 'the database or receiver is unreachable, or refuses access',
  schema: 'the tables are missing, or have an unknown shape',
  stopped: 'stopped early or out of time; rerun the command to resume',
  different: 'a check or a run failed, or differences were found',
};

const rows = Object.entries(EXIT).map(([name, code]) => [code, MEANINGS[name as keyof typeof EXIT]] as const);

const topic: Topic = {
  summary: 'exit codes and what they mean',
  text: `Exit codes

${rows.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n')}
  130  ended by Ctrl-C (SIGINT), as the shell sees it
  143  ended by SIGTERM, as the shell sees it

When the reader closes the pipe (agno-trace list | head), the exit code is 0.

An error is one line on stderr, with a hint about what to type or check next.
With --json and --jsonl it is one line of JSON on stderr:

  {"error": {"message": "...", "hint": "..." or null, "exitCode": 2}}

stdout has only the answer. --debug shows where a bug happened.
`,
};
export default topic;
