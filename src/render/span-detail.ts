import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import type {DrawnSpan} from '../trace/drawn-spans.ts';
import type {JudgedRun} from '../trace/record.ts';
import type {Span} from '../trace/span.ts';
import {displayName} from '../trace/tree.ts';
import {costOrigins} from './cost.ts';
import {shortRunId, titleOf} from './run-list.ts';
import {renderSpanContent} from './span-content.ts';
import {type Look, paintState, stateText} from './states.ts';
import {count, duration, promptTokens, usd} from './values.ts';

interface DetailOptions extends Look {
  readonly columns: number | null;
}

/** One complete span. */
export function renderSpanDetail(span: Span, row: DrawnSpan, judged: JudgedRun, options: DetailOptions): Safe {
  const title = [
    ...(row.record.state ? [paintState(stateText(row.record.state, options), row.record.state)] : []),
    paint(safe(displayName(span)), 'bold'),
    paint(trusted(span.kind), 'dim'),
    line`span ${safe(span.spanId)}`,
  ];
  const lines = spanFields(span, row, judged).map(
    ([name, value]) => line`  ${paint(trusted(name.padEnd(8)), 'dim')}${value}`,
  );
  return joined([joined(title, '  '), ...lines, trusted(''), renderSpanContent(span, options)], '\n');
}

/** Facts about a span by name, without its texts; unknown ones are left out. */
export function spanFields(span: Span, {node, record}: DrawnSpan, judged: JudgedRun): (readonly [string, Safe])[] {
  const tokens =
    record.totalTokens === null
      ? null
      : line`${promptTokens(record)} → ${count(record.completionTokens)}${span.cachedTokens ? line`, ${count(span.cachedTokens)} of the prompt cached` : trusted('')}`;
  const fields: (readonly [string, Safe | null])[] = [
    ['run', line`${titleOf(judged)} ${shortRunId(judged.record)}`],
    ['name', safe(span.name)],
    ['started', safe(record.startTime ?? `${span.startText} (no time)`)],
    [
      'took',
      line`${duration(span.durationMs)}${record.selfMs !== null && record.selfMs !== span.durationMs ? line`, self ${duration(record.selfMs)}` : trusted('')}`,
    ],
    ['status', safe(span.spanStatus)],
    ['why', record.stateReason === null ? null : safe(record.stateReason)],
    [
      'model',
      span.model === null
        ? null
        : line`${safe(span.model)}${span.provider ? line` (${safe(span.provider)})` : trusted('')}`,
    ],
    ['tokens', tokens],
    ['cost', costOf(node.span ?? span)],
    ['parent', span.parentSpanId === null ? null : safe(span.parentSpanId)],
    ['trace', safe(span.traceId)],
  ];
  return fields.flatMap(([name, value]) => (value === null ? [] : [[name, value] as const]));
}

/** The call's own cost; the span of the tree has a price, the complete one does not. */
function costOf(span: Span): Safe | null {
  if (span.costUsd === null) return span.kind === 'llm' && span.totalTokens !== null ? trusted('no known price') : null;
  const origin = costOrigins([span])[0]!;
  return line`${usd(span.costUsd)} (${origin})`;
}
