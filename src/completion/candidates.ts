import type {Argument, Command, Option} from 'commander';
import {collect} from '../flags/declare.ts';
import {safe} from '../text/safe.ts';

/** A word that fits at the cursor. */
export interface Candidate {
  readonly value: string;
  /** A description, for shells that show it. */
  readonly about?: string;
}

/** The values for one place of the command line. */
export type Values =
  | {readonly files: true}
  /** `commas`: several values, separated by commas. */
  | {readonly fixed: readonly string[]; readonly commas?: boolean}
  | {readonly candidates: readonly Candidate[]};

/** The command line as parsed so far: flags by the names under which commands read them. */
export interface Typed {
  readonly flags: Readonly<Record<string, unknown>>;
  /** The beginning of the value at the cursor. */
  readonly beginning: string;
}

export type ValuesOf = (place: {command: Command; of: Option | Argument}, typed: Typed) => Promise<Values | null>;

export type Completion = 'files' | readonly Candidate[];

/**
 * What can be at the cursor: subcommands, flags of the command and of the program, values of flags and arguments.
 * @param program with the flags of the command in `words` declared
 * @param words before the cursor, without the program's name
 */
export async function completionsOf(
  program: Command,
  words: readonly string[],
  current: string,
  valuesOf: ValuesOf,
): Promise<Completion> {
  const {command, flags, pending, position, isOnlyArguments} = understand(program, words);
  const complete = async (of: Option | Argument, beginning: string, before: string): Promise<Completion> => {
    const values = await valuesOf({command, of}, {flags, beginning});
    return values ? among(values, beginning, before) : [];
  };
  if (pending) return complete(pending, current, '');
  if (!isOnlyArguments && current.startsWith('--') && current.includes('=')) {
    const [name] = current.split('=', 1);
    const option = optionsOf(command).find(({long}) => long === name);
    return option?.required || option?.optional ? complete(option, current.slice(name!.length + 1), `${name}=`) : [];
  }
  if (!isOnlyArguments && current.startsWith('-')) {
    return optionsOf(command).flatMap(({long, description}) =>
      long?.startsWith(current) ? [{value: long, about: description}] : [],
    );
  }
  if (position === 0 && command.commands.length > 0) {
    return command
      .createHelp()
      .visibleCommands(command)
      .filter(sub => sub.name().startsWith(current))
      .map(sub => ({value: sub.name(), about: sub.description()}));
  }
  const list = command.registeredArguments;
  const argument = list[position] ?? (list.at(-1)?.variadic ? list.at(-1) : undefined);
  const found = argument ? await complete(argument, current, '') : [];
  // Without a flag's name before it, such a value would be read as a flag itself.
  return found === 'files' || isOnlyArguments ? found : found.filter(({value}) => !value.startsWith('-'));
}

function among(values: Values, beginning: string, before: string): Completion {
  if ('files' in values) return 'files';
  if ('candidates' in values) {
    const shown = values.candidates.filter(({value}) => value.startsWith(beginning) && isPlain(value));
    return shown.map(({value, about}) => ({value: before + value, about}));
  }
  const done = values.commas ? beginning.slice(0, beginning.lastIndexOf(',') + 1) : '';
  const used = done.split(',');
  return values.fixed
    .filter(value => value.startsWith(beginning.slice(done.length)) && !used.includes(value))
    .map(value => ({value: before + done + value}));
}

/**
 * Text from the tables is offered only if it can be shown unchanged: a control character could affect the terminal
 * that lists it, or end the line that it is inserted into.
 */
function isPlain(value: string): boolean {
  return value !== '' && safe(value) === value;
}

interface Understood {
  readonly command: Command;
  readonly flags: Readonly<Record<string, unknown>>;
  /** The flag whose value is at the cursor. */
  readonly pending: Option | null;
  /** Number of the command's arguments before the cursor. */
  readonly position: number;
  /** After `--`. */
  readonly isOnlyArguments: boolean;
}

/** Follows the words like the parser, but tolerates errors. */
function understand(program: Command, words: readonly string[]): Understood {
  let command = program;
  let pending: Option | null = null;
  let position = 0;
  let isOnlyArguments = false;
  const flags: Record<string, unknown> = {};
  for (const word of words) {
    if (pending) {
      give(flags, pending, word);
      pending = null;
    } else if (isOnlyArguments || !/^-./.test(word)) {
      const sub =
        position === 0 ? command.commands.find(it => it.name() === word || it.aliases().includes(word)) : null;
      if (sub) command = sub;
      else position++;
    } else if (word === '--') isOnlyArguments = true;
    else {
      const [, name = word, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? /^(-[^-])(.+)$/s.exec(word) ?? [];
      const option = optionsOf(command).find(({long, short}) => long === name || short === name);
      if (!option) continue;
      if (value !== undefined) give(flags, option, value);
      else if (option.required) pending = option;
      else flags[option.attributeName()] = !option.negate;
    }
  }
  return {command, flags, pending, position, isOnlyArguments};
}

/** Flags that may be repeated become lists, as commands read them. */
function give(flags: Record<string, unknown>, option: Option, value: string): void {
  const name = option.attributeName();
  flags[name] = option.parseArg === collect ? collect(value, flags[name] as string[] | undefined) : value;
}

function optionsOf(command: Command): Option[] {
  const help = command.createHelp();
  help.showGlobalOptions = true;
  const options = [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)];
  return options.filter((option, i) => options.findIndex(({long}) => long === option.long) === i);
}
