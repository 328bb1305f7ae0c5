import type {Context} from '../../context.ts';
import {EXIT, UserError} from '../../errors.ts';
import {type Access, openConnection, sayNotes, withOutput, withStore} from '../../flags/database.ts';
import {Ending} from '../../flags/ending.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import type {FollowEvent} from '../../follow/event.ts';
import {follow} from '../../follow/follow.ts';
import {LiveRuns} from '../../follow/live-runs.ts';
import type {Prices} from '../../prices/prices.ts';
import {renderRunList, who} from '../../render/run-list.ts';
import {duration} from '../../render/values.ts';
import {loadRuns} from '../../runs/load.ts';
import {lent, type Store} from '../../store/store.ts';
import {joined, line, safe, trusted} from '../../text/safe.ts';
import {command} from '../../text/shell.ts';
import {truncate} from '../../text/width.ts';
import {NO_FILTER} from '../../trace/filter.ts';
import type {JudgedRun} from '../../trace/record.ts';
import type {Patience} from '../../trace/runs.ts';
import {seenMs} from '../../trace/timing.ts';
import {Awaited, isWholeId} from './awaited.ts';

export interface WaitOptions {
  readonly id: string;
  readonly forMs: number;
  readonly forText: string;
  readonly format: Format;
  readonly ascii: boolean | undefined;
  readonly patience: Patience;
  readonly prices: Prices;
  readonly pollMs: number | undefined;
  readonly access: Access;
}

const THEN = 'later polls read only new spans, until the run span is there; states are computed (src/trace)';

/** Returns when a run has ended, with an exit code that says how. */
export default async function wait(options: WaitOptions, context: Context): Promise<void> {
  const {id, forMs, forText, patience, prices, pollMs, access} = options;
  const ending = new Ending(access.printSql ? null : forMs);
  context.stop?.addEventListener('abort', () => ending.end(), {once: true});
  const awaited = new Awaited(id);
  const live = new LiveRuns({filter: NO_FILTER, patience, prices});
  const events = (open: () => Promise<Store>) =>
    follow({
      open,
      start: {from: 'now'},
      signal: ending.signal,
      live,
      newest: null,
      ...(pollMs === undefined ? {} : {pollMs}),
    });
  const find = (store: Store) =>
    withProgress(context, 'reading spans', onProgress => awaited.find(store, live, {patience, onProgress}));
  const waiting = new Waiting(context);
  try {
    if (access.printSql) {
      await withStore(access, context, THEN, async store => {
        for await (const event of events(async () => lent(store)))
          if (event.type === 'delivery') return find(event.store);
      });
      return;
    }
    let isFound = false;
    let runs: readonly JudgedRun[] | null = null;
    for await (const event of events(() => openConnection(access, context))) {
      if (event.type === 'connection' && event.connection.state === 'waiting' && !isWholeId(id))
        throw new UserError(EXIT.unreachable, event.connection.reason, {
          hint: 'Without a database, pass a complete id.',
        });
      if (event.type === 'delivery') {
        if (!isFound)
          await find(event.store).catch(error => {
            // When time is up, the current read is abandoned and fails.
            if (!ending.signal.aborted) throw error;
          });
        if (ending.signal.aborted) break;
        isFound = true;
        for (const change of event.changes) awaited.take(change);
        if (awaited.hasEnded) {
          runs = await finished(event.store, awaited.found, {patience, prices});
          break;
        }
      }
      waiting.show(event, awaited.found);
    }
    if (runs) {
      waiting.clear();
      await withOutput(access, context, async out => report(runs!, awaited.notes, out, options));
    } else if (ending.signalCode !== null) context.exitCode = ending.signalCode;
    else throw outOfTime(id, forText, awaited);
  } finally {
    waiting.clear();
    ending.dispose();
  }
}

/** Reads the runs once more, with Agno's own status, including the conversations of Agno 2. */
async function finished(
  store: Store,
  runs: readonly JudgedRun[],
  options: Parameters<typeof loadRuns>[2],
): Promise<readonly JudgedRun[]> {
  const traceIds = [...new Set(runs.map(({record}) => record.traceId))];
  const loaded = (await loadRuns(store, traceIds, {...options, readsConversations: true})).flatMap(trace => trace.runs);
  // A run inside another one is judged only by its own spans.
  return runs.map(judged => loaded.find(({record}) => record.spanId === judged.record.spanId) ?? judged);
}

function report(runs: readonly JudgedRun[], about: readonly string[], context: Context, options: WaitOptions): void {
  const records = runs.map(({record}) => record);
  const waiting = records.flatMap(({state, stateReason}) => (state === 'paused' ? [`it waits: ${stateReason}`] : []));
  const notes = [...about, ...waiting];
  // The last part of a run that paused and continued decides how it ended; of several runs each one counts.
  const deciding = new Map(records.map(record => [record.runId ?? record.spanId, record.state]));
  const hasFailed = [...deciding.values()].some(state => ['error', 'cancelled', 'lost'].includes(state));
  if (!writeMachine(context, options.format, {command: 'wait', data: records, items: records, notes})) {
    const look = {...drawingOf(options, context), nowMicros: context.nowMicros()};
    const [, ...rows] = renderRunList(runs, look).split('\n');
    for (const row of rows) writeLine(context, trusted(row));
    for (const note of notes) writeNote(context, note);
  }
  sayNotes(context);
  if (hasFailed) context.exitCode = EXIT.different;
}

function outOfTime(id: string, timeout: string, {found, missing}: Awaited): UserError {
  const last = found.find(({run}) => run.isMissing)?.record;
  const isKnown = missing?.includes(' is known, ') ?? false;
  const what = last
    ? `it is ${last.state}: ${last.stateReason}`
    : isKnown
      ? missing!.replace(/\.$/, '')
      : 'none of its spans is stored yet';
  return new UserError(
    EXIT.stopped,
    `"${id}" ${isKnown && !last ? 'did not end' : 'has not ended'} within ${timeout}; ${what}.`,
    {
      hint: last ? command`agno-trace show ${`~${last.traceId.slice(0, 7)}`}` : 'agno-trace list --state running',
    },
  );
}

/** Shows on a terminal what it waits for; elsewhere nothing. */
class Waiting {
  private isShown = false;
  private text = '';

  constructor(private readonly context: Context) {}

  show(event: FollowEvent, found: readonly JudgedRun[]): void {
    const {stderr} = this.context;
    if (!stderr.isTTY) return;
    if (event.type === 'notice') this.text = event.text;
    else if (event.type === 'connection')
      this.text = event.connection.state === 'live' ? '' : `${event.connection.state}: ${event.connection.reason}`;
    const runs = found.map(judged => {
      const {record, run} = judged;
      return line`${trusted(record.state)} ${who(judged)} ${duration(seenMs(run))}, ${safe(record.stateReason)}`;
    });
    const what = [...(runs.length > 0 ? runs : [trusted('not written yet')]), ...(this.text ? [safe(this.text)] : [])];
    const text = truncate(line`waiting: ${joined(what, trusted(' · '))}`, (stderr.columns || 80) - 1);
    stderr.write(line`\r\u001b[2K${text}`);
    this.isShown = true;
  }

  clear(): void {
    if (this.isShown) this.context.stderr.write(trusted('\r\u001b[2K'));
    this.isShown = false;
  }
}
