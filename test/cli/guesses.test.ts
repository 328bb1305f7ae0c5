import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli} from '../cli.ts';
import {fixture} from '../fixtures.ts';

/*
 * What people type who know other tools and have not read the help: each line is answered, or its error names what was meant.
 */
const db = ['--db', fixture('agno-3.1.10-shop.sqlite')];
const NOW = Date.parse('2026-11-30T00:00:00Z') * 1000;
const guess = (line: readonly string[]) => cli([...line, ...db], {nowMicros: NOW});
/** A hint may offer a command that changes something only where the word itself means that. */
const CHANGES = /agno-trace (prune|migrate|vacuum|archive restore|facts (clear|rebuild))/;

describe('a natural guess', () => {
  it.each(
    [
      'ls',
      'runs',
      'traces',
      'list',
      'top',
      'cost',
      'usage',
      'slowest',
      'errors',
      'stats',
      'get latest',
      'view latest',
      'trace latest',
      'show latest',
      'search refund',
      'grep refund',
      'follow --for 10ms',
      'watch --for 10ms',
      'logs --for 10ms',
      'tail -f --for 10ms',
      'tail --follow --for 10ms',
      'list --sort COST',
      'list --sort costUsd',
      'list --sort -durationMs',
      'list --sort TIME',
      'usage --sort cost',
      'usage --sort CALLS',
      'errors --sort COUNT',
      'slowest --sort p95',
      'list --agent billing',
      'list --model gpt',
      'list --tool inventory',
      'list --workflow content',
      'list --team support',
      'slowest --agent billing',
      'errors --agent billing',
      'usage --agent billing',
      'grep order --agent billing',
    ].map(line => line.split(' ')),
  )('%s %s %s %s is answered', async (...line) => {
    const {code, out, err} = await guess(line.filter(word => word !== undefined));
    expect(err).not.toContain('error:');
    expect(code).toBe(EXIT.done);
    if (!line.includes('--for')) expect(out).not.toBe('');
  });

  it.each([
    'duration>1s',
    'duration > 1s',
    'tokens>=10',
    'cost>0',
    'agent=billing*',
    'agent == "Billing Agent"',
    'agent!=billing*',
    'error or degraded',
    'agent:billing* and ok',
    'agent:billing',
    'Agent=billing',
    'state=ok tokens > 10',
    'not_there or ok',
    'started>2026-11-01',
  ])('-q %s finds runs', async query => {
    const {code, out, err} = await guess(['list', '-q', query]);
    expect(err).not.toContain('error:');
    expect(code).toBe(EXIT.done);
    expect(out).not.toBe('');
  });

  it.each([
    ['version', 'agno-trace --version'],
    ['latest', 'agno-trace show latest'],
    ['tree', 'agno-trace show'],
    ['explain', 'agno-trace show'],
    ['status', 'agno-trace doctor'],
    ['config', 'agno-trace profile'],
    ['tokens', 'agno-trace usage'],
    ['failed', 'agno-trace errors'],
    ['messages', 'agno-trace transcript'],
    ['dashboard', 'agno-trace ui'],
    ['lsit', 'agno-trace list'],
    ['slowst', 'agno-trace slowest'],
    ['show', 'agno-trace show latest'],
    ['show last', 'agno-trace show latest'],
    ['show Billing', 'Billing Agent'],
    ['list -f', 'agno-trace tail'],
    ['list --all', '--limit 0'],
    ['list --order-by cost', '--sort'],
    ['list --from today', '--since'],
    ['list --url x', '--db'],
    ['list --verbose', '--debug'],
    ['list --offset 3', '--cursor'],
    ['list --columns state', '--fields'],
    ['list --password x', '.pgpass'],
    ['list --zzzzzz', 'agno-trace list --help lists its flags.'],
    ['ls --zzzzzz', 'agno-trace ls --help lists its flags.'],
    ['--zzzzzz', 'agno-trace --help lists commands'],
  ])('%s is met with %s', async (line, meant) => {
    const {code, out, err} = await guess(line.split(' '));
    expect(code).not.toBe(EXIT.done);
    expect(out).toBe('');
    expect(err).toContain(meant);
    expect(err).not.toMatch(CHANGES);
  });

  it.each([
    ['purge', 'prune'],
    ['prnue', 'prune'],
    ['cleanup', 'prune'],
    ['upgrade', 'migrate'],
    ['migrat', 'migrate'],
    ['shrink', 'vacuum'],
    ['vacum', 'vacuum'],
  ])('%s means %s', async (word, command) => {
    expect((await guess([word])).err).toContain(`Did you mean agno-trace ${command}?`);
  });

  it.each([
    'runes',
    'rules',
    'runn',
    'archived',
    'fact',
    'prize',
    'migrants',
    'profile rename',
    'archive resto',
    'facts cleat',
  ])('%s is never led to what changes a database', async line => {
    const {code, err} = await guess(line.split(' '));
    expect(code).toBe(EXIT.usage);
    expect(err).not.toMatch(CHANGES);
    expect(err).not.toMatch(/Did you mean (restore|remove|clear|rebuild)/);
  });
});
