import path from 'node:path';
import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {readDotenv, tableChoiceOf} from '../../flags/connection.ts';
import type {DatabaseFlags, OutputFlags} from '../../flags/declare.ts';
import {columnsOf, lookOf, writeLine, writeNext} from '../../flags/output.ts';
import {parseCount} from '../../flags/values.ts';
import {loadRunPage} from '../../queries/run-pages.ts';
import {loadShown} from '../../queries/shown.ts';
import {renderRunList} from '../../render/run-list.ts';
import {renderShownRun} from '../../render/shown-run.ts';
import {openStore} from '../../store/open.ts';
import {labelOf, parseSource, type Source} from '../../store/source.ts';
import {createTables} from '../../store/writer.ts';
import {line, own, type Safe, safe} from '../../text/safe.ts';
import {command} from '../../text/shell.ts';
import {paint} from '../../text/style.ts';
import {NO_FILTER} from '../../trace/filter.ts';
import {PATIENCE} from '../../trace/runs.ts';
import {fill} from './fill.ts';
import {type LiveFlags, playLive} from './live.ts';

export interface DemoFlags extends DatabaseFlags, OutputFlags, LiveFlags {
  path: string;
  traces?: string;
}

/** Answers `demo`: makes a database and shows the small one, or plays runs into one. */
export default async function demo(flags: DemoFlags, context: Context): Promise<void> {
  const runs = flags.traces === undefined ? null : parseCount('--traces', flags.traces);
  const seed = parseCount('--seed', flags.seed);
  refuseLiveFlags(flags);
  if (flags.profile !== undefined)
    throw usageError('demo makes a database, and profiles name those to read.', 'Pass --path or --db instead.');
  const env = readDotenv(flags, context);
  const source: Source =
    flags.db === undefined
      ? {dialect: 'sqlite', file: path.resolve(context.cwd, flags.path)}
      : parseSource(flags.db, '--db', env, context.cwd);
  const schema = tableChoiceOf(flags).schema ?? 'ai';
  if (flags.live) return playLive(source, schema, flags, context);
  if (source.dialect === 'postgres' && runs === null)
    throw usageError(
      'the small demo is a SQLite file.',
      'Leave --db out, or pass --traces with the number of runs to make on Postgres, or --live.',
    );
  const writer = await createTables(source, schema);
  const written = await fill(writer, runs, seed, context).catch(async error => {
    await writer.abandon();
    throw error;
  });
  writeLine(context, line`wrote ${safe(labelOf(source))}: ${written.traces} traces, ${written.spans} spans`);
  if (runs === null && source.dialect === 'sqlite') await present(source.file, flags, context);
}

function refuseLiveFlags({live, traces, speed, for: length}: DemoFlags): void {
  if (live && traces !== undefined)
    throw usageError(
      '--live plays recorded runs, and --traces makes synthetic ones.',
      'Make the large demo first, then play into it: demo --live --path with the same file.',
    );
  if (live) return;
  for (const [flag, value] of Object.entries({'--speed': speed, '--for': length}))
    if (value !== undefined)
      throw usageError(`${flag} "${value}" is of no use without --live.`, `Write demo --live ${flag} ${value}.`);
}

const SHOWN_RUNS = 14;

/** What one would type first: the list, one run as a tree, and the commands that made them. */
async function present(file: string, flags: DemoFlags, context: Context): Promise<void> {
  const store = await openStore(
    {dialect: 'sqlite', file},
    {tables: tableChoiceOf({}), nowMicros: context.nowMicros, timeoutMs: 30_000},
  );
  try {
    const look = {...lookOf(flags, context), columns: columnsOf(context)};
    const db = path.relative(context.cwd, file) || file;
    const typed = (text: string): Safe => paint(line`$ ${safe(command`agno-trace --db ${db}`)} ${own(text)}`, 'bold');
    const page = await loadRunPage(store, {filter: NO_FILTER, limit: SHOWN_RUNS, cursor: null, patience: PATIENCE});
    writeLine(context, line`\n${typed(`list -n ${SHOWN_RUNS}`)}`);
    writeLine(context, renderRunList(page.runs, {...look, nowMicros: store.nowMicros()}));
    const team = await loadRunPage(store, {
      filter: {...NO_FILTER, sessions: ['team-member-error']},
      limit: 1,
      cursor: null,
      patience: PATIENCE,
    });
    const id = team.runs[0]!.record.runId!;
    const shown = await loadShown(store, id, {patience: PATIENCE, sessionLimit: 1});
    writeLine(context, line`\n${typed(`show ${id.slice(0, 8)}`)}`);
    const selection = {criticalOnly: false, kinds: [], depth: null, limit: 0};
    for (const run of shown.runs) writeLine(context, renderShownRun(run, {...look, io: 'preview', selection}));
    writeLine(context, own(''));
    for (const text of nextSteps(db)) writeNext(context, text);
  } finally {
    await store.close();
  }
}

function nextSteps(db: string): string[] {
  const steps = [
    ['list --state error,degraded,paused', 'what went wrong, what waits for a person'],
    ['show latest', 'the newest run'],
    ['show team-human-in-the-loop', 'a conversation: a pause and its continuation'],
    ['slowest --by tool', 'which tools take the time'],
  ] as const;
  return [
    'next:',
    ...steps.map(([text, answer]) => `  ${command`agno-trace --db ${db}`} ${text.padEnd(36)} ${answer}`),
  ];
}
