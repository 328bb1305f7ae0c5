import type {Context} from '../../context.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {pick} from '../../flags/fields.ts';
import {ALL, type Fitting, Room} from '../../flags/fitting.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import {append} from '../../lists.ts';
import type {Prices} from '../../prices/prices.ts';
import {renderJsonLines} from '../../render/json.ts';
import {renderRunHeader} from '../../render/run-header.ts';
import type {ToolLevel} from '../../render/tool-levels.ts';
import {continuedLine, runTitle, transcriptLines, transcriptMarkdown} from '../../render/transcript.ts';
import {takeQuery} from '../../runs/names.ts';
import {loadWhole} from '../../runs/spans.ts';
import {loadShown, type Shown} from '../../show/shown.ts';
import type {Store} from '../../store/store.ts';
import {trusted} from '../../text/safe.ts';
import type {ShownRun} from '../../trace/drawn-spans.ts';
import type {Query} from '../../trace/filter.ts';
import {isBeside} from '../../trace/loose-parts.ts';
import type {Patience} from '../../trace/runs.ts';
import {type Entry, Transcript, type TranscriptEvent} from '../../trace/transcript.ts';

const THEN =
  'spans become trees; messages already sent in an earlier call are left out, and calls get their results (src/trace)';

export interface TranscriptOptions {
  readonly id: string;
  readonly format: Format;
  /** Keys of the entries; null: all. */
  readonly fields: readonly string[] | null;
  readonly fit: Fitting;
  readonly tools: ToolLevel;
  readonly system: boolean;
  readonly history: boolean;
  readonly ascii: boolean | undefined;
  readonly patience: Patience;
  readonly prices: Prices;
  /** Runs of a session; 0: all. */
  readonly sessionLimit: number;
  readonly queryAt: (nowMicros: number) => Query | null;
  readonly access: Access;
}

/** Prints the messages in order, each once. */
export default async function transcript(options: TranscriptOptions, context: Context): Promise<void> {
  const {id, patience, prices, sessionLimit, queryAt} = options;
  await withStore(options.access, context, THEN, async (store, out) => {
    const {query, notes} = await takeQuery(store, queryAt(store.nowMicros()));
    append(out.notes, notes);
    const shown = await withProgress(out, 'searching for it', onProgress =>
      loadShown(store, id, {patience, prices, sessionLimit, query, onProgress}),
    );
    await tellTranscript(store, shown, options, out);
  });
}

type ToldOptions = Pick<TranscriptOptions, 'format' | 'tools' | 'system' | 'history' | 'ascii'> &
  Partial<Pick<TranscriptOptions, 'fields' | 'fit'>>;

/** Writes the conversation of everything that is shown. */
export async function tellTranscript(store: Store, shown: Shown, options: ToldOptions, out: Context): Promise<void> {
  const {format, fields = null, fit = ALL} = options;
  const room = new Room(fit);
  const talk = new Transcript({history: options.history});
  const look = {...drawingOf(options, out), tools: options.tools};
  const entries: object[] = [];
  const kept = (entry: Entry): object => (fields === null ? entry : pick([entry], fields)[0]!);
  const write = (event: TranscriptEvent) => {
    if (!isWanted(event, options)) return;
    if (format === 'text') for (const text of transcriptLines(event, look)) writeLine(out, text);
    else if (format === 'md') out.stdout.write(transcriptMarkdown(event, options.tools));
    else if (event.type === 'entry' && format === 'json') entries.push(kept(event.entry));
    else if (event.type === 'entry') {
      const taken = room.take(kept(event.entry));
      for (const text of renderJsonLines(taken ? [taken] : [], out.stdout.isTTY)) writeLine(out, text);
    }
  };
  let before: ShownRun | null = null;
  for (const run of shown.runs) {
    if (format === 'text') writeHead(out, run, before, look);
    else if (format === 'md' && !goesOn(run, before))
      out.stdout.write(trusted(`${before ? '\n' : ''}${runTitle(run.judged.record)}\n`));
    await tellRun(store, run, talk, write, out);
    before = run;
  }
  const notes = [...shown.notes, ...redactedNotes(talk.redacted)];
  if (format === 'json') {
    const runs = shown.runs.map(({judged}) => judged.record);
    writeMachine(out, format, {
      command: 'transcript',
      data: (some: readonly object[]) => ({runs, entries: some}),
      items: entries,
      fit,
      notes,
    });
    return;
  }
  if (format === 'text') writeLine(out, trusted(''));
  const cut = room.note();
  for (const note of [...out.notes.splice(0), ...notes, ...(cut ? [cut] : [])]) writeNote(out, note);
}

function isWanted(event: TranscriptEvent, {system, tools}: ToldOptions): boolean {
  const {type, role} = event.entry;
  return (system || type !== 'message' || role !== 'system') && (tools !== 'none' || type !== 'tool');
}

/** A later part of the same run, or one that was tied to it. */
function goesOn(run: ShownRun, before: ShownRun | null): boolean {
  const {runId} = run.judged.record;
  return before !== null && (run.isTied || (runId !== null && runId === before.judged.record.runId));
}

function writeHead(
  out: Context,
  run: ShownRun,
  before: ShownRun | null,
  look: {ascii: boolean; columns: number | null},
): void {
  if (before) writeLine(out, trusted(''));
  writeLine(
    out,
    goesOn(run, before)
      ? continuedLine(run.judged.record, look, run.isTied && isBeside(run.judged.run))
      : renderRunHeader(run.judged, {...look, isTied: run.isTied}),
  );
}

/** Complete rows are read in order, a few at a time; a span that was deleted meanwhile keeps its row. */
async function tellRun(
  store: Store,
  run: ShownRun,
  talk: Transcript,
  write: (event: TranscriptEvent) => void,
  out: Context,
): Promise<void> {
  talk.begin(run);
  const rows = run.rows.filter(({node}) => node.run !== null);
  const spans = loadWhole(
    store,
    rows.flatMap(({node}) => (node.span ? [node.id] : [])),
    {quick: true},
  );
  let next = await spans.next();
  for (const {node, depth} of rows) {
    const isHere = node.span !== null && !next.done && next.value.spanId === node.id;
    const span = isHere ? next.value : null;
    if (isHere) next = await spans.next();
    for (const event of talk.push(node, depth, span)) write(event);
    await out.stdout.drained?.();
  }
  for (const event of talk.end()) write(event);
}

function redactedNotes(redacted: number): string[] {
  if (redacted === 0) return [];
  return [`${redacted} ${redacted === 1 ? 'text was' : 'texts were'} removed by the instrumentor (__REDACTED__)`];
}
