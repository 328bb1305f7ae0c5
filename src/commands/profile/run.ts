import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {configOf, profileOf} from '../../flags/connection.ts';
import type {DatabaseFlags, OutputFlags} from '../../flags/declare.ts';
import {columnsOf, formatOf, writeLine, writeMachine, writeNext, writeNote} from '../../flags/output.ts';
import {type Config, saveConfig} from '../../profiles/config-file.ts';
import {
  checkProfileName,
  isTable,
  PROFILE_KEYS,
  type Profile,
  parseProfile,
  SECRET_HINT,
  secretKeysOf,
} from '../../profiles/profile.ts';
import {renderTable} from '../../render/table.ts';
import {describeDatabase} from '../../store/source.ts';
import {line, own, safe} from '../../text/safe.ts';

export interface ProfileFlags extends DatabaseFlags, OutputFlags {
  passwordCommand?: string;
  passwordEnv?: string;
  runsPasswordCommand?: string;
  runsPasswordEnv?: string;
}

const FORMATS = ['table', 'json', 'jsonl'] as const;

/** Answers `profile`: what the config file holds, or a change to it. */
export default async function profile(
  verb: 'add' | 'list' | 'show' | 'remove' | 'use',
  name: string | null,
  flags: ProfileFlags,
  context: Context,
): Promise<void> {
  if (flags.profile !== undefined)
    throw usageError(
      '--profile says what to read; here the name stands by itself.',
      `agno-trace profile ${verb} <name>`,
    );
  if (verb === 'list') return list(flags, context);
  const config = configOf(context);
  switch (verb) {
    case 'show':
      return show(profileOf(config, name!), config, flags, context);
    case 'add':
      return add(name!, config, flags, context);
    case 'remove':
      return remove(name!, config, context);
    case 'use':
      return use(name!, config, context);
  }
}

function add(name: string, config: Config, flags: ProfileFlags, context: Context): void {
  checkProfileName(name);
  if (config.profiles.has(name))
    throw usageError(`there is a profile "${name}" already.`, `agno-trace profile remove ${name} takes it away.`);
  if (flags.db === undefined)
    throw usageError(
      `profile "${name}" needs a database.`,
      `agno-trace profile add ${name} --db postgresql://user@host/db`,
    );
  const table: Record<string, string> = {};
  for (const [key, spelled] of Object.entries(PROFILE_KEYS)) {
    const value = flags[key as keyof typeof PROFILE_KEYS];
    if (value !== undefined) table[spelled] = value;
  }
  const added = parseProfile(name, table, config.file);
  const [secret] = secretKeysOf(added, context.cwd);
  if (secret !== undefined) {
    const flag = secret === 'db' ? '--db' : '--runs-db';
    throw usageError(
      `${flag} holds a password, and a config file is no place for one.`,
      `Leave it out. ${SECRET_HINT}`,
    );
  }
  const described = describeDatabase(flags.db, '--db', context.cwd);
  // A profile is used from anywhere, so a path is kept whole.
  if (described.dialect === 'sqlite') {
    table.db = described.label;
    const misplaced = ['--schema', '--password-command', '--password-env'].filter(
      (_, i) => [flags.schema, flags.passwordCommand, flags.passwordEnv][i] !== undefined,
    );
    if (misplaced[0]) throw usageError(`${misplaced[0]} does not apply to SQLite.`, 'Leave it out.');
  }
  if (flags.runsDb !== undefined) {
    const runs = describeDatabase(flags.runsDb, '--runs-db', context.cwd);
    if (runs.dialect === 'sqlite') table.runs_db = runs.label;
  }
  const profiles = isTable(config.toml.profiles) ? config.toml.profiles : {};
  save(config, {...config.toml, profiles: {...profiles, [name]: table}}, context);
  writeLine(context, line`added profile "${safe(name)}": ${safe(described.label)} (${safe(config.file)})`);
  writeNext(context, `next: agno-trace list --profile ${name}; agno-trace profile use ${name} makes it the default`);
}

function remove(name: string, config: Config, context: Context): void {
  profileOf(config, name);
  const {[name]: _, ...profiles} = config.toml.profiles as Record<string, unknown>;
  const {default: _default, ...withoutDefault} = config.toml;
  const wasDefault = config.defaultName === name;
  save(config, {...(wasDefault ? withoutDefault : config.toml), profiles}, context);
  writeLine(context, line`removed profile "${safe(name)}"; its database is as it was`);
  if (wasDefault) writeNote(context, 'it was the default profile: now there is none');
}

function use(name: string, config: Config, context: Context): void {
  profileOf(config, name);
  save(config, {...config.toml, default: name}, context);
  writeLine(context, line`profile "${safe(name)}" is the default now`);
  const {AGNO_TRACE_DB, AGNO_TRACE_PROFILE} = context.env;
  const stronger = AGNO_TRACE_DB ? 'AGNO_TRACE_DB' : AGNO_TRACE_PROFILE ? 'AGNO_TRACE_PROFILE' : null;
  if (stronger) writeNote(context, `${stronger} is set and goes before it`);
}

function save(config: Config, toml: Record<string, unknown>, context: Context): void {
  saveConfig(config.file, toml);
  if (config.comments === 0) return;
  const what = config.comments === 1 ? 'a comment' : `${config.comments} comments`;
  writeNote(context, `"${config.file}" was written anew: ${what} and the layout are gone, all keys are kept`);
}

/** What may be shown of a profile; unknown is null. */
function recordOf(profile: Profile, config: Config, {cwd}: Context) {
  const labelOf = (text: string | undefined): string | null => {
    if (text === undefined) return null;
    try {
      return describeDatabase(text, 'it', cwd).label;
    } catch {
      // Not quoted: what cannot be read may hold a password. Using it says what is wrong with it.
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

function list(flags: ProfileFlags, context: Context): void {
  const format = formatOf(flags, FORMATS);
  const config = configOf(context);
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

function show(profile: Profile, config: Config, flags: ProfileFlags, context: Context): void {
  const format = formatOf(flags, FORMATS);
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
    if (value !== null) writeLine(context, line`${own(label.padEnd(12))}  ${safe(value)}`);
  for (const key of profile.unknownKeys) writeNote(context, `key "${key}" is not known to this version`);
}
