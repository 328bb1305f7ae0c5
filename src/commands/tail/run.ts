import {setFlagsFromString} from 'node:v8';
import type {Context, TerminalStreams} from '../../context.ts';
import {EXIT, UserError} from '../../errors.ts';
import {type Access, openConnection, withConnection} from '../../flags/database.ts';
import {Ending} from '../../flags/ending.ts';
import {drawingOf} from '../../flags/output.ts';
import type {FilterAt} from '../../flags/selection.ts';
import type {CursorFile} from '../../follow/cursor-file.ts';
import {isIdle} from '../../follow/event.ts';
import {type FollowOptions, follow} from '../../follow/follow.ts';
import {LiveRuns} from '../../follow/live-runs.ts';
import type {Start} from '../../follow/start.ts';
import {append} from '../../lists.ts';
import type {Prices} from '../../prices/prices.ts';
import {asksForNames, takeNames} from '../../runs/names.ts';
import {asking, lent, type Store} from '../../store/store.ts';
import {attributesIn, type RunFilter, takesEveryRun, withQueryFlags} from '../../trace/filter.ts';
import type {Patience} from '../../trace/runs.ts';
import {BookMark} from './book-mark.ts';
import type {EventWriter} from './event-writer.ts';
import {JsonEventWriter} from './json-events.ts';
import {LineWriter} from './lines.ts';
import {Watch} from './watch.ts';

export interface TailOptions {
  readonly format: 'lines' | 'jsonl';
  /** Screens, if there is a terminal for them. */
  readonly mayBeScreens: boolean;
  readonly ascii: boolean | undefined;
  /** The mouse works on the screens. */
  readonly mouse: boolean;
  readonly filterAt: FilterAt;
  /** As typed; the screens can change it. */
  readonly query: string;
  readonly patience: Patience;
  readonly prices: Prices;
  readonly start: Start;
  /** How many of the newest runs come first; null: as many as the format suggests. */
  readonly newestRuns: number | null;
  readonly nowMicros: number;
  readonly pollMs: number | undefined;
  readonly heartbeatMs: number | null;
  /** Null: no end by time. */
  readonly forMs: number | null;
  readonly forText: string;
  /** Null: no limit. */
  readonly maxRuns: number | null;
  readonly exitOnError: boolean;
  readonly cursorFile: CursorFile | null;
  readonly access: Access;
}

const THEN = 'later polls read only new spans; spans become trees, runs are found and judged (src/trace)';
const NEWEST_RUNS = 10;
/** With a filter, the newest matches may be long ago: the search goes back no further than this. */
const BACKLOG_MICROS = 24 * 3_600_000_000;

/**
 * V8 collects garbage only when it is several times the live data: at 1,000 spans a second, 50 MB are live in a heap
 * of up to 275. This process runs for days beside the application, so twice is enough.
 */
const HEAP_GROWS = '--heap-growing-percent=100';

/** Reports what happens to runs, as it happens. */
export default async function tail(options: TailOptions, context: Context): Promise<void> {
  setFlagsFromString(HEAP_GROWS);
  const {access, heartbeatMs, forMs, format, patience, prices} = options;
  const typed = withQueryFlags(options.filterAt(options.nowMicros));
  const widen = await namesIn(typed, options, context);
  const terminal = terminalFor(options, context);
  if (terminal) {
    const {showScreens} = await import('./screens.ts');
    const filterAt: FilterAt = (nowMicros, query) => widen(options.filterAt(nowMicros, query));
    return showScreens(terminal, {...options, filterAt}, context);
  }
  const filter = widen(typed);
  const writer: EventWriter =
    format === 'jsonl'
      ? new JsonEventWriter(context)
      : new LineWriter(context, drawingOf(options, context), filter.traffic);
  const live = new LiveRuns({filter, patience, prices});
  if (access.printSql)
    return withConnection(access, context, THEN, async store => {
      const ending = new Ending(null);
      const open = async () => asking(lent(store), attributesIn(filter));
      for await (const event of follow(following(options, live, filter, open, ending.signal)))
        if (event.type === 'delivery') break;
      ending.dispose();
    });
  const ending = new Ending(forMs);
  const open = async () => asking(await openConnection(access, context), attributesIn(filter));
  const watch = new Watch({writer, live, end: () => ending.end(), ...options});
  const mark = options.cursorFile && new BookMark(options.cursorFile);
  for (const note of context.notes.splice(0)) writer.notice(note);
  const heart = heartbeatMs === null ? undefined : setInterval(() => watch.beat(), heartbeatMs);
  try {
    for await (const event of follow(following(options, live, filter, open, ending.signal))) {
      for (const note of context.notes.splice(0)) writer.notice(note);
      watch.take(event);
      await context.stdout.drained?.();
      if (event.type === 'delivery' && event.cursor) mark?.take(event.cursor(), !isIdle(event));
    }
    mark?.save();
    if (ending.isOutOfTime && !watch.hasCaughtUp)
      writer.notice(`--for ${options.forText} was too short to read all existing runs; a longer time shows the rest.`);
  } finally {
    clearInterval(heart);
    ending.dispose();
  }
  if (watch.hasFailed) context.exitCode = EXIT.different;
  else if (ending.signalCode !== null) context.exitCode = ending.signalCode;
}

/** If the database does not exist yet, or cannot be read, the follower waits for it or reports it. */
async function namesIn(
  filter: RunFilter,
  {access}: TailOptions,
  context: Context,
): Promise<(filter: RunFilter) => RunFilter> {
  if (!asksForNames(filter) || access.printSql) return wanted => wanted;
  let store: Store | null = null;
  try {
    // Its notes come from the following connection.
    store = await openConnection(access, {...context, notes: []});
    const {widen, notes} = await takeNames(store, filter);
    append(context.notes, notes);
    return widen;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return wanted => wanted;
  } finally {
    await store?.close();
  }
}

/** The terminal for the screens; null: lines. */
function terminalFor({mayBeScreens}: TailOptions, {env, terminal}: Context): TerminalStreams | null {
  // The second is Ink's own variable for screen readers, which work better with lines.
  if (!mayBeScreens || env.TERM === 'dumb' || env.INK_SCREEN_READER === 'true') return null;
  return terminal?.() ?? null;
}

function following(
  {patience, start, newestRuns, nowMicros, pollMs}: TailOptions,
  live: LiveRuns,
  filter: RunFilter,
  open: () => Promise<Store>,
  signal: AbortSignal,
): FollowOptions {
  const runs = newestRuns ?? NEWEST_RUNS;
  const bounded = takesEveryRun(filter) ? filter : {...filter, sinceMicros: nowMicros - BACKLOG_MICROS};
  return {
    open,
    start,
    signal,
    ...(pollMs === undefined ? {} : {pollMs}),
    live,
    newest: runs === 0 ? null : {runs, filter: bounded, patience},
  };
}
