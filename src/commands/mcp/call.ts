import type {Context} from '../../context.ts';
import type {Safe} from '../../text/safe.ts';

/** The answer of a command line. */
export interface Answered {
  /** Its JSON (docs/json.md), as written; null: it failed. */
  readonly json: string | null;
  readonly error: Failure | null;
  /** Lines that belong to neither. */
  readonly said: string;
}

export interface Failure {
  readonly message: string;
  readonly hint: string | null;
  readonly exitCode: number;
  readonly notes?: readonly string[];
}

/** What goes with one call. */
export type Calling = Pick<Context, 'stop' | 'onProgress' | 'clean'>;

/** Runs a command line in this process and captures its output. */
export async function callLine(argv: readonly string[], context: Context, calling: Calling): Promise<Answered> {
  const out: Safe[] = [];
  const err: Safe[] = [];
  const into = (texts: Safe[]) => ({
    write: (text: Safe) => void texts.push(text),
    isTTY: false,
    columns: undefined,
  });
  const {env, cwd, nowMicros} = context;
  const code = await context.runLine!(argv, {
    stdout: into(out),
    stderr: into(err),
    stdin: async () => '',
    env,
    cwd,
    nowMicros,
    notes: [],
    secrets: [],
    ...calling,
  });
  const lines = err.join('').split('\n');
  const error = lines.map(failureIn).find(found => found !== null) ?? null;
  const said = lines.filter(text => text !== '' && failureIn(text) === null).join('\n');
  const json = out.join('').trimEnd();
  if (error || json === '') return {json: null, error: error ?? silent(code), said};
  return {json, error: null, said};
}

/** An error, in the form that `--json` prints. */
function failureIn(text: string): Failure | null {
  return text.startsWith('{"error":') ? (JSON.parse(text) as {error: Failure}).error : null;
}

function silent(exitCode: number): Failure {
  return {message: 'the command gave no answer.', hint: null, exitCode};
}
