import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import path from 'node:path';
import {expect, it} from 'vitest';
import {json} from '../cli.ts';
import {temporaryFolder} from '../fixtures.ts';
import {BIN} from '../program.ts';

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('demo --live ends cleanly on %s', async (signal, code) => {
  const cwd = temporaryFolder();
  const child = spawn(process.execPath, [BIN, 'demo', '--live', '--speed', '0.5'], {cwd, stdio: 'pipe'});
  const said = {out: '', err: ''};
  child.stdout.on('data', data => {
    said.out += data;
  });
  child.stderr.on('data', data => {
    said.err += data;
  });
  const closed = once(child, 'close');
  while (!/ {2}Billing Agent {2}/.test(said.out)) await once(child.stdout, 'data');
  child.kill(signal);
  const [exitCode] = await closed;
  expect([exitCode, said.err]).toEqual([code, '']);
  expect(said.out).toMatch(/\nwrote [1-9]\d* spans of [1-9]\d* traces?; [1-9]\d* of them .*ended as cancelled\n$/);
  const file = path.join(cwd, 'agno-trace-demo.db');
  for (const suffix of ['-wal', '-shm', '-journal']) expect(existsSync(file + suffix)).toBe(false);
  expect((await json(['list', '--db', file, '--state', 'running'])).data).toEqual([]);
});
