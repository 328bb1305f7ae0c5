import {append} from '../lists.ts';
import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint, type Style} from '../text/style.ts';
import {truncate, width, wrap} from '../text/width.ts';
import {memberNames} from '../trace/compare/content.ts';
import type {Change, DiffMark, Pair} from '../trace/compare/run-diff.ts';
import {type Changed, type DiffLine, diffLines, diffWords} from '../trace/compare/text-diff.ts';
import {readableJson} from '../trace/readable.ts';
import type {RunRecord} from '../trace/record.ts';
import type {SpanRecord} from '../trace/span-record.ts';
import {displayName, isDelegation, isRunSpan, type Node} from '../trace/tree.ts';
import {wholeRunId} from './grep.ts';
import {guidesOf, within} from './layout.ts';
import {shortRunId} from './run-list.ts';
import {unredacted} from './span-content.ts';
import {type Look, paintState, stateText} from './states.ts';
import {type DrawnColumn, renderColumns} from './table.ts';
import {callArguments} from './transcript.ts';
import {count, duration, moment, promptTokens, shortCount, shortId, usd} from './values.ts';

export interface DiffLook extends Look {
  /** Columns of the terminal; null: a pipe. */
  readonly columns: number | null;
}

/** A difference with its texts, as drawn. */
export interface DrawnStep {
  readonly pair: Pair;
  readonly change: Change | null;
  readonly a: string | null;
  readonly b: string | null;
  readonly isUnread: boolean;
  readonly repeats: number;
}

const MARKS: Readonly<Record<DiffMark, {sign: string; style: Style | null}>> = {
  same: {sign: ' ', style: null},
  changed: {sign: '~', style: 'yellow'},
  added: {sign: '+', style: 'green'},
  removed: {sign: '-', style: 'red'},
  moved: {sign: '>', style: 'cyan'},
};

/** With fewer columns, ids and times are short. */
const NARROW = 100;

/** What both runs are and what they took, side by side. */
export function renderRunsBeside(
  a: RunRecord,
  b: RunRecord,
  {names, ...look}: DiffLook & {readonly names: readonly [string, string]},
): Safe {
  const both = (label: string, cell: (record: RunRecord) => Safe, difference: Safe = trusted('')) => ({
    label,
    cells: [cell(a), cell(b)] as const,
    difference,
  });
  const isNarrow = look.columns !== null && look.columns < NARROW;
  const rows = [
    both('state', record => stateText(record.state, look)),
    both('who', record => safe(record.name ?? '(unknown)')),
    both('run', record => (isNarrow ? shortRunId(record) : wholeRunId(record))),
    both('started', record =>
      isNarrow ? trusted(moment(record.startTime).replace(/ (UTC|[+-]\d\d:\d\d)$/, '')) : moment(record.startTime),
    ),
    both('time', record => duration(record.durationMs), change(a.durationMs, b.durationMs, duration)),
    both('tokens', tokens, change(a.totalTokens, b.totalTokens, count)),
    both('cost', record => usd(record.costUsd), change(a.costUsd, b.costUsd, usd)),
    both('models', record => safe(record.models.join(', ') || '–')),
    both('spans', record => count(record.spanCount), change(a.spanCount, b.spanCount, count)),
    both('session', record => safe(record.sessionId ?? '–')),
  ];
  const column = (label: string, cells: readonly Safe[], shape: Partial<DrawnColumn>): DrawnColumn => ({
    label,
    align: 'left',
    dropOrder: 0,
    cells,
    ...shape,
  });
  return renderColumns(
    [
      column(
        '',
        rows.map(row => trusted(row.label)),
        {paint: cell => paint(cell, 'dim')},
      ),
      ...([0, 1] as const).map(i =>
        column(
          names[i],
          rows.map(row => row.cells[i]),
          {
            shrinkTo: 10,
            paint: (cell, row) => (row === 0 ? paintState(cell, [a, b][i]!.state) : cell),
          },
        ),
      ),
      column(
        'CHANGE',
        rows.map(row => row.difference),
        {dropOrder: 1},
      ),
    ],
    look.columns,
  );
}

function tokens(record: RunRecord): Safe {
  const {grossPromptTokens, completionTokens, totalTokens} = record;
  return grossPromptTokens === null ? count(totalTokens) : line`${promptTokens(record)} → ${count(completionTokens)}`;
}

/** The absolute change, and its share of the first value. */
function change(a: number | null, b: number | null, text: (value: number) => Safe): Safe {
  if (a === null || b === null || a === b) return trusted('');
  const share = a === 0 ? '' : ` (${b > a ? '+' : '-'}${Math.round((100 * Math.abs(b - a)) / a)}%)`;
  return trusted(`${b > a ? '+' : '-'}${text(Math.abs(b - a))}${share}`);
}

/** Above this many rows, unchanged ones are counted instead of drawn. */
const MOST_ROWS = 60;

export interface DrawnPair {
  readonly pair: Pair;
  readonly a: SpanRecord | null;
  readonly b: SpanRecord | null;
  /** What differs, in a word each. */
  readonly words: readonly string[];
}

/** Both runs as one tree: rows that are in both, in one of them, or elsewhere. */
export function renderPairs(
  pairs: readonly DrawnPair[],
  {showsAll, ...look}: DiffLook & {readonly showsAll: boolean},
): Safe {
  const kept = showsAll || pairs.length <= MOST_ROWS ? pairs : withoutSame(pairs);
  const depths = kept.map(row => row.pair.depth);
  const guides = guidesOf(
    depths,
    depths.map((depth, i) => (depths[i + 1] ?? 0) > depth),
    look,
  );
  const labels = kept.map(({pair}, i) => trusted(`${MARKS[pair.mark].sign} ${guides[i]!.first}${nameOf(pair)}`));
  const cells = (cell: (row: DrawnPair) => Safe) => kept.map(cell);
  const column = (label: string, own: readonly Safe[], shape: Partial<DrawnColumn> = {}): DrawnColumn => ({
    label,
    align: 'right',
    dropOrder: 0,
    cells: own,
    ...shape,
  });
  const table = renderColumns(
    [
      column('SPAN', labels, {align: 'left', shrinkTo: 28, paint: (cell, i) => paintMark(cell, kept[i]!.pair.mark)}),
      column(
        'A',
        cells(({a}) => duration(a?.durationMs ?? null)),
        {dropOrder: 4},
      ),
      column(
        'B',
        cells(({b}) => duration(b?.durationMs ?? null)),
        {dropOrder: 3},
      ),
      column(
        'TIME',
        cells(({a, b}) => change(a?.durationMs ?? null, b?.durationMs ?? null, duration)),
        {dropOrder: 2},
      ),
      column(
        'SELF',
        cells(({a, b}) => change(a?.selfMs ?? null, b?.selfMs ?? null, duration)),
        {dropOrder: 8},
      ),
      column(
        'TOKENS',
        cells(({a, b}) => beside(a?.totalTokens ?? null, b?.totalTokens ?? null, shortCount)),
        {dropOrder: 5},
      ),
      column(
        'COST',
        cells(({a, b}) => change(a?.costUsd ?? null, b?.costUsd ?? null, usd)),
        {dropOrder: 7},
      ),
      column(
        'DIFFERS IN',
        cells(({words}) => trusted(words.join(', '))),
        {
          align: 'left',
          shrinkTo: 10,
          dropOrder: 1,
          paint: (cell, i) => paintMark(cell, kept[i]!.pair.mark),
        },
      ),
    ],
    look.columns,
  );
  const left = pairs.length - kept.length;
  return left === 0
    ? table
    : line`${table}\n${paint(within(line`  … ${count(left)} unchanged spans hidden (--all)`, look.columns), 'dim')}`;
}

function beside(a: number | null, b: number | null, text: (value: number) => Safe): Safe {
  if (a === null && b === null) return trusted('');
  if (a === b) return text(a!);
  return line`${a === null ? trusted('–') : text(a)} → ${b === null ? trusted('–') : text(b)}`;
}

function paintMark(text: Safe, mark: DiffMark): Safe {
  const {style} = MARKS[mark];
  return style === null ? text : paint(text, style);
}

/** The rows that differ, and those above them. */
function withoutSame(pairs: readonly DrawnPair[]): DrawnPair[] {
  const keep = new Set<DrawnPair>();
  const path: DrawnPair[] = [];
  for (const row of pairs) {
    path.length = row.pair.depth;
    path[row.pair.depth] = row;
    if (row.pair.mark === 'same' || row.pair.isInner) continue;
    for (const above of path) if (above) keep.add(above);
  }
  return pairs.filter((row, i) => keep.has(row) || i === 0);
}

const LONGEST_ARGUMENTS = 60;

/** The name of a row: from the run that has it; if both do, from the second. */
function nameOf({a, b}: Pair): Safe {
  const node = b ?? a!;
  const {span} = node;
  if (!span) return trusted('(its span is missing)');
  const [nameA, nameB] = [a, b].map(one => (one?.span ? displayName(one.span) : null));
  if (nameA !== null && nameB !== null && nameA !== nameB) return line`${safe(nameA!)} → ${safe(nameB!)}`;
  if (isDelegation(span) && memberNames(node) !== '') return line`delegate → ${safe(memberNames(node))}`;
  const name = safe(displayName(span));
  if (span.kind === 'step' || span.kind === 'parallel') return line`${trusted(span.kind)} ${name}`;
  return span.openInferenceKind === 'TOOL'
    ? line`${name}(${truncate(callArguments(span.toolArguments), LONGEST_ARGUMENTS)})`
    : name;
}

/** The place of a span, for a sentence: `model call 2 of Billing Agent`, `lookup_order in Billing Agent`. */
function placeOf(node: Node): string {
  const {span} = node;
  if (!span) return 'the run';
  let run = node.parent;
  while (run?.span && !isRunSpan(run.span)) run = run.parent;
  const inside = run?.span ? displayName(run.span) : null;
  if (span.kind === 'llm') {
    const calls = (node.parent?.children ?? [node]).filter(child => child.span?.kind === 'llm');
    return `model call ${calls.indexOf(node) + 1}${inside === null ? '' : ` of ${inside}`}`;
  }
  if (isDelegation(span) && memberNames(node) !== '')
    return `delegation to ${memberNames(node)}${inside === null ? '' : ` in ${inside}`}`;
  const name =
    span.kind === 'step' || span.kind === 'parallel' ? `${span.kind} ${displayName(span)}` : displayName(span);
  return inside === null ? name : `${name} in ${inside}`;
}

const SHORT_VALUE = 60;

/** A difference in words, for people; everything except our own words is data and not escaped yet. */
export function inWords({pair, change: changed, a, b}: Pick<DrawnStep, 'pair' | 'change' | 'a' | 'b'>): string {
  const node = pair.b ?? pair.a!;
  const place = placeOf(node);
  if (!changed) {
    const call =
      node.span?.openInferenceKind === 'TOOL' && !isDelegation(node.span)
        ? `(${short(callArguments(node.span.toolArguments))})`
        : '';
    const name =
      call === '' ? place : place.replace(displayName(node.span!), () => `${displayName(node.span!)}${call}`);
    if (pair.mark === 'added') return `${name} is only in B`;
    if (pair.mark === 'removed') return `${name} is only in A`;
    const [before, after] = [pair.a!, pair.b!].map(one => (one.parent ? placeOf(one.parent) : 'the top'));
    return before === after
      ? `${name} comes at a different point`
      : `${name} has moved: under ${before} in A, under ${after} in B`;
  }
  const isOnly = a === null ? (b === null ? '' : ', only in B') : b === null ? ', only in A' : '';
  const values = a !== null && b !== null && isShort(a) && isShort(b) ? `: ${a} → ${b}` : isOnly;
  switch (changed.what) {
    case 'name':
      return `A is a run of ${pair.a?.span ? displayName(pair.a.span) : 'something unknown'}, B of ${pair.b?.span ? displayName(pair.b.span) : 'something unknown'}`;
    case 'state':
      return `${place} ended differently`;
    case 'model':
      return `${place} uses a different model${values}`;
    case 'provider':
      return `${place} uses a different provider${values}`;
    case 'settings':
      return `${place} has different settings${values}`;
    case 'tools offered':
      return `${place} is offered different tools`;
    case 'input':
      return `${place} got a different input${values}`;
    case 'prompt':
      return changed.a && changed.b
        ? `${place} was sent a different ${changed.where} message${values}`
        : `${place} was sent one more ${changed.where} message${isOnly}`;
    case 'arguments':
      return `${place} was called with different arguments${values}`;
    case 'answer':
      return `${place} gave a different answer${values}`;
    case 'calls':
      return changed.a && changed.b
        ? `${place} calls ${changed.where} with different arguments${values}`
        : `${place} calls ${changed.where}${isOnly}`;
    case 'result':
      return `${place} returned a different result${values}`;
    case 'output':
      return `${place} returned a different result${values}`;
    case 'error':
      return changed.a && changed.b ? `${place} failed with a different error${values}` : `${place} failed${isOnly}`;
  }
}

function isShort(text: string): boolean {
  return text.length <= SHORT_VALUE && !text.includes('\n');
}

function short(text: string): string {
  return text.length <= SHORT_VALUE ? text : `${text.slice(0, SHORT_VALUE - 1)}…`;
}

/** From this width on, both texts are side by side. */
const WIDE = 120;
const CONTEXT_LINES = 2;
const MOST_LINES = 12;

/** One difference: a line that names it, and the texts as far as they differ. */
export function renderStep(
  number: number,
  step: DrawnStep,
  {showsAll, ...look}: DiffLook & {readonly showsAll: boolean},
): Safe {
  const {pair, change: changed, repeats} = step;
  const more =
    repeats === 0 ? '' : `  (and ${repeats} more ${repeats === 1 ? 'place' : 'places'} with the same difference)`;
  const ids = [pair.a, pair.b].map(node => (node ? shortId(node.id) : trusted('–')));
  const head = line`${trusted(`${number}.`)} ${safe(inWords(step))}${trusted(more)}`;
  const heads = look.columns === null ? [head] : wrap(head, look.columns);
  const lines: Safe[] = [
    ...heads.map(part => paintMark(part, changed ? 'changed' : pair.mark)),
    paint(within(line`   spans ${ids[0]!} and ${ids[1]!}`, look.columns), 'dim'),
  ];
  if (step.isUnread) lines.push(paint(trusted('   its texts were not compared: too many differences'), 'dim'));
  const isTold = step.a !== null && step.b !== null && isShort(step.a) && isShort(step.b) && changed !== null;
  if (changed && !isTold && (step.a !== null || step.b !== null))
    append(lines, textDiff(step.a, step.b, showsAll, look));
  return joined(lines, '\n');
}

function textDiff(a: string | null, b: string | null, showsAll: boolean, look: DiffLook): Safe[] {
  const read = (text: string | null) => (text === null ? null : (readableJson(unredacted(text)) ?? unredacted(text)));
  const [textA, textB] = [read(a), read(b)];
  const rows =
    textA === null
      ? textB!.split('\n').map(text => ({a: null, b: text, isSame: false}))
      : textB === null
        ? textA.split('\n').map(text => ({a: text, b: null, isSame: false}))
        : diffLines(textA, textB);
  // A text that only one run has needs no second column.
  const isBeside = textA !== null && textB !== null && look.columns !== null && look.columns >= WIDE;
  const near = rows.map((_, i) =>
    rows.slice(Math.max(0, i - CONTEXT_LINES), i + CONTEXT_LINES + 1).some(row => !row.isSame),
  );
  const lines: Safe[] = [];
  let skipped = 0;
  let shown = 0;
  for (const [i, row] of rows.entries()) {
    if (!near[i]) {
      skipped++;
      continue;
    }
    if (!showsAll && shown >= MOST_LINES) break;
    if (skipped > 0 && lines.length > 0) lines.push(paint(trusted('     …'), 'dim'));
    skipped = 0;
    shown++;
    append(lines, rowLines(row, isBeside, look));
  }
  const left = near.filter(isNear => isNear).length - shown;
  if (left > 0) lines.push(paint(line`     … ${count(left)} more lines (--all)`, 'dim'));
  return lines;
}

function rowLines({a, b, isSame}: DiffLine, isBeside: boolean, {columns, ascii}: DiffLook): Safe[] {
  const changed = a !== null && b !== null && !isSame ? diffWords(a, b) : {a: [], b: []};
  if (columns !== null && isBeside) {
    const half = Math.floor((columns - 8) / 2);
    const left = cell(a, changed.a, half, isSame ? null : 'red');
    const right = cell(b, changed.b, half, isSame ? null : 'green');
    const mark = trusted(isSame ? ' ' : a === null ? '+' : b === null ? '-' : '~');
    const bar = trusted(ascii ? '|' : '│');
    return [line`   ${mark} ${left.text}${trusted(' '.repeat(Math.max(0, half - left.width)))} ${bar} ${right.text}`];
  }
  const room = columns === null ? null : Math.max(10, columns - 5);
  if (isSame) return [line`     ${paint(cell(a, [], room, null).text, 'dim')}`];
  return [
    ...(a === null ? [] : [line`   ${paint(trusted('- '), 'red')}${cell(a, changed.a, room, 'red').text}`]),
    ...(b === null ? [] : [line`   ${paint(trusted('+ '), 'green')}${cell(b, changed.b, room, 'green').text}`]),
  ];
}

/** In a pipe, a line is complete up to this many characters. */
const LONGEST_LINE = 10_000;

/** A line with its differences marked, cut to the width around the first of them. */
function cell(
  text: string | null,
  changed: Changed,
  room: number | null,
  style: Style | null,
): {text: Safe; width: number} {
  if (text === null) return {text: trusted(''), width: 0};
  const most = room ?? LONGEST_LINE;
  const first = changed[0]?.[0] ?? 0;
  const isCut = text.length > most && first > Math.floor(most / 2);
  const from = isCut ? evenly(text, first - Math.floor(most / 3)) : 0;
  const pieces: Safe[] = isCut ? [trusted('…')] : [];
  let left = most - pieces.length;
  let at = from;
  const push = (to: number, isMarked: boolean) => {
    if (to <= at || left <= 0) return;
    const shown = truncate(safe(text.slice(at, Math.min(to, at + left + 1))), left);
    left -= width(shown);
    const painted = style === null ? shown : paint(shown, style);
    pieces.push(isMarked ? paint(painted, 'inverse') : painted);
    at = to;
  };
  for (const [start, end] of changed) {
    push(start, false);
    push(end, true);
  }
  push(text.length, false);
  return {text: joined(pieces, ''), width: most - left};
}

/** Avoids a position between the halves of a surrogate pair. */
function evenly(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at;
}
