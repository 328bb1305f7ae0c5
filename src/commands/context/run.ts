import type {Context} from '../../context.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {pick} from '../../flags/fields.ts';
import type {Fitting} from '../../flags/fitting.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNext, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import type {Prices} from '../../prices/prices.ts';
import {renderPrompts} from '../../render/prompts.ts';
import {renderRunHeader} from '../../render/run-header.ts';
import {spanStep} from '../../render/shown-run.ts';
import {loadWhole} from '../../runs/spans.ts';
import {loadShown} from '../../show/shown.ts';
import type {Store} from '../../store/store.ts';
import {trusted} from '../../text/safe.ts';
import type {ShownRun} from '../../trace/drawn-spans.ts';
import {type PromptRecord, Prompts} from '../../trace/prompt-parts.ts';
import type {Patience} from '../../trace/runs.ts';
import type {Span} from '../../trace/span.ts';
import {isoTime} from '../../trace/time.ts';
import {modelCalls} from '../../trace/tokens.ts';
import {displayName, isRunSpan, type Node, walk} from '../../trace/tree.ts';

const THEN = 'spans become trees; the messages of model calls are measured (src/trace/prompt-parts.ts)';
const BY_CHARACTERS = 'parts are measured in characters; their tokens are estimated from these';

export interface PromptsOptions {
  readonly id: string;
  readonly format: Format;
  readonly fields: readonly string[];
  readonly fit: Fitting;
  readonly ascii: boolean | undefined;
  readonly patience: Patience;
  readonly prices: Prices;
  readonly access: Access;
}

/** Prints what each model call of a run was sent. */
export default async function prompts(options: PromptsOptions, context: Context): Promise<void> {
  const {id, format, fields, fit, patience, prices} = options;
  await withStore(options.access, context, THEN, async (store, out) => {
    const shown = await withProgress(out, 'searching for it', onProgress =>
      loadShown(store, id, {patience, prices, sessionLimit: 1, onProgress}),
    );
    const all = new Prompts();
    const told: {run: ShownRun; calls: PromptRecord[]}[] = [];
    for (const run of shown.runs) told.push({run, calls: await promptsOf(store, run, all, prices)});
    const calls = told.flatMap(of => of.calls);
    const notes = [
      ...shown.notes,
      ...(calls.length === 0 ? ['no model call'] : calls.some(({chars}) => chars > 0) ? [BY_CHARACTERS] : []),
      ...cutNotes(calls),
    ];
    const runs = shown.runs.map(({judged}) => judged.record);
    const items = pick(calls, fields);
    const data = (some: readonly object[]) => ({runs, calls: some});
    if (writeMachine(out, format, {command: 'context', data, items, fields, fit, notes})) return;
    const drawing = drawingOf(options, out);
    for (const [i, {run, calls: own}] of told.entries()) {
      if (i > 0) writeLine(out, trusted(''));
      writeLine(out, renderRunHeader(run.judged, {...drawing, isTied: run.isTied}));
      if (own.length > 0) writeLine(out, renderPrompts(own, drawing));
    }
    writeNote(out, notes.join(' · '));
    const largest = calls.reduce<PromptRecord | null>(
      (most, call) => (most && most.chars >= call.chars ? most : call),
      null,
    );
    const run = told.find(of => largest && of.calls.includes(largest))?.run;
    if (largest && run)
      writeNext(out, spanStep(run.judged.record, largest.spanId, largest.model ?? 'a model call', 'largest'));
  });
}

function cutNotes(calls: readonly PromptRecord[]): string[] {
  const cut = calls.filter(({isCut}) => isCut).length;
  return cut === 0 ? [] : [`${cut} ${cut === 1 ? 'prompt' : 'prompts'} lost messages to the limit on attributes`];
}

/** For the counted calls, in order of their start. */
async function promptsOf(store: Store, {judged}: ShownRun, all: Prompts, prices: Prices): Promise<PromptRecord[]> {
  const spans = new Set(modelCalls(judged.run.tops));
  const nodes = nodesWith(judged.run.tops, spans);
  nodes.sort((a, b) => (a.span!.startMicros ?? 0) - (b.span!.startMicros ?? 0) || (a.id < b.id ? -1 : 1));
  const calls: PromptRecord[] = [];
  const byId = new Map(nodes.map(node => [node.id, node]));
  for await (const whole of loadWhole(store, [...byId.keys()], {quick: true, traceIds: [judged.record.traceId]})) {
    const node = byId.get(whole.spanId)!;
    const narrow = node.span!;
    const owner = ownerOf(node);
    // The narrow row has the result of comparing with others: whether its count includes cached tokens.
    const prompt = all.take({...whole, grossPromptTokens: narrow.grossPromptTokens}, `${owner?.id} ${narrow.purpose}`);
    const windowTokens = await prices.windowOf(narrow);
    calls.push({
      spanId: whole.spanId,
      traceId: whole.traceId,
      runId: owner?.span?.runId ?? judged.record.runId,
      agent: owner?.span ? displayName(owner.span) : judged.record.name,
      model: narrow.model,
      provider: narrow.provider,
      purpose: narrow.purpose,
      startTime: isoTime(narrow.startMicros),
      ...prompt,
      promptEstimated: narrow.grossPromptEstimated,
      windowTokens,
      windowShare: windowTokens === null || prompt.promptTokens === null ? null : prompt.promptTokens / windowTokens,
    });
  }
  return calls;
}

function nodesWith(tops: readonly Node[], spans: ReadonlySet<Span>): Node[] {
  return walk(tops).filter(({span}) => span !== null && spans.has(span));
}

/** The run span around a call: the component that made it. */
function ownerOf(node: Node): Node | null {
  let up = node.parent;
  while (up && !(up.span && isRunSpan(up.span))) up = up.parent;
  return up;
}
