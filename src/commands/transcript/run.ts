import type {Context} from '../../context.ts';
import {withStore} from '../../flags/database.ts';
import type {OutputFlags, PatienceFlags, PriceFlags, ReadFlags} from '../../flags/declare.ts';
import {columnsOf, type Format, formatOf, lookOf, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {withProgress} from '../../flags/progress.ts';
import {parseQuery, queryNotes} from '../../flags/query.ts';
import {patienceOf} from '../../flags/selection.ts';
import {parseChoice, parseCount} from '../../flags/values.ts';
import {append} from '../../lists.ts';
import {loadShown, type Shown} from '../../queries/shown.ts';
import {loadWhole} from '../../queries/spans.ts';
import {renderJsonLines} from '../../render/json.ts';
import {renderRunHeader} from '../../render/run-header.ts';
import {
  continuedLine,
  runTitle,
  TOOL_LEVELS,
  type ToolLevel,
  transcriptLines,
  transcriptMarkdown,
} from '../../render/transcript.ts';
import type {Store} from '../../store/store.ts';
import {own} from '../../text/safe.ts';
import type {ShownRun} from '../../trace/drawn-spans.ts';
import {isBeside} from '../../trace/loose-parts.ts';
import {type Entry, Transcript, type TranscriptEvent} from '../../trace/transcript.ts';

export interface TranscriptFlags extends ReadFlags, OutputFlags, PatienceFlags, PriceFlags {
  system: boolean;
  tools?: string;
  history?: boolean;
  query?: string;
  limit?: string;
}

const FORMATS = ['text', 'md', 'json', 'jsonl'] as const;
const THEN =
  'spans become trees; messages that a call before was sent already are left out, calls get their results (src/trace)';
const SESSION_RUNS = 20;

interface View {
  readonly format: Format;
  readonly tools: ToolLevel;
  readonly system: boolean;
  readonly history: boolean;
}

/** Answers `transcript`: what was said, in order, each message once. */
export default async function transcript(id: string, flags: TranscriptFlags, context: Context): Promise<void> {
  const format = formatOf(flags, FORMATS);
  const isTerminal = context.stdout.isTTY && (flags.output === undefined || flags.output === '-');
  const tools =
    flags.tools === undefined ? (isTerminal ? 'short' : 'full') : parseChoice('--tools', flags.tools, TOOL_LEVELS);
  const view: View = {format, tools, system: flags.system, history: flags.history ?? false};
  const patience = patienceOf(flags);
  const prices = pricesOf(flags, context);
  const sessionLimit = flags.limit === undefined ? SESSION_RUNS : parseCount('--limit', flags.limit);
  const queryAt = (nowMicros: number) => (flags.query === undefined ? null : parseQuery(flags.query, nowMicros));
  queryAt(context.nowMicros());
  if (flags.query !== undefined) append(context.notes, queryNotes(flags.query));
  await withStore(flags, context, THEN, async (store, out) => {
    const shown = await withProgress(out, 'looking for it', onProgress =>
      loadShown(store, id, {patience, prices, sessionLimit, query: queryAt(store.nowMicros()), onProgress}),
    );
    await tell(store, shown, flags, view, out);
  });
}

async function tell(store: Store, shown: Shown, flags: TranscriptFlags, view: View, out: Context): Promise<void> {
  const {format} = view;
  const talk = new Transcript({history: view.history});
  const look = {...lookOf(flags, out), columns: columnsOf(out), tools: view.tools};
  const entries: Entry[] = [];
  const write = (event: TranscriptEvent) => {
    if (!isWanted(event, view)) return;
    if (format === 'text') for (const text of transcriptLines(event, look)) writeLine(out, text);
    else if (format === 'md') out.stdout.write(transcriptMarkdown(event, view.tools));
    else if (event.type === 'entry' && format === 'json') entries.push(event.entry);
    else if (event.type === 'entry')
      for (const text of renderJsonLines([event.entry], out.stdout.isTTY)) writeLine(out, text);
  };
  let before: ShownRun | null = null;
  for (const run of shown.runs) {
    if (format === 'text') writeHead(out, run, before, look);
    else if (format === 'md' && !goesOn(run, before))
      out.stdout.write(own(`${before ? '\n' : ''}${runTitle(run.judged.record)}\n`));
    await tellRun(store, run, talk, write, out);
    before = run;
  }
  const notes = [...shown.notes, ...redactedNotes(talk.redacted)];
  if (format === 'json') {
    const runs = shown.runs.map(({judged}) => judged.record);
    writeMachine(out, format, {command: 'transcript', data: {runs, entries}, items: entries, notes});
    return;
  }
  if (format === 'text') writeLine(out, own(''));
  for (const note of [...out.notes.splice(0), ...notes]) writeNote(out, note);
}

function isWanted(event: TranscriptEvent, {system, tools}: View): boolean {
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
  if (before) writeLine(out, own(''));
  writeLine(
    out,
    goesOn(run, before)
      ? continuedLine(run.judged.record, look, run.isTied && isBeside(run.judged.run))
      : renderRunHeader(run.judged, {...look, isTied: run.isTied}),
  );
}

/** Rows are read whole in order, a few at a time; a span that is gone by now leaves its row. */
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
  return [`${redacted} ${redacted === 1 ? 'text was' : 'texts were'} taken out by the instrumentor (__REDACTED__)`];
}
