import path from 'node:path';
import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {tableChoiceOf} from '../../flags/connection.ts';
import type {DatabaseFlags, OutputFlags} from '../../flags/declare.ts';
import {parseCount, parseLength} from '../../flags/values.ts';
import {parseSource, type Source} from '../../store/source.ts';
import type {DemoOptions} from './run.ts';

interface DemoFlags extends DatabaseFlags, OutputFlags {
  path: string;
  traces?: string;
  live?: boolean;
  speed?: string;
  for?: string;
  seed: string;
}

/** Runs that real Agno wrote, moved to the present, in a database of their own; nothing else is ever touched. */
const demo: CommandModule = {
  examples: [
    {line: 'demo --live', answer: 'play runs, to tail in another terminal'},
    {line: 'demo --traces 30000 --path big.db', answer: 'about 1.2 million spans'},
  ],
  declare: (command, context) => {
    command
      .optionsGroup('Demo:')
      .option('--path <file>', 'SQLite file to make', 'agno-trace-demo.db')
      .option('--traces <n>', 'make n synthetic runs instead; on a server with --db')
      .option('--live', 'play recorded runs as if they ran now, until ^C')
      .option('--speed <x>', 'with --live: 2 plays twice as fast (default: 1)')
      .option('--for <length>', 'with --live: end after 30s, 10m, …')
      .option('--seed <n>', 'for --traces and --live: selects the runs', '1');
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default demo;

function optionsOf(flags: DemoFlags, context: Context): DemoOptions {
  const runs = flags.traces === undefined ? null : parseCount('--traces', flags.traces);
  const seed = parseCount('--seed', flags.seed);
  refuseLiveFlags(flags);
  if (flags.profile !== undefined)
    throw usageError('demo creates a database; profiles are for reading.', 'Pass --path or --db instead.');
  const {env} = context;
  const source: Source =
    flags.db === undefined
      ? {dialect: 'sqlite', file: path.resolve(context.cwd, flags.path)}
      : parseSource(flags.db, '--db', env, context.cwd);
  const live = flags.live
    ? {
        speed: parseSpeed(flags.speed ?? '1'),
        lengthMs: flags.for === undefined ? null : parseLength('--for', flags.for),
      }
    : null;
  if (!live && source.dialect !== 'sqlite' && runs === null)
    throw usageError('the small demo is a SQLite file.', 'Leave out --db, or pass --traces N, or --live for Postgres.');
  return {source, schema: tableChoiceOf(flags).schema ?? 'ai', runs, seed, live, ascii: flags.ascii};
}

function refuseLiveFlags({live, traces, speed, for: length}: DemoFlags): void {
  if (live && traces !== undefined)
    throw usageError(
      '--live and --traces exclude each other.',
      'Make the large demo first, then play into it: demo --live --path with the same file.',
    );
  if (live) return;
  for (const [flag, value] of Object.entries({'--speed': speed, '--for': length}))
    if (value !== undefined)
      throw usageError(`${flag} "${value}" needs --live.`, `Write demo --live ${flag} ${value}.`);
}

function parseSpeed(text: string): number {
  const speed = Number(text);
  if (text.trim() !== '' && speed >= 0.01 && speed <= 1000) return speed;
  throw usageError(`--speed "${text}" is not a speed.`, 'Write 2 for twice as fast, 0.5 for half; 0.01 to 1000.');
}
