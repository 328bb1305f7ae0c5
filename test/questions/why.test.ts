import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli, json} from '../cli.ts';
import {loadIntoPostgres, temporaryFolder} from '../databases.ts';
import {IS_LONG, inLong} from '../long.ts';
import {BAD_USER, CHANGED_AT, plant, RUNS, type Strength} from './planted-regressions.ts';

// biome-ignore lint/suspicious/noExplicitAny: rows of the answer
type Row = Record<string, any>;

const why = async (db: string, ...argv: string[]): Promise<Row[]> =>
  (await json(['why', '--limit', '0', '--db', db, ...argv])).data;
const named = (rows: readonly Row[]) => rows.map(({attribute, name}) => `${attribute} ${name}`);
const SEEDS = Array.from({length: inLong(30, 1)}, (_, i) => i + 1);
/** What the long suite prints of itself. */
const tell = (text: string) => (IS_LONG ? void process.stderr.write(`${text}\n`) : undefined);

describe('why names what was planted', () => {
  it.each(inLong([1, 2, 3], [2]).map(strength => ({strength: strength as Strength})))(
    'a bad user, strength $strength',
    async ({strength}) => {
      let found = 0;
      for (const seed of SEEDS)
        if (named(await why(plant(seed, ['bad user'], strength)))[0] === `user ${BAD_USER}`) found++;
      tell(`why: bad user, strength ${strength}: ${found} of ${SEEDS.length}`);
      if (strength > 1) expect(found / SEEDS.length).toBeGreaterThanOrEqual(0.95);
    },
  );

  it.each(inLong([1, 2, 3], [2]).map(strength => ({strength: strength as Strength})))(
    'a slower tool that not every agent has, strength $strength',
    async ({strength}) => {
      let found = 0;
      for (const seed of SEEDS) {
        const rows = await why(plant(seed, ['slower tool'], strength), '--slow', '--since', CHANGED_AT);
        if (named(rows)[0] === 'tool web_search') found++;
      }
      tell(`why: slower tool, strength ${strength}: ${found} of ${SEEDS.length}`);
      if (strength > 1) expect(found / SEEDS.length).toBeGreaterThanOrEqual(0.95);
    },
  );

  it('and nothing where nothing was', async () => {
    const cried: unknown[] = [];
    for (const seed of SEEDS) {
      const file = plant(seed, []);
      const rows = await why(file, '--state', 'error');
      // Which tools a run calls makes it slow; who asks, and when, does not.
      const slow = (await why(file, '--slow')).filter(({attribute}) => attribute === 'user' || attribute === 'hour');
      if (rows.length + slow.length > 0) cried.push([seed, named(rows), named(slow)]);
    }
    tell(`why: no cause, ${cried.length} of ${SEEDS.length} cried`);
    expect(cried.length / SEEDS.length, JSON.stringify(cried)).toBeLessThanOrEqual(0.05);
  });
});

describe('why', () => {
  const file = plant(2, ['bad user', 'new error'], 3);

  it('counts as users does, on either database, from kept facts and from those made on the spot', async () => {
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    const rows = await why(file);
    expect((await json(['why', '--limit', '0', '--db', file], {env})).data).toEqual(rows);
    expect((await json(['why', '--limit', '0', '--db', file], {env})).data).toEqual(rows);
    expect(await why(await loadIntoPostgres(file))).toEqual(rows);
    const users: Row[] = (await json(['users', '--limit', '0', '--db', file], {env})).data;
    const all = (pick: (row: Row) => number) => users.reduce((sum, row) => sum + pick(row), 0);
    const bad = users.find(({user}) => user === BAD_USER)!;
    const others = (all(row => row.error) - bad.error) / (all(row => row.runs) - bad.runs);
    expect(rows[0]).toMatchObject({attribute: 'user', name: BAD_USER, bad: bad.error, runs: bad.runs});
    expect(rows[0]!.badShare).toBeCloseTo(bad.error / bad.runs, 12);
    expect(rows[0]!.otherShare).toBeCloseTo(others, 12);
    expect(rows[0]!.lift).toBeCloseTo(bad.error / bad.runs / others, 9);
    const degraded = await why(file, '--state', 'degraded');
    expect(named(degraded)[0]).toBe('tool search_orders');
    expect((await json(['show', rows[0]!.sampleRunId, '--db', file])).data.runs[0]).toMatchObject({
      state: 'error',
      userId: BAD_USER,
    });
  });

  it('says how many runs are bad, and where there is nothing to say that', async () => {
    const {err} = await cli(['why', '--state', 'cancelled', '--db', file]);
    expect(err).toContain(`0 of ${RUNS.before + RUNS.after} runs are in state cancelled`);
    expect(err).not.toContain('nothing matches');
    const all = RUNS.before + RUNS.after;
    expect((await cli(['why', '--slow', '1ms', '--db', file])).err).toContain(`${all} of ${all} runs are slow`);
    expect((await cli(['why', '--agent', 'Nobody', '--db', file])).err).toMatch(/nothing matches.*no agent/s);
  });

  it('refuses two ways of saying what is bad', async () => {
    for (const argv of [
      ['--slow', '--state', 'error'],
      ['--slow', '--failed'],
    ]) {
      const {code, err} = await cli(['why', ...argv, '--db', file]);
      expect(code).toBe(EXIT.usage);
      expect(err).toContain('--slow and --state');
    }
  });
});
