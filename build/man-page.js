// The man page, made of what the program itself declares: commands, arguments, flags, examples, and the pages of `help`.
import {readFileSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {rolldown} from 'rolldown';
import {bundling} from './bundling.js';

/**
 * @param {string} root the package's folder
 * @returns {Promise<string>} roff; the same for the same sources
 */
export async function manPage(root) {
  const {buildProgram, COMMANDS, TOPICS} = await loadDeclarations();
  const silent = {write: () => undefined, isTTY: false, columns: 80};
  const context = {stdout: silent, stderr: silent, env: {}, cwd: root, notes: [], nowMicros: () => 0};
  const names = (await buildProgram([], context)).commands.map(command => command.name());
  // Flags of all commands are declared when all are named.
  const program = await buildProgram(names, context);
  const examples = new Map();
  for (const name of names) examples.set(name, (await COMMANDS[name].load()).default.examples);
  const {version} = JSON.parse(readFileSync(`${root}package.json`, 'utf8'));
  const lines = [
    `.TH AGNO\\-TRACE 1 "${dateOf(readFileSync(`${root}CHANGELOG.md`, 'utf8'), version)}" "agno\\-trace ${version}" "User Commands"`,
    '.SH NAME',
    'agno\\-trace \\- terminal tool for the traces that Agno writes into Postgres or SQLite',
    '.SH SYNOPSIS',
    '.B agno\\-trace',
    '[\\fIcommand\\fR] [\\fIarguments\\fR] [\\fIflags\\fR]',
    '.SH DESCRIPTION',
    text(program.description()),
    '.SH COMMANDS',
    ...program.commands.flatMap(command => ofCommand(command, examples.get(command.name()))),
    '.SH FLAGS OF EVERY COMMAND',
    ...ofFlags(program),
    ...Object.entries(TOPICS).flatMap(([name, topic]) => ofTopic(name, topic)),
    '.SH SEE ALSO',
    text('agno-trace <command> --help, and docs/json.md in the package, the contract of the JSON.'),
  ];
  return `.\\" Made by build/man-page.js from what the program declares.\n${lines.join('\n')}\n`;
}

async function loadDeclarations() {
  const folder = await mkdtemp(path.join(tmpdir(), 'agno-trace-man-'));
  try {
    const bundle = await rolldown({...bundling, input: 'build/declarations.js'});
    await bundle.write({file: path.join(folder, 'declarations.cjs'), format: 'cjs', codeSplitting: false});
    await bundle.close();
    return (await import(pathToFileURL(path.join(folder, 'declarations.cjs')).href)).default;
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

/** The day of the release as the changelog has it; before it is known, the one of the release before, or none. */
function dateOf(changelog, version) {
  const dates = new Map([...changelog.matchAll(/^## (\S+) \((\d{4}-\d\d-\d\d)\)/gm)].map(match => match.slice(1)));
  return dates.get(version) ?? [...dates.values()][0] ?? '';
}

function ofCommand(command, examples) {
  const names = [command.name(), ...command.aliases()].map(text).join(', ');
  const list = command.registeredArguments.map(argument => ` ${synopsisOf(argument)}`).join('');
  return [
    `.SS ${names}${text(list)}`,
    text(command.description()),
    ...command.registeredArguments.flatMap(argument => item(synopsisOf(argument), argument.description)),
    ...ofFlags(command),
    ...command.commands.flatMap(sub => ofCommand(sub, [])),
    ...(examples.length > 0 ? ['.PP', 'Examples:'] : []),
    ...examples.flatMap(({line, answer}) => item(`agno-trace ${line}`, answer)),
  ];
}

function synopsisOf(argument) {
  const name = argument.name() + (argument.variadic ? '...' : '');
  return argument.required ? `<${name}>` : `[${name}]`;
}

function ofFlags(command) {
  return command
    .createHelp()
    .visibleOptions(command)
    .filter(({long}) => command.parent === null || long !== '--help')
    .flatMap(option => item(option.flags, flagText(option)));
}

function flagText({description, defaultValue}) {
  return defaultValue === undefined || typeof defaultValue === 'boolean'
    ? description
    : `${description} (default: ${defaultValue})`;
}

function item(term, description) {
  return ['.TP', `.B ${text(term)}`, text(description)];
}

/** Pages are set as they stand, below a heading of their own; the first line is their title. */
function ofTopic(name, topic) {
  const [, ...lines] = topic.text.trimEnd().split('\n');
  const heading = name === 'exit-codes' ? 'EXIT STATUS' : text(name.toUpperCase());
  return [`.SH ${heading}`, `${text(topic.summary)}:`, '.PP', '.in 0', '.nf', ...lines.slice(1).map(text), '.fi'];
}

/** One line as roff prints it unchanged: no escapes, no requests, hyphens that can be copied. */
function text(line) {
  const escaped = line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replace(/[^\x20-\x7e]/gu, char => `\\[u${char.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}]`);
  return /^\./.test(escaped) ? `\\&${escaped}` : escaped;
}
