import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import {expect, it} from 'vitest';
import {temporaryFolder} from '../fixtures.ts';
import {BIN} from '../program.ts';
import {wrongWith} from './answers.ts';
import {sqliteWith} from './filling.ts';
import {GOOD} from './rows.ts';
import {badDatabases, rowsOf} from './shared.ts';

/** What a pipe and a process add: everything is out before the end, and the exit code is the one of the answer. */
it('the built program answers over all that is bad in attributes', async () => {
  const folder = temporaryFolder();
  const attributes = badDatabases('sqlite', false).find(({cases}) => cases.length > 20)!;
  const db = sqliteWith({rows: rowsOf(attributes)}, folder);
  const asked: [string[], string][] = [
    [['list', '--limit', '0', '--json'], GOOD.run],
    [['show', GOOD.run, '--json', '--io', 'full'], GOOD.call],
    [['transcript', GOOD.run, '--json'], 'an answer'],
    [['grep', 'an answer', '--limit', '0', '--json'], GOOD.run],
    [['slowest', '--limit', '0', '--json'], 'agent.run'],
    [['sessions', '--limit', '0', '--json'], GOOD.session],
    [['doctor', '--json'], 'unreadable-rows'],
    [['export', '--all', '--traffic', '--format', 'md'], GOOD.run],
  ];
  const env = {PATH: process.env.PATH, AGNO_TRACE_CACHE: folder};
  const wrong: string[] = [];
  for (const [argv, good] of asked) {
    const result = await promisify(execFile)(process.execPath, [BIN, ...argv, '--db', db], {env, maxBuffer: 1e9}).then(
      ({stdout, stderr}) => ({code: 0, out: stdout, err: stderr}),
      error => ({code: error.code, out: error.stdout, err: error.stderr}),
    );
    wrong.push(...wrongWith(argv, result, [0], good));
  }
  expect(wrong, wrong.join('\n')).toEqual([]);
});
