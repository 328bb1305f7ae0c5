import type {Argument, Command, Option} from 'commander';
import type {Context} from '../context.ts';
import {type DatabaseFlags, FIXED_VALUES, OFFERED_VALUES} from '../flags/declare.ts';
import {QUERY_KEYS, STATUSES} from '../flags/query.ts';
import {TOPICS} from '../help/topics.ts';
import {loadConfig} from '../profiles/config-file.ts';
import {PROFILE_KEYS} from '../profiles/profile.ts';
import {IO_LEVELS} from '../render/io.ts';
import {COLOUR_CHOICES} from '../text/style.ts';
import {KINDS} from '../trace/kind.ts';
import {PLACES} from '../trace/places.ts';
import {STATES} from '../trace/states.ts';
import type {Typed, Values, ValuesOf} from './candidates.ts';
import {attributesIn, type Known, knownIn} from './known.ts';
import {SHELLS} from './scripts.ts';

type Provider = (typed: Typed, context: Context, leftMs: number) => Promise<Values>;

const fixed =
  (list: readonly string[]): Provider =>
  async () => ({fixed: list});
const commas =
  (list: readonly string[]): Provider =>
  async () => ({fixed: list, commas: true});
const files: Provider = async () => ({files: true});
const profiles: Provider = async (_, {env, cwd}) => ({fixed: [...(loadConfig(env, cwd)?.profiles.keys() ?? [])]});
/** Something of the database that the command line names. */
const read =
  (offer: (flags: DatabaseFlags, context: Context, leftMs: number) => Promise<Known[keyof Known]>): Provider =>
  async (typed, context, leftMs) => {
    if (leftMs <= 0) return {candidates: []};
    const callOff = await context.endIn?.(leftMs + GRACE_MS);
    try {
      const found = await inTime(leftMs, () => offer(withVariables(typed.flags, context), context, leftMs));
      return {candidates: found?.(typed.beginning) ?? []};
    } finally {
      callOff?.();
    }
  };

/** Names and ids. */
const stored = (what: keyof Known): Provider =>
  read(async (flags, context, leftMs) => (await knownIn(flags, context, leftMs))[what]);

const ATTRIBUTE = 'attr.';
const attributes = read(attributesIn);

/** Keys of the last term of a query; the database is read for attributes only. */
const query: Provider = async (typed, context, leftMs) => {
  const [, before = '', word = ''] = /^(.*(?:^|[\s(]))(-?[^\s(]*)$/s.exec(typed.beginning) ?? [];
  const sign = word.startsWith('-') ? '-' : '';
  const beginning = word.slice(sign.length);
  const found = beginning.startsWith(ATTRIBUTE) ? await attributes({...typed, beginning}, context, leftMs) : null;
  const keys =
    found && 'candidates' in found
      ? found.candidates.map(({value}) => `${value}:`)
      : [...QUERY_KEYS.map(key => `${key}:`), ATTRIBUTE];
  return {candidates: keys.map(key => ({value: `${before}${sign}${key}`}))};
};

/** An answer that is ready within this time is better than a killed process. */
const GRACE_MS = 50;

/** Null if the work took longer. Reads of SQLite block the timer, so the clock is checked as well. */
async function inTime<T>(leftMs: number, work: () => Promise<T>): Promise<T | null> {
  if (leftMs <= 0) return null;
  const start = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>(resolve => {
    timer = setTimeout(resolve, leftMs, null);
  });
  const done = await Promise.race([work(), late]).finally(() => clearTimeout(timer));
  return performance.now() - start > leftMs ? null : done;
}

/**
 * Values after a flag (`--kind`) or for an argument (`show id`): the lists that the parser itself checks against,
 * files, or stored values. A new source of values is one more line.
 */
const PROVIDERS: Readonly<Record<string, Provider>> = {
  '--color': fixed(COLOUR_CHOICES),
  '--tz': async () => ({fixed: ['UTC', 'local', ...Intl.supportedValuesOf('timeZone')]}),
  '--io': fixed(IO_LEVELS),
  '--kind': commas(KINDS),
  '--state': commas(STATES),
  '--status': commas(STATUSES),
  '--in': commas(PLACES),
  '--query': query,
  'keep names': attributes,
  '--db': files,
  '--runs-db': files,
  '--cursor-file': files,
  '--profile': profiles,
  'show name': profiles,
  'use name': profiles,
  'set name': profiles,
  'set changes': fixed(Object.values(PROFILE_KEYS)),
  'remove name': profiles,
  '--agent': stored('agents'),
  '--team': stored('teams'),
  '--workflow': stored('workflows'),
  '--user': stored('users'),
  '--session': stored('sessions'),
  '--model': stored('models'),
  '--run': stored('runs'),
  '--trace': stored('traces'),
  'show id': stored('ways'),
  'wait id': stored('ways'),
  'export ids': stored('ways'),
  'transcript id': stored('ways'),
  'diff a': stored('ways'),
  'diff b': stored('ways'),
  'completion shell': fixed(SHELLS),
};

/** @param leftMs time for reading a database */
export function valuesIn(context: Context, leftMs: number): ValuesOf {
  return async ({command, of}, typed) => {
    const name = 'long' in of ? of.long! : `${command.name()} ${of.name()}`;
    const provider = PROVIDERS[name];
    if (provider) return provider(typed, context, leftMs);
    if (name === 'help topic') return {candidates: pagesAndCommands(command.parent!)};
    const list = 'long' in of ? (FIXED_VALUES.get(of) ?? OFFERED_VALUES.get(of)) : undefined;
    if (list?.includes(ATTRIBUTE) && typed.beginning.startsWith(ATTRIBUTE)) return attributes(typed, context, leftMs);
    if (list) return {fixed: list};
    return takesFile(of) ? {files: true} : null;
  };
}

function pagesAndCommands(program: Command) {
  return [
    ...Object.entries(TOPICS).map(([value, {summary}]) => ({value, about: summary})),
    ...program.commands.map(command => ({value: command.name(), about: command.description()})),
  ];
}

/** Declared as `<file>`. */
function takesFile(of: Option | Argument): boolean {
  return /<file>/.test('flags' in of ? of.flags : `<${of.name()}>`);
}

/** `--db $URL`: a value that is only a variable means the variable's value; nothing else is expanded. */
function withVariables(flags: Typed['flags'], {env}: Context): DatabaseFlags {
  const meant = Object.entries(flags).map(([flag, value]) => {
    // Of several profiles, the last one was meant when the cursor came here.
    if (Array.isArray(value)) return [flag, flag === 'profile' ? value.slice(-1) : value];
    const variable = /^\$(?:(\w+)|\{(\w+)\})$/.exec(String(value));
    return [flag, variable ? env[variable[1] ?? variable[2]!] : value];
  });
  return Object.fromEntries(meant) as DatabaseFlags;
}
