import type {Context} from '../../context.ts';
import {EXIT, UserError} from '../../errors.ts';
import {withPeers} from '../../facts/peers.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {pick} from '../../flags/fields.ts';
import type {Fitting} from '../../flags/fitting.ts';
import {
  columnsOf,
  drawingOf,
  type Format,
  lookOf,
  writeLine,
  writeMachine,
  writeNext,
  writeNote,
} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import {append} from '../../lists.ts';
import type {Prices} from '../../prices/prices.ts';
import type {IO_LEVELS} from '../../render/io.ts';
import {nextStep, renderShownRun} from '../../render/shown-run.ts';
import {contentLines} from '../../render/span-content.ts';
import {renderSpanDetail} from '../../render/span-detail.ts';
import {takeQuery} from '../../runs/names.ts';
import {loadSpans, loadWhole} from '../../runs/spans.ts';
import {loadShown, type Shown} from '../../show/shown.ts';
import type {Store} from '../../store/store.ts';
import {type Safe, trusted} from '../../text/safe.ts';
import {command} from '../../text/shell.ts';
import {KEY, textOf} from '../../trace/attributes.ts';
import {type RowSelection, type ShownRun, selectRows} from '../../trace/drawn-spans.ts';
import type {Query} from '../../trace/filter.ts';
import {printable} from '../../trace/json.ts';
import {FEWEST_PEERS, type Peers} from '../../trace/peers.ts';
import type {Patience} from '../../trace/runs.ts';
import type {Span} from '../../trace/span.ts';
import type {SpanRecord} from '../../trace/span-record.ts';
import {isoTime} from '../../trace/time.ts';
import type {Node} from '../../trace/tree.ts';
import type {PageRuns} from '../export/page.ts';

const THEN = 'spans become trees; states, self times and the critical path are computed (src/trace)';

export interface ShowOptions {
  readonly id: string;
  readonly format: Format;
  readonly io: (typeof IO_LEVELS)[number];
  /** Keys of the spans; null: all. */
  readonly fields: readonly string[] | null;
  readonly fit: Fitting;
  readonly selection: RowSelection;
  /** The beginning of the id of the only span to show; null: all. */
  readonly spanPrefix: string | null;
  /** Runs of a session; 0: all. */
  readonly sessionLimit: number;
  /** Facts are brought up to date for the run's place among others of its component. */
  readonly peers: boolean;
  readonly ascii: boolean | undefined;
  readonly patience: Patience;
  readonly prices: Prices;
  readonly queryAt: (nowMicros: number) => Query | null;
  readonly access: Access;
}

const NO_PEERS = `--peers found too little: it compares one finished run with at least ${FEWEST_PEERS} others of its agent, team or workflow`;

/** Prints what an id names, as trees, as one span, or as records. */
export default async function show(options: ShowOptions, context: Context): Promise<void> {
  const {id, patience, prices, sessionLimit, queryAt, spanPrefix} = options;
  await withStore(options.access, context, THEN, async (store, out) => {
    const {query, notes} = await takeQuery(store, queryAt(store.nowMicros()));
    append(out.notes, notes);
    const found = await withProgress(out, 'searching for it', onProgress =>
      loadShown(store, id, {patience, prices, sessionLimit, query, onProgress}),
    );
    const {env, cwd} = context;
    const runs = await withProgress(out, 'reading runs like it', onProgress =>
      withPeers(store, found.runs, {env, cwd, prices, brings: options.peers, onProgress}),
    );
    const hasNone = options.peers && !runs[0]?.peers;
    const shown = {...found, runs, notes: hasNone ? [...found.notes, NO_PEERS] : found.notes};
    if (spanPrefix !== null) return showOneSpan(store, shown, spanPrefix, options, out);
    if (options.format === 'tree') return showTrees(store, shown, options, out);
    if (options.format === 'html')
      return (await import('../export/page.ts')).writePage(store, withSelected(shown, options), out);
    await showRecords(store, shown, options, out);
  });
}

/** The runs with the rows that are wanted; a page has room for all of them. */
function withSelected({runs, notes}: Shown, {selection, io}: ShowOptions): PageRuns {
  const picked = runs.map(run => ({...run, rows: selectRows(run, {...selection, limit: 0}).rows}));
  return {runs: picked, notes, hasContents: io !== 'none'};
}

async function showTrees(store: Store, shown: Shown, options: ShowOptions, out: Context): Promise<void> {
  const {io, selection} = options;
  const columns = columnsOf(out);
  const contents = io === 'full' ? await loadContents(store, shown.runs, selection, columns) : null;
  const drawing = {
    ...lookOf(options, out),
    columns,
    io,
    selection,
    contentOf: contents ? (node: Node) => contents.get(node.id) ?? [] : undefined,
  };
  for (const [i, run] of shown.runs.entries()) {
    if (i > 0) writeLine(out, trusted(''));
    writeLine(out, renderShownRun(run, drawing));
  }
  for (const note of shown.notes) writeNote(out, note);
  const next = shown.runs.map(nextStep).find(step => step !== null);
  if (next) writeNext(out, next);
}

async function loadContents(
  store: Store,
  runs: readonly ShownRun[],
  selection: RowSelection,
  columns: number | null,
): Promise<Map<string, readonly Safe[]>> {
  const ids = runs.flatMap(run => selectRows(run, selection).rows.flatMap(row => (row.node.span ? [row.node.id] : [])));
  const contents = new Map<string, readonly Safe[]>();
  for await (const span of loadWhole(store, ids))
    contents.set(span.spanId, contentLines(span, {columns: columns === null ? null : Math.max(40, columns - 12)}));
  return contents;
}

async function showRecords(
  store: Store,
  shown: Shown,
  {format, io, selection, fields, fit}: ShowOptions,
  out: Context,
): Promise<void> {
  const picked = shown.runs.map(run => selectRows(run, {...selection, limit: 0}));
  const records: readonly SpanRecord[] = picked.flatMap(({rows}) => rows.map(row => row.record));
  const leftOut = picked.reduce((sum, {leftOut: count}) => sum + count, 0);
  const notes = [...shown.notes, ...(leftOut > 0 ? [`${leftOut} spans below --depth left out`] : [])];
  const whole: readonly object[] = io === 'full' ? await withContents(store, records) : records;
  const items = fields === null ? whole : pick(whole, fields);
  const runs = shown.runs.map(({judged}) => judged.record);
  const peers = peersRecord(shown.runs[0]?.peers ?? null);
  const data = (spans: readonly object[]) => ({runs, spans, peers});
  writeMachine(out, format, {command: 'show', data, items, fit, notes});
}

function peersRecord(peers: Peers | null): object | null {
  if (peers === null) return null;
  const {sinceMicros, ...rest} = peers;
  return {...rest, since: isoTime(sinceMicros)};
}

async function withContents(store: Store, records: readonly SpanRecord[]): Promise<object[]> {
  const contents = new Map<string, object>();
  const ids = records.filter(record => !record.missing).map(record => record.spanId);
  for await (const span of loadWhole(store, ids)) contents.set(span.spanId, contentRecord(span));
  return records.map(record => ({
    ...record,
    ...(contents.get(record.spanId) ?? {input: null, output: null, attributes: null}),
  }));
}

function contentRecord(span: Span): object {
  const attributes = span.attributes!;
  // Sorted: Postgres does not keep the order of keys, and the answer must be the same from both databases.
  const keys = Object.keys(attributes).sort();
  return {
    input: textOf(attributes, KEY.input),
    output: textOf(attributes, KEY.output),
    attributes: Object.fromEntries(keys.map(key => [key, printable(attributes[key]!)])),
  };
}

/** One span of what `id` names, by a prefix that is unique in it. */
async function showOneSpan(
  store: Store,
  shown: Shown,
  prefix: string,
  options: ShowOptions,
  out: Context,
): Promise<void> {
  const matches = shown.runs.flatMap(run =>
    run.rows.filter(row => row.node.id.startsWith(prefix)).map(row => ({row, judged: run.within ?? run.judged})),
  );
  const exact = matches.filter(({row}) => row.node.id === prefix);
  const [match, ...others] = exact.length > 0 ? exact.slice(0, 1) : matches;
  if (!match || prefix === '') {
    throw new UserError(EXIT.notFound, `no span of "${options.id}" starts with "${prefix}".`, {
      hint: `${command`agno-trace show ${options.id} --json`} lists its spans.`,
    });
  }
  if (others.length > 0) {
    const ids = matches.slice(0, 8).map(({row}) => row.node.id);
    throw new UserError(
      EXIT.notFound,
      `"${prefix}" is ambiguous: ${matches.length} spans start with it: ${ids.join(', ')}.`,
      {
        hint: 'Type more of the id.',
      },
    );
  }
  if (!match.row.node.span) {
    throw new UserError(
      EXIT.notFound,
      `span "${match.row.node.id}" is not stored: others only name it as their parent.`,
      {hint: 'It is written when it ends; if its process was killed, it is lost.'},
    );
  }
  const [span] = await loadSpans(store, [match.row.node.id]);
  if (!span) throw new UserError(EXIT.notFound, `span "${match.row.node.id}" was just deleted.`);
  const {format, fields, fit} = options;
  if (format !== 'tree') {
    const record = {...match.row.record, ...contentRecord(span)};
    const items = fields === null ? [record] : pick([record], fields);
    const runs = [match.judged.record];
    const data = (spans: readonly object[]) => ({runs, spans, peers: null});
    writeMachine(out, format, {command: 'show', data, items, fit});
    return;
  }
  writeLine(out, renderSpanDetail(span, match.row, match.judged, drawingOf(options, out)));
}
