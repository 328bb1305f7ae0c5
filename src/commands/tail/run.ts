import path from 'node:path';
import {setFlagsFromString} from 'node:v8';
import type {Context, TerminalStreams} from '../../context.ts';
import {EXIT, usageError} from '../../errors.ts';
import {connectionOf} from '../../flags/connection.ts';
import {openConnection, withConnection} from '../../flags/database.ts';
import type {PatienceFlags, PriceFlags, ReadFlags, WhatFlags, WhoFlags, WindowFlags} from '../../flags/declare.ts';
import {Ending} from '../../flags/ending.ts';
import {columnsOf, lookOf} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {queryNotes} from '../../flags/query.ts';
import {filterOf, patienceOf, windowOf} from '../../flags/selection.ts';
import {parseChoice, parseCount, parseLength} from '../../flags/values.ts';
import {CursorFile} from '../../follow/cursor-file.ts';
import {LiveRuns} from '../../follow/live-runs.ts';
import {type FeedOptions, runFeed} from '../../follow/run-feed.ts';
import type {Start} from '../../follow/start.ts';
import {append} from '../../lists.ts';
import {replacing, type Store} from '../../store/store.ts';
import {hoisted, NO_FILTER, type RunFilter} from '../../trace/filter.ts';
import type {Patience} from '../../trace/runs.ts';
import {BookMark} from './book-mark.ts';
import type {EventWriter} from './event-writer.ts';
import {JsonEventWriter} from './json-events.ts';
import {LineWriter} from './lines.ts';
import {Watch} from './watch.ts';

export interface TailFlags
  extends ReadFlags,
    Pick<WindowFlags, 'since' | 'last'>,
    WhoFlags,
    WhatFlags,
    PatienceFlags,
    PriceFlags {
  limit?: string;
  traffic?: boolean;
  plain?: boolean;
  format?: string;
  jsonl?: boolean;
  ascii?: boolean;
  heartbeat: string;
  interval?: string;
  for?: string;
  maxRuns?: string;
  exitOnError?: boolean;
  cursorFile?: string;
}

export const TAIL_FORMATS = ['lines', 'jsonl'] as const;
const THEN = 'further looks bring new spans alone; spans become trees, runs are found and judged (src/trace)';
const NEWEST_RUNS = 10;
/** With a filter the newest that match may lie far back: no further than this is looked. */
const BACKLOG_MICROS = 24 * 3_600_000_000;
const SHORTEST_INTERVAL_MS = 20;

/**
 * V8 lets garbage pile up to several times what lives before it collects: at 1,000 spans a second 50 MB live in a heap of
 * up to 275. It runs for days beside the application, so twice is enough.
 */
const HEAP_GROWS = '--heap-growing-percent=100';

/** Answers `tail`: what happens to runs, as it happens. */
export default async function tail(flags: TailFlags, context: Context): Promise<void> {
  setFlagsFromString(HEAP_GROWS);
  const settings = settingsOf(flags, context);
  const connection = connectionOf(flags, context);
  const terminal = screenOf(flags, context);
  if (terminal) {
    const {showScreens} = await import('./screens.ts');
    return showScreens(terminal, {flags, settings, connection}, context);
  }
  const {heartbeatMs, forMs, format} = settings;
  const writer: EventWriter =
    format === 'jsonl'
      ? new JsonEventWriter(context)
      : new LineWriter(context, {...lookOf(flags, context), columns: columnsOf(context)}, settings.filter.traffic);
  if (flags.printSql)
    return withConnection(connection, flags, context, THEN, async store => {
      const ending = new Ending(null);
      const open = async () => replacing(store, {close: async () => undefined});
      for await (const event of runFeed(feedOf(settings, open, ending.signal))) if (event.type === 'runs') break;
      ending.dispose();
    });
  const ending = new Ending(forMs);
  const feed = feedOf(settings, () => openConnection(connection, flags, context), ending.signal);
  const watch = new Watch({writer, live: feed.live, end: () => ending.end(), ...settings});
  const mark = settings.cursorFile && new BookMark(settings.cursorFile);
  const heart = heartbeatMs === null ? undefined : setInterval(() => watch.beat(), heartbeatMs);
  try {
    for await (const event of runFeed(feed)) {
      for (const note of context.notes.splice(0)) writer.notice(note);
      watch.take(event);
      await context.stdout.drained?.();
      if (event.type === 'runs' && event.cursor) mark?.take(event.cursor(), event.isNew);
    }
    mark?.save();
    if (ending.isOutOfTime && !watch.hasCaughtUp)
      writer.notice(`--for ${flags.for} was over before all that is there had been read: a longer one shows the rest.`);
  } finally {
    clearInterval(heart);
    ending.dispose();
  }
  if (watch.hasFailed) context.exitCode = EXIT.different;
  else if (ending.signalCode !== null) context.exitCode = ending.signalCode;
}

export interface Settings {
  readonly format: (typeof TAIL_FORMATS)[number];
  readonly filter: RunFilter;
  readonly patience: Patience;
  readonly prices: ReturnType<typeof pricesOf>;
  readonly start: Start;
  /** Newest runs told first. */
  readonly newestRuns: number;
  readonly nowMicros: number;
  readonly pollMs: number | undefined;
  readonly heartbeatMs: number | null;
  readonly forMs: number | null;
  /** Null: no limit. */
  readonly maxRuns: number | null;
  readonly exitOnError: boolean;
  readonly cursorFile: CursorFile | null;
}

/** The terminal that screens are drawn on; null: lines. Whoever says how it ends, or in which form, wants lines. */
function screenOf(flags: TailFlags, {env, terminal}: Context): TerminalStreams | null {
  const {plain, format, jsonl, printSql, maxRuns, exitOnError, cursorFile} = flags;
  if (plain || format !== undefined || jsonl || printSql) return null;
  if (flags.for !== undefined || maxRuns !== undefined || exitOnError || cursorFile !== undefined) return null;
  // Ink's own variable for screen readers, who are better off with lines.
  if (env.TERM === 'dumb' || env.INK_SCREEN_READER === 'true') return null;
  return terminal?.() ?? null;
}

function settingsOf(flags: TailFlags, context: Context): Settings {
  const nowMicros = context.nowMicros();
  // `--since` and `--last` say where to begin; what began earlier and still moves belongs to it.
  const {since: _since, last: _last, ...others} = flags;
  const {sinceMicros} = windowOf(flags, nowMicros);
  if (flags.query !== undefined) append(context.notes, queryNotes(flags.query));
  if (flags.limit !== undefined && sinceMicros !== null)
    throw usageError('-n and --since or --last both say where to begin.', 'Pass one of them.');
  const pollMs = flags.interval === undefined ? undefined : parseLength('--interval', flags.interval);
  if (pollMs !== undefined && pollMs < SHORTEST_INTERVAL_MS)
    throw usageError(`--interval "${flags.interval}" is too short.`, `The shortest is ${SHORTEST_INTERVAL_MS}ms.`);
  const heartbeatMs = flags.heartbeat === '0' ? 0 : parseLength('--heartbeat', flags.heartbeat);
  const maxRuns = flags.maxRuns === undefined ? null : parseCount('--max-runs', flags.maxRuns);
  if (maxRuns === 0) throw usageError('--max-runs "0" would end before it begins.', 'Write --max-runs 1.');
  const cursorFile =
    flags.cursorFile === undefined ? null : new CursorFile(path.resolve(context.cwd, flags.cursorFile));
  const cursor = cursorFile?.load() ?? null;
  const start: Start = cursor
    ? {from: 'cursor', cursor}
    : sinceMicros === null
      ? {from: 'now'}
      : {from: 'since', sinceMicros};
  const newestRuns = flags.limit === undefined ? NEWEST_RUNS : parseCount('-n', flags.limit);
  return {
    format: flags.jsonl
      ? 'jsonl'
      : flags.format === undefined
        ? 'lines'
        : parseChoice('--format', flags.format, TAIL_FORMATS),
    filter: hoisted(filterOf(others, nowMicros)),
    patience: patienceOf(flags),
    prices: pricesOf(flags, context),
    start,
    newestRuns: start.from === 'now' ? newestRuns : 0,
    nowMicros,
    pollMs,
    heartbeatMs: heartbeatMs === 0 ? null : heartbeatMs,
    forMs: flags.for === undefined ? null : parseLength('--for', flags.for),
    maxRuns,
    exitOnError: flags.exitOnError ?? false,
    cursorFile,
  };
}

function feedOf(settings: Settings, open: () => Promise<Store>, signal: AbortSignal): FeedOptions {
  const {filter, patience, prices, start, newestRuns, nowMicros, pollMs} = settings;
  const isAll = JSON.stringify(filter) === JSON.stringify(NO_FILTER);
  const bounded = isAll ? filter : {...filter, sinceMicros: nowMicros - BACKLOG_MICROS};
  return {
    open,
    start,
    signal,
    ...(pollMs === undefined ? {} : {pollMs}),
    live: new LiveRuns({filter, patience, prices}),
    newest: newestRuns === 0 ? null : {runs: newestRuns, filter: bounded, patience},
  };
}
