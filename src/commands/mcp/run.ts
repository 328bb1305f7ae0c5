import type {Context} from '../../context.ts';
import {Ending} from '../../flags/ending.ts';
import {AnswerCleaner} from '../../redaction/answers.ts';
import type {Redaction} from '../../redaction/kinds.ts';
import {redactorOf} from '../../redaction/load.ts';
import {Pseudonyms, randomKey} from '../../redaction/pseudonyms.ts';
import {RedactionReport} from '../../redaction/report.ts';
import {line, safe, trusted} from '../../text/safe.ts';
import {Caller} from './caller.ts';
import type {Command} from './inputs.ts';
import {serve} from './server.ts';

export interface McpOptions {
  /** The command itself, from which others can be created. */
  readonly command: Command;
  readonly allowsSql: boolean;
  /** For one answer. */
  readonly maxBytes: number;
  /** The user's price file; null: none. */
  readonly prices: string | null;
  /** What is taken out of answers; null: nothing. */
  readonly redaction: Redaction | null;
  /** Of pseudonyms; null: one that nobody can make again. */
  readonly redactKey: Buffer | null;
  /** Flags of every command that were given, by name, as typed. */
  readonly globalFlags: ReadonlyMap<string, readonly string[]>;
}

/** Answers a client over stdin and stdout until it disconnects. */
export default async function mcp(options: McpOptions, context: Context): Promise<void> {
  const {input, output} = context.protocol!();
  if ('isTTY' in input && input.isTTY)
    context.stderr.write(trusted('MCP on stdin and stdout: for a client to start, see docs/mcp.md. ^C ends it.\n'));
  const ending = new Ending(null);
  const end = () => ending.end();
  // The client is gone, whether it said so or not.
  for (const event of ['end', 'close', 'error']) input.once(event, end);
  const caller = await Caller.of({...options, cleaner: await cleanerOf(options)}, context);
  const onError = (error: Error) => context.stderr.write(line`mcp: ${safe(shortened(error.message))}\n`);
  const server = await serve(caller, {input, output}, {onClose: end, onError});
  try {
    if (!ending.signal.aborted)
      await new Promise<unknown>(resolve => ending.signal.addEventListener('abort', resolve, {once: true}));
  } finally {
    for (const event of ['end', 'close', 'error']) input.off(event, end);
    await server.close();
    await caller.settled();
    ending.dispose();
  }
  if (ending.signalCode !== null) context.exitCode = ending.signalCode;
}

async function cleanerOf({redaction, redactKey}: McpOptions): Promise<AnswerCleaner | null> {
  if (redaction === null) return null;
  const pseudonyms = new Pseudonyms(redactKey ?? randomKey());
  return new AnswerCleaner(await redactorOf(redaction, pseudonyms, new RedactionReport()));
}

const LONGEST_ERROR = 300;

/** Errors of the protocol quote what they were sent. */
function shortened(message: string): string {
  return message.length > LONGEST_ERROR ? `${message.slice(0, LONGEST_ERROR)}…` : message;
}
