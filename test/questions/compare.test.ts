import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli, json} from '../cli.ts';
import {loadIntoPostgres, sqliteCopy, temporaryFolder} from '../databases.ts';
import {IS_LONG, inLong} from '../long.ts';
import {CAUSES, type Cause, CHANGED_AT, plant, RUNS, type Strength, UNTIL} from './planted-regressions.ts';

// biome-ignore lint/suspicious/noExplicitAny: rows of the answer
type Row = Record<string, any>;

const WINDOWS = ['--since', CHANGED_AT, '--until', UNTIL, '--vs', '7d'];
const compare = async (db: string, ...argv: string[]): Promise<Row[]> =>
  (await json(['compare', ...WINDOWS, '--limit', '0', '--db', db, ...argv])).data;
const SEEDS = Array.from({length: inLong(30, 1)}, (_, i) => i + 1);

/** The rows that name what was planted. */
const NAMES: Readonly<Record<Exclude<Cause, 'bad user'>, (row: Row) => boolean>> = {
  'slower tool': row => row.name === 'web_search' && row.figure === 'p50',
  'more calls': row => row.name === 'web_search' && row.within === 'Sales' && /^(calls|repeats)$/.test(row.figure),
  'dearer model': row =>
    (row.name === 'Sales' && row.figure === 'cost') || (row.name === 'gpt-4o' && row.within === 'Sales'),
  'new error': row => row.verdict === 'new' && /schema mismatch/.test(row.name),
  'fat result': row => row.name === 'lookup_kb' && row.figure === 'chars',
};
const COMPARED = CAUSES.filter(cause => cause !== 'bad user');

/** What the long suite prints of itself. */
const tell = (text: string) => (IS_LONG ? void process.stderr.write(`${text}\n`) : undefined);

describe('compare names what was planted', () => {
  const isNamed = (rows: readonly Row[], cause: (typeof COMPARED)[number]) =>
    rows.some(row => NAMES[cause](row) && ['worse', 'new'].includes(row.verdict));

  it('of several things that changed each', async () => {
    const rows = await compare(plant(1, CAUSES));
    expect(COMPARED.filter(cause => !isNamed(rows, cause))).toEqual([]);
  });

  it
    .runIf(IS_LONG)
    .each(COMPARED.flatMap(cause => ([1, 2, 3] as const).map(strength => ({cause, strength: strength as Strength}))))(
    '$cause, strength $strength',
    async ({cause, strength}) => {
      let named = 0;
      for (const seed of SEEDS) if (isNamed(await compare(plant(seed, [cause], strength)), cause)) named++;
      tell(`compare: ${cause}, strength ${strength}: ${named} of ${SEEDS.length}`);
      if (strength > 1) expect(named / SEEDS.length).toBeGreaterThanOrEqual(0.95);
    },
  );

  it('and nothing where nothing was', async () => {
    const cried: unknown[] = [];
    for (const seed of SEEDS) {
      const rows = await compare(plant(seed, []));
      if (rows.length > 0) cried.push([seed, rows.map(({what, name}) => `${what} ${name}`)]);
    }
    tell(`compare: no cause, ${cried.length} of ${SEEDS.length} cried`);
    expect(cried.length / SEEDS.length, JSON.stringify(cried)).toBeLessThanOrEqual(0.05);
  });
});

describe('compare', () => {
  const file = plant(1, ['slower tool'], 3);

  it('has the figures of the other questions, on either database, from kept facts and from those made on the spot', async () => {
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    const rows = await compare(file, '--all');
    expect((await json(['compare', ...WINDOWS, '--all', '--limit', '0', '--db', file], {env})).data).toEqual(rows);
    expect((await json(['compare', ...WINDOWS, '--all', '--limit', '0', '--db', file], {env})).data).toEqual(rows);
    const postgres = await loadIntoPostgres(file);
    expect(await compare(postgres, '--all')).toEqual(rows);
    const windows = {
      before: ['--since', '2026-11-01', '--until', CHANGED_AT],
      after: ['--since', CHANGED_AT, '--until', UNTIL],
    };
    const find = (of: string, name: string, figure: string) =>
      rows.find(row => row.of === of && row.name === name && row.figure === figure && row.within === null)!;
    for (const [side, window] of Object.entries(windows)) {
      for (const [question, of] of [
        ['tools', 'tool'],
        ['models', 'model'],
        ['agents', 'agent'],
      ] as const) {
        const asked: Row[] = (await json([question, ...window, '--db', file], {env})).data;
        expect(asked.length).toBeGreaterThan(1);
        for (const row of asked) {
          expect(find(of, row[of], 'p50')[side]).toBeCloseTo(row.p50Ms, 6);
          expect(find(of, row[of], 'p95')[side]).toBeCloseTo(row.p95Ms, 6);
          if (of !== 'agent') continue;
          expect(find(of, row.agent, 'failures')[side]).toBeCloseTo(row.failedShare, 9);
          expect(find(of, row.agent, 'tokens')[side]).toBeCloseTo(row.totalTokens / row.runs, 6);
        }
      }
    }
  });

  it('says what is worse first, leads to a run of it, and ends with 7 when told to', async () => {
    const {code, out, err} = await cli(['compare', ...WINDOWS, '--exit-code', '--db', file]);
    expect(code).toBe(EXIT.different);
    expect(out.split('\n')[1]).toMatch(/^worse +slower per call +web_search/);
    expect(err).toContain(`after: ${RUNS.after} runs from 2026-11-08T00:00 to 2026-11-10T00:00`);
    expect(err).toMatch(/^next: agno-trace show run-\d+$/m);
    expect((await cli(['compare', ...WINDOWS, '--db', file])).code).toBe(EXIT.done);
    // The same by the moment of the change.
    const at = ['--at', CHANGED_AT, '--until', UNTIL, '--vs', '7d'];
    expect((await json(['compare', ...at, '--limit', '0', '--db', file])).data).toEqual(await compare(file));
  });

  it('looks only at what a filter takes, and at one kind where told to', async () => {
    expect(await compare(file, '--by', 'model')).toEqual([]);
    expect((await compare(file, '--by', 'tool', '--all')).every(row => row.of === 'tool')).toBe(true);
    expect(await compare(file, '--agent', 'Support')).toEqual([]);
  });

  it('names nothing of few runs, and says so; of no runs it says where they are', async () => {
    const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const few = await cli(['compare', '--at', '2026-11-22T14:13:30', '--until', '2026-11-23', '--db', db]);
    expect(few.err).toContain('nothing could be compared · 293 figures with too few runs: fewer than 20 in a window');
    expect(few.err).not.toContain('nothing matches');
    const none = await cli(['compare', '--db', db], {nowMicros: Date.parse('2026-12-01') * 1000});
    expect([none.code, none.out]).toEqual([EXIT.done, '']);
    expect(none.err).toMatch(/nothing matches · the newest run began at 2026-11-22/);
  });

  it.each([
    [['--at', '12h', '--last', '24h'], '--at sets the start'],
    [['--vs', '7d', '--vs-since', '9d'], '--vs and --vs-since'],
    [['--last', '1d', '--vs-since', '3d', '--vs-until', '2h'], 'overlap'],
    [['--last', '1d', '--vs-since', '3d', '--vs-until', '4d'], 'empty'],
    [['--vs', '7'], 'no unit'],
    [['--at', 'noon'], '--at "noon" is not a time'],
  ])('%j is refused', async (argv, message) => {
    const {code, err} = await cli(['compare', ...argv, '--db', file]);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain(message);
  });
});
