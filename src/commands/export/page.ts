import packageJson from '../../../package.json' with {type: 'json'};
import type {Context} from '../../context.ts';
import {largest, smallest} from '../../lists.ts';
import {type PageContent, type PageEntry, type PageRow, ROW_FIELDS} from '../../page/contents.ts';
import type {PageDocument} from '../../page/document.ts';
import {Cleaner} from '../../redaction/cleaner.ts';
import {notesOf} from '../../render/run-header.ts';
import {costCell, titleOf} from '../../render/run-list.ts';
import {runFacts} from '../../render/run-report.ts';
import {whereTimeWent} from '../../render/shown-run.ts';
import {stateGlyph} from '../../render/states.ts';
import {drawnUntil} from '../../render/tree-row.ts';
import {duration, firstLine, moment} from '../../render/values.ts';
import type {Store} from '../../store/store.ts';
import {safe} from '../../text/safe.ts';
import {KEY, textOf} from '../../trace/attributes.ts';
import type {DrawnSpan, ShownRun} from '../../trace/drawn-spans.ts';
import {exactJson, type Json, parseJson} from '../../trace/json.ts';
import {isStoredStatusWrong} from '../../trace/judge.ts';
import type {RunRecord} from '../../trace/record.ts';
import {resultText} from '../../trace/result-text.ts';
import {SPAN_FIELDS} from '../../trace/span-record.ts';
import type {StoredSpan} from '../../trace/stored-span.ts';
import {isoTime} from '../../trace/time.ts';
import {argumentsByName} from '../../trace/tool-calls.ts';
import {displayName, isDelegation, isRunSpan, startOf} from '../../trace/tree.ts';
import {type ExportedRun, unseen, wholeRows} from './exported.ts';
import type {ExportWriter, WrittenRun, WrittenSpan} from './writer.ts';

/** Bytes of attributes per block, which is read when one of its spans is opened. */
const BLOCK_BYTES = 1_000_000;
const LONGEST_PREVIEW = 160;
const LOOK = {ascii: false};

/** The cleaning of everything that leaves the program in a page, and whether it has contents. */
interface PageCleaning {
  readonly cleaner: Cleaner;
  /** The filter that removes contents; null: none. */
  readonly content: unknown;
}

/** One page with all runs. Only the rows of the current run and one block of contents are in memory. */
export class PageWriter implements ExportWriter {
  private readonly cleaner: Cleaner;
  private readonly entries: PageEntry[] = [];
  private run_: WrittenRun | null = null;
  /** Facts about the rows whose spans are stored. */
  private written = new Map<DrawnSpan, Pick<PageRow, 'content' | 'preview'>>();
  private blocks: [number, number][] = [];
  private contents: PageContent[] = [];
  private contentsBefore = 0;
  private bytes = 0;

  /** The script of pages is loaded when one is written. */
  static async open(out: Context, cleaning: PageCleaning, notes: readonly string[] = []): Promise<PageWriter> {
    const {PageDocument} = await import('../../page/document.ts');
    return new PageWriter(new PageDocument(out.stdout), out, cleaning, notes);
  }

  private constructor(
    private readonly page: PageDocument,
    private readonly out: Context,
    private readonly cleaning: PageCleaning,
    private readonly notes: readonly string[],
  ) {
    this.cleaner = cleaning.cleaner;
  }

  async run(run: WrittenRun): Promise<void> {
    await this.endRun();
    this.run_ = run;
  }

  async span({row, stored}: WrittenSpan): Promise<void> {
    if (this.bytes > BLOCK_BYTES) await this.endBlock();
    const content = contentOf(stored);
    this.written.set(row, {
      content: this.contentsBefore + this.contents.length,
      preview: previewOf(row, content),
    });
    this.contents.push(content);
    this.bytes += stored.bytes;
  }

  async end(): Promise<void> {
    await this.endRun();
    await this.page.end({
      schema: 'agno-trace/page/1',
      version: packageJson.version,
      written: isoTime(this.out.nowMicros()),
      notes: this.notes,
      runs: this.entries,
    });
  }

  private async endBlock(): Promise<void> {
    if (this.contents.length === 0) return;
    this.blocks.push([await this.page.block(this.contents), this.contentsBefore]);
    this.contentsBefore += this.contents.length;
    this.contents = [];
    this.bytes = 0;
  }

  private async endRun(): Promise<void> {
    const {run_: run} = this;
    if (!run) return;
    await this.endBlock();
    const {shown, record} = run;
    const title = record.name ?? this.cleaner.text(titleOf(shown.judged), 'name');
    const {from, to} = extentOf(shown);
    const rows = shown.rows.map(row => this.rowOf(row, from));
    const fields = [...SPAN_FIELDS, ...ROW_FIELDS];
    const block = await this.page.block({
      record,
      title,
      glyph: stateGlyph(record.state, LOOK),
      facts: factsOf(record),
      notes: [...notesOf(shown.judged.run, shown.isTied), ...whereTimeWent(shown, LOOK)].map(text =>
        this.cleaner.text(text, 'notes'),
      ),
      from,
      to,
      fields,
      rows: rows.map(row => fields.map(key => row[key])),
      contents: this.blocks,
    });
    this.entries.push({
      record,
      title,
      started: moment(record.startTime),
      took: duration(record.durationMs),
      cost: costCell(record, LOOK),
      block,
    });
    this.run_ = null;
    this.written = new Map();
    this.blocks = [];
    this.contentsBefore = 0;
  }

  private rowOf(row: DrawnSpan, from: number): PageRow {
    const {node, criticalMs} = row;
    const record = this.cleaner.spanRecord(row.record);
    const start = startOf(node);
    const end = drawnUntil(node);
    const span = node.span ?? node.told;
    return {
      ...record,
      label: this.labelOf(row),
      preview: null,
      glyph: record.state && stateGlyph(record.state, LOOK),
      criticalMs,
      barFrom: Number.isFinite(start) ? start - from : null,
      barTo: end === null ? null : end - from,
      open: record.endTime === null && (record.state === 'running' || record.state === 'stalled'),
      isRun: span !== null && isRunSpan(span),
      content: null,
      told: this.toldBy(row),
      ...(this.written.get(row) ?? {}),
    };
  }

  /** For a call without a span, what messages report about it. */
  private toldBy({node}: DrawnSpan): PageRow['told'] {
    if (!node.told || this.cleaning.content !== null) return null;
    const text = (words: string | null) => words && this.cleaner.text(words, 'messages');
    return {arguments: text(node.told.toolArguments), result: text(node.told.output)};
  }

  /** The name of a row; for a delegation, the members that it went to. */
  private labelOf({node, record}: DrawnSpan): string {
    const span = node.span ?? node.told;
    const text = (words: string) => this.cleaner.text(words, 'name');
    if (!span)
      return record.surroundings
        ? `(span ${this.cleaner.spanRecord(record).spanId} is missing)`
        : '(its run span is not written)';
    const members = isDelegation(span)
      ? node.children.flatMap(({span: inner}) => (inner && isRunSpan(inner) ? [text(displayName(inner))] : []))
      : [];
    if (members.length > 0) return `delegate → ${members.join(', ')}`;
    return text(displayName(span));
  }
}

function factsOf(record: RunRecord): (readonly [string, string])[] {
  const {state, storedStatus, name, agentId, teamId, workflowId} = record;
  const ids = [
    ['Agent', agentId],
    ['Team', teamId],
    ['Workflow', workflowId],
  ] as const;
  return [
    ...runFacts(record, text => safe(text))
      .filter(([label]) => label !== 'Kind')
      .map(([label, text]): readonly [string, string] =>
        label === 'Stored status' && isStoredStatusWrong(state, storedStatus)
          ? [label, `${text} (incorrect)`]
          : [label, text],
      ),
    ...ids.flatMap(([label, id]) => (id === null || id === name ? [] : [[label, id] as const])),
  ];
}

/** Runs of a page as they are, with nothing removed. */
export interface PageRuns {
  readonly runs: readonly ShownRun[];
  readonly notes: readonly string[];
  /** False: the page has no contents of spans. */
  readonly hasContents: boolean;
}

/** Writes runs that were already read as a page. */
export async function writePage(store: Store, {runs, notes, hasContents}: PageRuns, out: Context): Promise<void> {
  const cleaner = new Cleaner(null, null);
  const writer = await PageWriter.open(out, {cleaner, content: hasContents ? null : 'left out'}, notes);
  for await (const {run, row, span} of wholeRows(store, groupsOf(runs, hasContents))) {
    if (!row) await writer.run({shown: run, record: run.judged.record});
    else if (span) await writer.span({row, stored: span, record: () => row.record, name: () => ''});
  }
  await writer.end();
}

async function* groupsOf(runs: readonly ShownRun[], hasContents: boolean): AsyncGenerator<readonly ExportedRun[]> {
  for (const run of runs) yield hasContents ? unseen([run], null) : [{shown: run, rows: []}];
}

/** Attributes as in `show --json`: numbers that are too long for JSON become text. */
function contentOf(stored: StoredSpan): PageContent {
  const attributes = (parseJson(exactJson(stored.attributes))?.value ?? {}) as {[key: string]: Json};
  const kind = attributes[KEY.openInferenceKind];
  return {
    attributes,
    openInferenceKind: typeof kind === 'string' ? kind : null,
    otelKind: stored.otelKind,
    createdTime: stored.created.nanos === null ? null : isoTime(Number(stored.created.nanos / 1000n)),
    unreadAttributes: stored.unreadAttributes,
    statusMessage: stored.statusMessage,
    problems: stored.problems,
  };
}

/** Cut after cleaning: half a secret would no longer be recognised. */
function previewOf(
  {node, record}: DrawnSpan,
  {attributes, openInferenceKind, statusMessage}: PageContent,
): string | null {
  const isFailed = record.state === 'error' || record.state === 'cancelled';
  if (isFailed && statusMessage !== null) return cut(firstLine(statusMessage));
  if (openInferenceKind !== 'TOOL' || !node.span || isDelegation(node.span)) return null;
  const asked = textOf(attributes, KEY.toolParameters) ?? textOf(attributes, KEY.input);
  const answered = textOf(attributes, KEY.output);
  const result = answered === null ? '' : firstLine(resultText(answered));
  const parts = [asked === null ? '' : `(${argumentsOf(asked)})`, result === '' ? '' : `→ ${result}`];
  return cut(parts.filter(Boolean).join(' ')) || null;
}

function argumentsOf(text: string): string {
  const entries = argumentsByName(text);
  if (entries === null) return text === 'null' ? '' : text;
  return entries.map(([key, item]) => `${key}=${JSON.stringify(item)}`).join(', ');
}

function cut(text: string): string {
  const points = Array.from(text.slice(0, 2 * LONGEST_PREVIEW));
  return points.length > LONGEST_PREVIEW ? `${points.slice(0, LONGEST_PREVIEW).join('')}…` : text;
}

/** The period that the bars of the run cover: the whole run, including the request around it. */
function extentOf({rows}: ShownRun): {from: number; to: number} {
  const starts = rows.map(({node}) => startOf(node)).filter(Number.isFinite);
  if (starts.length === 0) return {from: 0, to: 1};
  const from = smallest(starts);
  return {from, to: Math.max(from + 1, largest([from, ...rows.flatMap(({node}) => drawnUntil(node) ?? [])]))};
}
