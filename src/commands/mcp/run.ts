import type {Context} from '../../context.ts';
import {Ending} from '../../flags/ending.ts';
import {trusted} from '../../text/safe.ts';
import type {Command} from './inputs.ts';
import {Server} from './server.ts';

export interface McpOptions {
  /** The command itself, from which others can be created. */
  readonly command: Command;
  readonly allowsSql: boolean;
  /** For one answer. */
  readonly maxBytes: number;
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
  const server = new Server(options, context, end);
  try {
    await server.connect(input, output);
    if (!ending.signal.aborted)
      await new Promise<unknown>(resolve => ending.signal.addEventListener('abort', resolve, {once: true}));
  } finally {
    for (const event of ['end', 'close', 'error']) input.off(event, end);
    await server.close();
    ending.dispose();
  }
  if (ending.signalCode !== null) context.exitCode = ending.signalCode;
}
