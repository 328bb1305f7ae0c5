import type {Context} from '../../context.ts';
import {writeLine} from '../../flags/output.ts';
import type {Cleaner} from '../../redaction/cleaner.ts';
import {renderJsonLines} from '../../render/json.ts';
import {KEY, textOf} from '../../trace/attributes.ts';
import {isContinuationOf} from '../../trace/continuation.ts';
import type {ShownRun} from '../../trace/drawn-spans.ts';
import {exactJson, type Json, parseJson, printable} from '../../trace/json.ts';
import {isBeside} from '../../trace/loose-parts.ts';
import {splitReferences} from '../../trace/prompt-parts.ts';
import {foldedRun, type JudgedRun, type RunRecord} from '../../trace/record.ts';
import {withoutSecrets} from '../../trace/secrets.ts';
import type {Span} from '../../trace/span.ts';
import {type Entry, Transcript} from '../../trace/transcript.ts';
import {isContinuation} from '../../trace/tree.ts';
import type {ExportWriter, WrittenRun, WrittenSpan} from './writer.ts';

/** What a run was given besides its input. */
interface CaseContext {
  readonly type: 'document' | 'history';
  /** Of a message of the history. */
  readonly role: string | null;
  readonly text: string;
  /** The agent or team that was given it. */
  readonly who: string | null;
}

interface CaseToolCall {
  readonly callId: string | null;
  readonly name: string | null;
  /** An object if they are one in JSON that loses nothing when it is parsed, else the text. */
  readonly arguments: Json;
  readonly result: string | null;
  readonly error: string | null;
  readonly state: Entry['state'];
  /** As in a transcript: false if nothing shows that it ran. */
  readonly ran: boolean | null;
  /** The agent or team that called it. */
  readonly who: string | null;
  readonly spanId: string;
  readonly durationMs: number | null;
}

/** Keys of a run's record that a case keeps as its metadata. */
const METADATA = [
  ...['name', 'kind', 'agentId', 'teamId', 'workflowId', 'userId', 'sessionId', 'model', 'provider', 'models'],
  ...['state', 'stateReason', 'startTime', 'endTime', 'durationMs', 'promptTokens', 'completionTokens'],
  ...['cachedTokens', 'totalTokens', 'costUsd', 'costSource', 'errorCount', 'retryCount', 'parts'],
] as const satisfies readonly (keyof RunRecord)[];
/** Of a run that paused, these are about all of its parts. */
const OF_ALL_PARTS = [
  ...['models', 'state', 'endTime', 'durationMs', 'promptTokens', 'completionTokens', 'cachedTokens'],
  ...['totalTokens', 'costUsd', 'costSource', 'errorCount', 'retryCount', 'parts'],
] as const satisfies readonly (typeof METADATA)[number][];

interface CaseCleaning {
  readonly cleaner: Cleaner;
  /** The filter that removes contents; null: none. */
  readonly content: unknown;
}

/** A line for each run: an evaluation case. Only the content of the current one is in memory. */
export class CasesWriter implements ExportWriter {
  private readonly cleaner: Cleaner;
  private readonly hasContent: boolean;
  private draft: Draft | null = null;
  private shown: ShownRun | null = null;
  private nextRow = 0;
  private leftOut = 0;

  constructor(
    private readonly out: Context,
    {cleaner, content}: CaseCleaning,
  ) {
    this.cleaner = cleaner;
    this.hasContent = content === null;
  }

  async run({shown, record}: WrittenRun): Promise<void> {
    this.endPart();
    if (!this.draft?.goesOnWith(shown)) {
      await this.endCase();
      if (record.part || record.traffic) this.leftOut++;
      else this.draft = new Draft(record, this.hasContent, text => this.cleaner.text(text, 'name'));
    }
    this.shown = shown;
    this.nextRow = 0;
    this.draft?.begin(shown, record);
  }

  async span({row, stored}: WrittenSpan): Promise<void> {
    const {draft, shown} = this;
    const at = shown!.rows.indexOf(row, this.nextRow);
    this.pushGhosts(at);
    this.nextRow = at + 1;
    const {node, depth} = row;
    if (!draft || !node.span || node.run === null) return;
    const attributes = (parseJson(exactJson(stored.attributes))?.value ?? {}) as {[key: string]: Json};
    draft.push(node, depth, {...node.span, attributes, statusMessage: stored.statusMessage});
  }

  async end(): Promise<void> {
    this.endPart();
    await this.endCase();
    if (this.leftOut === 0) return;
    const what =
      this.leftOut === 1 ? '1 part without a run is no case' : `${this.leftOut} parts without a run are no cases`;
    this.out.notes.push(`${what}: left out`);
  }

  /** The run spans that are not written yet, which no span comes for. */
  private pushGhosts(until: number): void {
    const rows = this.shown?.rows.slice(this.nextRow, until) ?? [];
    for (const {node, depth} of rows) if (node.span === null) this.draft?.push(node, depth, null);
  }

  private endPart(): void {
    this.pushGhosts(Number.POSITIVE_INFINITY);
    this.draft?.endPart();
    this.shown = null;
  }

  private async endCase(): Promise<void> {
    const {draft, out} = this;
    this.draft = null;
    if (!draft) return;
    for (const text of renderJsonLines([draft.case()], out.stdout.isTTY)) writeLine(out, text);
    await out.stdout.drained?.();
  }
}

/** The case of a run while its parts are read, all of them cleaned. */
class Draft {
  private readonly talk = new Transcript({history: true});
  private readonly context: CaseContext[] = [];
  private readonly toolCalls: CaseToolCall[] = [];
  private readonly parts: JudgedRun[] = [];
  private stateReason: string | null;
  private shown: ShownRun | null = null;
  private input: string | null = null;
  /** What a person or a run said first, if the run's own span does not say. */
  private asked: string | null = null;
  private output: string | null = null;

  constructor(
    private readonly record: RunRecord,
    private readonly hasContent: boolean,
    private readonly cleanName: (name: string) => string,
  ) {
    this.stateReason = record.stateReason;
  }

  /** A run that only has the same id is a case of its own, and so are parts that are read from the newest to the oldest. */
  goesOnWith({judged: {run}, isTied}: ShownRun): boolean {
    const before = this.parts.at(-1)?.run;
    if (isTied || !before || !run.root.span) return isTied;
    const isLater = (run.startMicros ?? 0) > (before.startMicros ?? 0);
    return isLater && isContinuation(run.root.span) && isContinuationOf(before, run);
  }

  begin(shown: ShownRun, record: RunRecord): void {
    this.shown = shown;
    this.talk.begin(shown);
    if (shown.isTied) return;
    this.parts.push(shown.judged);
    this.stateReason = record.stateReason;
    this.output = null;
  }

  push(node: ShownRun['rows'][number]['node'], depth: number, span: Span | null): void {
    const {judged, isTied} = this.shown!;
    // What Agno's memory manager and the like did beside the run is not the run's work.
    if (isTied && isBeside(judged.run)) return;
    if (span && !isTied && node === judged.run.root) this.takeRoot(span);
    if (span && this.hasContent) this.takeDocuments(span);
    this.take(this.talk.push(node, depth, span));
  }

  endPart(): void {
    if (this.shown) this.take(this.talk.end());
    this.shown = null;
  }

  case(): object {
    const {record, parts, hasContent} = this;
    const whole = parts.length > 1 ? foldedRun(parts[0]!, parts).record : record;
    const {runId, traceId, spanId} = record;
    return {
      id: `${traceId}:${spanId}`,
      runId,
      traceId,
      spanId,
      input: hasContent ? (this.input ?? this.asked) : null,
      context: this.context,
      output: hasContent ? this.output : null,
      // Only a person can say it, and Agno has no place for it.
      expectedOutput: null,
      toolCalls: this.toolCalls,
      metadata: {
        ...Object.fromEntries(METADATA.map(key => [key, record[key]])),
        ...Object.fromEntries(OF_ALL_PARTS.map(key => [key, whole[key]])),
        stateReason: this.stateReason,
      },
    };
  }

  private takeRoot({attributes}: Span): void {
    this.input ??= textOf(attributes!, KEY.input);
    const said = textOf(attributes!, KEY.output);
    // Up to 1.0.3 a failed run gives the cause in its output.
    this.output = said !== null && this.shown!.judged.record.state === 'error' ? withoutSecrets(said) : said;
  }

  /** Documents that the span of a retriever lists; Agno's own retrievals are tools. */
  private takeDocuments({attributes}: Span): void {
    for (const key of Object.keys(attributes!)) {
      const text = RETRIEVED.test(key) ? textOf(attributes!, key) : null;
      if (text !== null) this.context.push({type: 'document', role: null, text, who: null});
    }
  }

  private take(events: ReturnType<Transcript['push']>): void {
    for (const {type, entry} of events) {
      if (type === 'entry' && entry.type === 'tool') this.takeTool(entry);
      if (type === 'entry' && entry.type === 'message') this.takeMessage(entry);
    }
  }

  private takeTool(entry: Entry): void {
    const isFailed = entry.state === 'error';
    const said = this.hasContent ? entry.result : null;
    const who = this.nameOf(entry.who);
    this.toolCalls.push({
      callId: entry.toolCallId,
      name: this.nameOf(entry.toolName),
      arguments: this.hasContent ? argumentsOf(entry.arguments) : null,
      result: isFailed ? null : said,
      error: isFailed ? said : null,
      state: entry.state,
      ran: entry.ran,
      who,
      spanId: entry.spanId,
      durationMs: entry.durationMs,
    });
    if (entry.kind === 'retrieval' && !isFailed && said !== null && said !== '')
      this.context.push({type: 'document', role: null, text: said, who});
  }

  private takeMessage(entry: Entry): void {
    if (!this.hasContent) return;
    const {role, depth} = entry;
    const who = this.nameOf(entry.who);
    const asks = entry.toolCalls.map(call => `${call.name}(${call.arguments ?? ''})`);
    const text = [entry.text ?? '', ...asks].filter(part => part.trim() !== '').join('\n');
    if (entry.fromHistory) {
      if (text !== '') this.context.push({type: 'history', role, text, who});
      return;
    }
    if (role === 'user' || role === 'input') {
      const {own, documents} = splitReferences(entry.text ?? '');
      const found = documents.replaceAll(TAG, '').trim();
      if (found !== '') this.context.push({type: 'document', role: null, text: found, who});
      if (depth === 0) this.asked ??= own.trim() || null;
    }
    // A continuation without the run's id has no span of the run, only its model calls.
    if (role === 'assistant' && this.shown!.isTied && entry.text?.trim()) this.output = entry.text;
  }

  private nameOf(name: string | null): string | null {
    return name === null ? null : this.cleanName(name);
  }
}

const TAG = /<\/?references>/g;
const RETRIEVED = /^retrieval\.documents\.\d+\.document\.content$/;

function argumentsOf(text: string | null): Json {
  const parsed = text === null ? null : parseJson(text, {thorough: true});
  if (!parsed || parsed.problems.length > 0) return text;
  const {value} = parsed;
  const isObject = value !== null && typeof value === 'object' && !Array.isArray(value);
  return isObject && printable(value) === value ? value : text;
}
