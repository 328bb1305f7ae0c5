import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import path from 'node:path';
import {createInterface} from 'node:readline';

const folder = path.join(import.meta.dirname, 'clickhouse');

/** The engine has a package.json of its own: 550 MB that not everybody wants. */
export const HAS_CLICKHOUSE = existsSync(path.join(folder, 'node_modules/chdb'));

export interface ClickhouseServer {
  /** `host:port` of its HTTP interface. */
  readonly address: string;
  readonly stop: () => Promise<void>;
}

/** The real engine behind its HTTP interface, in a process of its own that ends with this one. */
export async function startClickhouse(): Promise<ClickhouseServer> {
  const server = spawn(process.execPath, ['server.mjs'], {
    cwd: folder,
    env: {...process.env, PORT: '0'},
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>(resolve => server.once('exit', () => resolve()));
  const port = await new Promise<string>((resolve, reject) => {
    createInterface({input: server.stdout}).on('line', line => {
      const match = /^ready on (\d+)$/.exec(line);
      if (match) resolve(match[1]!);
    });
    server.once('exit', code => reject(new Error(`the ClickHouse server ended with ${code}`)));
  });
  return {
    address: `127.0.0.1:${port}`,
    stop: async () => {
      server.stdin.end();
      await ended;
    },
  };
}
