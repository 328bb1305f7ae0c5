import {existsSync, mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {EXIT, UserError} from '../../src/errors.ts';
import {sourceFromEnvironment} from '../../src/store/postgres/parameters.ts';
import {type Env, type PostgresSource, parseSource} from '../../src/store/source.ts';
import {cli, json} from '../cli.ts';
import {openFixture, temporaryFolder} from '../databases.ts';

/** A service file in a folder of its own, which is also the home. */
function serviceFile(text: string, name = '.pg_service.conf'): {file: string; folder: string} {
  const folder = temporaryFolder();
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return {file, folder};
}

function parse(text: string, env: Env): PostgresSource {
  return parseSource(text, '--db', {USER: 'me', ...env}, '/') as PostgresSource;
}

function refusal(text: string, env: Env): string {
  try {
    parse(text, env);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({exitCode: EXIT.usage});
    return (error as UserError).message;
  }
  throw new Error(`not refused: ${text}`);
}

const PROD = `# the databases
[staging]
host=staging.example

[prod]
host=db.example
port=5433
user=anna
password=a b=c#d
dbname=ai
sslmode=verify-ca
`;

describe('a service', () => {
  it.each([
    ['a URL', 'postgresql://?service=prod', {}],
    ['a keyword string', 'service=prod', {}],
    ['PGSERVICE', 'postgresql://', {PGSERVICE: 'prod'}],
  ])('is named by %s, and gives all that nothing else says', (_, text, env) => {
    const {folder} = serviceFile(PROD);
    expect(parse(text, {HOME: folder, ...env})).toMatchObject({
      host: 'db.example',
      port: 5433,
      user: 'anna',
      password: 'a b=c#d',
      database: 'ai',
      sslMode: 'verify-ca',
    });
  });

  it('alone in PGSERVICE names the database to read', () => {
    const {folder} = serviceFile(PROD);
    expect(sourceFromEnvironment({HOME: folder, PGSERVICE: 'prod'})).toMatchObject({host: 'db.example'});
  });

  it('stands between what is given and the PG* variables, as in libpq', () => {
    const {folder} = serviceFile(PROD);
    const env = {HOME: folder, PGHOST: 'h', PGPORT: '1', PGUSER: 'u', PGDATABASE: 'd', PGSSLROOTCERT: '/ca'};
    expect(parse('postgresql://bert@other?service=prod', env)).toMatchObject({
      host: 'other',
      port: 5433,
      user: 'bert',
      database: 'ai',
      sslRootCert: '/ca',
    });
    expect(parse('postgresql://other?service=prod&database=x&ssl=disable', env)).toMatchObject({
      database: 'x',
      sslMode: 'disable',
    });
  });

  it('with an empty value keeps the variable away', () => {
    const {folder} = serviceFile('[prod]\nhost=h\npassword=\n');
    expect(parse('service=prod', {HOME: folder, PGPASSWORD: 'no'}).password).toBeNull();
  });

  it('takes the first section of its name and the first value of a key, and reads no further', () => {
    const {folder} = serviceFile('[a]\nhost=one\nhost=two\n[b]\nnonsense\n[a]\nport=1\n');
    expect(parse('service=a', {HOME: folder})).toMatchObject({host: 'one', port: 5432});
  });

  it('may have blanks around lines, comments and Windows line ends', () => {
    const {folder} = serviceFile('  [a]  \r\n\t# x\r\n   host=one \r\n');
    expect(parse('service=a', {HOME: folder})).toMatchObject({host: 'one'});
  });

  it('is looked for in PGSERVICEFILE instead of the home, then in PGSYSCONFDIR', () => {
    const {folder} = serviceFile('[a]\nhost=home\n');
    const {file} = serviceFile('[b]\nhost=named\n', 'services');
    const {folder: system} = serviceFile('[a]\nhost=system\n[c]\nhost=system\n', 'pg_service.conf');
    expect(parse('service=a', {HOME: folder, PGSYSCONFDIR: system}).host).toBe('home');
    expect(parse('service=c', {HOME: folder, PGSYSCONFDIR: system}).host).toBe('system');
    expect(parse('service=b', {HOME: folder, PGSERVICEFILE: file}).host).toBe('named');
    expect(parse('service=a', {HOME: folder, PGSERVICEFILE: file, PGSYSCONFDIR: system}).host).toBe('system');
  });

  it('that is not there is refused with the files named', () => {
    const {folder, file} = serviceFile(PROD);
    expect(refusal('service=prdo', {HOME: folder})).toBe(`definition of service "prdo" not found in "${file}".`);
    expect(refusal('service=prod', {HOME: '/nowhere'})).toContain('/nowhere/.pg_service.conf');
    expect(refusal('service=prod', {PGSERVICEFILE: '/nowhere/x'})).toBe('service file "/nowhere/x" not found.');
    expect(refusal('service=prod', {PGSERVICEFILE: folder})).toContain(`"${folder}" cannot be read`);
  });

  it.each([
    ['a line without =', '[a]\nhost=h\nsecret-word\n', 3, 'syntax error'],
    ['a key that libpq does not know', '[a]\nhsot=secret-word\n', 2, 'syntax error'],
    ['a blank before =', '[a]\nhost =secret-word\n', 2, 'syntax error'],
    ['a service in a service', '[a]\nservice=b\n', 2, 'nested'],
    ['an endless line', `[a]\nhost=${'x'.repeat(1100)}\n`, 2, 'line too long'],
  ])('with %s is refused as by libpq, with file and line and without the text', (_, text, line, what) => {
    const {folder, file} = serviceFile(text);
    const message = refusal('service=a', {HOME: folder});
    expect(message).toContain(what);
    expect(message).toContain(`service file "${file}", line ${line}.`);
    expect(message).not.toContain('secret-word');
  });

  it('connects to a real server, and its password stands in no output', async () => {
    const db = new URL(await openFixture('postgres', 'agno-2.9.0-shop.sqlite'));
    const {folder} = serviceFile(
      `[ok]\nhost=${db.hostname}\nport=${db.port}\nuser=postgres\npassword=test-only\ndbname=${db.pathname.slice(1)}\n` +
        `[bad]\nhost=${db.hostname}\nport=${db.port}\nuser=postgres\npassword=hemlock-orchid\n`,
    );
    const {data} = await json(['list', '-n', '3'], {env: {HOME: folder, PGSERVICE: 'ok'}});
    expect(data).toHaveLength(3);
    expect((await json(['list', '-n', '3', '--db', 'service=ok'], {env: {HOME: folder}})).data).toEqual(data);
    for (const flags of [[], ['--debug'], ['--json']]) {
      const refused = await cli(['list', '--db', 'service=bad', ...flags], {env: {HOME: folder}});
      expect(refused.code).toBe(EXIT.unreachable);
      expect(refused.out + refused.err).not.toMatch(/hemlock|orchid/);
    }
  });
});

describe('--dotenv', () => {
  const write = (text: string | Buffer): {cwd: string; file: string} => {
    const cwd = temporaryFolder();
    mkdirSync(path.join(cwd, 'conf'));
    writeFileSync(path.join(cwd, 'conf/.env'), text);
    return {cwd, file: 'conf/.env'};
  };

  it('gives the database, read as Node reads such files', async () => {
    const db = await openFixture('sqlite', 'agno-2.9.0-shop.sqlite');
    const {cwd, file} = write(`# here\nexport AGNO_TRACE_DB="${db}" # the app's\nUNUSED='$\{HOME}'\n`);
    const {data} = await json(['list', '-n', '2', '--dotenv', file], {cwd});
    expect(data).toHaveLength(2);
  });

  it('gives the time zone, for the times of the command line too; --tz and the environment win', async () => {
    const db = await openFixture('sqlite', 'agno-2.9.0-shop.sqlite');
    const {cwd, file} = write('AGNO_TRACE_TZ=Asia/Tokyo\n');
    const list = async (flags: string[], env = {}) =>
      (await cli(['list', '--db', db, '--dotenv', file, '--limit', '1', ...flags], {cwd, env})).out.split('\n')[1];
    expect(await list([])).toBe(await list(['--tz', 'Asia/Tokyo']));
    expect(await list(['--tz', 'UTC'])).not.toBe(await list([]));
    expect(await list([], {AGNO_TRACE_TZ: 'UTC'})).toBe(await list(['--tz', 'UTC']));
    const [newest] = (await json(['list', '--db', db, '--limit', '1'])).data as {startTime: string}[];
    const tokyo = new Date(Date.parse(newest!.startTime) + 9 * 3_600_000).toISOString().slice(0, 19);
    const since = async (flags: string[]) =>
      (await json(['list', '--db', db, '--since', tokyo, ...flags], {cwd})).data.length;
    expect([await since(['--dotenv', file]), await since([])]).toEqual([1, 0]);
    const wrong = write('AGNO_TRACE_TZ=Mars/Base\n');
    expect(await cli(['list', '--db', db, '--dotenv', wrong.file], {cwd: wrong.cwd})).toMatchObject({
      code: EXIT.usage,
      err: expect.stringContaining('AGNO_TRACE_TZ "Mars/Base"'),
    });
  });

  it('gives nothing that reaches Node, a child of ours or a command', async () => {
    const {cwd, file} = write(
      `AGNO_TRACE_CONFIG=evil.toml\nAGNO_TRACE_CACHE=.\nPATH=.\nNODE_OPTIONS=--require=./evil.js\n`,
    );
    writeFileSync(
      path.join(cwd, 'evil.toml'),
      'default = "a"\n[profiles.a]\ndb = "postgresql://u@127.0.0.1:1/d"\npassword_command = "touch ran"\n',
    );
    const {code, err} = await cli(['list', '--dotenv', file], {cwd, env: {PATH: process.env.PATH}});
    expect([code, err]).toEqual([EXIT.usage, expect.stringContaining('no database given')]);
    expect(err).toContain('note: AGNO_TRACE_CONFIG in "conf/.env" is ignored');
    expect(existsSync(path.join(cwd, 'ran'))).toBe(false);
  });

  it.each([['--env-file', '.env'], ['--env-file=.env'], ['--env-file-if-exists=.env']])(
    'is named to whoever types %s',
    async (...flags) => {
      for (const more of [[], ['--json']]) {
        const {code, err} = await cli(['list', ...flags, ...more]);
        expect([code, err]).toEqual([EXIT.usage, expect.stringContaining('--dotenv FILE')]);
        if (more.length > 0) expect(JSON.parse(err)).toMatchObject({error: {exitCode: EXIT.usage}});
      }
    },
  );

  it('gives DATABASE_URL and the PG* variables, of which those that are set win', async () => {
    const db = new URL(await openFixture('postgres', 'agno-2.9.0-shop.sqlite'));
    const {cwd, file} = write(
      `PGHOST=${db.hostname}\nPGPORT=${db.port}\nPGUSER=postgres\nPGPASSWORD=test-only\nPGDATABASE=nowhere\n`,
    );
    const env = {PGDATABASE: db.pathname.slice(1)};
    expect((await json(['list', '-n', '2', '--dotenv', file], {cwd, env})).data).toHaveLength(2);
    const other = await cli(['list', '--dotenv', file], {cwd, env: {}});
    expect(other).toMatchObject({code: EXIT.unreachable, out: ''});
    expect(other.err).toContain('"nowhere"');
  });

  it.each([
    ['AGNO_TRACE_DB', 'postgresql://u:hemlock-orchid@127.0.0.1:1/d'],
    ['DATABASE_URL', 'postgresql://u:hemlock-orchid@127.0.0.1:x/d'],
  ])('a secret in it (%s=%s) stands in no output', async (name, value) => {
    const {cwd, file} = write(`${name}=${value}\n`);
    for (const flags of [[], ['--debug'], ['--json'], ['--print-sql']]) {
      const result = await cli(['list', '--dotenv', file, ...flags], {cwd});
      expect(result.code).not.toBe(EXIT.done);
      expect(result.out + result.err).not.toMatch(/hemlock|orchid/);
    }
  });

  it('that is not there, or cannot be read, is one clear error', async () => {
    const {cwd} = write('');
    const missing = await cli(['list', '--dotenv', 'conf/.evn'], {cwd});
    expect(missing).toMatchObject({code: EXIT.usage, out: ''});
    expect(missing.err).toBe(`error: --dotenv "conf/.evn" does not exist.\nhint: Looked for ${cwd}/conf/.evn\n`);
    const folder = await cli(['list', '--dotenv', 'conf'], {cwd});
    expect(folder.code).toBe(EXIT.usage);
    expect(folder.err).toContain('it is a folder');
  });
});
