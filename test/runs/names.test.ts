import path from 'node:path';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy, temporaryFolder} from '../databases.ts';

const SHOP = 'agno-3.1.10-shop.sqlite';

describe.each(BACKENDS)('names in the filters of list on %s', backend => {
  const ask = async (...argv: string[]) => {
    const {data, notes} = await json(['list', '--db', await sharedFixture(backend, SHOP), '--limit', '0', ...argv]);
    return {names: [...new Set((data as {name: string}[]).map(({name}) => name))], notes: notes.join('\n')};
  };

  it('are whole ones where some run has them, in any case, and nothing is said', async () => {
    const {names, notes} = await ask('--agent', 'billing agent');
    expect(names).toEqual(['Billing Agent']);
    expect(notes).not.toContain('part of the name');
  });

  it.each([
    ['a flag', 'billing', ['--agent', 'billing']],
    ['a query', 'BILLING', ['-q', 'agent:BILLING']],
    ['one of several', 'billing', ['-q', 'agent:billing OR agent:nobody']],
  ])('are taken as parts where none has them, in %s, and a note says so', async (_, typed, argv) => {
    const {names, notes} = await ask(...argv);
    expect(names).toEqual(['Billing Agent']);
    expect(notes).toContain(
      `no agent of the newest runs is called "${typed}"; using it as a part of the name: Billing Agent`,
    );
  });

  it('may be more than the depth of an expression that SQLite takes', async () => {
    const nobody = Array.from({length: 1100}, (_, i) => ['--agent', `nobody ${i}`]).flat();
    expect((await ask(...nobody, '--agent', 'billing agent')).names).toEqual(['Billing Agent']);
    const {names, notes} = await ask(...nobody.slice(0, 14));
    expect(names).toEqual([]);
    expect(notes).toMatch(/called "nobody 4".*\nthe same for 2 more names$/m);
  });

  it('are taken as they stand where they are patterns or negated', async () => {
    expect((await ask('--agent', 'billin?')).names).toEqual([]);
    const {names, notes} = await ask('-q', '-agent:billing');
    expect(names).toContain('Billing Agent');
    expect(notes).not.toContain('part of');
  });

  it('that nobody has are met with the nearest, or with those that there are', async () => {
    expect((await ask('--agent', 'biling')).notes).toContain(
      'no agent of the newest runs is called "biling"; did you mean "Billing Agent"?',
    );
    expect((await ask('--team', 'zzz')).notes).toContain('no team of the newest runs is called "zzz": Support Team');
    expect((await ask('--agent', 'billing', '--min-duration', '1h')).notes).toContain(
      'no agent of the newest runs is called "billing", and no run of Billing Agent matches',
    );
  });
});

describe('names that are taken as parts', () => {
  const db = sqliteCopy(SHOP);
  const taken = 'is called "billing"; using it as a part of the name: Billing Agent';

  it.each([
    'export --jsonl --agent billing',
    'export latest --jsonl -q agent:billing',
    'transcript latest -q agent:billing',
    'show latest -q agent:billing',
  ])('select in %s', async line => {
    const {code, out, err} = await cli([...line.split(' '), '--db', db]);
    expect([code, err]).toEqual([EXIT.done, expect.stringContaining(taken)]);
    expect(out).toContain('Billing');
  });

  it('are so on every page, and in several databases', async () => {
    const env = {HOME: temporaryFolder()};
    await cli(['profile', 'add', 'a', '--db', db], {env});
    await cli(['profile', 'add', 'b', '--db', sqliteCopy('agno-3.1.10-killed.sqlite')], {env});
    const idsOf = async (...argv: string[]) => {
      const ids: string[] = [];
      for (let cursor: string | null = null; ; ) {
        const page = await json([...argv, ...(cursor === null ? [] : ['--cursor', cursor])], {env});
        ids.push(...(page.data as {spanId: string}[]).map(({spanId}) => spanId));
        cursor = page.page.next;
        if (cursor === null) return ids;
      }
    };
    const list = ['list', '--limit', '3', '--db', db, '--agent'];
    const whole = await idsOf(...list, 'Billing Agent');
    expect(whole.length).toBeGreaterThan(3);
    expect(await idsOf(...list, 'billing')).toEqual(whole);
    const several = ['list', '--limit', '3', '--all-profiles', '--agent'];
    const wholeOfAll = await idsOf(...several, 'Billing Agent');
    expect(await idsOf(...several, 'billing')).toEqual(wholeOfAll);
    const {notes} = await json([...several, 'billing'], {env});
    expect(notes.join('\n')).toContain(`profile "a": no agent of the newest runs ${taken}`);
  });
});

describe('an empty answer', () => {
  it('says when the newest run was', async () => {
    const nowMicros = Date.parse('2026-11-30T12:00:00Z') * 1000;
    const {out, err} = await cli(['list', '--last', '1d', '--db', sqliteCopy(SHOP)], {nowMicros});
    expect(out).toBe('');
    expect(err).toContain('the newest run began at 2026-11-22T14:31Z: --last 8d includes it');
    expect((await cli(['list', '--last', '8d', '--db', sqliteCopy(SHOP)], {nowMicros})).out).not.toBe('');
  });

  it('of empty tables says what writes them', async () => {
    const file = path.join(temporaryFolder(), 'empty.db');
    const made = new Database(file);
    for (const statement of agnoTables('sqlite', '')) made.exec(statement);
    made.close();
    const traced = /tracing=True/;
    expect((await cli(['list', '--db', file])).err).toMatch(traced);
    expect((await cli(['errors', '--db', file])).err).toMatch(traced);
    const shown = await cli(['show', 'latest', '--db', file]);
    expect(shown.code).toBe(EXIT.notFound);
    expect(shown.err).toMatch(traced);
  });
});

it('tail takes a part of a name for what is still to come', async () => {
  const {out, err} = await cli([
    'tail',
    '--agent',
    'billing',
    '--max-runs',
    '1',
    '-n',
    '0',
    '--for',
    '10ms',
    '--db',
    sqliteCopy(SHOP),
  ]);
  expect(`${out}${err}`).toContain(
    'no agent of the newest runs is called "billing"; using it as a part of the name: Billing Agent',
  );
});

it('prune takes no part of a name', async () => {
  const prune = ['prune', '--dry-run', '--db', sqliteCopy(SHOP), '--agent'];
  expect((await json([...prune, 'Billing Agent'])).data.plan.traces).toBeGreaterThan(0);
  expect((await json([...prune, 'billing'])).data.plan.traces).toBe(0);
});
