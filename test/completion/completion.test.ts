import {describe, expect, it} from 'vitest';
import {complete} from '../../src/cli/run.ts';
import {quotedForBash, readLine} from '../../src/completion/command-line.ts';
import type {Safe} from '../../src/text/safe.ts';
import {KINDS} from '../../src/trace/kind.ts';
import {STATES} from '../../src/trace/states.ts';
import {plantedRuns} from '../attribute-runs.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {databaseOf} from '../databases-of-traces.ts';
import {databaseOfNastyUsers, NASTY, UNSHOWABLE} from './nasty-names.ts';

interface Options {
  env?: Record<string, string>;
  cwd?: string;
  leftMs?: number;
}

/** Everything that is printed when a shell asks. */
async function asked(argv: readonly string[], {env = {}, cwd = '/', leftMs = 30_000}: Options = {}) {
  const printed = {out: '', err: ''};
  const into = (name: 'out' | 'err') => (text: Safe) => {
    printed[name] += text;
  };
  await complete(
    argv,
    {
      stdout: {write: into('out'), isTTY: false, columns: undefined},
      stderr: {write: into('err'), isTTY: false, columns: undefined},
      env,
      cwd,
      notes: [],
      secrets: [],
      stdin: async () => '',
      nowMicros: () => Date.now() * 1000,
    },
    leftMs,
  );
  return printed;
}

/** The candidates, without what they are; the last word is the one at the cursor. */
async function words(line: readonly string[], options: Options = {}): Promise<string[]> {
  const {out, err} = await asked(['zsh', ...line], options);
  expect(err).toBe('');
  if (out === '') return [];
  const [answer, ...lines] = out.trimEnd().split('\n');
  expect(answer).toBe('words');
  return lines.map(text => text.split('\t')[0]!);
}

describe('what is offered', () => {
  it('is the commands, and the flags of the command with those of the program', async () => {
    const commands = await words(['']);
    expect(commands).toEqual(expect.arrayContaining(['completion', 'demo', 'help', 'list', 'show', 'slowest']));
    expect(commands).not.toContain('__complete');
    expect(await words(['sh'])).toEqual(['show']);
    const flags = await words(['list', '--']);
    expect(flags).toEqual(expect.arrayContaining(['--state', '--session', '--db', '--no-color', '--help']));
    expect(flags).not.toContain('--io');
    expect(new Set(flags).size).toBe(flags.length);
    expect(await words(['show', '--i'])).toEqual(['--io']);
    expect(await words(['--db', 'x', 'show', 'latest', '--dep'])).toEqual(['--depth']);
  });

  it('is every flag that help names', async () => {
    const named = async (argv: string[]) =>
      [...(await cli(argv)).out.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(match => match[1]!);
    const global = await named(['help', 'flags']);
    expect(global.length).toBeGreaterThan(10);
    for (const command of ['list', 'show', 'slowest', 'demo', 'completion', 'help']) {
      const flags = new Set([...global, ...(await named([command, '--help']))]);
      expect((await words([command, '--'])).sort()).toEqual([...flags].sort());
    }
  });

  it.each([
    [['list', '--state', ''], [...STATES]],
    [['ls', '--state', 'st'], ['stalled']],
    [['list', '--state=er'], ['--state=error']],
    [['list', '--state', 'error,'], STATES.filter(state => state !== 'error').map(state => `error,${state}`)],
    [['list', '--kind', ''], [...KINDS]],
    [
      ['list', '--status', ''],
      ['ok', 'error', 'unset'],
    ],
    [
      ['list', '--format', ''],
      ['table', 'json', 'jsonl', 'csv', 'md'],
    ],
    [
      ['show', 'latest', '--format', ''],
      ['tree', 'json', 'jsonl', 'html'],
    ],
    [
      ['show', '--io', ''],
      ['none', 'preview', 'full'],
    ],
    [
      ['--color', ''],
      ['auto', 'always', 'never'],
    ],
    [
      ['slowest', '--by', ''],
      ['name', 'kind', 'tool', 'model', 'agent', 'team', 'workflow', 'step'],
    ],
    [
      ['slowest', '--sort', 'p9'],
      ['p95Ms', 'p99Ms'],
    ],
    [
      ['slowest', '--sort=-p9'],
      ['--sort=-p95Ms', '--sort=-p99Ms'],
    ],
    [
      ['completion', ''],
      ['bash', 'zsh', 'fish', 'powershell'],
    ],
    [['help', 'exit'], ['exit-codes']],
    [['help', 'sl'], ['slowest']],
    [['list', '--cursor', ''], []],
    [['list', '--error', '--no-c'], ['--no-color']],
    [['nonsense', ''], []],
    [['list', '--nonsense', '--asc'], ['--ascii']],
    [['list', '--', '--st'], []],
  ])('after %j is %j', async (line, expected) => {
    expect(await words(line)).toEqual(expected);
  });

  it('is what the parser takes: each value of each list is understood', async () => {
    const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const lists = [
      ...['--state', '--kind', '--status', '--format', '--color'].map(flag => ['list', flag]),
      ...['--io', '--format', '--kind'].map(flag => ['show', 'latest', flag]),
      ...['--by', '--sort', '--format'].map(flag => ['slowest', flag]),
    ];
    for (const line of lists) {
      const values = await words([...line, '']);
      expect(values.length).toBeGreaterThan(1);
      for (const value of values) expect((await cli([...line, value, '--db', db])).code, `${line} ${value}`).toBe(0);
    }
  });

  it('is what the profile on the line has, else the default one', async () => {
    const home = temporaryFolder();
    const env = {HOME: home};
    for (const [name, db] of [
      ['shop', sqliteCopy('agno-3.1.10-shop.sqlite')],
      ['pictures', sqliteCopy('agno-3.1.10-pictures.sqlite')],
    ] as const)
      expect((await cli(['profile', 'add', name, '--db', db], {env})).code).toBe(0);
    const teams = (...flags: string[]) => words(['list', ...flags, '--team', ''], {env});
    expect(await teams()).toEqual([]);
    const [shop, pictures] = [await teams('--profile', 'shop'), await teams('--profile=pictures')];
    expect(shop.length).toBeGreaterThan(0);
    expect(pictures.length).toBeGreaterThan(0);
    const sessions = (...flags: string[]) => words(['show', ...flags, 'agent-'], {env});
    expect(await sessions('--profile', 'pictures')).toContain('agent-ok');
    expect(await sessions('--profile', 'shop')).not.toContain('agent-ok');
    expect(await words(['list', '--profile', 'shop', '--profile', 'pictures', '--session', 'agent-o'], {env})).toEqual([
      'agent-ok',
    ]);
    expect((await cli(['profile', 'use', 'pictures'], {env})).code).toBe(0);
    expect(await sessions()).toContain('agent-ok');
  });

  it('is the names of profiles', async () => {
    const config = `${temporaryFolder()}/config.toml`;
    const env = {AGNO_TRACE_CONFIG: config};
    expect(await words(['list', '--profile', ''], {env})).toEqual([]);
    for (const name of ['prod', 'local'])
      expect((await cli(['profile', 'add', name, '--db', 'agno.db'], {env})).code).toBe(0);
    expect(await words(['list', '--profile', ''], {env})).toEqual(['prod', 'local']);
    expect(await words(['profile', 'use', 'p'], {env})).toEqual(['prod']);
  });

  it('is files where a file is asked for', async () => {
    for (const line of [['list', '--db', ''], ['--db=./'], ['demo', '--path', 'x']])
      expect(await asked(['zsh', ...line])).toEqual({out: 'files\n', err: ''});
  });
});

describe('keys of -q', () => {
  it('are offered for the last term, with the attributes that the newest runs have', async () => {
    const db = await databaseOf('sqlite', plantedRuns());
    const at = (...line: string[]) => words([...line.slice(0, 1), '--db', db, ...line.slice(1)]);
    expect(await at('list', '-q', 'error -ag')).toEqual(['error -agent:', 'error -age:']);
    expect(await at('list', '--query=(at')).toEqual(['--query=(attr.']);
    const plan = ['attr.metadata.plan'];
    expect(await at('list', '-q', 'x attr.metadata.p')).toEqual(['x attr.metadata.plan:']);
    expect(await at('usage', '--by', 'attr.metadata.pl')).toEqual(plan);
    expect(await at('check', '--per', 'attr.metadata.pl')).toEqual(plan);
    expect(await at('facts', 'keep', 'attr.metadata.pl')).toEqual(plan);
    expect(await at('usage', '--by', 'a')).toEqual(['agent', 'attr.']);
    // Keys of Agno's own, and what a terminal could act on, are not.
    const all = await at('list', '-q', 'attr.');
    expect(all).toContain('attr.tenant:');
    expect(all.join()).not.toMatch(/session|openinference|input/);
  });
});

describe.each(BACKENDS)('names from the database on %s', backend => {
  it('are those of the newest runs, wherever they stand', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const {data} = await json(['list', '--db', db, '--limit', '0']);
    const of = (key: string) => [...new Set(data.flatMap((run: Record<string, unknown>) => run[key] ?? []))];
    const at = (line: readonly string[]) => words(['list', '--db', db, ...line]);
    expect((await at(['--user', ''])).sort()).toEqual(of('userId').sort());
    expect((await at(['--session', ''])).sort()).toEqual(of('sessionId').sort());
    expect(await at(['--agent', 'wea'])).toEqual(['weather-agent']);
    expect(await at(['--agent', 'Wea'])).toEqual(['Weather Agent']);
    expect(await at(['--team=sup'])).toEqual(['--team=support-team']);
    const workflows = data.filter((run: {kind: string}) => run.kind === 'workflow');
    // One without an id is called by its name.
    const names = new Set(workflows.map((run: {workflowId: string; name: string}) => run.workflowId ?? run.name));
    expect((await at(['--workflow', ''])).sort()).toEqual([...names].sort());
    const first = data[0].runId;
    expect(await at(['--run', first.slice(0, 6)])).toEqual([first]);
    const ways = await words(['show', '--db', db, '']);
    expect(ways.slice(0, 2)).toEqual(['latest', first]);
    expect(ways).toHaveLength(21);
    expect(await words(['show', '--db', db, 'workflow-f'])).toEqual(['workflow-failed', 'workflow-failed-step']);
  });

  it('come from the database that the line or the environment names', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const line = ['list', '--team', ''];
    expect(await words(line, {env: {AGNO_TRACE_DB: db}})).toEqual(['careful-team', 'support-team']);
    expect(await words(['list', '--db', '$MINE', '--team', ''], {env: {MINE: db}})).toEqual([
      'careful-team',
      'support-team',
    ]);
    expect(await words(['list', `--db=${db}`, '--team', ''], {env: {AGNO_TRACE_DB: '/nowhere'}})).toEqual([
      'careful-team',
      'support-team',
    ]);
    expect(await words(['list', '--db', db, '--spans-table', 'no_such', '--team', ''])).toEqual([]);
  });
});

describe('nothing is offered, and nothing said,', () => {
  it.each([
    ['without a database', []],
    ['for a database that does not exist', ['--db', '/nowhere/agno.db']],
    ['for a server that does not exist', ['--db', 'postgresql://nobody:secret@127.0.0.1:1/none']],
    ['for a URL that cannot be read', ['--db', 'mysql://x']],
    ['for an empty name', ['--db', '']],
  ])('%s', async (_, line) => {
    expect(await asked(['zsh', 'list', ...line, '--user', ''], {cwd: temporaryFolder()})).toEqual({out: '', err: ''});
  });

  it('when a server does not answer in time', async () => {
    const {createServer} = await import('node:net');
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await new Promise(resolve => server.once('listening', resolve));
    const {port} = server.address() as {port: number};
    // Without a limit it would wait for ever.
    const answer = await asked(['zsh', 'list', '--db', `postgresql://me@127.0.0.1:${port}/x`, '--user', ''], {
      leftMs: 200,
    });
    expect(answer).toEqual({out: '', err: ''});
    server.close();
  });

  it('when there is no time left; what needs no database is still offered', async () => {
    const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
    expect(await words(['list', '--db', db, '--user', ''], {leftMs: -1})).toEqual([]);
    expect(await words(['list', '--db', db, '--state', 'e'], {leftMs: -1})).toEqual(['error']);
  });

  it('to a shell that is not known', async () => {
    expect(await asked(['tcsh', 'list', ''])).toEqual({out: '', err: ''});
    expect(await asked([])).toEqual({out: '', err: ''});
  });
});

describe('names that strangers chose', () => {
  it('are offered only when they can do nothing to a terminal', async () => {
    const db = await databaseOfNastyUsers();
    const found = await words(['list', '--db', db, '--user', '']);
    for (const name of NASTY) expect(found).toContain(name);
    for (const name of UNSHOWABLE) expect(found).not.toContain(name);
    expect(found.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('are no flags where an argument stands', async () => {
    const db = await databaseOfNastyUsers();
    expect(await words(['list', '--db', db, '--user', '--h'])).toEqual(['--help']);
    expect(await words(['show', '--db', db, '--', ''])).not.toContain('--help');
  });

  it('come to PowerShell by a variable', async () => {
    const db = await databaseOfNastyUsers();
    const env = {AGNO_TRACE_DB: db, AGNO_TRACE_WORDS: 'list\n--user\na '};
    expect(await asked(['powershell'], {env})).toEqual({out: 'words\na b\n', err: ''});
  });
});

describe("bash's line", () => {
  const BREAKS = ' \t\n"\'><=;|&(:';
  it.each([
    ['agno-trace li', ['agno-trace'], 'li', '', 0],
    ['agno-trace list ', ['agno-trace', 'list'], '', '', 0],
    ['agno-trace list --state=er', ['agno-trace', 'list'], '--state=er', '', 8],
    ["agno-trace 'a b' x\\ y", ['agno-trace', 'a b'], 'x y', '', 0],
    ['agno-trace --user "a \\" b', ['agno-trace', '--user'], 'a " b', '"', 0],
    ["agno-trace --user=x'y z", ['agno-trace'], '--user=xy z', "'", 8],
    ['agno-trace --user $(touch', ['agno-trace', '--user'], '$(touch', '', 2],
    ['agno-trace a\\', ['agno-trace'], 'a', '', 0],
    ["agno-trace '' ", ['agno-trace', ''], '', '', 0],
  ])('%s', (line, before, current, quote, kept) => {
    expect(readLine(line, BREAKS)).toEqual({words: before, current, quote, kept});
  });

  it('gets back text that is the value again, whatever is open', () => {
    for (const value of NASTY) {
      for (const opened of ['agno-trace --user ', "agno-trace --user '", 'agno-trace --user "', 'agno-trace --user=']) {
        const typed = readLine(opened, BREAKS);
        const whole = opened.includes('=') ? `--user=${value}` : value;
        const inserted = quotedForBash(whole, typed);
        if (inserted === null) {
          expect([opened.at(-1), value.includes('!')]).toEqual(['"', true]);
          continue;
        }
        // As readline does: the quote is closed unless the text ends with one.
        const closing = inserted.endsWith(typed.quote) ? '' : typed.quote;
        const after = readLine(`${opened}${inserted}${closing} `, BREAKS);
        expect(after.words.at(-1)).toBe(whole);
      }
    }
  });
});

describe('completion', () => {
  it.each(['bash', 'zsh', 'fish', 'powershell'])(
    'prints the script of %s, which calls the hidden command',
    async shell => {
      const {code, out, err} = await cli(['completion', shell]);
      expect([code, err]).toEqual([0, '']);
      expect(out).toContain(`agno-trace __complete ${shell}`);
    },
  );

  it('refuses another shell with the near miss', async () => {
    const {code, err} = await cli(['completion', 'bsh']);
    expect([code, err]).toEqual([2, expect.stringContaining('Did you mean bash?')]);
    expect((await cli(['completion'])).code).toBe(2);
  });
});
