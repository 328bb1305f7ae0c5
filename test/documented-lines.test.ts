import {copyFileSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {beforeAll, expect, test} from 'vitest';
import {EXIT} from '../src/errors.ts';
import {cli} from './cli.ts';
import {temporaryFolder} from './fixtures.ts';
// The demo is made of the runs that a build packs.
import {ROOT} from './program.ts';
import {paste} from './shell.ts';

/** Lines that cannot be run here, by how they begin, with the reason. */
const NOT_RUN: Readonly<Record<string, string>> = {
  'agno-trace demo --live': 'plays until it is stopped: test/demo/',
  'agno-trace ui': 'needs a terminal: test/tui/',
};

/** Flags that lead a line to its end without what a reader has and this test has not. */
const ENDED_BY: readonly {readonly begins: RegExp; readonly flags: readonly string[]}[] = [
  // It follows for ever, or for longer than a test; of a flag given twice the last counts.
  {begins: /^tail\b/, flags: ['--for', '10ms']},
  // A new file in a folder that is there.
  {begins: /^prune\b.*--archive\b/, flags: ['--archive', 'planned.ndjson.gz']},
  // They ask; what a yes does is tested in test/retention/ and test/migrations/.
  {begins: /^(prune|vacuum|migrate)\b/, flags: ['--dry-run']},
  // Nobody listens at the address.
  {begins: /^export\b.*--to\b/, flags: ['--dry-run']},
];

/** A check that finds something has answered. */
const ANSWERED: readonly number[] = [EXIT.done, EXIT.different];

interface Documented {
  /** File and line. */
  readonly at: string;
  readonly line: string;
  /** The error that the page shows below it. */
  readonly error: string | null;
}

const PAGES = ['.', 'docs', 'skill/agno-trace'].flatMap(folder =>
  readdirSync(path.join(ROOT, folder))
    .filter(name => name.endsWith('.md') && name !== 'CHANGELOG.md')
    .map(name => path.join(folder, name)),
);

/** The command lines of a page: in its code blocks, and in code within its text. Those with `<id>` or `…` are forms, not lines. */
function linesOf(page: string): Documented[] {
  const lines = readFileSync(path.join(ROOT, page), 'utf8').split('\n');
  return lines.flatMap((text, i) => {
    const below = lines[i + 1]?.trim() ?? '';
    const error = below.startsWith('error: ') ? below : null;
    return commandsIn(text.replace(/ {2,}#.*/, ''))
      .filter(line => !/<[a-z]|…/.test(line))
      .map(line => ({at: `${page}:${i + 1}`, line, error}));
  });
}

function commandsIn(text: string): string[] {
  if (!/^ {4}/.test(text))
    return [...text.matchAll(/`([^`]+)`/g)].map(match => match[1]!).filter(code => /^agno-trace [a-z-]/.test(code));
  // A shell's own words before it, as in eval "$(agno-trace …)", belong to the line; times of cron and the like do not.
  const at = text.search(/(?<![\w/+."-])agno-trace [a-z-]/);
  if (at === -1) return [];
  return [text.slice(0, at).includes('$(') ? text.trim() : text.slice(at)];
}

const DOCUMENTED = PAGES.flatMap(linesOf);

let folder: string;
let env: Record<string, string>;
let profilesAdded = 0;

beforeAll(async () => {
  folder = temporaryFolder();
  env = {AGNO_TRACE_DB: path.join(folder, 'agno.db'), AGNO_TRACE_CACHE: path.join(folder, 'cache')};
  expect((await cli(['demo', '--path', 'agno.db'], {cwd: folder})).code).toBe(EXIT.done);
  writeFileSync(
    path.join(folder, 'profiles.toml'),
    ['prod', 'local'].map(name => `[profiles.${name}]\ndb = "${env.AGNO_TRACE_DB}"\n`).join(''),
  );
  // The archive that pages speak of; its traces are in the demo still.
  copyFileSync(env.AGNO_TRACE_DB!, path.join(folder, 'pruned.db'));
  const prune = 'prune --older-than 1s --force --settle 1ms --yes --session session-21 --archive old.ndjson.gz';
  const archived = await cli([...prune.split(' '), '--db', 'pruned.db'], {cwd: folder});
  expect(archived).toMatchObject({code: EXIT.done});
});

test('every command line of the README and of docs/ is answered', async () => {
  expect(DOCUMENTED.length).toBeGreaterThan(60);
  const wrong: string[] = [];
  for (const {at, line, error} of DOCUMENTED) {
    if (Object.keys(NOT_RUN).some(begins => line.startsWith(begins))) continue;
    // What else the line names is not there; the shell is to end well all the same.
    const calls = paste([line, ':']).calls.filter(([name]) => name === 'agno-trace');
    if (calls.length === 0) wrong.push(`${at}: ${line}\n  a shell finds no command in it`);
    for (const [, ...argv] of calls) {
      const {code, err} = await answered(argv);
      const isRight = error === null ? ANSWERED.includes(code) : code === EXIT.usage && err.startsWith(error);
      if (!isRight) wrong.push(`${at}: ${line}\n  exit ${code}: ${err}`);
    }
  }
  expect(wrong.join('\n')).toBe('');
});

test('every line that is not run is there', () => {
  for (const begins of Object.keys(NOT_RUN))
    expect(
      DOCUMENTED.some(({line}) => line.startsWith(begins)),
      begins,
    ).toBe(true);
});

/** Runs it where agno.db is the demo, which also stands for the profiles and servers of the pages. */
async function answered(argv: readonly string[]) {
  const line = argv.join(' ');
  const isProfile = argv[0] === 'profile';
  const given = argv.map(word => (isServer(word) && !isProfile ? env.AGNO_TRACE_DB! : word));
  const ending = ENDED_BY.filter(({begins}) => begins.test(line));
  // A profile that is added is a new one.
  const config = path.join(folder, line.startsWith('profile add') ? `${profilesAdded++}.toml` : 'profiles.toml');
  return cli([...given, ...ending.flatMap(({flags}) => flags)], {
    cwd: folder,
    env: {...env, AGNO_TRACE_CONFIG: config},
  });
}

const isServer = (word: string) => /^(postgres(ql)?(\+\w+)?|clickhouses?):/.test(word);
