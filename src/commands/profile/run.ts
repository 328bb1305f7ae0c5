import {closest} from '../../closest.ts';
import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {configOf, profileOf} from '../../flags/connection.ts';
import {columnsOf, type Format, writeLine, writeMachine, writeNext, writeNote} from '../../flags/output.ts';
import {type Config, saveConfig} from '../../profiles/config-file.ts';
import {
  checkProfileName,
  isTable,
  PROFILE_KEYS,
  type Profile,
  parseProfile,
  secretKeysOf,
} from '../../profiles/profile.ts';
import {renderTable} from '../../render/table.ts';
import {describeDatabase} from '../../store/source.ts';
import {line, safe, trusted} from '../../text/safe.ts';

/** The keys of a profile, as in the config file. */
export type ProfileKeys = {readonly [key in keyof typeof PROFILE_KEYS]?: string};

export type ProfileOptions =
  | {readonly verb: 'list'; readonly format: Format}
  | {readonly verb: 'show'; readonly name: string; readonly format: Format}
  | {readonly verb: 'add'; readonly name: string; readonly keys: ProfileKeys}
  | {readonly verb: 'set'; readonly name: string; readonly keys: ProfileKeys; readonly pairs: readonly string[]}
  | {readonly verb: 'remove' | 'use'; readonly name: string};

/** Prints the config file, or changes it. */
export default async function profile(options: ProfileOptions, context: Context): Promise<void> {
  const config = configOf(context);
  switch (options.verb) {
    case 'list':
      return list(config, options.format, context);
    case 'show':
      return show(profileOf(config, options.name), config, options.format, context);
    case 'add':
      return add(options.name, config, options.keys, context);
    case 'set':
      return set(profileOf(config, options.name), config, changesIn(options), context);
    case 'remove':
      return remove(options.name, config, context);
    case 'use':
      return use(options.name, config, context);
  }
}

function add(name: string, config: Config, keys: ProfileKeys, context: Context): void {
  checkProfileName(name);
  if (config.profiles.has(name))
    throw usageError(
      `profile "${name}" already exists.`,
      `agno-trace profile set ${name} changes it, profile remove removes it.`,
    );
  if (keys.db === undefined)
    throw usageError(
      `profile "${name}" needs a database.`,
      `agno-trace profile add ${name} --db postgresql://user@host/db`,
    );
  const {table, described} = checkedTable(name, tableOf(keys), Object.values(PROFILE_KEYS), config, context);
  saveProfile(name, table, config, context);
  writeLine(context, line`added profile "${safe(name)}": ${safe(described.label)} (${safe(config.file)})`);
  writeNext(context, `next: agno-trace list --profile ${name}; agno-trace profile use ${name} makes it the default`);
}

function tableOf(keys: ProfileKeys): Record<string, string> {
  const table: Record<string, string> = {};
  for (const [key, spelled] of Object.entries(PROFILE_KEYS)) {
    const value = keys[key as keyof typeof PROFILE_KEYS];
    if (value !== undefined) table[spelled] = value;
  }
  return table;
}

/** For each password, only one of these is kept. */
const WAYS = [
  ['password_command', 'password_env'],
  ['runs_password_command', 'runs_password_env'],
] as const;

/**
 * The requested changes, by the file's names; an empty text removes the key. @throws UserError exit 2 for words that
 * are not pairs
 */
function changesIn({name, keys, pairs}: {name: string; keys: ProfileKeys; pairs: readonly string[]}) {
  const changes = tableOf(keys);
  const known = Object.values(PROFILE_KEYS);
  for (let i = 0; i < pairs.length; i += 2) {
    const word = pairs[i]!;
    const spelled = word.replace(/^--/, '').replaceAll('-', '_').toLowerCase();
    const key = known.find(each => each === spelled);
    if (key === undefined) {
      const near = closest(spelled, known);
      const list = `Keys: ${known.join(', ')}.`;
      throw usageError(`a profile has no key "${word}".`, near === null ? list : `Did you mean ${near}? ${list}`);
    }
    const value = pairs[i + 1];
    if (value === undefined)
      throw usageError(`"${word}" has no value.`, `agno-trace profile set ${name} ${key} ''  takes it away.`);
    changes[key] = value;
  }
  if (Object.keys(changes).length === 0)
    throw usageError(
      'nothing says what to change.',
      `agno-trace profile set ${name} schema ai; keys: ${known.join(', ')}.`,
    );
  return changes;
}

/** Changes some keys; others stay, and so does the position of the profile. */
function set({name}: Profile, config: Config, changes: Record<string, string>, context: Context): void {
  const table = {...(config.toml.profiles as Record<string, Record<string, unknown>>)[name]};
  const dropped: string[] = [];
  for (const [key, value] of Object.entries(changes)) {
    if (value === '') delete table[key];
    else table[key] = value;
    const other = WAYS.find(ways => (ways as readonly string[]).includes(key))?.find(way => way !== key);
    if (value === '' || other === undefined || changes[other] !== undefined || table[other] === undefined) continue;
    delete table[other];
    dropped.push(other);
  }
  const {table: checked} = checkedTable(name, table, Object.keys(changes), config, context);
  saveProfile(name, checked, config, context);
  // Values may be commands with a secret in them.
  const parts = Object.entries(changes).map(([key, value]) => (value === '' ? `${key} taken away` : key));
  writeLine(context, line`changed profile "${safe(name)}": ${trusted(parts.join(', '))} (${safe(config.file)})`);
  for (const key of dropped) writeNote(context, `${key} is taken away: a password has one place`);
  writeNext(context, `next: agno-trace profile show ${name}`);
}

/**
 * Checks a profile before it is written. @param given typed keys: their paths are made absolute, and none may contain
 * a password
 * @throws UserError exit 2
 */
function checkedTable(
  name: string,
  table: Readonly<Record<string, unknown>>,
  given: readonly string[],
  config: Config,
  {cwd}: Context,
): {table: Record<string, unknown>; described: ReturnType<typeof describeDatabase>} {
  const checked = {...table};
  const profile = parseProfile(name, table, config.file);
  const secret = secretKeysOf(profile, cwd).find(key => given.includes(key));
  if (secret !== undefined) {
    const [flag, of] = secret === 'db' ? ['--db', '--'] : ['--runs-db', '--runs-'];
    throw usageError(
      `${flag} contains a password, which does not belong in a config file.`,
      `Leave it out. Add ${of}password-env NAME or ${of}password-command COMMAND, or keep it in PGPASSWORD or ~/.pgpass.`,
    );
  }
  const described = describeDatabase(profile.db, '--db', cwd);
  // A profile is used from any folder, so its path is made absolute.
  if (described.dialect === 'sqlite') {
    if (given.includes('db')) checked.db = described.label;
    const misplaced = ['schema', 'password_command', 'password_env'].find(key => table[key] !== undefined);
    if (misplaced !== undefined)
      throw usageError(`--${misplaced.replaceAll('_', '-')} does not apply to SQLite.`, 'Leave it out.');
  }
  if (profile.runsDb !== undefined && given.includes('runs_db')) {
    const runs = describeDatabase(profile.runsDb, '--runs-db', cwd);
    if (runs.dialect === 'sqlite') checked.runs_db = runs.label;
  }
  return {table: checked, described};
}

function saveProfile(name: string, table: Record<string, unknown>, config: Config, context: Context): void {
  const profiles = isTable(config.toml.profiles) ? config.toml.profiles : {};
  save(config, {...config.toml, profiles: {...profiles, [name]: table}}, context);
}

function remove(name: string, config: Config, context: Context): void {
  profileOf(config, name);
  const {[name]: _, ...profiles} = config.toml.profiles as Record<string, unknown>;
  const {default: _default, ...withoutDefault} = config.toml;
  const wasDefault = config.defaultName === name;
  save(config, {...(wasDefault ? withoutDefault : config.toml), profiles}, context);
  writeLine(context, line`removed profile "${safe(name)}"; its database was not touched`);
  if (wasDefault) writeNote(context, 'it was the default; now there is no default profile');
}

function use(name: string, config: Config, context: Context): void {
  profileOf(config, name);
  save(config, {...config.toml, default: name}, context);
  writeLine(context, line`profile "${safe(name)}" is now the default`);
  const {AGNO_TRACE_DB, AGNO_TRACE_PROFILE} = context.env;
  const stronger = AGNO_TRACE_DB ? 'AGNO_TRACE_DB' : AGNO_TRACE_PROFILE ? 'AGNO_TRACE_PROFILE' : null;
  if (stronger) writeNote(context, `${stronger} is set and takes precedence`);
}

function save(config: Config, toml: Record<string, unknown>, context: Context): void {
  saveConfig(config.file, toml);
  if (config.comments === 0) return;
  const what = config.comments === 1 ? 'a comment' : `${config.comments} comments`;
  writeNote(context, `"${config.file}" was rewritten: ${what} and the layout are lost, all keys are kept`);
}

/** The printable parts of a profile; unknown is null. */
function recordOf(profile: Profile, config: Config, {cwd}: Context) {
  const labelOf = (text: string | undefined): string | null => {
    if (text === undefined) return null;
    try {
      return describeDatabase(text, 'it', cwd).label;
    } catch {
      // Not quoted: an unreadable text may contain a password. Using the profile reports what is wrong.
      return '(not readable)';
    }
  };
  const secrets = secretKeysOf(profile, cwd);
  const passwordFrom = (command: string | undefined, variable: string | undefined, key: string): string | null =>
    command !== undefined ? 'command' : variable !== undefined ? `$${variable}` : secrets.includes(key) ? 'url' : null;
  return {
    name: profile.name,
    default: config.defaultName === profile.name,
    db: labelOf(profile.db),
    schema: profile.schema ?? null,
    tracesTable: profile.tracesTable ?? null,
    spansTable: profile.spansTable ?? null,
    passwordFrom: passwordFrom(profile.passwordCommand, profile.passwordEnv, 'db'),
    runsDb: labelOf(profile.runsDb),
    runsPasswordFrom: passwordFrom(profile.runsPasswordCommand, profile.runsPasswordEnv, 'runs_db'),
  };
}

function list(config: Config, format: Format, context: Context): void {
  const records = [...config.profiles.values()].map(profile => recordOf(profile, config, context));
  if (writeMachine(context, format, {command: 'profile', data: records, items: records})) return;
  if (records.length === 0) {
    writeNote(context, `no profiles in "${config.file}"`);
    writeNext(context, 'next: agno-trace profile add <name> --db <url>');
    return;
  }
  const columns = {
    name: {label: 'PROFILE'},
    isDefault: {label: 'DEFAULT'},
    db: {label: 'DATABASE'},
    schema: {label: 'SCHEMA'},
    passwordFrom: {label: 'PASSWORD'},
    runsDb: {label: 'RUN TABLE'},
  };
  const rows = records.map(record => ({...record, default: null, isDefault: record.default ? 'default' : ''}));
  writeLine(context, renderTable({columns, rows, sortedBy: 'name'}, columnsOf(context)));
  writeNote(context, config.file);
}

function show(profile: Profile, config: Config, format: Format, context: Context): void {
  const record = recordOf(profile, config, context);
  if (writeMachine(context, format, {command: 'profile', data: [record], items: [record]})) return;
  const lines = [
    ['profile', `${record.name}${record.default ? ' (default)' : ''}`],
    ['database', record.db],
    ['schema', record.schema],
    ['traces table', record.tracesTable],
    ['spans table', record.spansTable],
    ['password', record.passwordFrom === 'command' ? 'from a command (not shown)' : record.passwordFrom],
    ['run table', record.runsDb],
    ['its password', record.runsPasswordFrom === 'command' ? 'from a command (not shown)' : record.runsPasswordFrom],
    ['config file', config.file],
  ] as const;
  for (const [label, value] of lines)
    if (value !== null) writeLine(context, line`${trusted(label.padEnd(12))}  ${safe(value)}`);
  for (const key of profile.unknownKeys) writeNote(context, `key "${key}" is unknown to this version`);
}
