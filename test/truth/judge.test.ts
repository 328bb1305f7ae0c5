import {existsSync, readFileSync} from 'node:fs';
import {beforeAll, describe, expect, it} from 'vitest';
import {BACKENDS, type Backend} from '../databases.ts';
import {CHECKS, type Fault, listOf, type Open, type Told, tell} from './compare.ts';
import {NAMES, onPostgres, onSqlite} from './databases.ts';

/*
 * The judge: 41 databases of real Agno against the logs of what happened, with Agno's run tables and without, on SQLite and
 * on the same rows in Postgres. Where they differ is open (`open.json`: a log cannot say it, or a row cannot tell), or is
 * known to be wrong: `known-wrong/<check>.txt`, which can only become shorter, as an entry that has become right fails too.
 */

type Check = keyof typeof CHECKS;
const TABLES = ['with', 'without'] as const;

const OPEN = listOf<Open>('open.json');
const told = new Map<string, Told[]>();
const keyOf = (backend: Backend, tables: (typeof TABLES)[number]) => `${backend} ${tables}`;

beforeAll(async () => {
  for (const backend of BACKENDS) {
    const set = backend === 'sqlite' ? onSqlite() : await onPostgres();
    for (const tables of TABLES) {
      if (tables === 'without') await set.dropRunTables();
      const answers: Told[] = [];
      for (const name of NAMES) {
        const store = await set.open(name);
        answers.push(await tell(name, store, tables === 'with'));
        await store.close();
      }
      told.set(keyOf(backend, tables), answers);
    }
  }
});

/** Lines of `known-wrong/`: `<database>: <subject>`, and at its end in brackets if it is wrong in one case only. */
function knownWrong(check: Check): string[] {
  const file = new URL(`known-wrong/${check}.txt`, import.meta.url);
  return existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter(line => line !== '')
    : [];
}

const isOpen = (check: Check, {name, hasRunTables}: Told, {subject}: Fault) =>
  OPEN.some(
    open =>
      open.check === check &&
      open.database === name &&
      open.subject === subject &&
      (open.runTables === undefined || !hasRunTables),
  );

/** What is wrong in one case, by line of `known-wrong/`, with the detail. */
function faultsOf(check: Check, answers: readonly Told[]): Map<string, string> {
  const faults = new Map<string, string>();
  for (const answer of answers)
    for (const fault of CHECKS[check](answer))
      if (!isOpen(check, answer, fault)) faults.set(`${answer.name}: ${fault.subject}`, fault.detail);
  return faults;
}

describe.each(Object.keys(CHECKS) as Check[])('%s', check => {
  it.each(BACKENDS)('on %s are those of the logs, but for what is known to be wrong', backend => {
    const [full, bare] = TABLES.map(tables => faultsOf(check, told.get(keyOf(backend, tables))!)) as [
      Map<string, string>,
      Map<string, string>,
    ];
    const lines = new Map<string, string>();
    for (const [line, detail] of full) lines.set(bare.has(line) ? line : `${line} [with run tables]`, detail);
    for (const [line, detail] of bare) if (!full.has(line)) lines.set(`${line} [without run tables]`, detail);
    const known = knownWrong(check);
    const isNew = [...lines]
      .filter(([line]) => !known.includes(line))
      .map(([line, detail]) => `${line}\n    ${detail}`);
    expect(isNew, 'wrong, and not known to be').toEqual([]);
    const isRight = known.filter(line => !lines.has(line));
    expect(isRight, `right by now: take it out of known-wrong/${check}.txt`).toEqual([]);
  });
});

it('nothing is called open that the logs decide', () => {
  const all = [...told.values()].flat();
  const needless = OPEN.filter(
    open =>
      !all.some(
        answer =>
          answer.name === open.database && CHECKS[open.check](answer).some(({subject}) => subject === open.subject),
      ),
  );
  expect(needless).toEqual([]);
});
