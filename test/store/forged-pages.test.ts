import {readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {openReading} from '../../src/store/sqlite/reading.ts';
import {cli} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';
import {emptyPages, forgePages} from './forged-pages.ts';

const LIMIT = ['--timeout', '1s'];
const COMMANDS = [
  ['list'],
  ['list', '--limit', '0'],
  ['list', '--tool', 'no such tool'],
  ['show', 'latest'],
  ['tools'],
  ['stats'],
  ['slowest'],
  ['doctor'],
  ['grep', 'nowhere'],
  ['export', '--all', '--jsonl'],
  ['tail', '--for', '1ms', '--jsonl'],
  ['prune', '--older-than', '1h', '--dry-run'],
] as const;

describe.each([
  'agno_spans',
  'agno_traces',
  'idx_agno_spans_start_time',
  'idx_agno_spans_trace_id',
  'idx_agno_spans_created_at',
  'sqlite_autoindex_agno_spans_1',
])('pages of %s that lead to the same rows again and again', name => {
  it('keep no command from ending, nor are they written to', async () => {
    const file = sqliteCopy('agno-3.1.10-shop.sqlite');
    forgePages(file, name);
    const before = readFileSync(file);
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    for (const argv of COMMANDS) {
      const {code, err} = await cli([...argv, ...LIMIT, '--db', file], {env});
      expect([0, 3, 4], `${argv.join(' ')}: ${code} ${err}`).toContain(code);
      expect(err).not.toMatch(/bug in agno-trace/);
    }
    expect(before.equals(readFileSync(file))).toBe(true);
  });
});

it.each(['agno_spans', 'idx_agno_spans_start_time', 'idx_agno_spans_trace_id'])(
  'what a damaged file lacks is never an empty answer: %s',
  async name => {
    const file = sqliteCopy('agno-3.1.10-shop.sqlite');
    emptyPages(file, name);
    for (const argv of [['list'], ['list', '--limit', '0'], ['list', '--tool', 'nowhere'], ['show', 'latest']]) {
      const {code, err} = await cli([...argv, '--db', file]);
      const isTold = code === 4 && /is damaged or cut off/.test(err);
      // No run of another trace says anything of a tool.
      const isRight = isTold || (name === 'idx_agno_spans_trace_id' && argv[1] === '--tool' && code === 0);
      expect(isRight, `${argv.join(' ')}: ${code} ${err}`).toBe(true);
    }
  },
);

it('a statement that takes long, and ends, is answered', async () => {
  const file = sqliteCopy('agno-3.1.10-shop.sqlite');
  const tables = ['agno_traces', 'agno_spans'];
  const reading = await openReading({file, label: file, busyMs: 1000, limitMs: 300_000, tables});
  const all =
    'select count(*) as n from "agno_spans" a, "agno_spans" b, "agno_traces" t where a.name || b.name || t.name is not null';
  expect(await reading.all(all, [])).toEqual([{n: 444 * 444 * 71}]);
  await reading.close();
});
