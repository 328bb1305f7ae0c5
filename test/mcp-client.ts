import {PassThrough} from 'node:stream';
import {Client} from '@modelcontextprotocol/sdk/client/index.js';
import {StdioServerTransport} from '@modelcontextprotocol/sdk/server/stdio.js';
import type {CallToolResult} from '@modelcontextprotocol/sdk/types.js';
import {run} from '../src/cli/run.ts';
import type {CliOptions} from './cli.ts';

/** A client of `agno-trace mcp` in this process, over two pipes. */
export interface McpClient {
  readonly client: Client;
  call(tool: string, given?: Record<string, unknown>): Promise<CallToolResult>;
  /** The client goes away, and the server ends; its exit code, and what it said on stderr. */
  leave(): Promise<{code: number; err: string}>;
  /** What the server reads and writes. */
  readonly input: PassThrough;
  readonly output: PassThrough;
}

/** No test is about how long a slow machine takes. */
export const PATIENCE_MS = 600_000;

export async function mcpClient(
  argv: readonly string[],
  options: Pick<CliOptions, 'env' | 'cwd' | 'nowMicros'> = {},
): Promise<McpClient> {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let err = '';
  const code = run(['mcp', ...argv], {
    stdout: {
      write: text => {
        throw new Error(`on stdout, which is the protocol's: ${text}`);
      },
      isTTY: false,
      columns: undefined,
    },
    stderr: {
      write: text => {
        err += text;
      },
      isTTY: false,
      columns: undefined,
    },
    stdin: async () => '',
    protocol: () => ({input, output}),
    runLine: run,
    env: {PGSSLMODE: 'disable', ...options.env},
    cwd: options.cwd ?? '/',
    notes: [],
    secrets: [],
    nowMicros: () => options.nowMicros ?? Date.now() * 1000,
  });
  const client = new Client({name: 'test', version: '1'});
  // Both ends of a pipe are framed alike.
  await client.connect(new StdioServerTransport(output, input));
  return {
    client,
    input,
    output,
    call: async (tool, given = {}) =>
      (await client.callTool({name: tool, arguments: given}, undefined, {timeout: PATIENCE_MS})) as CallToolResult,
    leave: async () => {
      input.end();
      const ended = await code;
      await client.close();
      return {code: ended, err};
    },
  };
}

export const textsOf = ({content}: CallToolResult): string[] =>
  content.map(part => (part.type === 'text' ? part.text : part.type));

// biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the contract says
export const jsonOf = ({structuredContent}: CallToolResult): any => structuredContent;
