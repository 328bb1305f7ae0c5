import {spawn} from 'node:child_process';
import {writeFileSync} from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {type CliResult, cli} from '../cli.ts';
import {newPostgresDatabase, sqliteCopy, temporaryFolder} from '../databases.ts';
import {BIN} from '../program.ts';

/*
 * Every secret here is made of two words that stand nowhere else, so that a piece of it is found as surely as the whole,
 * raw, decoded or encoded.
 */
const WORDS = /hemlock|orchid/i;
/** Holds what must be encoded in a URL, quoted in a keyword string, escaped in .pgpass, in JSON and in a shell. */
const PASSWORD = `hemlock:7&a=b c/d#e?f@g%h"i'j\\k${'é'}+orchid`;
const ENCODED = encodeURIComponent(PASSWORD);
/** Each byte encoded, the words too. */
const FULLY_ENCODED = [...Buffer.from(PASSWORD)].map(byte => `%${byte.toString(16).padStart(2, '0')}`).join('');

const COMMANDS = [['list'], ['show', 'latest'], ['slowest', '--by', 'tool']] as const;
const FLAGS = [
  [],
  ['--debug'],
  ['--json'],
  ['--jsonl', '--debug'],
  ['--print-sql'],
  ['--print-sql', '--debug'],
] as const;

/** All ways in which a text can be given as the database. */
const GIVEN_BY: Readonly<Record<string, (text: string) => {argv: string[]; env: Record<string, string>}>> = {
  '--db': text => ({argv: ['--db', text], env: {}}),
  '--db=': text => ({argv: [`--db=${text}`], env: {}}),
  AGNO_TRACE_DB: text => ({argv: [], env: {AGNO_TRACE_DB: text}}),
  DATABASE_URL: text => ({argv: [], env: {DATABASE_URL: text}}),
};

function hasSecret({out, err}: CliResult): boolean {
  const printed = out + err;
  return WORDS.test(printed) || printed.includes(FULLY_ENCODED) || printed.toLowerCase().includes(FULLY_ENCODED);
}

/**
 * Runs the commands with `text` as their database, in every way it can be given and with every flag that makes the
 * program say more, and looks through all that was printed.
 * @param code the exit code it must have; null: any that means an error
 */
async function staysSecret(text: string, code: number | null, env: Record<string, string> = {}): Promise<void> {
  for (const [by, give] of Object.entries(GIVEN_BY)) {
    for (const command of by === '--db' ? COMMANDS : [COMMANDS[0]]) {
      for (const [i, flags] of FLAGS.entries()) {
        const {argv, env: given} = give(text);
        // A terminal of 80 columns for one of them: texts are cut and escaped there.
        const options = {env: {USER: 'me', ...env, ...given}, cwd: temporary, columns: i === 1 ? 80 : undefined};
        const result = await cli([...command, ...argv, ...flags], options);
        const what = `${by}: ${[...command, ...flags].join(' ')}\n${result.out}${result.err}`;
        expect(hasSecret(result), what).toBe(false);
        if (code === null) expect(result.code, what).not.toBe(EXIT.done);
        else expect(result.code, what).toBe(code);
      }
    }
  }
}
const temporary = temporaryFolder();

/** A database, and a role whose password is the secret, with what it may do. */
async function databaseWithSecretRole(grants: string): Promise<{url: URL; role: string}> {
  const {url, client} = await newPostgresDatabase();
  for (const statement of agnoTables('postgres', 'ai')) await client.query(statement);
  const role = `r_${process.pid}_${Math.random().toString(36).slice(2, 10)}`;
  await client.query(`create role ${role} login password ${client.escapeLiteral(PASSWORD)}`);
  if (grants) await client.query(grants.replaceAll('ROLE', role));
  const changed = new URL(url);
  changed.username = role;
  changed.password = '';
  return {url: changed, role};
}
const READ = 'grant usage on schema ai to ROLE; grant select on all tables in schema ai to ROLE';

/** `url` with a user and password exactly as written. */
function login(url: URL, user: string, password: string): string {
  return `postgresql://${user}:${password}@${url.host}${url.pathname}`;
}

function quoted(value: string): string {
  return `'${value.replace(/[\\']/g, '\\$&')}'`;
}

describe('a URL that is refused', () => {
  it.each([
    ['a bad port', `postgresql://anna:${ENCODED}@127.0.0.1:notaport/ai`],
    ['a port out of range', `postgresql://anna:${FULLY_ENCODED}@127.0.0.1:99999/ai`],
    ['no host, so that the password stands where a port would', 'postgresql://anna:hemlock-orchid/ai'],
    ['no user, so that the password stands where a port would', 'postgresql://:hemlock-orchid/ai'],
    ['an unencoded @', 'postgresql://anna:hemlock@orchid@127.0.0.1:1/ai'],
    ['an unencoded @ and a colon', 'postgresql://anna:hemlock@orchid:9@127.0.0.1:1/ai'],
    ['an unencoded @ and a slash', 'postgresql://anna:hemlock@orchid/9@127.0.0.1:1/ai'],
    ['an unencoded @ and a question mark', 'postgresql://anna:hemlock@orchid?9@127.0.0.1:1/ai'],
    ['an unencoded @ and a hash', 'postgresql://anna:hemlock@orchid#9@127.0.0.1:1/ai'],
    ['an unencoded @ in a parameter', 'postgresql://127.0.0.1:1/ai?user=anna&password=hemlock@orchid'],
    ['an unknown scheme', `mysql+pymysql://anna:${ENCODED}@127.0.0.1:1/ai`],
    ['an unknown scheme and an unencoded password', 'mongodb+srv://anna:hemlock@orchid@127.0.0.1/ai'],
    ['a scheme with a hyphen', `postgres-ql://anna:${ENCODED}@127.0.0.1:1/ai`],
    ['a scheme with a hyphen and // in the password', 'postgres-ql://anna:hemlock//orchid@127.0.0.1:1/ai'],
    ['one slash', `postgresql:/anna:${ENCODED}@127.0.0.1:1/ai`],
    ['no slash', 'postgresql:anna:hemlock-orchid@127.0.0.1:1/ai'],
    ['no scheme', 'anna:hemlock-orchid@127.0.0.1:1/ai'],
    ['no scheme but slashes', '//anna:hemlock-orchid@127.0.0.1:1/ai'],
    ["JDBC's spelling", 'jdbc:postgresql://127.0.0.1:1/ai?user=anna&password=hemlock-orchid'],
    ["JDBC's spelling and //", 'jdbc:postgresql://127.0.0.1:1/ai?user=anna&password=hemlock//orchid'],
    ['quotes around it', `"postgresql://anna:${ENCODED}@127.0.0.1:1/ai"`],
    ['its variable in front of it', 'DATABASE_URL=postgresql://anna:hemlock//orchid@127.0.0.1:1/ai'],
    ['several hosts', `postgresql://anna:${ENCODED}@one:5432,two:5433/ai`],
    ['an unknown sslmode', `postgresql://anna:${ENCODED}@127.0.0.1:1/ai?sslmode=requre`],
    ['a password where the sslmode should be', 'postgresql://anna@127.0.0.1:1/ai?sslmode=hemlock-orchid'],
    ['a keyword string without its end', "host=127.0.0.1 port=1 password='hemlock orchid"],
    ['a keyword string with an unquoted blank', 'host=127.0.0.1 port=1 password=hemlock orchid'],
    ['a keyword string with a bad port', 'host=127.0.0.1 port=x password=hemlock-orchid'],
  ])('with %s', async (_, text) => {
    await staysSecret(text, EXIT.usage);
  });
});

describe('a server that does not answer', () => {
  const PARAMETERS = ['password', 'sslpassword', 'api_key', 'token', 'access-token', 'secret', 'credential', 'x'];

  it.each([
    ['a password', `postgresql://anna:${ENCODED}@127.0.0.1:1/ai`],
    ['a password encoded byte for byte', `postgresql://anna:${FULLY_ENCODED}@127.0.0.1:1/ai`],
    ['a password as SQLAlchemy takes it', 'postgresql+psycopg://anna:hemlock/x#y?z:orchid@127.0.0.1:1/ai'],
    ['a password with a stray %', 'postgresql://anna:hemlock%orchid@127.0.0.1:1/ai'],
    ...PARAMETERS.map(name => [`the parameter ${name}`, `postgresql://anna@127.0.0.1:1/ai?${name}=${ENCODED}`]),
    ...PARAMETERS.map(name => [
      `the parameter ${name} among others`,
      `postgresql://127.0.0.1:1/ai?x=1&${name}=${FULLY_ENCODED}&sslmode=require`,
    ]),
    ['a keyword string', `host=127.0.0.1 port=1 user=anna password=${quoted(PASSWORD)} sslpassword=hemlock`],
    ['a keyword string with blanks around =', `password = ${quoted('hemlock orchid')} host = 127.0.0.1 port = 1`],
    ['a keyword string with escapes', "host=127.0.0.1 port=1 password=hemlock\\ \\'orchid user=anna"],
    ['a socket', `postgresql://anna:${ENCODED}@/ai?host=%2Fnowhere`],
  ])('%s', async (_, text) => {
    await staysSecret(text!, EXIT.unreachable);
  });

  it('a password with an unencoded @ among the parameters', async () => {
    await staysSecret('postgresql://anna:x@127.0.0.1:1/ai?password=hemlock@orchid/9', null);
    await staysSecret('postgresql://anna@127.0.0.1:1/ai?password=hemlock@orchid?9', null);
  });

  it('a certificate that does not exist', async () => {
    const parameters = `sslmode=verify-full&sslrootcert=/nowhere/ca.pem&sslpassword=${ENCODED}`;
    await staysSecret(`postgresql://anna:${ENCODED}@127.0.0.1:1/ai?${parameters}`, EXIT.unreachable);
  });

  it('PGPASSWORD', async () => {
    const env = {PGPASSWORD: PASSWORD};
    await staysSecret('postgresql://anna@127.0.0.1:1/ai', EXIT.unreachable, env);
    await staysSecret('postgresql://anna@127.0.0.1:bad/ai', EXIT.usage, env);
    for (const flags of FLAGS) {
      const result = await cli(['list', ...flags], {env: {...env, PGHOST: '127.0.0.1', PGPORT: '1', PGUSER: 'anna'}});
      expect(result.code).toBe(EXIT.unreachable);
      expect(hasSecret(result), result.err).toBe(false);
    }
  });

  it('a host that nobody knows', async () => {
    const url = `postgresql://anna:${ENCODED}@nowhere.invalid/ai?token=${ENCODED}`;
    for (const flags of FLAGS) {
      const result = await cli(['list', '--db', url, ...flags]);
      expect(result.code).toBe(EXIT.unreachable);
      expect(hasSecret(result), result.err).toBe(false);
    }
  });

  it('an SQLite file with a passphrase', async () => {
    await staysSecret(`sqlite+pysqlcipher://:${ENCODED}@//nowhere/agno.db?cipher=aes-256-cfb`, EXIT.unreachable);
    await staysSecret(`sqlite:////nowhere/agno.db?key=${ENCODED}`, EXIT.unreachable);
  });
});

describe('a server that answers', () => {
  it('a wrong password', async () => {
    const {url} = await databaseWithSecretRole(READ);
    await staysSecret(login(url, 'postgres', ENCODED), EXIT.unreachable);
    await staysSecret(login(url, 'postgres', FULLY_ENCODED), EXIT.unreachable);
    await staysSecret(`postgresql://postgres@${url.host}/postgres?password=${ENCODED}`, EXIT.unreachable);
    await staysSecret(`postgresql://postgres@${url.host}/postgres`, EXIT.unreachable, {PGPASSWORD: PASSWORD});
    const {hostname, port, pathname} = url;
    const keywords = `host=${hostname} port=${port} dbname=${pathname.slice(1)} user=postgres`;
    await staysSecret(`${keywords} password=${quoted(PASSWORD)}`, EXIT.unreachable);
  });

  it('the right password: an unknown database, a missing right, a missing table, a wrong schema', async () => {
    const {url, role} = await databaseWithSecretRole('');
    await staysSecret(login(url, role, ENCODED).replace(/[^/]*$/, 'no_such_database'), EXIT.unreachable);
    await staysSecret(login(url, role, ENCODED), EXIT.unreachable);
    const readable = await databaseWithSecretRole(READ);
    const db = login(readable.url, readable.role, ENCODED);
    for (const flags of FLAGS) {
      for (const wrong of [
        ['--spans-table', 'nope'],
        ['--schema', 'nope'],
      ]) {
        const result = await cli(['list', '--db', db, ...wrong, ...flags]);
        expect(result.code).toBe(EXIT.schema);
        expect(hasSecret(result), result.err).toBe(false);
      }
      const result = await cli(['show', 'nope1234', '--db', db, ...flags]);
      expect(result.code).toBe(EXIT.notFound);
      expect(hasSecret(result), result.err).toBe(false);
    }
  });

  it('the right password: an answer, with all that --debug tells about the connection', async () => {
    const {url, role} = await databaseWithSecretRole(READ);
    for (const [text, env] of [
      [login(url, role, ENCODED), {}],
      [login(url, role, FULLY_ENCODED), {}],
      [`postgresql://${role}@${url.host}${url.pathname}`, {PGPASSWORD: PASSWORD}],
    ] as const) {
      for (const flags of FLAGS) {
        const result = await cli(['list', '--db', text, ...flags], {env});
        expect(result.code, result.err).toBe(EXIT.done);
        expect(hasSecret(result), result.out + result.err).toBe(false);
      }
      expect((await cli(['list', '--db', text, '--debug'], {env})).err).toMatch(/^debug: .*connected to/m);
    }
  });

  it('.pgpass: the right password, a wrong one, and a file that is ignored', async () => {
    const {url, role} = await databaseWithSecretRole(READ);
    const file = (password: string, mode: number) => {
      const written = path.join(temporaryFolder(), 'pgpass');
      writeFileSync(written, `*:*:*:*:${password.replace(/[\\:]/g, '\\$&')}\n`, {mode});
      return written;
    };
    const open = `postgresql://${role}@${url.host}${url.pathname}`;
    await staysSecret(open, EXIT.unreachable, {PGPASSFILE: file(`${PASSWORD}-wrong`, 0o600)});
    await staysSecret(open, EXIT.unreachable, {PGPASSFILE: file(PASSWORD, 0o644)});
    for (const flags of FLAGS) {
      const result = await cli(['list', '--db', open, ...flags], {env: {PGPASSFILE: file(PASSWORD, 0o600)}});
      expect(result.code, result.err).toBe(EXIT.done);
      expect(hasSecret(result), result.out + result.err).toBe(false);
    }
  });

  it('the demo command does not print it either', async () => {
    const {url, role} = await databaseWithSecretRole('');
    for (const flags of [[], ['--debug']]) {
      for (const [db, code] of [
        [login(url, role, ENCODED), EXIT.usage],
        [login(url, 'postgres', ENCODED), EXIT.unreachable],
        [`postgresql://anna:${ENCODED}@127.0.0.1:1/ai`, EXIT.unreachable],
      ] as const) {
        const result = await cli(['demo', '--traces', '1', '--db', db, ...flags]);
        expect(result.code, result.err).toBe(code);
        expect(hasSecret(result), result.out + result.err).toBe(false);
      }
    }
  });
});

describe('a URL in the wrong place', () => {
  const url = `postgresql://anna:${ENCODED}@127.0.0.1:1/ai?token=${FULLY_ENCODED}`;
  const file = sqliteCopy('agno-2.9.0-shop.sqlite');

  it.each([
    ['as the command', [url]],
    ['as an argument', ['list', url]],
    ['as an id', ['show', url, '--db', file]],
    ['as a time', ['list', '--since', url, '--db', file]],
    ['as a name that is not known', ['list', '--state', url, '--db', file]],
    ['with a misspelt flag', ['list', `--bd=${url}`]],
    ['as a schema', ['list', '--schema', url, '--db', file]],
    ['as a table', ['list', '--spans-table', url, '--db', file]],
    ['as a keyword string', [`host=127.0.0.1 password=${quoted(PASSWORD)}`]],
  ])('%s', async (_, argv) => {
    for (const flags of [[], ['--debug'], ['--json']]) {
      const result = await cli([...argv, ...flags]);
      expect(result.code).not.toBe(EXIT.done);
      expect(hasSecret(result), result.out + result.err).toBe(false);
    }
  });
});

describe('the program as it is installed', () => {
  /** Runs bin/, so that what Node and libraries print by themselves is seen too. */
  function bin(argv: readonly string[], env: Record<string, string>): Promise<CliResult> {
    const child = spawn(process.execPath, [BIN, ...argv], {env: {PATH: process.env.PATH, ...env}});
    const printed = {out: '', err: ''};
    child.stdout.on('data', chunk => {
      printed.out += chunk;
    });
    child.stderr.on('data', chunk => {
      printed.err += chunk;
    });
    return new Promise(resolve => child.on('close', code => resolve({code: code ?? -1, ...printed})));
  }

  it('prints no secret when it fails, whatever it is told to say', async () => {
    const {url, role} = await databaseWithSecretRole(READ);
    const pgpass = path.join(temporaryFolder(), 'pgpass');
    writeFileSync(pgpass, `*:*:*:*:hemlock-orchid\n`, {mode: 0o600});
    const open = `postgresql://${role}@${url.host}${url.pathname}`;
    const runs = await Promise.all([
      bin(['list', '--debug', '--db', login(url, 'postgres', ENCODED)], {}),
      bin(['list', '--debug'], {
        DATABASE_URL: `postgresql://anna:${ENCODED}@127.0.0.1:1/ai`,
        NODE_OPTIONS: '--trace-warnings',
      }),
      bin(['list', '--debug', '--json', '--db', open], {PGPASSWORD: 'hemlock-orchid'}),
      bin(['list', '--debug', '--db', open], {PGPASSFILE: pgpass}),
      bin(['list', '--debug', '--db', `${open}?sslmode=require&sslpassword=${ENCODED}`], {PGPASSWORD: PASSWORD}),
    ]);
    for (const result of runs) {
      expect(result.code, result.err).toBe(EXIT.unreachable);
      expect(hasSecret(result), result.out + result.err).toBe(false);
    }
  });
});
