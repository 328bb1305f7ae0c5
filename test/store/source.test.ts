import {writeFileSync} from 'node:fs';
import {homedir} from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import type {Context} from '../../src/context.ts';
import {EXIT, UserError} from '../../src/errors.ts';
import {connectionOf} from '../../src/flags/connection.ts';
import {type Env, labelOf, type PostgresSource, parseSource, type Source, secretsOf} from '../../src/store/source.ts';
import {temporaryFolder} from '../fixtures.ts';

const CWD = '/srv/app';

function parse(text: string, env: Env = {}): Source {
  return parseSource(text, '--db', {USER: 'me', ...env}, CWD);
}

function postgres(text: string, env: Env = {}): PostgresSource {
  const source = parse(text, env);
  if (source.dialect !== 'postgres') throw new Error(`"${text}" was read as ${source.dialect}`);
  return source;
}

/** The usage error that `text` is refused with; all that a user sees of it as one text. */
function refusal(text: string, env: Env = {}): string {
  let source: Source;
  try {
    source = parse(text, env);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    expect(error).toMatchObject({exitCode: EXIT.usage, hint: expect.stringMatching(/\S/)});
    return `${(error as UserError).message} ${(error as UserError).hint}`;
  }
  throw new Error(`not refused: read as ${JSON.stringify(source)}`);
}

describe('Postgres URLs', () => {
  const full = {dialect: 'postgres', host: 'db.example', port: 5433, user: 'anna', password: 'pw', database: 'ai'};

  it.each([
    'postgresql',
    'postgres',
    'postgresql+psycopg',
    'postgresql+psycopg_async',
    'postgresql+psycopg2',
    'postgresql+asyncpg',
    'postgres+asyncpg',
    'POSTGRESQL',
  ])('%s:// says how Python connects and where the database is', scheme => {
    expect(parse(`${scheme}://anna:pw@db.example:5433/ai`)).toMatchObject(full);
  });

  it('blanks around a URL, as copied from a file, do not matter', () => {
    expect(parse('  postgresql://anna:pw@db.example:5433/ai\n')).toMatchObject(full);
  });

  it('what a URL leaves out is what libpq takes: port 5432, the own user, a database of the same name', () => {
    expect(parse('postgresql://db.example')).toMatchObject({
      host: 'db.example',
      port: 5432,
      user: 'me',
      password: null,
      database: 'me',
      sslMode: 'prefer',
    });
    expect(parse('postgresql://anna@db.example')).toMatchObject({user: 'anna', database: 'anna'});
  });

  it('what a URL leaves out is taken from the PG* variables', () => {
    const env = {PGHOST: 'h', PGPORT: '5499', PGUSER: 'u', PGPASSWORD: 'pw', PGDATABASE: 'd', PGSSLMODE: 'require'};
    expect(parse('postgresql://', env)).toMatchObject({
      host: 'h',
      port: 5499,
      user: 'u',
      password: 'pw',
      database: 'd',
      sslMode: 'require',
    });
  });

  it('what a URL says beats the PG* variables', () => {
    const env = {PGHOST: 'h', PGPORT: '5499', PGUSER: 'u', PGPASSWORD: 'other', PGDATABASE: 'd', PGSSLMODE: 'disable'};
    expect(parse('postgresql://anna:pw@db.example:5433/ai?sslmode=verify-full', env)).toMatchObject({
      ...full,
      sslMode: 'verify-full',
    });
    expect(parse('postgresql://db.example?database=ai', env)).toMatchObject({database: 'ai'});
  });

  it('parameters of the URL can carry everything', () => {
    expect(
      parse(
        'postgresql://?host=db.example&port=5433&user=anna&password=pw&dbname=ai&sslmode=verify-ca&sslrootcert=/ca.pem' +
          '&sslcert=/c.pem&sslkey=/k.pem&sslpassword=kp&passfile=/pass',
      ),
    ).toMatchObject({
      ...full,
      sslMode: 'verify-ca',
      sslRootCert: '/ca.pem',
      sslCert: '/c.pem',
      sslKey: '/k.pem',
      sslPassword: 'kp',
      passFile: '/pass',
    });
  });

  it('parameters it does not know are left alone', () => {
    expect(parse('postgresql://anna:pw@db.example:5433/ai?connect_timeout=3&options=-csearch_path%3Dai&x')).toEqual(
      parse('postgresql://anna:pw@db.example:5433/ai'),
    );
  });

  it.each([
    ['postgresql://anna:pw@[::1]:5433/ai', '::1', 'anna@[::1]:5433/ai'],
    ['postgresql://anna@[2001:db8::7]/ai', '2001:db8::7', 'anna@[2001:db8::7]:5432/ai'],
    ['postgresql://[fe80::1%25eth0]/ai', 'fe80::1%eth0', 'me@[fe80::1%eth0]:5432/ai'],
  ])('an IPv6 address stands in brackets: %s', (url, host, label) => {
    const source = parse(url);
    expect(source).toMatchObject({host});
    expect(labelOf(source)).toBe(label);
  });

  it.each([
    'postgresql:///ai?host=/run/postgresql',
    'postgresql://anna@/ai?host=/run/postgresql',
    'postgresql+psycopg://anna:pw@/ai?host=%2Frun%2Fpostgresql&port=5433',
    'postgresql://%2Frun%2Fpostgresql/ai',
  ])('the folder of a Unix socket is a host: %s', url => {
    expect(parse(url)).toMatchObject({host: '/run/postgresql', database: 'ai'});
  });

  it('an empty host is that of PGHOST, else this machine', () => {
    expect(parse('postgresql:///ai', {PGHOST: '/run/postgresql'})).toMatchObject({host: '/run/postgresql'});
    expect(parse('postgresql:///ai')).toMatchObject({host: 'localhost', database: 'ai'});
  });

  it.each([
    ['p%40ss', 'p@ss'],
    ['p%2Fa%23b%3Fc%3Ad', 'p/a#b?c:d'],
    ['%C3%A9t%C3%A9', 'été'],
    ['a+b', 'a+b'],
    ['%2525', '%25'],
  ])('the password %s is read as %s', (written, password) => {
    expect(parse(`postgresql://anna:${written}@db.example:5433/ai`)).toMatchObject({...full, password});
  });

  it.each(['p/ss', 'p#ss', 'p?ss', 'p:ss', 'p/a#b?c:d&e=f', '/', '[pw]'])(
    'the password %s needs no encoding, as in SQLAlchemy',
    password => {
      expect(parse(`postgresql://anna:${password}@db.example:5433/ai`)).toMatchObject({...full, password});
    },
  );

  it.each([
    ['100%', '100%'],
    ['p%40ss%', 'p@ss%'],
    ['%zz%2F', '%zz/'],
  ])('a stray %% in the password %s stays, and the rest is decoded, as in SQLAlchemy', (written, password) => {
    expect(parse(`postgresql://anna:${written}@db.example:5433/ai`)).toMatchObject({...full, password});
  });

  it('a user name that is an e-mail address is written with %40', () => {
    expect(parse('postgresql://anna%40corp.example:pw@db.example/ai')).toMatchObject({user: 'anna@corp.example'});
    expect(parse('postgresql://db.example/ai?user=anna@corp.example')).toMatchObject({
      host: 'db.example',
      user: 'anna@corp.example',
    });
  });

  it.each([
    ['at its end', 'hemlock@orchid'],
    ['before a colon', 'hemlock@orchid:9'],
    ['before a slash', 'hemlock@orchid/9'],
    ['before a question mark', 'hemlock@orchid?9'],
    ['before a hash', 'hemlock@orchid#9'],
    ['and what looks like a parameter', 'hemlock@orchid?x=9'],
    ['twice', 'hemlock@orchid@9'],
  ])('a password with an unencoded @ %s is refused, without a word of it', (_, password) => {
    const text = refusal(`postgresql://anna:${password}@db.example/ai`);
    expect(text).toContain('%40');
    expect(text).not.toMatch(/hemlock|orchid/);
  });

  it('a password parameter with an unencoded @ never becomes a host', () => {
    for (const url of [
      'postgresql://db.example:5433/ai?user=anna&password=hemlock@orchid',
      'postgresql://db.example:5433?password=hemlock@orchid',
    ]) {
      const text = outcome(url);
      expect(text, url).not.toMatch(/hemlock|orchid/);
    }
  });

  it.each([
    'postgresql://one,two/ai',
    'postgresql://one:5432,two:5433/ai',
    'postgresql://anna:pw@one:5432,two:5433/ai',
    'postgresql:///ai?host=one,two',
    'postgresql:///ai?host=one&host=two',
    'host=one,two dbname=ai',
  ])('several hosts are refused: %s', url => {
    expect(refusal(url)).toContain('several hosts');
  });

  it('several hosts in PGHOST are refused', () => {
    expect(refusal('postgresql:///ai', {PGHOST: 'one,two'})).toContain('several hosts');
  });

  it.each(['abc', '0', '65536', '-1', '54 32', '5432x', '1e3'])('the port %s is refused', port => {
    expect(refusal(`postgresql://db.example:${port}/ai`)).toContain('port');
  });

  it('an empty port is the usual one', () => {
    expect(parse('postgresql://db.example:/ai')).toMatchObject({port: 5432});
  });

  it('a bad port is not quoted: it may be the rest of a password', () => {
    expect(refusal('postgresql://anna:hem@lock:orchid@db.example/ai')).not.toMatch(/lock|orchid/);
    expect(refusal('postgresql://anna:orchid/ai')).not.toContain('orchid');
  });

  it('a bad port in PGPORT is not blamed on the URL', () => {
    const text = refusal('postgresql://db.example/ai', {PGPORT: 'abc'});
    expect(text).toContain('PGPORT');
    expect(text).not.toContain('--db');
  });
});

describe('TLS in URLs', () => {
  it.each(['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'])('sslmode=%s is as in libpq', mode => {
    expect(parse(`postgresql://db.example/ai?sslmode=${mode}`)).toMatchObject({sslMode: mode});
    expect(parse(`host=db.example sslmode=${mode}`)).toMatchObject({sslMode: mode});
    expect(parse('postgresql://db.example/ai', {PGSSLMODE: mode})).toMatchObject({sslMode: mode});
  });

  it('says nothing: prefer, as libpq', () => {
    expect(parse('postgresql://db.example/ai')).toMatchObject({sslMode: 'prefer'});
    expect(parse('postgresql://db.example/ai?sslmode=')).toMatchObject({sslMode: 'prefer'});
  });

  it.each([
    ['require', 'require'],
    ['verify-full', 'verify-full'],
    ['disable', 'disable'],
    ['true', 'require'],
    ['false', 'disable'],
    ['True', 'require'],
  ])("asyncpg's ssl=%s is sslmode=%s", (ssl, sslMode) => {
    expect(parse(`postgresql+asyncpg://db.example/ai?ssl=${ssl}`)).toMatchObject({sslMode});
  });

  it("asyncpg's ssl= in the URL beats PGSSLMODE", () => {
    expect(parse('postgresql+asyncpg://db.example/ai?ssl=verify-full', {PGSSLMODE: 'disable'})).toMatchObject({
      sslMode: 'verify-full',
    });
  });

  it.each(['requre', 'on', 'no-verify', '1'])('the sslmode %s is refused, and the known ones are named', mode => {
    expect(refusal(`postgresql://db.example/ai?sslmode=${mode}`)).toContain('verify-full');
  });

  it('an unknown PGSSLMODE is not blamed on the URL', () => {
    const text = refusal('postgresql://db.example/ai', {PGSSLMODE: 'requre'});
    expect(text).toContain('PGSSLMODE');
    expect(text).not.toContain('--db');
  });
});

describe("libpq's keyword strings", () => {
  it('are read as psycopg reads them', () => {
    expect(parse('host=db.example port=5433 dbname=ai user=anna password=pw sslmode=require')).toMatchObject({
      dialect: 'postgres',
      host: 'db.example',
      port: 5433,
      database: 'ai',
      user: 'anna',
      password: 'pw',
      sslMode: 'require',
    });
  });

  it('may have blanks around =, and any order', () => {
    expect(parse("  dbname = ai   host='db.example'  ")).toMatchObject({host: 'db.example', database: 'ai'});
  });

  it.each([
    ["password='two words'", 'two words'],
    ["password='it\\'s'", "it's"],
    ["password='back\\\\slash'", 'back\\slash'],
    ['password=un\\ quoted', 'un quoted'],
    ["password='a=b host=c'", 'a=b host=c'],
    ['password=a%40b', 'a%40b'],
    ["password=''", null],
  ])('%s', (pair, password) => {
    expect(parse(`host=db.example ${pair} dbname=ai`)).toMatchObject({host: 'db.example', password, database: 'ai'});
  });

  it('may name a Unix socket or an address', () => {
    expect(parse('host=/run/postgresql dbname=ai')).toMatchObject({host: '/run/postgresql'});
    expect(Object.values(parse('host=db.example hostaddr=10.0.0.7 dbname=ai'))).toContain('10.0.0.7');
  });

  it.each([
    "host=db.example password='hemlock orchid",
    "host=db.example password='hemlock",
    "host=db.example password='hemlock' 'orchid'",
    'host=db.example password=hemlock orchid',
  ])('that cannot be read are refused without a word of the password: %s', text => {
    expect(refusal(text)).not.toMatch(/hemlock|orchid/);
  });
});

describe('SQLite', () => {
  it.each([
    ['sqlite:///agno.db', `${CWD}/agno.db`],
    ['sqlite:///./data/agno.db', `${CWD}/data/agno.db`],
    ['sqlite:////var/lib/agno.db', '/var/lib/agno.db'],
    ['sqlite+aiosqlite:///agno.db', `${CWD}/agno.db`],
    ['sqlite+aiosqlite:////var/lib/agno.db', '/var/lib/agno.db'],
    ['sqlite+pysqlite:///agno.db', `${CWD}/agno.db`],
    ['sqlite:///agno.db?check_same_thread=false', `${CWD}/agno.db`],
    ['sqlite:///file:data/agno.db?mode=ro&uri=true', `${CWD}/data/agno.db`],
    ['sqlite:///my data.db', `${CWD}/my data.db`],
    ['sqlite:///notes#1.db', `${CWD}/notes#1.db`],
    ['SQLite:///agno.db', `${CWD}/agno.db`],
  ])('the URL %s names %s', (url, file) => {
    expect(parse(url)).toEqual({dialect: 'sqlite', file});
  });

  it.each([
    ['agno.db', `${CWD}/agno.db`],
    ['./agno.db', `${CWD}/agno.db`],
    ['../agno.db', '/srv/agno.db'],
    ['/var/lib/agno.db', '/var/lib/agno.db'],
    ['data/my agno.db', `${CWD}/data/my agno.db`],
    ['100%.db', `${CWD}/100%.db`],
    ['a?b#c.db', `${CWD}/a?b#c.db`],
    ['~/agno.db', path.join(homedir(), 'agno.db')],
    ['~anna.db', `${CWD}/~anna.db`],
  ])('the path %s is itself', (text, file) => {
    expect(parse(text)).toEqual({dialect: 'sqlite', file});
  });

  it.each([
    ['file:agno.db', `${CWD}/agno.db`],
    ['file:/var/lib/agno.db', '/var/lib/agno.db'],
    ['file:///var/lib/agno.db', '/var/lib/agno.db'],
    ['file:///var/lib/my%20agno.db', '/var/lib/my agno.db'],
    ['file:///var/lib/agno.db?mode=ro', '/var/lib/agno.db'],
    ['file:///var/lib/100%.db', '/var/lib/100%.db'],
  ])("SQLite's own URI %s names %s", (url, file) => {
    expect(parse(url)).toEqual({dialect: 'sqlite', file});
  });

  it.each(['sqlite://', 'sqlite:///', 'sqlite:///:memory:', 'sqlite+aiosqlite://', ':memory:', 'file::memory:'])(
    'a database in the memory of another process is refused: %s',
    text => {
      expect(refusal(text)).toContain('in-memory');
    },
  );

  it('has no secret, and its label is its file', () => {
    const source = parse('sqlite:///agno.db');
    expect(secretsOf(source)).toEqual([]);
    expect(labelOf(source)).toBe(`${CWD}/agno.db`);
  });
});

describe('what is no database this tool reads', () => {
  it.each(['mysql://anna:hemlock@db/ai', 'mongodb+srv://anna:hemlock@db/ai', 'https://anna:hemlock@db/ai'])(
    '%s is refused by its scheme, without the rest',
    url => {
      const text = refusal(url);
      expect(text).toContain(`"${/^[a-z]+/.exec(url)![0]}`);
      expect(text).not.toContain('hemlock');
    },
  );

  it('an empty text is refused', () => {
    expect(refusal('')).toContain('--db is empty');
    expect(refusal('  ')).toContain('--db is empty');
  });

  // A path may hold nearly anything, but a misspelt URL taken for one would be printed with its password.
  it.each([
    'postgresql:/anna:hemlock@db.example/ai',
    'postgres-ql://anna:hemlock@db.example/ai',
    'postgresql+psycopg-async://anna:hemlock@db.example/ai',
    'jdbc:postgresql://db.example/ai?user=anna&password=hemlock',
    'anna:hemlock@db.example:5432/ai',
    '//anna:hemlock@db.example/ai',
    '"postgresql://anna:hemlock@db.example/ai"',
    'DATABASE_URL=postgresql://anna:hemlock@db.example/ai',
  ])('a misspelt URL is refused, not taken for a path: %s', url => {
    expect(outcome(url)).not.toContain('hemlock');
    refusal(url);
  });
});

describe('for every database there is', () => {
  const text = fc.string({unit: 'grapheme', minLength: 1, maxLength: 20});
  const host = fc.oneof(
    fc.domain().map(name => ({written: name, host: name})),
    fc.ipV4().map(address => ({written: address, host: address})),
    fc.ipV6().map(address => ({written: `[${address}]`, host: address})),
    fc.webPath().map(folder => ({written: encodeURIComponent(`/run${folder}`), host: `/run${folder}`})),
  );
  const port = fc.integer({min: 1, max: 65_535});
  const scheme = fc.constantFrom('postgres', 'postgresql', 'postgresql+psycopg', 'postgresql+asyncpg');
  const parts = fc
    .record({scheme, user: text, password: text, host, port, database: text})
    // Commas are hosts' separators, encoded or not.
    .filter(({host: {host: name}}) => !name.includes(','));

  it('an encoded URL gives back its user, password, host, port and database', () => {
    fc.assert(
      fc.property(parts, ({scheme: name, user, password, host: {written, host: expected}, port: number, database}) => {
        const [u, p, d] = [user, password, database].map(encodeURIComponent);
        expect(parse(`${name}://${u}:${p}@${written}:${number}/${d}`)).toMatchObject({
          user,
          password,
          host: expected,
          port: number,
          database,
        });
      }),
    );
  });

  it('a password among the parameters is read the same', () => {
    fc.assert(
      fc.property(parts, ({user, password, host: {written}, database}) => {
        const [u, p, d] = [user, password, database].map(encodeURIComponent);
        expect(parse(`postgresql://${u}@${written}/${d}?password=${p}&sslpassword=${p}`)).toMatchObject({
          user,
          password,
          sslPassword: password,
          database,
        });
      }),
    );
  });

  it('a keyword string gives back what was quoted into it', () => {
    const quote = (value: string) => `'${value.replace(/[\\']/g, '\\$&')}'`;
    fc.assert(
      fc.property(text, text, text, (user, password, database) => {
        const source = parse(`host=db user=${quote(user)} password=${quote(password)} dbname=${quote(database)}`);
        expect(source).toMatchObject({host: 'db', user, password, database});
      }),
    );
  });

  it('a password without @ and % is read as written', () => {
    const raw = text.filter(password => !/[@%]/.test(password));
    fc.assert(
      fc.property(raw, password => {
        expect(parse(`postgresql://anna:${password}@db.example:5433/ai`)).toMatchObject({host: 'db.example', password});
      }),
    );
  });

  it('the label is the same whatever the password, so it cannot hold it', () => {
    fc.assert(
      fc.property(parts, ({user, password, host: {written}, port: number, database}) => {
        const [u, p, d] = [user, password, database].map(encodeURIComponent);
        const rest = `${written}:${number}/${d}`;
        const label = labelOf(parse(`postgresql://${u}:${p}@${rest}?sslpassword=${p}`));
        expect(label).toBe(labelOf(parse(`postgresql://${u}@${rest}`)));
        if (![user, postgres(`postgresql://${rest}`).host, database, String(number)].some(part => meet(part, password)))
          expect(label).not.toContain(password);
      }),
    );
  });

  it('its secrets are known, to be masked whatever a driver says', () => {
    fc.assert(
      fc.property(text, text, (password, passphrase) => {
        const [p, s] = [password, passphrase].map(encodeURIComponent);
        const source = parse(`postgresql://anna:${p}@db/ai?sslpassword=${s}`);
        expect(new Set(secretsOf(source))).toEqual(new Set([password, passphrase]));
      }),
    );
  });

  // Whatever stands in a password that nobody encoded: no piece of it may turn into a host, a user or a database, which
  // are printed, and no refusal may quote it.
  it('no piece of an unencoded password is ever shown', () => {
    const pieces = ['hemlock', 'orchid', '@', '/', ':', '?', '#', '&', '=', '%', '+', '[', ']', '.', '-', '_'];
    const password = fc.array(fc.constantFrom(...pieces), {minLength: 1, maxLength: 8}).map(list => list.join(''));
    fc.assert(
      fc.property(password, raw => {
        expect(outcome(`postgresql://anna:${raw}@db.example:5432/ai`)).not.toMatch(/hemlock|orchid/);
      }),
      {numRuns: 1000},
    );
  });
});

it('what libpq does for safety and this program cannot is refused by name, in a URL and in a variable', () => {
  const refused = [
    ['gssencmode', 'require', 'PGGSSENCMODE'],
    ['requirepeer', 'postgres', 'PGREQUIREPEER'],
    ['requiressl', '1', 'PGREQUIRESSL'],
    ['sslcrldir', '/crl', 'PGSSLCRLDIR'],
    ['sslsni', '0', 'PGSSLSNI'],
    ['min_protocol_version', '3.2', 'PGMINPROTOCOLVERSION'],
  ] as const;
  for (const [key, value, variable] of refused) {
    expect(() => parse(`postgresql://u@h/d?${key}=${value}`)).toThrow(`asks for ${key}=`);
    const env = {PGHOST: 'h', [variable]: value};
    expect(() => parseSource('postgresql://u@h/d', '--db', env, '/')).toThrow(`${variable} asks for ${key}=`);
  }
  for (const harmless of ['gssencmode=prefer', 'gssencmode=disable', 'requiressl=0', 'sslsni=1'])
    expect(parse(`postgresql://u@h/d?${harmless}`)).toMatchObject({host: 'h'});
  for (const [key, value] of [
    ['channel_binding', 'always'],
    ['require_auth', 'kerberos'],
    ['require_auth', 'md5,!none'],
  ])
    expect(() => parse(`postgresql://u@h/d?${key}=${value}`)).toThrow(key);
});

/** All that could be printed about `text`: the refusal, or every part of the source but its secrets. */
function outcome(text: string): string {
  try {
    const source = parse(text);
    const shown = source.dialect === 'sqlite' ? source : {...source, password: '', sslPassword: ''};
    return JSON.stringify([labelOf(source), shown]);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return `${error.message} ${error.hint}`;
  }
}

/** True when a label with `part` in it could hold `password` by chance. */
function meet(part: string, password: string): boolean {
  return part.includes(password) || Array.from(password).some(char => '@:/[]'.includes(char) || part.includes(char));
}

describe('which database', () => {
  const folder = () => {
    const cwd = temporaryFolder();
    writeFileSync(path.join(cwd, 'agno.db'), '');
    return cwd;
  };
  const chosen = (env: Env, cwd: string, db?: string) =>
    labelOf(connectionOf({db}, {env, cwd, secrets: [] as string[]} as Context).source);
  const pg = (name: string) => `postgresql://u@${name}/d`;

  it('--db, AGNO_TRACE_DB, DATABASE_URL, PG*, ./agno.db: the first that is there', () => {
    const cwd = folder();
    const env: Record<string, string> = {
      AGNO_TRACE_DB: pg('second'),
      DATABASE_URL: pg('third'),
      PGHOST: 'fourth',
      PGUSER: 'u',
      PGDATABASE: 'd',
    };
    expect(chosen(env, cwd, pg('first'))).toBe('u@first:5432/d');
    expect(chosen(env, cwd)).toBe('u@second:5432/d');
    delete env.AGNO_TRACE_DB;
    expect(chosen(env, cwd)).toBe('u@third:5432/d');
    delete env.DATABASE_URL;
    expect(chosen(env, cwd)).toBe('u@fourth:5432/d');
    delete env.PGHOST;
    expect(chosen(env, cwd)).toBe('u@localhost:5432/d');
    delete env.PGDATABASE;
    expect(chosen(env, cwd)).toBe(path.join(cwd, 'agno.db'));
  });

  it('variables that are set to nothing are not there', () => {
    const cwd = folder();
    expect(chosen({AGNO_TRACE_DB: '', DATABASE_URL: '', PGHOST: '', PGDATABASE: ''}, cwd)).toBe(
      path.join(cwd, 'agno.db'),
    );
  });

  it('PGUSER, PGPASSWORD, PGPORT or PGSSLMODE alone name no database', () => {
    const cwd = folder();
    expect(chosen({PGUSER: 'u', PGPASSWORD: 'pw', PGPORT: '5433', PGSSLMODE: 'require'}, cwd)).toBe(
      path.join(cwd, 'agno.db'),
    );
  });

  it('PGHOST alone takes the user and the database from the login name', () => {
    expect(chosen({PGHOST: 'h', USER: 'me'}, temporaryFolder())).toBe('me@h:5432/me');
  });

  it('an empty --db is refused, not replaced by another database', () => {
    expect(() => chosen({AGNO_TRACE_DB: pg('other')}, folder(), '')).toThrow('--db is empty');
  });

  it('a variable that cannot be read is refused by its name, not skipped', () => {
    expect(() => chosen({DATABASE_URL: 'mysql://u:hemlock@h/d'}, folder())).toThrow(/^DATABASE_URL "mysql:/);
    expect(() => chosen({PGHOST: 'h', PGPORT: 'x'}, folder())).toThrow(/PG/);
  });

  it('paths in variables start from the working folder', () => {
    expect(chosen({AGNO_TRACE_DB: 'data/a.db'}, '/srv/app')).toBe('/srv/app/data/a.db');
    expect(chosen({DATABASE_URL: 'sqlite:///data/a.db'}, '/srv/app')).toBe('/srv/app/data/a.db');
  });

  it('nothing at all is refused with what to type', () => {
    expect(() => chosen({}, temporaryFolder())).toThrow('no database given');
  });
});
