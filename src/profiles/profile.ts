import {shownVariable, type UserError, usageError} from '../errors.ts';
import {type Env, holdsPassword, parseSource, type Source} from '../store/source.ts';
import {passwordFromCommand} from './password-command.ts';

/** A named database, as in the config file. May contain a password inside a URL: never print it as a whole. */
export interface Profile {
  readonly name: string;
  readonly db: string;
  readonly schema?: string;
  readonly tracesTable?: string;
  readonly spansTable?: string;
  /** The database with Agno's own run table, if it is another one. */
  readonly runsDb?: string;
  readonly passwordCommand?: string;
  readonly passwordEnv?: string;
  readonly runsPasswordCommand?: string;
  readonly runsPasswordEnv?: string;
  /** Keys in the file that this version does not know. */
  readonly unknownKeys: readonly string[];
}

/** The name of each key in the file. */
export const PROFILE_KEYS = {
  db: 'db',
  schema: 'schema',
  tracesTable: 'traces_table',
  spansTable: 'spans_table',
  runsDb: 'runs_db',
  passwordCommand: 'password_command',
  passwordEnv: 'password_env',
  runsPasswordCommand: 'runs_password_command',
  runsPasswordEnv: 'runs_password_env',
} as const;

type ProfileKey = keyof typeof PROFILE_KEYS;

const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._-]{0,63}$/u;

export function checkProfileName(name: string): void {
  if (!NAME.test(name))
    throw usageError(
      `"${name}" is not a valid profile name.`,
      'Use letters, digits, "-", "_" and "."; start with a letter or digit; at most 64 characters.',
    );
}

/**
 * Parses one table of the config file.
 * @param file for messages
 * @throws UserError exit 2; values are not quoted, because they may contain a password
 */
export function parseProfile(name: string, table: unknown, file: string): Profile {
  const refuse = (text: string, hint: string): UserError => usageError(`profile "${name}" in "${file}" ${text}`, hint);
  if (!isTable(table)) throw refuse('is not a table.', `Write [profiles.${name}] with db = "…" below it.`);
  const values: Partial<Record<ProfileKey, string>> = {};
  for (const [key, spelled] of Object.entries(PROFILE_KEYS) as [ProfileKey, string][]) {
    const value = table[spelled];
    if (value === undefined) continue;
    if (typeof value !== 'string' || value === '')
      throw refuse(`has a ${spelled} that is not text.`, `Write ${spelled} = "…".`);
    values[key] = value;
  }
  for (const key of ['password', 'runs_password']) {
    if (table[key] !== undefined) throw refuse(`has a "${key}", which is not read.`, SECRET_HINT);
  }
  if (values.db === undefined) throw refuse('names no database.', 'Write db = "…", a URL or a path.');
  const known: readonly string[] = Object.values(PROFILE_KEYS);
  const profile = {...values, name, db: values.db, unknownKeys: Object.keys(table).filter(key => !known.includes(key))};
  for (const [which, url] of [
    ['password', profile.db],
    ['runs_password', profile.runsDb],
  ] as const) {
    const origins = [`${which}_command`, `${which}_env`].filter(key => table[key] !== undefined);
    if (url !== undefined && origins.length > 0 && holdsPassword(url, `profile "${name}"`, '/'))
      origins.push('a password in the URL');
    if (origins.length > 1)
      throw refuse(`has two sources for its password: ${origins.join(' and ')}.`, 'Keep one of them.');
    if (url === undefined && origins.length > 0)
      throw refuse(`has ${origins[0]} but no runs_db.`, 'Add runs_db, or remove it.');
  }
  return profile;
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}

export const SECRET_HINT =
  'Keep it in ~/.pgpass, in PGPASSWORD, in a variable (password_env) or behind a command (password_command).';

/** The keys of a profile whose text itself contains a password. */
export function secretKeysOf(profile: Profile, cwd: string): string[] {
  return (['db', 'runsDb'] as const)
    .filter(key => profile[key] !== undefined && holdsPassword(profile[key], originOf(profile, key), cwd))
    .map(key => PROFILE_KEYS[key]);
}

interface Surroundings {
  readonly env: Env;
  readonly cwd: string;
  /** The folder for relative paths. */
  readonly folder: string;
  /** Called with each password that becomes known. */
  readonly onSecret: (secret: string) => void;
}

/** One of the profile's databases, with its password or a way to get it. */
export function sourceOfProfile(profile: Profile, which: 'db' | 'runsDb', around: Surroundings): Source | null {
  const text = profile[which];
  if (text === undefined) return null;
  const origin = originOf(profile, which);
  const source = parseSource(text, origin, around.env, around.folder);
  if (source.dialect === 'sqlite') return source;
  const variable = which === 'db' ? profile.passwordEnv : profile.runsPasswordEnv;
  const command = which === 'db' ? profile.passwordCommand : profile.runsPasswordCommand;
  if (variable !== undefined) {
    const password = around.env[variable];
    if (!password)
      throw usageError(
        `${origin}: its password variable "${shownVariable(variable)}" is not set.`,
        'Set it. --dotenv reads only variables that begin with AGNO_TRACE_ or PG.',
      );
    around.onSecret(password);
    return {...source, password};
  }
  if (command === undefined) return source;
  const askPassword = async () => {
    const password = await passwordFromCommand(command, {...around, origin});
    around.onSecret(password);
    return password;
  };
  return {...source, password: null, askPassword};
}

function originOf({name}: Profile, which: 'db' | 'runsDb'): string {
  return which === 'db' ? `profile "${name}"` : `runs_db of profile "${name}"`;
}
