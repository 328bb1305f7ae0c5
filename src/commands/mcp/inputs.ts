import {closest} from '../../closest.ts';
import {usageError} from '../../errors.ts';
import type {CommandModule} from '../../flags/command.ts';
import {collect, FIXED_VALUES} from '../../flags/declare.ts';
import type {Tool} from './tools.ts';

export type Command = Parameters<CommandModule['declare']>[0];
type Option = Command['options'][number];

/** A parameter of a tool, by its name: a flag of the command, or one of its arguments. */
interface Input {
  readonly name: string;
  readonly description: string;
  /** Absent: an argument of the command. */
  readonly option?: Option;
}

/** The parameters of a tool, derived from its command's declarations. */
export interface Inputs {
  readonly schema: InputSchema;
  /** The command line for a call. @throws UserError exit 2 for an invalid call */
  lineOf(given: Readonly<Record<string, unknown>>): string[];
}

interface InputSchema {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, object>>;
  readonly required?: string[];
}

/**
 * Flags that no call may have: the server decides the destination and the form of an answer, and only the user who
 * starts it names files. Flags declared with `<file>` are excluded too.
 */
const NEVER: readonly string[] = ['format', 'json', 'jsonl', 'print-sql', 'all-profiles', 'exit-code'];
/** The age limits of states apply to all calls alike. */
const OF_THE_SERVER: readonly string[] = ['stalled-after', 'lost-after'];
/** Filters that a query can express too: a model reads every parameter of every tool before it asks anything. */
const IN_A_QUERY: readonly string[] = [
  ...['team', 'workflow', 'run', 'trace', 'status', 'failed'],
  ...['min-duration', 'max-duration', 'min-tokens'],
];
const QUERY = "that match, as in 'team:support duration:>5s tokens:>1000 (error OR tool:web_search)'";
/** Longer lists are only in the description. */
const MOST_LISTED = 12;

const LONGEST_TEXT = 100_000;
const MOST_VALUES = 1000;

export function inputsOf(tool: Tool, command: Command): Inputs {
  const inputs = new Map<string, Input>();
  for (const argument of command.registeredArguments)
    inputs.set(argument.name(), {name: argument.name(), description: argument.description});
  const hasFilters = command.options.some(option => option.name() === 'min-duration');
  for (const option of command.options) {
    const name = option.name();
    if (takesFile(option) || NEVER.includes(name) || OF_THE_SERVER.includes(name)) continue;
    if (hasFilters && IN_A_QUERY.includes(name)) continue;
    if (tool.without?.includes(name) || (tool.only && ![...tool.only, ...SIZE].includes(name))) continue;
    const description =
      hasFilters && name === 'query' ? `${option.description.split(' ', 1)[0]} ${QUERY}` : option.description;
    inputs.set(name, {name, description, option});
  }
  const required = [
    ...command.registeredArguments.filter(argument => argument.required).map(argument => argument.name()),
    ...(tool.required ?? []),
  ];
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries([...inputs.values()].map(input => [input.name, schemaOf(input, tool)])),
      ...(required.length > 0 ? {required} : {}),
    },
    lineOf: given => lineOf(tool, {inputs, required}, given),
  };
}

/** The size of an answer: any call may set it. */
const SIZE: readonly string[] = ['max-bytes', 'skip'];

const takesFile = ({flags}: Option): boolean => /<file>/.test(flags);
const isCount = ({flags}: Option): boolean => /<n>/.test(flags);
const isFlag = ({required, optional}: Option): boolean => !required && !optional;
const isRepeated = ({parseArg}: Option): boolean => (parseArg as unknown) === collect;

function schemaOf({name, description, option}: Input, tool: Tool): object {
  const type = typeOf(option);
  const value = tool.unless?.[name] ?? (option && !isFlag(option) ? option.defaultValue : undefined);
  const start = value === undefined ? {} : {default: type.type === 'integer' ? Number(value) : value};
  return {...type, description, ...start};
}

function typeOf(option: Option | undefined): {type: string; [key: string]: unknown} {
  if (!option) return {type: 'string'};
  if (isFlag(option)) return {type: 'boolean'};
  if (isRepeated(option)) return {type: 'array', items: {type: 'string'}};
  if (isCount(option)) return {type: 'integer', minimum: 0};
  const values = FIXED_VALUES.get(option);
  return values && values.length <= MOST_LISTED ? {type: 'string', enum: values} : {type: 'string'};
}

function lineOf(
  tool: Tool,
  {inputs, required}: {inputs: ReadonlyMap<string, Input>; required: readonly string[]},
  given: Readonly<Record<string, unknown>>,
): string[] {
  const said = new Map<Input, unknown>();
  for (const [key, value] of Object.entries(given)) {
    // Models write min_tokens for min-tokens.
    const input = inputs.get(key) ?? inputs.get(key.replaceAll('_', '-'));
    if (!input) throw unknown(tool, key, [...inputs.keys()]);
    if (value !== null && value !== undefined) said.set(input, value);
  }
  const missing = required.find(name => !said.has(inputs.get(name)!));
  if (missing !== undefined)
    throw usageError(`${tool.name} needs "${missing}".`, inputs.get(missing)!.description.replace(/\.?$/, '.'));
  const flags: string[] = [];
  const args: string[] = [];
  for (const [name, value] of Object.entries(tool.unless ?? {}))
    if (!said.has(inputs.get(name)!)) flags.push(`--${name}=${value}`);
  for (const [input, value] of said) {
    const {option, name} = input;
    if (!option) args.push(textOf(name, value));
    else for (const text of wordsOf(input, option, value)) flags.push(text);
  }
  return [...flags, '--', ...args];
}

function* wordsOf({name}: Input, option: Option, value: unknown): Generator<string> {
  const flag = option.long!;
  if (isFlag(option)) {
    if (typeof value !== 'boolean') throw usageError(`"${name}" is ${typeNameOf(value)}.`, 'It is true or false.');
    if (value) yield flag;
    return;
  }
  if (option.optional && typeof value === 'boolean') {
    if (value) yield flag;
    return;
  }
  if (!Array.isArray(value)) {
    yield `${flag}=${textOf(name, value)}`;
    return;
  }
  if (!isRepeated(option)) throw usageError(`"${name}" is a list.`, 'It takes one value.');
  if (value.length > MOST_VALUES)
    throw usageError(`"${name}" has ${value.length} values.`, `At most ${MOST_VALUES} are taken.`);
  for (const item of value) yield `${flag}=${textOf(name, item)}`;
}

/** Text for a command line. */
function textOf(name: string, value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (typeof value !== 'string') throw usageError(`"${name}" is ${typeNameOf(value)}.`, 'It is a text.');
  if (value.length > LONGEST_TEXT)
    throw usageError(`"${name}" is ${value.length} characters long.`, `At most ${LONGEST_TEXT} are taken.`);
  if (value.includes('\0')) throw usageError(`"${name}" holds a NUL character.`, 'Leave it out.');
  return value;
}

function typeNameOf(value: unknown): string {
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

const LONGEST_NAME = 100;

function unknown(tool: Tool, key: string, names: readonly string[]): Error {
  const near = closest(key.slice(0, LONGEST_NAME), names);
  const list = `It takes ${names.join(', ')}.`;
  const shown = key.length > LONGEST_NAME ? `${key.slice(0, LONGEST_NAME)}…` : key;
  return usageError(`${tool.name} takes no "${shown}".`, near ? `Did you mean "${near}"? ${list}` : list);
}
