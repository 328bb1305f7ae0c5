import type {Context} from '../context.ts';
import {EXIT, UserError, usageError} from '../errors.ts';
import {append} from '../lists.ts';
import type {Profile} from '../profiles/profile.ts';
import type {Source} from '../store/source.ts';
import type {Store} from '../store/store.ts';
import {safe, trusted} from '../text/safe.ts';
import {type Connection, configOf, connectionOfProfile, profileOf} from './connection.ts';
import {maskSecrets, type ReadSettings, readSettingsOf, sourcesIn, withConnection} from './database.ts';
import type {ReadFlags} from './declare.ts';

/** Several databases for the same question, and how they are read. */
export interface SeveralProfiles extends ReadSettings {
  readonly profiles: readonly NamedConnection[];
}

interface NamedConnection {
  readonly name: string;
  /** An error if it cannot be read at all. */
  readonly connection: Connection | UserError;
  readonly notes: readonly string[];
}

/**
 * The profiles of `--profile a --profile b` or `--all-profiles`; null if only one database is meant.
 * @throws UserError exit 2 for an unknown one, or for contradicting flags
 */
export function severalProfilesOf(
  flags: ReadFlags & {allProfiles?: boolean},
  context: Context,
): SeveralProfiles | null {
  const chosen = profilesOf(flags, context);
  if (!chosen) return null;
  const profiles = chosen.map((profile): NamedConnection => {
    const notes: string[] = [];
    try {
      return {name: profile.name, connection: connectionOfProfile(profile, flags, {...context, notes}), notes};
    } catch (error) {
      if (error instanceof UserError) return {name: profile.name, connection: error, notes};
      throw error;
    }
  });
  const sources = profiles.flatMap(({connection}) => (connection instanceof UserError ? [] : sourcesIn(connection)));
  return {profiles, ...readSettingsOf(flags, context, sources)};
}

function profilesOf(flags: ReadFlags & {allProfiles?: boolean}, context: Context): readonly Profile[] | null {
  const names = [...new Set(flags.profile ?? [])];
  if (!flags.allProfiles && (flags.profile ?? []).length < 2) return null;
  const flag = flags.allProfiles ? '--all-profiles' : '--profile';
  if (flags.allProfiles && names.length > 0)
    throw usageError('--all-profiles and --profile exclude each other.', 'Pass one of them.');
  if (flags.db !== undefined) throw usageError(`--db and ${flag} both name a database.`, 'Pass one of them.');
  const config = configOf(context);
  if (!flags.allProfiles) return names.map(name => profileOf(config, name));
  if (config.profiles.size === 0)
    throw usageError(
      `there are no profiles in "${config.file}".`,
      'agno-trace profile add <name> --db <url> creates one.',
    );
  return [...config.profiles.values()];
}

interface ProfileResult<T> {
  readonly profile: string;
  readonly answer: T | null;
  /** Why there is no answer, for the notes. */
  readonly failure: string | null;
}

/**
 * Reads several databases at the same time: a page takes as long as the slowest one, and a database that does not
 * answer delays no other. Only profiles of the same database wait for each other, so that none gets more than two
 * connections (its traces and its run table).
 * @throws UserError if none could be read
 */
export async function withEachProfile<T>(
  {profiles, ...settings}: SeveralProfiles,
  context: Context,
  then: string,
  ask: (store: Store, context: Context, profile: string) => Promise<T>,
): Promise<ProfileResult<T>[]> {
  const last = new Map<string, Promise<unknown>>();
  const printed = profiles.map((): string[] => []);
  const failures: UserError[] = [];
  const one = async (profile: NamedConnection, at: number): Promise<ProfileResult<T>> => {
    const {name, connection} = profile;
    const notes = [...profile.notes];
    // Their statements must not mix.
    const stdout = {...context.stdout, write: (text: string) => void printed[at]!.push(text)};
    const mine = {...context, notes, ...(settings.printSql ? {stdout} : {})};
    try {
      if (connection instanceof UserError) throw connection;
      const keys = sourcesIn(connection).map(keyOf);
      const before = keys.map(key => last.get(key));
      let answer: T | null = null;
      const task = Promise.all(before).then(() =>
        withConnection({connection, ...settings}, mine, then, async (store, out) => {
          answer = await ask(store, out, name);
          append(
            context.notes,
            notes.splice(0).map(note => `profile "${name}": ${note}`),
          );
        }),
      );
      for (const key of keys)
        last.set(
          key,
          task.catch(() => undefined),
        );
      await task;
      return {profile: name, answer, failure: null};
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      failures.push(error);
      const hint = error.hint ? ` (${error.hint})` : '';
      const failure = `profile "${name}" could not be read: ${error.message}${hint}`;
      return {profile: name, answer: null, failure: maskSecrets(failure, context.secrets)};
    }
  };
  const results = await Promise.all(profiles.map(one));
  for (const [i, texts] of printed.entries()) {
    if (texts.length > 0) context.stdout.write(trusted(`-- profile ${safe(profiles[i]!.name)}\n${texts.join('')}\n`));
  }
  if (failures.length === profiles.length && profiles.length > 0) throw noneOf(results, failures);
  return results;
}

/** Two profiles of one server and database share its connections, whatever their users are. */
function keyOf(source: Source): string {
  if (source.dialect === 'sqlite') return source.file;
  const host = source.dialect === 'postgres' ? (source.hostAddress ?? source.host) : source.host;
  return `${host}:${source.port}/${source.database}`;
}

function noneOf(results: readonly ProfileResult<unknown>[], failures: readonly UserError[]): UserError {
  const codes = new Set(failures.map(({exitCode}) => exitCode));
  return new UserError(
    codes.size === 1 ? failures[0]!.exitCode : EXIT.unreachable,
    `none of ${results.length} profiles could be read: ${results.map(({failure}) => failure).join(' ')}`,
    {hint: 'Read one alone, with --debug: agno-trace list --profile <name>', cause: failures[0]},
  );
}
