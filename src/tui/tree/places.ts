import {type Guides, guideOf} from '../../render/layout.ts';
import type {Look} from '../../render/states.ts';
import {failureText} from '../../render/tree-row.ts';
import {type Safe, safe, trusted} from '../../text/safe.ts';
import {wrap} from '../../text/width.ts';
import type {ShownRun} from '../../trace/drawn-spans.ts';
import {above, type Outline, seenRows} from '../outline.ts';
import {rowIndex} from './rows.ts';

/** A line of the tree: a span, a line about the span above it, or the beginning of another part of the run. */
export interface Place {
  readonly type: 'span' | 'text' | 'part';
  readonly part: number;
  readonly row: number;
  readonly text: Safe;
}

/** All lines that can be scrolled through; most of them are never drawn. */
export interface Places {
  readonly list: readonly Place[];
  /** By part, then row: the index of its line; -1: it is folded or left out. */
  readonly lineOf: readonly Int32Array[];
  guides(part: number, row: number, look: Look): Guides;
}

/** The settings that decide which lines exist. */
export interface Folding {
  /** Ids of spans. */
  readonly folded: ReadonlySet<string>;
  readonly criticalOnly: boolean;
  /** Show complete messages instead of one line each. */
  readonly wraps: boolean;
}

/** Maximum lines of a wrapped message; the detail pane shows all of it. */
const MOST_WRAPPED = 8;
/** More characters of a message are not processed. */
const LONGEST_MESSAGE = 2000;
const NO_TEXT = trusted('');

interface Known extends Folding {
  readonly columns: number;
  readonly places: Places;
}
const KNOWN = new WeakMap<readonly ShownRun[], Known>();

/**
 * The lines of the tree. The cost depends on the number of spans, so they are cached until parts or folding change.
 * @param columns for messages that are wrapped
 */
export function placesOf(parts: readonly ShownRun[], folding: Folding, columns: number): Places {
  const known = KNOWN.get(parts);
  if (
    known?.folded === folding.folded &&
    known.criticalOnly === folding.criticalOnly &&
    known.wraps === folding.wraps &&
    (!folding.wraps || known.columns === columns)
  )
    return known.places;
  const {folded, criticalOnly, wraps} = folding;
  const places = findPlaces(parts, folding, columns);
  KNOWN.set(parts, {folded, criticalOnly, wraps, columns, places});
  return places;
}

function findPlaces(parts: readonly ShownRun[], {folded, criticalOnly, wraps}: Folding, columns: number): Places {
  const list: Place[] = [];
  const lineOf = parts.map(({rows}) => new Int32Array(rows.length).fill(-1));
  const seen = parts.map((part, partAt) => {
    const {rows} = part;
    const {outline, critical} = rowIndex(part);
    const shown = seenRows(
      outline,
      folded.size === 0 ? () => false : row => folded.has(rows[row]!.node.id),
      criticalOnly ? critical : undefined,
    );
    if (parts.length > 1) list.push({type: 'part', part: partAt, row: shown[0] ?? 0, text: NO_TEXT});
    for (const row of shown) {
      lineOf[partAt]![row] = list.length;
      list.push({type: 'span', part: partAt, row, text: NO_TEXT});
      const message = failureText(rows[row]!, part.judged.run.root);
      if (message === null) continue;
      const texts = wraps ? wrapped(message, columns - 4 * outline.depths[row]! - 2) : [firstLineOf(message)];
      for (const text of texts) list.push({type: 'text', part: partAt, row, text});
    }
    return shown;
  });
  return {list, lineOf, guides: guidesFinder(parts, seen)};
}

function firstLineOf(message: string): Safe {
  const end = message.indexOf('\n');
  return safe(message.slice(0, end < 0 ? LONGEST_MESSAGE : Math.min(end, LONGEST_MESSAGE)));
}

function wrapped(message: string, columns: number): Safe[] {
  const lines = wrap(safe(message.slice(0, LONGEST_MESSAGE), {multiline: true}), Math.max(20, columns));
  return lines.length <= MOST_WRAPPED ? lines : [...lines.slice(0, MOST_WRAPPED - 1), trusted('…')];
}

/** Guides are built only for drawn rows; which rows are the last of their level is known for all. */
function guidesFinder(parts: readonly ShownRun[], seen: readonly (readonly number[])[]): Places['guides'] {
  const known = new Map<number, {lasts: Uint8Array; hasSeenBelow: Uint8Array}>();
  return (part, row, look) => {
    const {outline} = rowIndex(parts[part]!);
    let marks = known.get(part);
    if (!marks) {
      marks = marksOf(outline, seen[part]!);
      known.set(part, marks);
    }
    const {lasts, hasSeenBelow} = marks;
    const depth = outline.depths[row]!;
    const path = [row, ...above(outline, row)];
    return guideOf(depth, level => lasts[path[depth - level]!] === 0, hasSeenBelow[row] === 1, look);
  };
}

function marksOf({depths}: Outline, seen: readonly number[]): {lasts: Uint8Array; hasSeenBelow: Uint8Array} {
  const lasts = new Uint8Array(depths.length).fill(1);
  const hasSeenBelow = new Uint8Array(depths.length);
  // From the end: at which levels another row follows.
  const open: number[] = [];
  for (let i = seen.length - 1; i >= 0; i--) {
    const row = seen[i]!;
    const depth = depths[row]!;
    if (open[depth] === 1) lasts[row] = 0;
    if (i + 1 < seen.length && depths[seen[i + 1]!]! > depth) hasSeenBelow[row] = 1;
    open.length = depth;
    for (let level = 0; level < depth; level++) open[level] ??= 0;
    open[depth] = 1;
  }
  return {lasts, hasSeenBelow};
}
