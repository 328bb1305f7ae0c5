import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {ANSWERS, plantedRuns} from '../attribute-runs.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, temporaryFolder} from '../databases.ts';
import {databaseOf} from '../databases-of-traces.ts';
import {agent, span} from '../trace/rows.ts';

const NAMES = [
  ...['tenant', 'metadata', 'metadata.plan', 'metadata.beta', 'metadata.note', 'metadata.region', 'tag.tags'],
  ...[
    'metadata.region.name',
    'metadata.a.b.c.d',
    String.raw`"it's \"q\":x"`,
    'ü',
    'constructor',
    'toString',
    '__proto__',
  ],
  ...['tenant.length', 'Tenant'],
].map(name => `attr.${name}`);

describe.each(BACKENDS)('attributes in facts of %s', backend => {
  let made: Promise<string> | undefined;
  const database = () => (made ??= databaseOf(backend, plantedRuns()));

  it('give the answers of the spans, kept or made for one question', async () => {
    const db = await database();
    const kept = {env: {AGNO_TRACE_CACHE: temporaryFolder()}};
    const ask = async (argv: string[], options = {}) => (await json([...argv, '--db', db, '-n', '0'], options)).data;
    expect((await cli(['facts', 'keep', ...NAMES, '--db', db], kept)).code).toBe(0);
    for (const [query, labels] of ANSWERS) {
      const argv = ['usage', '--by', 'session', '-q', query];
      const rows = await ask(argv, kept);
      expect(rows.map((row: {name: string}) => row.name).sort(), query).toEqual([...labels].sort());
      expect(await ask(argv), query).toEqual(rows);
      const spans = await ask(['spans', '--kind', 'agent', '-q', query], kept);
      expect(spans.map((row: {session: string}) => row.session).sort(), query).toEqual([...labels].sort());
    }
    for (const argv of [
      ['usage', '--by', 'attr.tenant', '--every', '1d'],
      ['check', '--per', 'attr.metadata.plan', '--max-run-calls', '9'],
      ['stats', '-q', 'attr.tenant:acme OR -attr.metadata.plan:*'],
    ])
      expect(await ask(argv), argv.join(' ')).toEqual(await ask(argv, kept));
    const tenants = await ask(['usage', '--by', 'attr.tenant'], kept);
    expect(tenants.find((row: {name: string}) => row.name === 'acme').calls).toBe(8);
    expect(tenants.map((row: {name: string}) => row.name)).toContain('acme, 12');
  });
});

it('attributes are kept when they are chosen, and nowhere when they are not', async () => {
  const db = await databaseOf('sqlite', plantedRuns());
  const folder = temporaryFolder();
  const run = (...argv: string[]) => cli([...argv, '--db', db], {env: {AGNO_TRACE_CACHE: folder}});
  const refused = await run('usage', '--by', 'attr.metadata.region.name');
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('the facts do not keep attr.metadata.region.name.');
  expect(refused.err).toContain('agno-trace facts keep attr.metadata.region.name');
  expect((await run('spans', '-q', 'attr."a b":1')).err).toContain(`facts keep 'attr."a b"'`);
  expect((await run('usage', '-q', 'attr.metadata.region.name:eu-1')).code).toBe(0);
  expect((await run('facts', 'keep')).out).toBe('');
  expect((await run('facts', 'keep', 'attr.metadata.region.name', 'attr.tenant')).out).toBe(
    'attr.metadata.region.name\nattr.tenant\n',
  );
  expect((await run('usage', '--by', 'attr.metadata.region.name')).out).toContain('eu-1');
  const holds = () => readdirSync(folder).some(name => readFileSync(`${folder}/${name}`).includes('eu-1'));
  expect(holds()).toBe(true);
  for (const name of readdirSync(folder)) expect(statSync(`${folder}/${name}`).mode & 0o077).toBe(0);
  expect(JSON.parse((await run('facts', '--json')).out).data[0].attributes).toEqual(['metadata.region.name', 'tenant']);
  expect((await run('facts')).out).toContain('attr.metadata.region.name, attr.tenant');
  await run('facts', 'keep', '--remove', 'attr.metadata.region.name');
  expect(holds()).toBe(false);
  await run('usage', '--by', 'attr.tenant');
  expect(holds()).toBe(false);
  expect((await run('facts', 'keep', 'tenant')).err).toContain('Write attr.tenant.');
  expect((await run('facts', 'keep', 'attr.')).err).toContain('Write attr.tenant.');
  const many = Array.from({length: 20}, (_, i) => `attr.key${i}`);
  expect((await run('facts', 'keep', ...many)).err).toContain(
    'facts keep 20 attributes at most, and 21 would be kept.',
  );
  const file = (await run('facts', 'path')).out.trim();
  expect(existsSync(file)).toBe(true);
  await run('facts', 'clear');
  expect(existsSync(file)).toBe(false);
  expect((await run('facts', 'keep')).out).toBe('attr.tenant\n');
});

it('why examines the attributes that facts keep, with the correction for all', async () => {
  const traces = Array.from({length: 120}, (_, i) => {
    const metadata = {plan: i % 3, region: i % 4 === 0 ? 'eu' : 'us', tags: [i % 2 ? 'odd' : 'even', 'all']};
    const attributes = agent({metadata: JSON.stringify(metadata)});
    const isBad = metadata.region === 'eu' ? i % 3 < 2 : i % 29 === 1;
    return [
      span('a.run', i * 5000, i * 5000 + 900, {id: 'run', attributes, status: isBad ? 'ERROR' : 'OK', message: 'x'}),
    ];
  });
  const db = await databaseOf('sqlite', traces);
  const kept = {env: {AGNO_TRACE_CACHE: temporaryFolder()}};
  const why = async () => (await json(['why', '--state', 'error', '--db', db], kept)).data;
  expect(await why()).toEqual([]);
  await cli(['facts', 'keep', 'attr.metadata.plan', 'attr.metadata.region', 'attr.metadata.tags', '--db', db], kept);
  const rows = await why();
  expect(rows.map((row: {attribute: string; name: string}) => `${row.attribute} ${row.name}`)).toEqual([
    'attr.metadata.region eu',
  ]);
  expect(rows[0]).toMatchObject({runs: 30, bad: 20});
});
