import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {fileURLToPath} from 'node:url';

const PROGRAM = fileURLToPath(new URL('agno-writer.js', import.meta.url));

export interface Written {
  readonly batches: number;
  readonly lost: number;
  /** Of each batch. */
  readonly ms: readonly number[];
}

/** A process that writes traces with Agno's own statements until it is stopped; it is at work when this returns. */
export async function agnoWriter(
  url: string,
  {everyMs = 5, env = {}}: {everyMs?: number; env?: Record<string, string>} = {},
): Promise<{stop: () => Promise<Written>}> {
  const child = spawn(process.execPath, [PROGRAM, url, String(everyMs)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {...process.env, ...env},
  });
  let out = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', text => {
    out += text;
  });
  while (!out.includes('ready')) await once(child.stdout, 'data');
  return {
    stop: async () => {
      child.stdin.end();
      const [code] = await once(child, 'close');
      if (code !== 0) throw new Error(`the writer ended with ${code}`);
      return JSON.parse(out.trim().split('\n').at(-1)!) as Written;
    },
  };
}
