import {joined, line, own, type Safe, safe} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {toWidth, truncate, width} from '../text/width.ts';
import {formatJson, parseJson} from '../trace/json.ts';
import type {DrawnSpan} from '../trace/record.ts';
import type {Span} from '../trace/span.ts';
import {displayName, endOf, isDelegation, isRunSpan, isStreamed, type Node, startOf, walk} from '../trace/tree.ts';
import type {IoLevel} from './io.ts';
import {bar, type Guides, guidesOf, within} from './layout.ts';
import {type Look, paintState, stateGlyph} from './states.ts';
import {count, duration, firstLine, usd} from './values.ts';

export interface TreeOptions extends Look {
  /** Columns of the terminal; null: a pipe, where nothing is cut. */
  readonly columns: number | null;
  readonly io: IoLevel;
  /** The run the header speaks of; its reason is not repeated in its row. */
  readonly root: Node;
  /** Whole text of a span's input and output, below its row; only with `io: 'full'`. */
  readonly contentOf?: (node: Node) => readonly Safe[];
}

/** Widths of the parts of a row; decided once for a tree. */
interface Layout {
  label: number;
  bar: number;
  details: number | null;
}

const GAP = '  ';
const DURATION_WIDTH = 7;
/** A waterfall in a pipe has this width; there is no terminal to ask. */
const PIPE_BAR = 32;
const LONGEST_ARGUMENTS = 60;
const LONGEST_RESULT = 120;

/** Draws spans as a tree with a waterfall. One row a span; errors and whole contents stand below their row. */
export function renderTree(rows: readonly DrawnSpan[], options: TreeOptions): Safe {
  const depths = rows.map(row => row.depth);
  const parents = new Set(rows.map(row => row.node.parent));
  const guides = guidesOf(
    depths,
    rows.map(row => parents.has(row.node)),
    options,
  );
  const labels = rows.map((row, i) => own(guides[i]!.first + labelOf(row, options)));
  const layout = layoutOf(labels, options.columns);
  const span = extentOf(rows);
  const lines = rows.flatMap((row, i) => [
    rowText(row, labels[i]!, guides[i]!, span, layout, options),
    ...errorLines(row, guides[i]!, options),
    ...(options.contentOf?.(row.node) ?? []).map(text => line`${guides[i]!.rest}  ${text}`),
  ]);
  return joined(lines, '\n');
}

function layoutOf(labels: readonly Safe[], columns: number | null): Layout {
  const longest = labels.reduce((max, label) => Math.max(max, width(label)), 0);
  if (columns === null) return {label: Math.min(longest, 100), bar: PIPE_BAR, details: null};
  const barWidth = columns >= 160 ? 48 : columns >= 110 ? 32 : columns >= 76 ? 16 : columns >= 60 ? 10 : 0;
  const label = Math.min(longest, Math.max(20, Math.floor(columns * 0.44)));
  const used = label + (barWidth > 0 ? GAP.length + barWidth + 2 : 0) + GAP.length + DURATION_WIDTH + GAP.length;
  return {label, bar: barWidth, details: Math.max(0, columns - used)};
}

interface Extent {
  from: number;
  to: number;
}

function extentOf(rows: readonly DrawnSpan[]): Extent {
  let from = Number.POSITIVE_INFINITY;
  let to = Number.NEGATIVE_INFINITY;
  for (const {node} of rows) {
    from = Math.min(from, startOf(node));
    to = Math.max(to, endOf(node) ?? Number.NEGATIVE_INFINITY);
  }
  return {from, to: Math.max(to, from + 1)};
}

function rowText(
  row: DrawnSpan,
  label: Safe,
  guide: Guides,
  extent: Extent,
  layout: Layout,
  options: TreeOptions,
): Safe {
  const cut = toWidth(label, layout.label);
  const details = fitting(detailsOf(row, options), layout.details);
  const parts = [
    paintLabel(cut, guide, row),
    ...(layout.bar > 0 ? [barOf(row, extent, layout.bar, options)] : []),
    toWidth(row.record.durationMs === null ? own('') : duration(row.record.durationMs), DURATION_WIDTH, 'right'),
    paint(details, 'dim'),
  ];
  return own(joined(parts, GAP).trimEnd());
}

/** As many as there is room for: a figure that is cut would be another figure; only words are. */
function fitting(details: readonly Detail[], columns: number | null): Safe {
  const kept: Safe[] = [];
  let room = columns ?? Number.POSITIVE_INFINITY;
  for (const {text, isFigure} of details) {
    const size = width(text) + (kept.length > 0 ? GAP.length : 0);
    if (size > room && (isFigure || room < SHORTEST_TEXT)) break;
    kept.push(size > room ? truncate(text, room - (kept.length > 0 ? GAP.length : 0)) : text);
    room -= size;
  }
  return joined(kept, GAP);
}
const SHORTEST_TEXT = 12;

interface Detail {
  readonly text: Safe;
  readonly isFigure: boolean;
}

function barOf({node, record}: DrawnSpan, extent: Extent, columns: number, options: TreeOptions): Safe {
  const place = (micros: number) => (micros - extent.from) / (extent.to - extent.from);
  const start = startOf(node);
  const end = endOf(node) ?? latestEnd(node);
  const edge = options.ascii ? '|' : '┆';
  if (!Number.isFinite(start) || end === null) return own(`${edge}${' '.repeat(columns)}${edge}`);
  const drawn = bar(place(start), place(Math.max(start, end)), columns, options, record.surroundings || record.missing);
  const isFailed = record.state === 'error' || record.state === 'cancelled';
  return own(
    `${edge}${isFailed ? paintState(drawn, record.state!) : paint(drawn, record.surroundings || record.missing ? 'dim' : record.critical ? 'cyan' : 'blue')}${edge}`,
  );
}

function latestEnd(node: Node): number | null {
  let latest: number | null = null;
  for (const inner of walk(node.children)) {
    const end = endOf(inner);
    if (end !== null && (latest === null || end > latest)) latest = end;
  }
  return latest;
}

/** State where it says something, ★ on the critical path, the name a person would use. */
function labelOf(row: DrawnSpan, options: TreeOptions): Safe {
  const {node, record} = row;
  if (!node.span) return own(`${options.ascii ? ':' : '┊'} ${ghostText(row)}`);
  const isRun = isRunSpan(node.span);
  const showsState = record.state !== null && !record.surroundings && (isRun || record.state !== 'ok');
  const marks = [
    ...(showsState ? [stateGlyph(record.state!, options)] : []),
    ...(record.critical && node.parent !== null && !isRun ? [own(options.ascii ? '*' : '★')] : []),
  ];
  return joined([...marks, nameOf(node, options)], ' ');
}

function ghostText({record}: DrawnSpan): Safe {
  if (record.surroundings || record.state === null) return line`(span ${safe(record.spanId)} is not here)`;
  return record.state === 'lost' ? own('(its run span never came)') : own('(its run span comes when it ends)');
}

/** What a row is called; a tool with its arguments, unless no content is wanted. */
export function nameOf(node: Node, options: Pick<TreeOptions, 'io'>): Safe {
  const span = node.span!;
  const name = safe(displayName(span));
  if (span.kind === 'llm') return isStreamed(span) ? line`${name}  stream` : name;
  if (span.kind === 'step' || span.kind === 'parallel') return line`${own(span.kind)} ${name}`;
  if (isDelegation(span)) {
    const members = node.children.flatMap(child =>
      child.span && isRunSpan(child.span) ? [safe(displayName(child.span))] : [],
    );
    if (members.length > 0) return line`delegate → ${joined(members, ', ')}`;
  }
  if (span.openInferenceKind === 'TOOL' && options.io !== 'none') return line`${name}(${argumentsOf(span)})`;
  return name;
}

/** Arguments as a call is written: `order_id=4417, amount=89.5`. */
function argumentsOf(span: Span): Safe {
  const text = span.toolArguments;
  if (text === null || text === 'null' || text === '{}') return own('');
  const value = parseJson(text)?.value;
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    return truncate(safe(text), LONGEST_ARGUMENTS);
  const pairs = Object.entries(value ?? {}).map(([key, item]) => `${key}=${formatJson(item, 0)}`);
  return truncate(safe(pairs.join(', ')), LONGEST_ARGUMENTS);
}

function detailsOf({node, record}: DrawnSpan, options: TreeOptions): Detail[] {
  const span = node.span;
  if (!span) return [];
  const details: Detail[] = [];
  const figure = (text: Safe) => details.push({text, isFigure: true});
  const words = (text: Safe) => details.push({text, isFigure: false});
  if (node.children.length > 0 && record.selfMs !== null && !record.surroundings)
    figure(line`self ${duration(record.selfMs)}`);
  if (record.promptTokens !== null) figure(line`${count(record.promptTokens)} → ${count(record.completionTokens)}`);
  if (record.costUsd !== null) figure(usd(record.costUsd));
  if (
    span.openInferenceKind === 'TOOL' &&
    options.io !== 'none' &&
    span.output &&
    record.state === 'ok' &&
    !isDelegation(span)
  ) {
    words(truncate(firstLine(span.output), LONGEST_RESULT));
  }
  if (record.surroundings && span.http?.status) figure(line`HTTP ${safe(span.http.status)}`);
  if (record.problems.length > 0) words(line`! ${safe(record.problems[0]!)}`);
  return details;
}

/** What went wrong, once: on the span where it happened, not again on those above it. */
function errorLines({node, record}: DrawnSpan, guide: Guides, options: TreeOptions): Safe[] {
  if (record.surroundings || node.span === null || node === options.root) return [];
  const isBad = record.state === 'error' || record.state === 'cancelled';
  if (!isBad || node.children.some(child => child.span?.spanStatus === 'ERROR')) return [];
  const text =
    record.statusMessage && record.statusMessage !== 'run status: error' ? record.statusMessage : record.stateReason;
  if (!text) return [];
  const room = options.columns === null ? null : options.columns - width(guide.rest) - 2;
  return text
    .trim()
    .split('\n')
    .slice(0, options.columns === null ? undefined : 3)
    .map(part => line`${paint(guide.rest, 'dim')}  ${paintState(within(safe(part), room), record.state!)}`);
}

function paintLabel(cell: Safe, guide: Guides, {node, record}: DrawnSpan): Safe {
  if (record.surroundings || record.missing) return paint(cell, 'dim');
  const lead = guide.first.length;
  const [before, name] = [own(cell.slice(0, lead)), own(cell.slice(lead))];
  const painted =
    record.state && record.state !== 'ok'
      ? paintState(name, record.state)
      : node.span && isRunSpan(node.span)
        ? paint(name, 'bold')
        : name;
  return own(paint(before, 'dim') + painted);
}
