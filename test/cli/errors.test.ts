import {writeFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {type CliResult, cli} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';

const file = sqliteCopy('agno-2.9.0-shop.sqlite');
const db = ['--db', file];

/** A database with Agno's tables and no row. */
function emptyTables(): string {
  const empty = path.join(temporaryFolder(), 'new.db');
  const connection = new Database(empty);
  for (const statement of agnoTables('sqlite', '')) connection.exec(statement);
  connection.close();
  return empty;
}

function textFile(): string {
  const text = path.join(temporaryFolder(), 'notes.db');
  writeFileSync(
    text,
    'not a database, but long enough to have a header of one hundred bytes if it were one: '.repeat(3),
  );
  return text;
}

/** One command line for every exit code that means an error. */
const FAILURES = [
  ['an unknown flag', ['list', '--nonsense', ...db], EXIT.usage],
  ['an unknown command', ['nonsense', ...db], EXIT.usage],
  ['a bad value', ['list', '--since', 'blah', ...db], EXIT.usage],
  ['a database that is none', ['list', '--db', 'mysql://u@h/d'], EXIT.usage],
  ['an unknown id', ['show', 'nope1234', ...db], EXIT.notFound],
  ['an unknown span', ['show', 'latest', '--span', 'nope', ...db], EXIT.notFound],
  ['a missing file', ['list', '--db', '/nowhere/agno.db'], EXIT.unreachable],
  ['no server', ['slowest', '--db', 'postgresql://u:pw@127.0.0.1:1/d'], EXIT.unreachable],
  ['a text file', ['show', 'latest', '--db', textFile()], EXIT.unreachable],
  ['no tables', ['slowest', ...db, '--spans-table', 'nope'], EXIT.schema],
] as const;

/** The one shape of an error: what failed, then what to type next; nothing else, nowhere else. */
function isError(result: CliResult, code: number): {message: string; hint: string} {
  expect(result.code, result.err).toBe(code);
  expect(result.out).toBe('');
  expect(result.err).toMatch(/^error: \S[^\n]*\n(?: {2}\S[^\n]*\n +\^\n)?hint: \S[^\n]*\n$/);
  const [, message, hint] = /^error: (.*)\n(?: .*\n)*hint: (.*)\n$/.exec(result.err)!;
  return {message: message!, hint: hint!};
}

describe('an error', () => {
  it.each(FAILURES)('%s: one line that says what failed, one that says what to do', async (_, argv, code) => {
    isError(await cli(argv), code);
  });

  it.each(FAILURES)('%s: JSON on stderr for whoever asked for JSON, and nothing on stdout', async (_, argv, code) => {
    const plain = isError(await cli(argv), code);
    for (const flags of [['--json'], ['--jsonl'], ['--format', 'json'], ['--format', 'jsonl'], ['--format=json']]) {
      const result = await cli([...argv, ...flags]);
      expect(result).toMatchObject({code, out: ''});
      expect(result.err).toMatch(/^[^\n]+\n$/);
      expect(JSON.parse(result.err)).toEqual({error: {...plain, exitCode: code}});
    }
  });

  it.each(FAILURES)('%s: --debug prints where it happened, nothing else does', async (_, argv, code) => {
    for (const flags of [[], ['--json'], ['--print-sql']]) {
      expect((await cli([...argv, ...flags])).err).not.toMatch(/^\s+at /m);
    }
    const result = await cli([...argv, '--debug']);
    expect(result).toMatchObject({code, out: ''});
    expect(result.err).toMatch(/^error: /m);
    expect(result.err).toMatch(/^\s+at /m);
    expect((await cli(argv, {env: {AGNO_TRACE_DEBUG: '1'}})).err).toMatch(/^\s+at /m);
  });

  it('--debug prints the cause too', async () => {
    const {err} = await cli(['list', '--db', 'postgresql://u@127.0.0.1:1/d', '--debug']);
    expect(err).toContain('ECONNREFUSED');
    expect(err.indexOf('error: no Postgres answered')).toBeLessThan(err.indexOf('ECONNREFUSED'));
  });

  it('that nobody foresaw, of a view that a stranger wrote, is no defect of ours and keeps its stack for --debug', async () => {
    const broken = sqliteCopy('agno-2.9.0-shop.sqlite');
    const connection = new Database(broken);
    connection.exec(`alter table agno_spans rename to s;
      create view agno_spans as select span_id, trace_id, parent_span_id, name, span_kind, status_code, status_message,
        start_time, end_time, abs(-9223372036854775808) as duration_ms, attributes, created_at from s`);
    connection.close();
    const {message, hint} = isError(await cli(['slowest', '--db', broken]), EXIT.unreachable);
    expect(message).toContain('integer overflow');
    expect(hint).not.toContain('bug in agno-trace');
    expect((await cli(['slowest', '--db', broken, '--debug'])).err).toMatch(/^\s+at /m);
    const asJson = await cli(['slowest', '--db', broken, '--json']);
    expect(asJson).toMatchObject({code: EXIT.unreachable, out: ''});
    expect(JSON.parse(asJson.err)).toMatchObject({error: {exitCode: EXIT.unreachable}});
  });

  it('quotes hostile text so that it does nothing to a terminal, and stays on one line', async () => {
    const hostile = '\x1b[31mred\x1b]0;title\x07\nerror: forged\u202e';
    for (const argv of [
      ['list', '--since', hostile, ...db],
      ['show', hostile, ...db],
      ['list', '--state', hostile, ...db],
      [hostile],
      ['list', `--${hostile}`, ...db],
      ['list', '--db', `/tmp/${hostile}`],
    ]) {
      const {err} = await cli(argv);
      expect(err).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
      expect(err).toMatch(/^error: [^\n]*\nhint: [^\n]*\n$/);
    }
  });

  it('is coloured on a terminal only', async () => {
    const result = await cli(['list', '--since', 'blah', ...db], {columns: 80, env: {TERM: 'xterm-256color'}});
    expect(result.err).toMatch(/^\x1b\[31merror:\x1b\[39m/);
    const plain = await cli(['list', '--since', 'blah', ...db], {columns: 80, env: {NO_COLOR: '1'}});
    expect(plain.err).toMatch(/^error: /);
  });
});

describe('wrong usage exits 2', () => {
  it.each([
    [['lst'], '"lst"', /Did you mean .*list/],
    [['sow', 'latest'], '"sow"', /Did you mean .*show/],
    [['slowst'], '"slowst"', /Did you mean .*slowest/],
    [['nonsense'], '"nonsense"', /agno-trace --help/],
    [['help', 'lst'], '"lst"', /Did you mean .*list|agno-trace --help/],
    [['list', '--sesion', 'x'], '"--sesion"', /Did you mean --session\?/],
    [['list', '--password=hemlock'], '"--password"', /PGPASSWORD/],
    [['show', 'latest', '--critcal'], '"--critcal"', /Did you mean --critical\?/],
    [['slowest', '--nonsense'], '"--nonsense"', /agno-trace .*--help/],
    [['list', 'extra'], '"extra"', /agno-trace .*--help/],
    [['show'], '"id"', /agno-trace .*(show|--help)/],
    [['list', '--since'], '"--since', /agno-trace .*--help/],
    [['show', ''], 'id', /latest/],
  ])('%j', async (argv, quoted, next) => {
    const {message, hint} = isError(await cli([...argv, ...db]), EXIT.usage);
    expect(message).toContain(quoted);
    expect(hint).toMatch(next);
  });

  /** A value that each flag with a grammar of its own must refuse, and what the hint then says. */
  const BAD_VALUES = [
    ['list', '--since', 'blah', /2026-.*24h/],
    ['list', '--since', '2026-02-31', /2026-/],
    ['list', '--since', '25:00', /14:00/],
    ['list', '--since', '', /2026-/],
    ['list', '--until', '2026-13-45', /2026-/],
    ['list', '--until', 'tomorow', /today/],
    ['list', '--last', '5', /5h/],
    ['list', '--last', 'abc', /24h/],
    ['list', '--last', '-1h', /24h/],
    ['list', '--last', '999999999d', /7d/],
    ['list', '--limit', '-1', /--limit 20/],
    ['list', '--limit', '1.5', /--limit 20/],
    ['list', '--limit', '99999999999999999999', /--limit 20/],
    ['list', '--limit', '', /--limit 20/],
    ['list', '--min-duration', '5', /5s/],
    ['list', '--max-duration', 'long', /30m/],
    ['list', '--min-tokens', 'many', /--min-tokens/],
    ['list', '--kind', 'agnt', /Did you mean agent\?/],
    ['list', '--kind', 'zzz', /agent, .*llm/],
    ['list', '--state', 'eror', /Did you mean error\?/],
    ['list', '--state', 'zzz', /running, .*ok/],
    ['list', '--query', 'agent:', /agent:value/],
    ['list', '--sort', 'tokns', /Did you mean tokens\?/],
    ['list', '--stalled-after', 'soon', /30m/],
    ['list', '--lost-after', '1', /1h/],
    ['list', '--cursor', 'abc', /page\.next/],
    ['list', '--format', 'tabl', /Did you mean table\?/],
    ['list', '--format', 'tree', /table, json, jsonl/],
    ['list', '--fields', 'stat', /add --json/],
    ['list', '--max-bytes', 'many', /--max-bytes 20/],
    ['list', '--skip', '-1', /--skip 20/],
    ['list', '--tz', 'Mars', /Europe\/Berlin/],
    ['list', '--timeout', '5', /5s/],
    ['list', '--timeout', 'abc', /30m/],
    ['list', '--dotenv', '/nowhere/.env', /Looked for/],
    ['list', '--color', 'sometimes', /auto, always, never/],
    ['list', '--prices', 'none.json', /docs\/prices\.md/],
    ['show', '--prices', 'none.json', /docs\/prices\.md/],
    ['show', '--io', 'half', /none, preview, full/],
    ['show', '--depth', 'deep', /--depth/],
    ['show', '--limit', 'all', /--limit/],
    ['show', '--kind', 'll', /Did you mean llm\?/],
    ['show', '--format', 'table', /tree, json, jsonl/],
    ['show', '--query', 'tool:', /tool:value/],
    ['slowest', '--query', 'is:', /is:value/],
    ['slowest', '--by', 'tol', /Did you mean tool\?/],
    ['slowest', '--sort', 'p96', /p95Ms/],
    ['list', '--sort', 'constructor', /started, duration/],
    ['slowest', '--limit', 'all', /--limit/],
    ['slowest', '--fields', 'p95', /add --json/],
    ['sql', '--max-rows', 'many', /--max-rows/],
    ['sql', '--param', 'x', /name=text/],
    ['sql', '--file', '/nowhere/ask.sql', /path/],
    ['sql', '--fields', 'a', /add --json/],
    ['sql', '--format', 'tabl', /Did you mean table\?/],
    ['demo', '--traces', 'many', /--traces/],
    ['demo', '--seed', 'x', /--seed/],
    ['demo', '--speed', 'fast', /--speed/],
    ['demo', '--for', '10', /--for/],
  ] as const;

  it.each(BAD_VALUES)('%s %s "%s"', async (command, flag, value, next) => {
    const argv = [command, ...(command === 'show' ? ['latest'] : []), flag, value];
    const {message, hint} = isError(await cli([...argv, ...(command === 'demo' ? [] : db)]), EXIT.usage);
    expect(message).toContain(flag);
    expect(message).toContain(`"${value}"`);
    expect(hint).toMatch(next);
  });

  /** Flags that take any text there is: names, ids and patterns. */
  const ANY_TEXT = [
    ...[
      '--db',
      '--profile',
      '--runs-db',
      '--schema',
      '--traces-table',
      '--spans-table',
      '--path',
      '--span',
      '--output',
    ],
    ...['--session', '--user', '--agent', '--team', '--workflow', '--run', '--trace'],
    ...['--model', '--tool', '--name', '--status'],
  ];

  it.each(['list', 'show', 'slowest', 'sql', 'demo'])(
    'every flag of %s is tested here, or takes any text',
    async command => {
      // The flags of all commands have a page of their own.
      const out = (await cli([command, '--help'])).out + (await cli(['help', 'flags'])).out;
      const flags = [...out.matchAll(/^\s+(?:-\w, )?(--[a-z-]+) </gm)].map(([, flag]) => flag!);
      expect(flags).toContain('--db');
      const tested: readonly string[] = BAD_VALUES.map(([, flag]) => flag);
      expect(flags.filter(flag => !tested.includes(flag) && !ANY_TEXT.includes(flag))).toEqual([]);
    },
  );

  it.each([
    [['--since', 'now', '--until', 'yesterday'], /"yesterday"/],
    [['--last', '1h', '--since', 'now'], /--last and --since/],
    [['--stalled-after', '2h', '--lost-after', '1h'], /--lost-after/],
    [['--lost-after', '1m'], /--lost-after/],
  ])('two flags that contradict each other: %j', async (flags, text) => {
    expect(isError(await cli(['list', ...flags, ...db]), EXIT.usage).message).toMatch(text);
  });

  it('a wrong flag is refused before the database is looked at', async () => {
    for (const flags of [
      ['list', '--state', 'eror'],
      ['show', 'latest', '--io', 'half'],
      ['slowest', '--by', 'tol'],
    ]) {
      isError(await cli([...flags, '--db', '/nowhere/agno.db']), EXIT.usage);
    }
  });

  it('no database at all says what to type', async () => {
    const {hint} = isError(await cli(['list'], {cwd: temporaryFolder()}), EXIT.usage);
    expect(hint).toMatch(/--db.*AGNO_TRACE_DB/);
  });

  it('a demo never replaces a database that is none of ours', async () => {
    const {message} = isError(await cli(['demo', '--path', file]), EXIT.usage);
    expect(message).toContain(file);
  });
});

describe('not found exits 3', () => {
  it('an unknown id is quoted, with where to look for runs that have not ended', async () => {
    const {message, hint} = isError(await cli(['show', 'nope1234', ...db]), EXIT.notFound);
    expect(message).toContain('"nope1234"');
    expect(hint).toContain('agno-trace list --state running');
  });

  it('a prefix of several ids lists them', async () => {
    const {message, hint} = isError(await cli(['show', '01', ...db]), EXIT.notFound);
    expect(message).toMatch(/"01" is ambiguous: 2 ids start with it: run 01[^,]*, run 01/);
    expect(hint).toContain('more of the id');
  });

  it('an unknown span is quoted with what was searched', async () => {
    const {message, hint} = isError(await cli(['show', 'latest', '--span', 'nope', ...db]), EXIT.notFound);
    expect(message).toMatch(/"latest".*"nope"/);
    expect(hint).toContain('agno-trace show latest --json');
  });

  it('the latest run of an empty database is not there; an empty list is an answer', async () => {
    const empty = emptyTables();
    isError(await cli(['show', 'latest', '--db', empty]), EXIT.notFound);
    expect(await cli(['list', '--db', empty])).toMatchObject({code: EXIT.done, out: ''});
    expect(await cli(['slowest', '--db', empty])).toMatchObject({code: EXIT.done, out: ''});
    const {code, out} = await cli(['list', '--json', '--db', empty]);
    expect(code).toBe(EXIT.done);
    expect(JSON.parse(out)).toMatchObject({data: []});
  });
});

describe('done exits 0', () => {
  it.each([[['--help']], [['help']], [['help', 'list']], [['list', '--help']], [['--version']], [['-V']], [[]]])(
    '%j is an answer, on stdout',
    async argv => {
      const result = await cli(argv);
      expect(result).toMatchObject({code: EXIT.done, err: ''});
      expect(result.out).not.toBe('');
    },
  );
});
