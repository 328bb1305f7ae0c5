import path from 'node:path';
import type {Context} from '../../context.ts';
import {tableChoiceOf} from '../../flags/connection.ts';
import {drawingOf, writeLine, writeNext} from '../../flags/output.ts';
import {renderRunList} from '../../render/run-list.ts';
import {renderShownRun} from '../../render/shown-run.ts';
import {loadRunPage} from '../../runs/page.ts';
import {loadShown} from '../../show/shown.ts';
import {openStore} from '../../store/open.ts';
import {labelOf, type Source} from '../../store/source.ts';
import {createTables} from '../../store/writer.ts';
import {line, type Safe, safe, trusted} from '../../text/safe.ts';
import {command} from '../../text/shell.ts';
import {paint} from '../../text/style.ts';
import {NO_FILTER} from '../../trace/filter.ts';
import {PATIENCE} from '../../trace/runs.ts';
import {fill} from './fill.ts';
import {type LiveOptions, playLive} from './live.ts';

export interface DemoOptions {
  /** The database to create or to play into. */
  readonly source: Source;
  readonly schema: string;
  /** Synthetic runs; null: the recorded ones. */
  readonly runs: number | null;
  readonly seed: number;
  /** Null: nothing is played. */
  readonly live: LiveOptions | null;
  readonly ascii: boolean | undefined;
}

/** Creates a database and shows the small one, or plays runs into one. */
export default async function demo(options: DemoOptions, context: Context): Promise<void> {
  const {source, schema, runs, seed, live} = options;
  if (live) return playLive(source, schema, {...live, seed}, context);
  const writer = await createTables(source, schema);
  const written = await fill(writer, runs, seed, context).catch(async error => {
    await writer.abandon();
    throw error;
  });
  writeLine(context, line`wrote ${safe(labelOf(source))}: ${written.traces} traces, ${written.spans} spans`);
  if (runs === null && source.dialect === 'sqlite') await present(source.file, options, context);
}

const SHOWN_RUNS = 14;

/** The first commands that a user would type, with their output: the list, and one run as a tree. */
async function present(file: string, options: DemoOptions, context: Context): Promise<void> {
  const store = await openStore(
    {dialect: 'sqlite', file},
    {tables: tableChoiceOf({}), nowMicros: context.nowMicros, timeoutMs: 30_000},
  );
  try {
    const look = drawingOf(options, context);
    const db = path.relative(context.cwd, file) || file;
    const typed = (text: string): Safe =>
      paint(line`$ ${safe(command`agno-trace --db ${db}`)} ${trusted(text)}`, 'bold');
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
    writeLine(context, trusted(''));
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
