import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {toWidth, truncate, width} from '../text/width.ts';
import type {DrawnSpan} from '../trace/drawn-spans.ts';
import {formatJson} from '../trace/json.ts';
import {resultText} from '../trace/result-text.ts';
import type {Span} from '../trace/span.ts';
import {argumentsByName} from '../trace/tool-calls.ts';
import {displayName, endOf, isDelegation, isRunSpan, isStreamed, type Node, startOf, walk} from '../trace/tree.ts';
import type {Container, StepPlace} from '../trace/workflow-steps.ts';
import type {IoLevel} from './io.ts';
import {bar, type Guides} from './layout.ts';
import {type Look, paintState, stateGlyph} from './states.ts';
import {count, duration, firstLine, promptTokens, usd} from './values.ts';

export interface RowOptions extends Look {
  readonly io: IoLevel;
  /** The time up to which running spans are drawn; absent: as far as their parts were observed. */
  readonly openUntilMicros?: number;
  /**
   * Also show the kind in a person's words and the state as a word; for screens, where no line below explains a
   * glyph.
   */
  readonly showsKind?: boolean;
  /** Tokens and cost before the self time, if there may be no room for both. */
  readonly tokensFirst?: boolean;
}

/** Widths of the parts of a row; decided once per tree. */
export interface RowLayout {
  label: number;
  bar: number;
  details: number | null;
}

const GAP = '  ';
const DURATION_WIDTH = 7;
/** Width of a waterfall in a pipe, which has no terminal to ask. */
export const PIPE_BAR = 32;
const LONGEST_ARGUMENTS = 60;
const LONGEST_RESULT = 120;

/**
 * Widths for a terminal of this many columns; from 10 columns on, a row keeps within them.
 * @param longest columns of the longest label
 */
export function layoutFor(longest: number, columns: number): RowLayout {
  const barWidth = columns >= 160 ? 48 : columns >= 110 ? 32 : columns >= 76 ? 16 : columns >= 56 ? 10 : 0;
  const besides = (barWidth > 0 ? GAP.length + barWidth + 2 : 0) + GAP.length + DURATION_WIDTH;
  const wanted = Math.min(longest, Math.max(20, Math.floor(columns * 0.44)));
  const label = Math.max(1, Math.min(wanted, columns - besides));
  return {label, bar: barWidth, details: Math.max(0, columns - label - besides - GAP.length)};
}

/** The period that the bars of a tree cover, microseconds. */
export interface Extent {
  from: number;
  to: number;
}

/** One span in one line: its label, its bar, its duration, and as many details as fit. */
export function rowText(
  row: DrawnSpan,
  label: Safe,
  guide: Guides,
  extent: Extent,
  layout: RowLayout,
  options: RowOptions,
): Safe {
  const cut = toWidth(label, layout.label);
  const details = fitting(detailsOf(row, options), layout.details);
  const parts = [
    paintLabel(cut, guide, row),
    ...(layout.bar > 0 ? [barOf(row, extent, layout.bar, options)] : []),
    toWidth(tookOf(row, options), DURATION_WIDTH, 'right'),
    paint(details, 'dim'),
  ];
  return trusted(joined(parts, GAP).trimEnd());
}

/** Only the beginning of a ghost's time is known. It lasts as long as its run. */
function tookOf({node, record}: DrawnSpan, options: RowOptions): Safe {
  if (record.durationMs !== null) return duration(record.durationMs);
  const start = startOf(node);
  return isOpen(node, options) && Number.isFinite(start)
    ? duration(Math.max(0, options.openUntilMicros! - start) / 1000)
    : trusted('');
}

function isOpen(node: Node, {openUntilMicros}: RowOptions): boolean {
  return openUntilMicros !== undefined && endOf(node) === null;
}

/** As many as fit: a cut figure would be another figure; only words are cut. */
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

function barOf({node, record}: DrawnSpan, extent: Extent, columns: number, options: RowOptions): Safe {
  const place = (micros: number) => (micros - extent.from) / (extent.to - extent.from);
  const start = startOf(node);
  const open = isOpen(node, options);
  const end = open ? options.openUntilMicros! : drawnUntil(node);
  const edge = options.ascii ? '|' : '┆';
  if (!Number.isFinite(start) || end === null) return trusted(`${edge}${' '.repeat(columns)}${edge}`);
  const fill = open ? 'open' : record.surroundings || record.missing ? 'faint' : 'solid';
  const drawn = bar(place(start), place(Math.max(start, end)), columns, options, fill);
  const isFailed = record.state === 'error' || record.state === 'cancelled';
  return trusted(
    `${edge}${isFailed ? paintState(drawn, record.state!) : paint(drawn, record.surroundings || record.missing ? 'dim' : record.critical ? 'cyan' : 'blue')}${edge}`,
  );
}

/** Where the bar of a node ends: with it, or with the last thing seen below it; null: nothing is known. */
export function drawnUntil(node: Node): number | null {
  return endOf(node) ?? latestEnd(node);
}

function latestEnd(node: Node): number | null {
  let latest = LATEST_ENDS.get(node);
  if (latest === undefined) {
    latest = null;
    for (const inner of walk(node.children)) {
      const end = endOf(inner);
      if (end !== null && (latest === null || end > latest)) latest = end;
    }
    LATEST_ENDS.set(node, latest);
  }
  return latest;
}
/** Cached, because a ghost of thousands of runs is drawn with each. */
const LATEST_ENDS = new WeakMap<Node, number | null>();

/** The state if it is worth showing, ★ on the critical path, and the name a person would use. */
export function labelOf(row: DrawnSpan, options: RowOptions): Safe {
  const {node, record} = row;
  const span = node.span ?? node.told;
  if (!span) return trusted(`${options.ascii ? ':' : '┊'} ${ghostText(row)}`);
  const isRun = isRunSpan(span);
  const showsState = record.state !== null && !record.surroundings && (isRun || record.state !== 'ok');
  const marks = [
    ...(showsState ? [stateGlyph(record.state!, options)] : []),
    ...(record.critical && node.parent !== null && !isRun ? [trusted(options.ascii ? '*' : '★')] : []),
  ];
  return joined([...marks, nameOf(node, options)], ' ');
}

function ghostText({record}: DrawnSpan): Safe {
  if (record.surroundings || record.state === null) return line`(span ${safe(record.spanId)} is missing)`;
  return record.state === 'lost'
    ? trusted('(its run span never arrived)')
    : trusted('(its run span is written when it ends)');
}

/** The name of a row; a tool with its arguments, unless no content is wanted. */
export function nameOf(node: Node, options: Pick<RowOptions, 'io'>): Safe {
  const span = (node.span ?? node.told)!;
  const name = safe(displayName(span));
  if (span.kind === 'llm') return isStreamed(span) ? line`${name}  stream` : name;
  if (span.kind === 'step' || span.kind === 'parallel') return line`${trusted(span.kind)} ${name}`;
  if (isDelegation(span)) {
    const members = node.children.flatMap(child =>
      child.span && isRunSpan(child.span) ? [safe(displayName(child.span))] : [],
    );
    if (members.length > 0) return line`delegate → ${joined(members, ', ')}`;
    if (isOfNobody(span)) return line`${name}(${argumentsOf(span)}) → no such member`;
  }
  if (span.openInferenceKind === 'TOOL' && options.io !== 'none') return line`${name}(${argumentsOf(span)})`;
  return name;
}

/** Agno's answer to a delegation whose member is not in the team: the call itself succeeds. */
function isOfNobody({output}: Span): boolean {
  return /^Member with (?:ID|id) .{0,300} not found in the team/s.test(resultText(output ?? ''));
}

/** Arguments in the form of a call: `order_id=4417, amount=89.5`. */
function argumentsOf(span: Span): Safe {
  const text = span.toolArguments;
  if (text === null || text === 'null' || text === '{}') return trusted('');
  const entries = argumentsByName(text);
  if (entries === null) return truncate(safe(text), LONGEST_ARGUMENTS);
  const pairs = entries.map(([key, item]) => `${key}=${formatJson(item, 0)}`);
  return truncate(safe(pairs.join(', ')), LONGEST_ARGUMENTS);
}

function detailsOf({node, record}: DrawnSpan, options: RowOptions): Detail[] {
  const span = node.span ?? node.told;
  if (!span) return [];
  const details: Detail[] = [];
  const figure = (text: Safe) => details.push({text, isFigure: true});
  const words = (text: Safe) => details.push({text, isFigure: false});
  if (options.showsKind) figure(kindText(record));
  if (record.fromMessages) figure(trusted('no span'));
  if (record.purpose !== null) figure(trusted(record.purpose));
  const isParent = node.children.length > 0 && record.selfMs !== null && !record.surroundings;
  const self = isParent ? line`self ${duration(record.selfMs)}` : null;
  if (self !== null && !options.tokensFirst) figure(self);
  if (record.grossPromptTokens !== null) figure(line`${promptTokens(record)} → ${count(record.completionTokens)}`);
  if (record.costUsd !== null) figure(usd(record.costUsd));
  if (self !== null && options.tokensFirst) figure(self);
  if (
    span.openInferenceKind === 'TOOL' &&
    options.io !== 'none' &&
    span.output &&
    record.state === 'ok' &&
    !isDelegation(span)
  ) {
    words(truncate(firstLine(resultText(span.output)), LONGEST_RESULT));
  }
  if ((record.surroundings || record.plumbing) && span.http?.status) figure(line`HTTP ${safe(span.http.status)}`);
  if (record.containers.length > 0) words(placeText(record));
  for (const name of record.conditionsNotTaken) words(line`condition ${safe(name)}: not taken`);
  if (record.ownerUnknown) words(trusted('the caller was not recorded'));
  if (record.problems.length > 0) words(line`! ${safe(record.problems[0]!)}`);
  return details;
}

/** The container that a step ran in; if there are several, it may have been any of them. */
function placeText({containers, iteration}: StepPlace): Safe {
  const [only, ...others] = containers;
  if (others.length > 0) return line`in one of: ${joined(containers.map(containerText), ', ')}`;
  if (only!.type === 'Loop') return line`${containerText(only!)}, iteration ${trusted(String(iteration))}`;
  return only!.type === 'Router' ? line`chosen by ${containerText(only!)}` : line`in ${containerText(only!)}`;
}

function containerText({type, name}: Container): Safe {
  return line`${safe(type.toLowerCase())} ${safe(name)}`;
}

/** `tool`, `tool error`: a glyph alone is not enough for newcomers. */
function kindText({kind, state, surroundings}: DrawnSpan['record']): Safe {
  return trusted(state === null || state === 'ok' || surroundings ? `${kind}` : `${kind} ${state}`);
}

/** A span that failed, or was cancelled, by itself; not one above it that only repeats it. */
export function isFailure({node, state}: DrawnSpan): boolean {
  if (node.run === null || node.isPlumbing || (node.span === null && node.told === null)) return false;
  const isBad = state === 'error' || state === 'cancelled';
  return isBad && !node.children.some(child => !child.isPlumbing && (child.span ?? child.told)?.spanStatus === 'ERROR');
}

/**
 * What went wrong, shown once: on the span where it happened. Null: nothing failed, or the header of the run shows
 * it.
 */
export function failureText(row: DrawnSpan, root: Node): string | null {
  if (row.node === root || !isFailure(row)) return null;
  // Last, because records are created on first use, and few rows of 20,000 failed.
  const {record} = row;
  const text =
    record.statusMessage && record.statusMessage !== 'run status: error' ? record.statusMessage : record.stateReason;
  return text?.trim() || null;
}

function paintLabel(cell: Safe, guide: Guides, {node, record}: DrawnSpan): Safe {
  if (record.surroundings || record.plumbing || (record.missing && !record.fromMessages)) return paint(cell, 'dim');
  const lead = guide.first.length;
  const [before, name] = [trusted(cell.slice(0, lead)), trusted(cell.slice(lead))];
  const painted =
    record.state && record.state !== 'ok'
      ? paintState(name, record.state)
      : node.span && isRunSpan(node.span)
        ? paint(name, 'bold')
        : name;
  return trusted(paint(before, 'dim') + painted);
}
