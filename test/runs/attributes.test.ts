import {describe, expect, it} from 'vitest';
import {ANSWERS, LABELS, plantedRuns} from '../attribute-runs.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS} from '../databases.ts';
import {databaseOf} from '../databases-of-traces.ts';

const labelsOf = (data: readonly {sessionId: string}[]) => data.map(run => run.sessionId).sort();

describe.each(BACKENDS)('any attribute in -q on %s', backend => {
  let made: Promise<string> | undefined;
  const database = () => (made ??= databaseOf(backend, plantedRuns()));

  it('selects runs by their own value, else by that of their earliest span', async () => {
    const db = await database();
    for (const [query, labels] of ANSWERS)
      expect(labelsOf((await json(['list', '--db', db, '-n', '0', '-q', query])).data), query).toEqual(
        [...labels].sort(),
      );
    expect(LABELS.length).toBe((await json(['list', '--db', db, '-n', '0'])).data.length);
  });

  it('works on the commands that take -q', async () => {
    const db = await database();
    const query = ['-q', 'attr.tenant:acme attr.metadata.plan:>2.6', '--db', db];
    const shown = await json(['show', 'latest', ...query]);
    expect(shown.data.runs[0].sessionId).toBe('acme');
    expect((await cli(['transcript', 'latest', ...query])).code).toBe(0);
    expect((await json(['stats', ...query])).data[0].runs).toBe(1);
    const lines = async (argv: string[]) =>
      (await cli([...argv, ...query])).out
        .trim()
        .split('\n')
        .map(line => JSON.parse(line));
    expect(await lines(['export', '--format', 'jsonl'])).toHaveLength(4);
    const found = await json(['grep', 'done', '--in', 'output', ...query]);
    expect(found.data.map((hit: {name: string}) => hit.name)).toEqual(['acme']);
    const told: string[] = [];
    // It goes on until somebody ends it: what it prints is its end.
    await cli(['tail', '--jsonl', '--since', '2026-11-22', ...query], {
      onOut: out => {
        if (told.length === 0 && /"event":"span".*\n/.test(out)) process.emit('SIGINT', 'SIGINT');
        told.splice(0, told.length, ...out.trim().split('\n'));
      },
    });
    const keys = told.flatMap(line => JSON.parse(line).key ?? []);
    expect([...new Set(keys)]).toEqual([`${'0'.repeat(32)} run-0`]);
    const plan = await json(['prune', '--older-than', '1d', '--dry-run', ...query]);
    expect(plan.data.plan.traces).toBe(1);
  });
});
