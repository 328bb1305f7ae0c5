import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {toWidth, truncate} from '../text/width.ts';
import type {JudgedRun, RunRecord} from '../trace/record.ts';
import {resultText} from '../trace/result-text.ts';
import {isoTime} from '../trace/time.ts';
import {isRunSpan, type Node} from '../trace/tree.ts';
import {lastWord, timeOf, who} from './run-list.ts';
import {type Look, paintState, stateGlyph} from './states.ts';
import {nameOf} from './tree-row.ts';
import {clock, count, duration, firstLine, isHex, promptTokens, usd} from './values.ts';

/*
 * What happens to runs, one line an event, to be read in a log:
 *
 *     14:21:03  ● running    ~a31f09c  (with gpt-5.5-mini)
 *     14:21:03    · llm      ~a31f09c  gpt-5.5-mini  1.3s  812 → 64
 *     14:21:04    ✖ tool     ~a31f09c  flaky_inventory(sku=7)  56ms  InventoryDown: no answer
 *     14:21:09  ✔ ok         ~a31f09c  Research Agent  8.2s  5,812 tokens  $0.012  run 9aa6a590  …
 *
 * The third column is the same in all lines of a trace; `show` takes it.
 */

export interface EventLook extends Look {
  /** Columns of the terminal; null: a pipe, which gets complete values and dates. */
  readonly columns: number | null;
  /** Called with the day of each line whose time has no date. */
  readonly onDay?: (day: string) => void;
}

const GAP = '  ';
const STATE_WIDTH = 13;
const TRACE_LENGTH = 7;
const LONGEST_WORD = 200;

/** The line of a run that is new, or whose state has changed. Its time is `endMicros`, or now. */
export function runLine(judged: JudgedRun, nowMicros: number, look: EventLook): Safe {
  const {run, record} = judged;
  const {state} = record;
  const at = run.isMissing ? (run.lastSeenMicros ?? nowMicros) : (run.endMicros ?? nowMicros);
  const isQuiet = state === 'stalled' || state === 'lost';
  // "Running" already means that its span is still missing.
  const word = state === 'running' ? trusted('') : lastWord(judged);
  const parts = [
    paint(who(judged), 'bold'),
    ...(run.isMissing && !isQuiet ? [] : [timeOf(judged)]),
    ...figuresOf(record),
    ...identityOf(record, look),
    ...(word === '' ? [] : [state === 'ok' ? paint(short(word), 'dim') : short(word)]),
  ];
  const name = trusted(`${stateGlyph(state, look)} ${state}`);
  return eventLine(
    isQuiet ? nowMicros : at,
    paintState(toWidth(name, STATE_WIDTH), state),
    record.traceId,
    parts,
    look,
  );
}

/** A span that arrived; `lateMs` says how long after it was written it became visible. */
export function spanLine(node: Node, judged: JudgedRun, lateMs: number | undefined, look: EventLook): Safe {
  const span = node.span!;
  const judgement = judged.judge.node(node)!;
  const isBad = judgement.state !== 'ok';
  const glyph = isBad ? stateGlyph(judgement.state, look) : trusted(look.ascii ? '-' : '·');
  const kind = toWidth(trusted(`  ${glyph} ${span.kind}`), STATE_WIDTH);
  const isSurroundings = node.run === null;
  const parts = [
    isSurroundings ? paint(nameOf(node, {io: 'preview'}), 'dim') : nameOf(node, {io: 'preview'}),
    duration(span.durationMs),
    ...(span.promptTokens === null ? [] : [line`${promptTokens(span)} → ${count(span.completionTokens)}`]),
    ...(span.costUsd === null ? [] : [usd(span.costUsd)]),
    ...(isSurroundings && span.http?.status ? [line`HTTP ${safe(span.http.status)}`] : []),
    ...(isBad && judgement.reason !== '' ? [paintState(short(firstLine(judgement.reason)), judgement.state)] : []),
    ...(!isBad && !isRunSpan(span) && span.openInferenceKind === 'TOOL' && span.output
      ? [paint(short(firstLine(resultText(span.output))), 'dim')]
      : []),
    ...(lateMs === undefined ? [] : [paint(line`late by ${duration(lateMs)}`, 'yellow')]),
  ];
  return eventLine(
    span.endMicros ?? span.startMicros,
    isBad ? paintState(kind, judgement.state) : paint(kind, 'dim'),
    span.traceId,
    parts,
    look,
  );
}

/** A run that was shown on its own turned out to be part of another. */
export function mergedLine(before: RunRecord, nowMicros: number, look: EventLook): Safe {
  const mark = trusted(look.ascii ? '  -' : '  ·');
  const parts = [trusted('this belongs to the run around it')];
  return eventLine(nowMicros, paint(toWidth(mark, STATE_WIDTH), 'dim'), before.traceId, parts, look);
}

function figuresOf(record: RunRecord): Safe[] {
  return [
    ...(record.totalTokens === null ? [] : [line`${count(record.totalTokens)} tokens`]),
    ...(record.costUsd === null ? [] : [usd(record.costUsd)]),
    ...(record.errorCount === 0 ? [] : [line`${count(record.errorCount)} failed`]),
  ];
}

function identityOf({runId, userId, sessionId}: RunRecord, look: EventLook): Safe[] {
  return [
    ...(runId === null ? [] : [line`run ${shortUnlessPiped(runId, look)}`]),
    ...(userId === null ? [] : [line`user ${safe(userId)}`]),
    ...(sessionId === null ? [] : [line`session ${shortUnlessPiped(sessionId, look)}`]),
  ];
}

function shortUnlessPiped(id: string, {columns}: EventLook): Safe {
  return safe(columns !== null && isHex(id) ? id.slice(0, 8) : id);
}

function short(text: Safe): Safe {
  return truncate(text, LONGEST_WORD);
}

function eventLine(
  micros: number | null,
  what: Safe,
  traceId: string,
  parts: readonly Safe[],
  {columns, onDay}: EventLook,
): Safe {
  const {text, offset} = clock(isoTime(micros));
  const end = offset === 'UTC' ? 'Z' : offset;
  const time =
    text === null ? trusted('–') : trusted(columns === null ? `${text.slice(0, 23)}${end}` : text.slice(11, 19));
  const trace = line`~${safe(isHex(traceId) ? traceId.slice(0, TRACE_LENGTH) : traceId)}`;
  if (columns !== null && text !== null) onDay?.(text.slice(0, 10));
  return joined([paint(time, 'dim'), what, trace, ...parts.filter(part => part !== '')], GAP);
}
