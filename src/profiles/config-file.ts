import {existsSync, realpathSync, statSync} from 'node:fs';
import path from 'node:path';
import {parse, stringify, TomlError} from 'smol-toml';
import {EXIT, fileReason, UserError, usageError} from '../errors.ts';
import {makeFolders, readRegular, writePrivateFile} from '../private-file.ts';
import type {Env} from '../store/source.ts';
import {command} from '../text/shell.ts';
import {isTable, type Profile, parseProfile, SECRET_HINT, secretKeysOf} from './profile.ts';

type Toml = Record<string, unknown>;

/** The contents of the config file. Unknown keys are kept when it is written again. */
export interface Config {
  readonly file: string;
  /** In the order of the file. */
  readonly profiles: ReadonlyMap<string, Profile>;
  /** The default profile; it may no longer exist. */
  readonly defaultName: string | null;
  /** The whole document. */
  readonly toml: Toml;
  /** Number of comments in the file, which are lost when it is written again. */
  readonly comments: number;
}

const NAME = 'agno-trace';

/**
 * The path of the config file: AGNO_TRACE_CONFIG, or else `config.toml` in the folder that env-paths returns. Its
 * three lines are repeated here because env-paths reads the variables of the process once, when it is loaded, while a
 * command has its own (`--dotenv`, tests); a test compares the two.
 * @returns null if neither a variable nor a home folder is set
 */
export function configPlace(env: Env, cwd: string, platform: string = process.platform): string | null {
  if (env.AGNO_TRACE_CONFIG) return path.resolve(cwd, env.AGNO_TRACE_CONFIG);
  const home = platform === 'win32' ? env.USERPROFILE : env.HOME;
  const inHome = (...parts: string[]) => (home ? path.join(home, ...parts) : null);
  let folder: string | null;
  if (platform === 'darwin') folder = inHome('Library', 'Preferences', NAME);
  else if (platform === 'win32') {
    const appData = env.APPDATA || inHome('AppData', 'Roaming');
    folder = appData && path.join(appData, NAME, 'Config');
  } else {
    // A relative path is invalid and must be ignored (XDG Base Directory Specification).
    const base = path.isAbsolute(env.XDG_CONFIG_HOME ?? '') ? env.XDG_CONFIG_HOME! : inHome('.config');
    folder = base && path.join(base, NAME);
  }
  return folder && path.join(folder, 'config.toml');
}

/**
 * Reads the config file if there is one.
 * @throws UserError exit 2 with file, line and column for invalid TOML; for a password in a file that others can read
 */
export function loadConfig(env: Env, cwd: string): Config | null {
  const file = configPlace(env, cwd);
  if (file === null) return null;
  const text = textOf(file);
  if (text === null) return {file, profiles: new Map(), defaultName: null, toml: {}, comments: 0};
  const toml = parseToml(text, file);
  const {profiles: tables = {}, default: defaultName = null} = toml;
  if (!isTable(tables)) throw usageError(`"profiles" in "${file}" is not a table.`, 'Write [profiles.name].');
  if (defaultName !== null && typeof defaultName !== 'string')
    throw usageError(`"default" in "${file}" is not text.`, 'agno-trace profile use <name> writes it.');
  const profiles = new Map(Object.entries(tables).map(([name, table]) => [name, parseProfile(name, table, file)]));
  for (const profile of profiles.values()) refuseOpenFile(file, profile, cwd);
  return {file, profiles, defaultName, toml, comments: commentsIn(text)};
}

const MOST_BYTES = 1024 ** 2;

function textOf(file: string): string | null {
  try {
    return readRegular(file, MOST_BYTES);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new UserError(EXIT.usage, `the config file "${file}" cannot be read: ${fileReason(error)}.`, {
      hint: 'Check its permissions, or name another one: AGNO_TRACE_CONFIG.',
      cause: error,
    });
  }
}

function parseToml(text: string, file: string): Toml {
  try {
    // Integers and fractions keep their type when the file is written again.
    return parse(text, {integersAsBigInt: true});
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // Only its first line: the rest quotes the file.
    const reason = error.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '');
    throw usageError(
      `${file}:${error.line}:${error.column} is not valid TOML: ${reason}.`,
      'Check quotes and brackets there.',
    );
  }
}

const OTHERS_READ = 0o044;
const OTHERS_WRITE = 0o022;

/** Nobody else may read a password, or write a command that runs as the user. */
function refuseOpenFile(file: string, profile: Profile, cwd: string): void {
  if (process.platform === 'win32') return;
  const mode = statSync(file).mode & 0o777;
  const shown = mode.toString(8).padStart(4, '0');
  const [key] = secretKeysOf(profile, cwd);
  if (key !== undefined && mode & OTHERS_READ)
    throw usageError(
      `"${file}" holds a password (${key} of profile "${profile.name}") and other users can read it (mode ${shown}).`,
      `${command`chmod 600 ${file}`} makes it private. Better: ${SECRET_HINT}`,
    );
  if ((profile.passwordCommand ?? profile.runsPasswordCommand) !== undefined && mode & OTHERS_WRITE)
    throw usageError(
      `"${file}" holds a command (profile "${profile.name}") and other users can change it (mode ${shown}).`,
      command`chmod 600 ${file}`,
    );
}

/** Comments outside of strings. */
function commentsIn(text: string): number {
  const parts = text.matchAll(/"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#.*/g);
  return [...parts].filter(([part]) => part.startsWith('#')).length;
}

/**
 * Writes the whole document atomically: a new file beside the old one replaces it. Mode 0600; a folder that has to be
 * created gets 0700.
 */
export function saveConfig(file: string, toml: Toml): void {
  try {
    makeFolders(path.dirname(existsSync(file) ? realpathSync(file) : file));
    writePrivateFile(file, stringify(toml, {numbersAsFloat: true}));
  } catch (error) {
    throw new UserError(EXIT.failed, `the config file "${file}" cannot be written: ${fileReason(error)}.`, {
      hint: 'Check the permissions of its folder, or name another file: AGNO_TRACE_CONFIG.',
      cause: error,
    });
  }
}
