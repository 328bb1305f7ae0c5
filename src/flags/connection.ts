import {existsSync} from 'node:fs';
import path from 'node:path';
import {closest} from '../closest.ts';
import type {Context} from '../context.ts';
import {EXIT, UserError, usageError} from '../errors.ts';
import {append} from '../lists.ts';
import {type Config, loadConfig} from '../profiles/config-file.ts';
import {type Profile, sourceOfProfile} from '../profiles/profile.ts';
import {sourceFromEnvironment} from '../store/postgres/parameters.ts';
import {parseSource, type Source, secretsOf} from '../store/source.ts';
import {DEFAULT_TABLES, type TableChoice} from '../store/store.ts';
import {command} from '../text/shell.ts';
import type {DatabaseFlags} from './declare.ts';

const DEFAULT_FILE = 'agno.db';

/** Which database to read, and where its tables are. */
export interface Connection {
  /** The profile that it comes from; null if flags or the environment name it. */
  readonly profile: string | null;
  /** What named the database: `--db`, a variable, a profile, or the file in the current folder. */
  readonly from: string;
  readonly source: Source;
  readonly tables: TableChoice;
  /** The database with Agno's own run table, if it is another one. */
  readonly runs: Source | null;
}

/**
 * The database: `--db` or `--profile`, AGNO_TRACE_DB, AGNO_TRACE_PROFILE or the default profile, DATABASE_URL,
 * libpq's PG*, `./agno.db`. Flags override a profile's tables.
 */
export function connectionOf(flags: DatabaseFlags, context: Context): Connection {
  const {cwd, env} = context;
  const [name, ...others] = flags.profile ?? [];
  if (others.length > 0)
    throw usageError(
      'several profiles given, but this command reads one database.',
      'Only list reads several: agno-trace list --profile a --profile b',
    );
  if (flags.db !== undefined && name !== undefined)
    throw usageError('--db and --profile both name a database.', 'Pass one of them.');
  const direct = (from: string, source: Source): Connection =>
    withSecrets(context, {profile: null, from, source, ...rest(flags, context)});
  if (name !== undefined) return connectionOfProfile(profileOf(configOf(context), name), flags, context);
  if (flags.db !== undefined) return direct('--db', parseSource(flags.db, '--db', env, cwd));
  if (env.AGNO_TRACE_DB) return direct('AGNO_TRACE_DB', parseSource(env.AGNO_TRACE_DB, 'AGNO_TRACE_DB', env, cwd));
  const standing = standingProfile(context);
  if (standing) return connectionOfProfile(standing, flags, context);
  if (env.DATABASE_URL) return direct('DATABASE_URL', parseSource(env.DATABASE_URL, 'DATABASE_URL', env, cwd));
  const fromEnvironment = sourceFromEnvironment(env);
  if (fromEnvironment) return direct(setOf(env), fromEnvironment);
  if (existsSync(path.join(cwd, DEFAULT_FILE)))
    return direct(`./${DEFAULT_FILE}`, parseSource(DEFAULT_FILE, 'the default', env, cwd));
  throw new UserError(EXIT.usage, `no database given, and there is no "./${DEFAULT_FILE}" here.`, {
    hint: 'Pass --db with the URL from your Python code, or set AGNO_TRACE_DB. To try it out: agno-trace demo',
  });
}

/** The first of libpq's variables that says where a server is. */
function setOf(env: Context['env']): string {
  return ['PGSERVICE', 'PGHOST', 'PGHOSTADDR', 'PGDATABASE', 'PGUSER'].find(name => env[name]) ?? 'PG*';
}

/** A file with the usual name in the current folder, if it is not the one that is read. */
export function passedOver({source, from}: Connection, {cwd}: Context): string | null {
  const file = path.join(cwd, DEFAULT_FILE);
  if (from === '--db' || (source.dialect === 'sqlite' && source.file === file) || !existsSync(file)) return null;
  return `./${DEFAULT_FILE}`;
}

export function tableChoiceOf(flags: DatabaseFlags, profile?: Profile): TableChoice {
  return {
    schema: flags.schema ?? profile?.schema ?? null,
    tracesTable: flags.tracesTable ?? profile?.tracesTable ?? DEFAULT_TABLES.traces,
    spansTable: flags.spansTable ?? profile?.spansTable ?? DEFAULT_TABLES.spans,
  };
}

function rest(flags: DatabaseFlags, {env, cwd}: Context): Pick<Connection, 'tables' | 'runs'> {
  const runs = flags.runsDb === undefined ? null : parseSource(flags.runsDb, '--runs-db', env, cwd);
  return {tables: tableChoiceOf(flags), runs};
}

export function connectionOfProfile(profile: Profile, flags: DatabaseFlags, context: Context): Connection {
  for (const key of profile.unknownKeys) context.notes.push(`profile "${profile.name}" has an unknown key "${key}"`);
  const around = {
    env: context.env,
    cwd: context.cwd,
    folder: path.dirname(configOf(context).file),
    onSecret: (secret: string) => context.secrets.push(secret),
  };
  return withSecrets(context, {
    profile: profile.name,
    from: `profile "${profile.name}"`,
    source: sourceOfProfile(profile, 'db', around)!,
    tables: tableChoiceOf(flags, profile),
    runs: rest(flags, context).runs ?? sourceOfProfile(profile, 'runsDb', around),
  });
}

/**
 * Errors are searched for passwords from arguments and variables; those from a service file or a profile are added
 * here.
 */
function withSecrets(context: Context, connection: Connection): Connection {
  for (const source of [connection.source, connection.runs]) {
    if (!source || source.dialect === 'sqlite') continue;
    // A password that is also a name would be revealed by masking it there.
    const names = [source.user, source.host, source.database];
    append(
      context.secrets,
      secretsOf(source).filter(secret => !names.includes(secret)),
    );
  }
  return connection;
}

/** The config file, or the reason why there can be none. */
export function configOf({env, cwd}: Context): Config {
  const config = loadConfig(env, cwd);
  if (config) return config;
  throw usageError('no folder for the config file: HOME is not set.', 'Set AGNO_TRACE_CONFIG to a file.');
}

/** @throws UserError exit 2 that names the probable meaning, or all profiles */
export function profileOf({profiles, file}: Config, name: string): Profile {
  const found = profiles.get(name);
  if (found) return found;
  const known = [...profiles.keys()];
  const near = closest(name, known);
  throw usageError(
    `there is no profile "${name}" in "${file}".`,
    near
      ? `Did you mean ${near}?`
      : known.length > 0
        ? `There are: ${known.slice(0, 12).join(', ')}${known.length > 12 ? ', …' : ''}.`
        : `${command`agno-trace profile add ${name}`} --db <url> creates it.`,
  );
}

/** The profile of AGNO_TRACE_PROFILE, or else the default one; null if there is neither. */
function standingProfile(context: Context): Profile | null {
  const {env, cwd} = context;
  if (env.AGNO_TRACE_PROFILE) return profileOf(configOf(context), env.AGNO_TRACE_PROFILE);
  const config = loadConfig(env, cwd);
  if (!config || config.defaultName === null) return null;
  const found = config.profiles.get(config.defaultName);
  if (found) return found;
  throw usageError(
    `the default profile "${config.defaultName}" is not in "${config.file}".`,
    'agno-trace profile use <name> chooses another.',
  );
}
