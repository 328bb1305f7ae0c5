import {chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import envPaths from 'env-paths';
import {parse} from 'smol-toml';
import {beforeEach, describe, expect, it} from 'vitest';
import {EXIT, type UserError} from '../../src/errors.ts';
import {configPlace} from '../../src/profiles/config-file.ts';
import {passwordFromCommand} from '../../src/profiles/password-command.ts';
import {type CliResult, cli, json} from '../cli.ts';
import {openFixture, temporaryFolder} from '../databases.ts';
import {isRunning} from '../processes.ts';

const SHOP = 'agno-2.9.0-shop.sqlite';
let home: string;
let config: string;
let env: Record<string, string | undefined>;
beforeEach(() => {
  home = temporaryFolder();
  config = path.join(home, 'conf/config.toml');
  env = {HOME: home, AGNO_TRACE_CONFIG: config};
});

const run = (...argv: string[]): Promise<CliResult> => cli(argv, {env, cwd: home});
const ok = async (...argv: string[]): Promise<CliResult> => {
  const result = await run(...argv);
  expect(result.code, result.err).toBe(EXIT.done);
  return result;
};

/** Writes the config file by hand, as a careful user would. */
function write(text: string, mode = 0o600): void {
  mkdirSync(path.dirname(config), {recursive: true});
  writeFileSync(config, text);
  chmodSync(config, mode);
}

async function refused(code: number, ...argv: string[]): Promise<string> {
  const result = await run(...argv);
  expect(result, result.err).toMatchObject({code, out: ''});
  expect(result.err).toMatch(/^error: [^\n]*\nhint: [^\n]*\n$/);
  return result.err;
}

/** A real Postgres with fixture rows: its URL without the password, which is `test-only`. */
async function postgresWithoutPassword(): Promise<string> {
  const url = new URL(await openFixture('postgres', SHOP));
  url.password = '';
  return url.href;
}

describe('the config file', () => {
  it('is where env-paths says', () => {
    expect(configPlace(process.env, '/')).toBe(path.join(envPaths('agno-trace', {suffix: ''}).config, 'config.toml'));
  });

  it('follows AGNO_TRACE_CONFIG, XDG_CONFIG_HOME and HOME of the environment it is given', () => {
    expect(configPlace({HOME: '/h'}, '/', 'linux')).toBe('/h/.config/agno-trace/config.toml');
    expect(configPlace({HOME: '/h', XDG_CONFIG_HOME: '/x'}, '/', 'linux')).toBe('/x/agno-trace/config.toml');
    expect(configPlace({HOME: '/h', XDG_CONFIG_HOME: 'x'}, '/', 'linux')).toBe('/h/.config/agno-trace/config.toml');
    expect(configPlace({HOME: '/h'}, '/', 'darwin')).toBe('/h/Library/Preferences/agno-trace/config.toml');
    expect(configPlace({HOME: '/h', AGNO_TRACE_CONFIG: 'my.toml'}, '/srv', 'linux')).toBe('/srv/my.toml');
    expect(configPlace({}, '/', 'linux')).toBeNull();
  });

  it('is written with mode 0600 into a folder with mode 0700, and nothing else is left there', async () => {
    await ok('profile', 'add', 'a', '--db', 'a.db');
    expect(statSync(config).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(config)).mode & 0o777).toBe(0o700);
    expect(parse(readFileSync(config, 'utf8'))).toEqual({profiles: {a: {db: path.join(home, 'a.db')}}});
  });

  it('keeps keys of others and what numbers are, and says that comments are gone', async () => {
    write(
      '# mine\ncolor = "never" # yes\nratio = 1.0\nbig = 9007199254740993\n[profiles.a]\ndb = "a#b.db"\nnew_key = 1\n',
    );
    const {err} = await ok('profile', 'add', 'b', '--db', 'b.db');
    expect(err).toContain('2 comments');
    const text = readFileSync(config, 'utf8');
    expect(text).toContain('ratio = 1.0');
    expect(text).toContain('big = 9007199254740993');
    expect(parse(text, {integersAsBigInt: true})).toMatchObject({
      color: 'never',
      profiles: {a: {db: 'a#b.db', new_key: 1n}, b: {}},
    });
    expect((await ok('profile', 'use', 'b')).err).not.toContain('comment');
  });

  it('stays a link where it is one', async () => {
    write('');
    const real = path.join(home, 'real.toml');
    writeFileSync(real, '', {mode: 0o600});
    env.AGNO_TRACE_CONFIG = path.join(home, 'link.toml');
    symlinkSync(real, env.AGNO_TRACE_CONFIG);
    await ok('profile', 'add', 'a', '--db', 'a.db');
    expect(readFileSync(real, 'utf8')).toContain('[profiles.a]');
  });

  it.each([
    ['[profiles.a]\ndb = "x\n', /config\.toml:2:\d+ is not valid TOML/],
    ['profiles = 3', /"profiles".*is not a table/],
    ['default = 3', /"default".*is not text/],
    ['[profiles]\na = "x.db"', /profile "a".*is not a table/],
    ['[profiles.a]\nschema = "ai"', /profile "a".*names no database/],
    ['[profiles.a]\ndb = 5', /profile "a".*db that is not text/],
    ['[profiles.a]\ndb = "postgresql://h/d"\npassword = "hemlock"', /"password", which is not read/],
    ['[profiles.a]\ndb = "postgresql://h/d"\npassword_env = "X"\npassword_command = "echo hemlock"', /has two sources/],
    ['[profiles.a]\ndb = "postgresql://u:hemlock@h/d"\npassword_env = "X"', /has two sources/],
    ['[profiles.a]\ndb = "postgresql://h/d"\nruns_password_env = "X"', /no runs_db/],
    ['default = "b"\n[profiles.a]\ndb = "a.db"', /default profile "b"/],
  ])('with %j is refused with its name, and its secrets are not shown', async (text, message) => {
    write(text);
    const err = await refused(EXIT.usage, 'list');
    expect(err).toMatch(message);
    expect(err).toContain(config);
    expect(err).not.toContain('hemlock');
  });

  it('is not read when --db or AGNO_TRACE_DB names the database', async () => {
    write('broken [');
    const db = await openFixture('sqlite', SHOP);
    await ok('list', '--db', db);
    env.AGNO_TRACE_DB = db;
    await ok('list');
  });

  it('that cannot be written is an error, and the old one stays', async () => {
    env.AGNO_TRACE_CONFIG = path.join(home, 'file/config.toml');
    writeFileSync(path.join(home, 'file'), '');
    const result = await run('profile', 'add', 'a', '--db', 'a.db');
    expect(result).toMatchObject({code: EXIT.failed, out: ''});
    expect(result.err).toContain('cannot be written');
    expect(readFileSync(path.join(home, 'file'), 'utf8')).toBe('');
  });
});

describe('profile', () => {
  it('add, list, show, use, remove', async () => {
    const db = await openFixture('sqlite', SHOP);
    await ok('profile', 'add', 'shop', '--db', db);
    await ok(
      'profile',
      'add',
      'far',
      '--db',
      'postgresql+psycopg://anna@db.example:5433/ai?sslmode=require',
      '--schema',
      's',
      '--traces-table',
      't',
      '--spans-table',
      'p',
      '--runs-db',
      'postgresql://db.example/app',
      '--password-command',
      'echo hemlock',
      '--runs-password-env',
      'X',
    );
    expect((await ok('profile', 'use', 'shop')).out).toBe('profile "shop" is now the default\n');
    const listed = await json(['profile', 'list'], {env, cwd: home});
    expect(listed.schema).toBe('agno-trace/profile/1');
    const far = {
      name: 'far',
      default: false,
      db: 'anna@db.example:5433/ai sslmode=require',
      schema: 's',
      tracesTable: 't',
      spansTable: 'p',
      passwordFrom: 'command',
      runsDb: 'db.example/app',
      runsPasswordFrom: '$X',
    };
    expect(listed.data).toEqual([
      expect.objectContaining({name: 'shop', default: true, db, passwordFrom: null, runsDb: null}),
      far,
    ]);
    expect((await json(['profile', 'show', 'far'], {env, cwd: home})).data).toEqual([far]);
    const shown = await ok('profile', 'show', 'far');
    expect(shown.out).toContain('from a command (not shown)');
    const table = await cli(['profile'], {env, cwd: home, columns: 80});
    expect(table.out).toMatch(/shop +default/);
    for (const {out, err} of [shown, table]) expect(out + err).not.toContain('hemlock');
    const removed = await ok('profile', 'remove', 'shop');
    expect(removed.err).toContain('it was the default; now there is no default profile');
    expect(existsSync(db)).toBe(true);
    expect(parse(readFileSync(config, 'utf8'))).toMatchObject({profiles: {far: {schema: 's'}}});
    expect(readFileSync(config, 'utf8')).not.toContain('default');
  });

  it('set changes what is said, by keys or by flags, and leaves the rest and the order alone', async () => {
    write(
      'default = "far"\n[profiles.far]\ndb = "postgresql://h/d"\npassword_command = "echo hemlock"\nnew_key = 1\n[profiles.b]\ndb = "b.db"\n',
    );
    const changed = await ok('profile', 'set', 'far', 'schema', 's', 'password-env', 'X', 'DB', 'postgresql://h/e');
    expect(changed.out).toBe(`changed profile "far": schema, password_env, db (${config})\n`);
    expect(changed.err).toContain('password_command is taken away: a password has one place');
    const far = {db: 'postgresql://h/e', new_key: 1, schema: 's', password_env: 'X'};
    expect(parse(readFileSync(config, 'utf8'))).toEqual({default: 'far', profiles: {far, b: {db: 'b.db'}}});
    await ok('profile', 'set', 'far', '--password-command', 'echo hemlock', 'schema', '');
    const {schema: _, password_env: __, ...rest} = far;
    expect(parse(readFileSync(config, 'utf8'))).toMatchObject({
      profiles: {far: {...rest, password_command: 'echo hemlock'}},
    });
    expect(readFileSync(config, 'utf8')).not.toContain('schema');
    expect(Object.keys(parse(readFileSync(config, 'utf8')).profiles as object)).toEqual(['far', 'b']);
    // A path is kept whole only where it is typed.
    await ok('profile', 'set', 'b', 'traces_table', 't');
    expect(parse(readFileSync(config, 'utf8'))).toMatchObject({profiles: {b: {db: 'b.db'}}});
    await ok('profile', 'set', 'b', 'db', 'c.db');
    expect(parse(readFileSync(config, 'utf8'))).toMatchObject({profiles: {b: {db: path.join(home, 'c.db')}}});
  });

  it.each([
    [['add', 'a'], /needs a database/, /--db/],
    [['add', '-x', '--db', 'a.db'], /-x/, /./],
    [['add', 'a b', '--db', 'a.db'], /"a b" is not a valid/, /letters/],
    [['add', '__proto__', '--db', 'a.db'], /"__proto__" is not a valid/, /letters/],
    [['add', 'prod', '--db', 'a.db'], /"prod" already/, /profile set prod changes it/],
    [['add', 'a', '--db', 'a.db', '--schema', 'ai'], /--schema does not apply/, /Leave/],
    [['add', 'a', '--db', 'postgresql://h:x/d'], /--db has no valid port/, /./],
    [
      ['add', 'a', '--db', 'postgresql://h/d', '--password-env', 'X', '--password-command', 'x'],
      /has two sources/,
      /Keep one/,
    ],
    [['set', 'prod'], /nothing says what to change/, /profile set prod schema/],
    [['set', 'prdo', 'schema', 'ai'], /no profile "prdo"/, /Did you mean prod\?/],
    [['set', 'prod', 'schem', 'ai'], /no key "schem"/, /Did you mean schema\?/],
    [['set', 'prod', 'schema'], /"schema" has no value/, /takes it away/],
    [['set', 'prod', 'schema', 'ai'], /--schema does not apply/, /Leave/],
    [['set', 'prod', 'db', ''], /names no database/, /db = /],
    [['set', 'prod', 'db', 'postgresql://u:hemlock@h/d'], /--db contains a password/, /pgpass/],
    [
      ['set', 'prod', 'password_env', 'X', 'password_command', 'x', 'db', 'postgresql://h/d'],
      /has two sources/,
      /Keep one/,
    ],
    [['show', 'prdo'], /no profile "prdo"/, /Did you mean prod\?/],
    [['use', 'zzzz'], /no profile "zzzz"/, /There are: prod/],
    [['remove', 'constructor'], /no profile "constructor"/, /There are/],
    [['show', 'prod', '--profile', 'prod'], /--profile/, /profile show/],
    [['show', 'prod', 'more'], /"more"/, /--help/],
    [['lst'], /"lst"/, /--help/],
  ])('%j is refused and changes nothing', async (argv, message, hint) => {
    await ok('profile', 'add', 'prod', '--db', 'a.db');
    const before = readFileSync(config);
    const err = await refused(EXIT.usage, 'profile', ...argv);
    expect(err).toMatch(message);
    expect(err.split('\n')[1]).toMatch(hint);
    expect(readFileSync(config)).toEqual(before);
  });

  it.each([
    ['--db', 'postgresql://anna:hemlock@h/d'],
    ['--db', 'postgresql://h/d?user=anna&password=hemlock'],
    ['--db', 'postgresql://h/d?sslpassword=hemlock'],
    ['--db', "host=h dbname=d password='hemlock'"],
    ['--runs-db', 'postgresql://anna:hemlock@h/d'],
  ])('a password in %s %s is refused with the places for one', async (flag, url) => {
    const argv = ['profile', 'add', 'a', ...(flag === '--db' ? [] : ['--db', 'a.db']), flag, url];
    const err = await refused(EXIT.usage, ...argv);
    for (const place of ['.pgpass', 'PGPASSWORD', 'password-env', 'password-command']) expect(err).toContain(place);
    expect(err).not.toContain('hemlock');
    expect(existsSync(config)).toBe(false);
  });

  it.each([
    [0o644, EXIT.usage],
    [0o640, EXIT.usage],
    [0o604, EXIT.usage],
    [0o600, EXIT.done],
    [0o400, EXIT.done],
  ])('a password in a file of mode %o: exit %i', async (mode, code) => {
    const url = await openFixture('postgres', SHOP);
    write(`[profiles.a]\ndb = "${url}"\n[profiles.b]\ndb = "b.db"\n`, mode);
    for (const argv of [
      ['list', '--profile', 'a', '-n', '1'],
      ['profile', 'list'],
    ]) {
      const result = await run(...argv);
      expect(result.code, result.err).toBe(code);
      expect(result.out + result.err).not.toContain('test-only');
      if (code === EXIT.usage) {
        expect(result.err).toContain(`"${config}" holds a password (db of profile "a")`);
        expect(result.err).toContain(`mode 0${mode.toString(8)}`);
        expect(result.err).toContain(`chmod 600 ${config}`);
      }
    }
  });

  it('a command in a file that others can change is not run', async () => {
    const ran = path.join(home, 'ran');
    write(`[profiles.a]\ndb = "${await postgresWithoutPassword()}"\npassword_command = "touch ${ran}"\n`, 0o620);
    expect(await refused(EXIT.usage, 'list', '--profile', 'a')).toContain('other users can change it (mode 0620)');
    expect(existsSync(ran)).toBe(false);
  });
});

describe('--profile', () => {
  it('goes before AGNO_TRACE_DB, which goes before AGNO_TRACE_PROFILE, the default, DATABASE_URL and PG*', async () => {
    const file = (name: string) => path.join(home, `${name}.db`);
    write(['one', 'two', 'three'].map(name => `[profiles.${name}]\ndb = "../${name}.db"\n`).join(''));
    await ok('profile', 'use', 'three');
    Object.assign(env, {
      AGNO_TRACE_DB: file('direct'),
      AGNO_TRACE_PROFILE: 'two',
      DATABASE_URL: 'sqlite:///url.db',
      PGHOST: 'h',
    });
    // None of them exists: the error names the one that was chosen.
    const chosen = async (...argv: string[]) => /database file "([^"]*)"/.exec((await run('list', ...argv)).err)?.[1];
    expect(await chosen('--profile', 'one')).toBe(file('one'));
    expect(await chosen()).toBe(file('direct'));
    env.AGNO_TRACE_DB = '';
    expect(await chosen()).toBe(file('two'));
    env.AGNO_TRACE_PROFILE = undefined;
    expect(await chosen()).toBe(file('three'));
    await ok('profile', 'remove', 'three');
    expect(await chosen()).toBe(file('url'));
  });

  it('with --db is refused, and so are several where one database is read', async () => {
    write('[profiles.a]\ndb = "a.db"\n[profiles.b]\ndb = "b.db"\n');
    expect(await refused(EXIT.usage, 'list', '--db', 'a.db', '--profile', 'a')).toContain('--db and --profile');
    for (const command of [['show', 'latest'], ['slowest']]) {
      expect(await refused(EXIT.usage, ...command, '--profile', 'a', '--profile', 'b')).toContain(
        'Only list reads several',
      );
    }
    expect(await refused(EXIT.usage, 'list', '--profile', 'aa')).toContain('Did you mean a?');
    expect(await refused(EXIT.usage, 'demo', '--profile', 'a')).toContain('demo');
  });

  it('brings its schema and tables along; flags win', async () => {
    const url = await openFixture('postgres', SHOP);
    write(`[profiles.a]\ndb = "${url}"\nschema = "elsewhere"\n`);
    expect((await run('list', '--profile', 'a')).err).toContain('"elsewhere"');
    await ok('list', '--profile', 'a', '--schema', 'ai');
  });

  it('names keys that it does not know', async () => {
    write(`[profiles.a]\ndb = "${await openFixture('sqlite', SHOP)}"\npasword_env = "X"\n`);
    expect((await json(['list', '--profile', 'a'], {env})).notes.join()).toContain('"pasword_env"');
  });
});

describe('a password of a profile', () => {
  const profile = async (more: string): Promise<void> =>
    write(`[profiles.a]\ndb = "${await postgresWithoutPassword()}"\n${more}\n`);
  const list = (...flags: string[]) => run('list', '--profile', 'a', '-n', '1', ...flags);

  it('comes from the variable that password_env names, also out of --dotenv', async () => {
    await profile('password_env = "AGNO_TRACE_SHOP_PW"');
    expect((await list()).err).toContain('"AGNO_TRACE_SHOP_PW"');
    env.AGNO_TRACE_SHOP_PW = 'test-only';
    expect((await list()).code).toBe(EXIT.done);
    env.AGNO_TRACE_SHOP_PW = undefined;
    writeFileSync(path.join(home, '.env'), 'AGNO_TRACE_SHOP_PW=test-only\n');
    expect((await list('--dotenv', '.env')).code).toBe(EXIT.done);
    env.AGNO_TRACE_SHOP_PW = 'hemlock-orchid';
    for (const flags of [[], ['--debug'], ['--json']]) {
      const wrong = await list(...flags);
      expect(wrong.code).toBe(EXIT.unreachable);
      expect(wrong.out + wrong.err).not.toContain('hemlock');
    }
  });

  it.each(['cat pw', 'printf "test-only\\\\nsecond line\\\\n"', 'test -t 0 || echo test-only', 'echo $PW_OF_ENV'])(
    'comes from the first line that password_command prints: %s',
    async command => {
      writeFileSync(path.join(home, 'pw'), 'test-only\r\n');
      env.PW_OF_ENV = 'test-only';
      env.PGPASSWORD = 'not-this-one';
      await profile(`password_command = '${command.replaceAll('\\\\', '\\')}'`);
      const {code, err} = await list();
      expect(code, err).toBe(EXIT.done);
    },
  );

  it.each([
    ['echo hemlock; echo "no key for hemlock" >&2; echo more >&2; exit 3', 'failed (exit 3): no key for ***'],
    ['exit 1', 'failed (exit 1).'],
    ['kill -9 $$', 'failed (signal SIGKILL).'],
    ['no-such-program-here', 'failed (exit 127): '],
    ['true', 'printed no password.'],
    ['echo; echo hemlock', 'printed no password.'],
  ])('that fails (%s) is one clear line without what it printed', async (command, message) => {
    await profile(`password_command = '''${command}'''`);
    for (const flags of [[], ['--debug'], ['--json']]) {
      const {code, out, err} = await list(...flags);
      expect(code).toBe(EXIT.unreachable);
      expect(out).toBe('');
      expect(err.replaceAll('\\"', '"')).toContain(`password_command of profile "a" ${message}`);
      expect(err).not.toContain('hemlock');
      expect(err).not.toContain('more\n');
    }
  });

  it('is waited for no longer than a limit, and what it started ends with it', async () => {
    const pid = path.join(home, 'pid');
    const late = new AbortController();
    const around = {env: {PATH: process.env.PATH}, cwd: home, origin: 'profile "a"', late: late.signal};
    const asked = passwordFromCommand(`sleep 600 & echo $! > ${pid}; wait`, around);
    const failed = asked.catch((error: UserError) => error);
    await expect.poll(() => existsSync(pid) && readFileSync(pid, 'utf8')).toMatch(/\d\n/);
    late.abort();
    expect(await failed).toMatchObject({
      exitCode: EXIT.unreachable,
      message: expect.stringContaining('password_command of profile "a" took longer than 10 s'),
    });
    const sleeper = Number(readFileSync(pid, 'utf8'));
    await expect.poll(() => isRunning(sleeper)).toBe(false);
  });

  it('is asked for only when a connection is made, and wrong ones are hidden', async () => {
    const ran = path.join(home, 'ran');
    await profile(`password_command = '''echo x >> ${ran}; echo hemlock-orchid'''`);
    await ok('profile', 'list');
    await ok('profile', 'show', 'a');
    expect(existsSync(ran)).toBe(false);
    const wrong = await list('--debug');
    expect(wrong.code).toBe(EXIT.unreachable);
    expect(wrong.err).toContain('password_command');
    expect(wrong.err).not.toContain('hemlock');
    expect(readFileSync(ran, 'utf8')).toBe('x\n');
  });
});
