import {describe, expect, it} from 'vitest';
import {COMMANDS} from '../../src/commands/index.ts';
import {cli} from '../cli.ts';
import {fixture} from '../fixtures.ts';

const db = ['--db', fixture('agno-3.1.10-pictures.sqlite')];
const QUESTIONS = Object.entries(COMMANDS).flatMap(([name, {group}]) => (group === 'Ask:' ? [name] : []));
/** What has no run to lead to: a day, all runs at once. */
const WITHOUT = ['stats', 'why', 'usage --by day', 'usage --by provider'];
/** What a question wants to be told. */
const ASKED: Readonly<Record<string, string>> = {
  check: '--max-p95 1s',
  compare: '--since 2026-11-22T14:13:30 --until 2026-11-23 --vs 1h --all --sort runsAfter',
};
const words = (line: string) => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);

describe('the first row of an answer leads on', () => {
  it.each([
    ...QUESTIONS.filter(name => !WITHOUT.includes(name)),
    ...['agent', 'team', 'workflow', 'step', 'tool', 'model', 'kind'].map(by => `slowest --by ${by}`),
    ...['agent', 'user', 'session'].map(by => `usage --by ${by}`),
  ])('%s', async question => {
    const {err} = await cli([...question.split(' '), ...(ASKED[question]?.split(' ') ?? []), ...db]);
    const next = /^next: agno-trace (.*)$/m.exec(err)?.[1];
    expect(next, err).toBeDefined();
    const {code, out} = await cli([...words(next!), ...db]);
    expect(code).toBe(0);
    expect(out, next).not.toBe('');
  });

  it.each(WITHOUT)('%s leads nowhere', async question => {
    expect((await cli([...question.split(' '), ...db])).err).not.toMatch(/^next:/m);
  });
});
