import {type Extent, isFailure} from '../../render/tree-row.ts';
import type {DrawnSpan, ShownRun} from '../../trace/drawn-spans.ts';
import {endOf, startOf} from '../../trace/tree.ts';
import {finish, type Work} from '../../turns.ts';
import {type Outline, outlineOf} from '../outline.ts';

/** Facts about the rows of a part that moving, folding and drawing need at once. */
export interface RowIndex {
  readonly outline: Outline;
  readonly byId: ReadonlyMap<string, number>;
  /** Row of the run itself. */
  readonly root: number;
  /** Row of the span that was written last; -1: none. */
  readonly newest: number;
  /** How many rows before a row failed by themselves; one entry more than rows. */
  readonly failuresBefore: Int32Array;
  /** On the critical path or above it; all rows, if there is no such path yet. */
  readonly critical: (row: number) => boolean;
  readonly hasCriticalPath: boolean;
  readonly extent: Extent;
}

/** Rows do not change once they are drawn, so facts about them stay valid. */
const INDEXES = new WeakMap<readonly DrawnSpan[], RowIndex>();

export function rowIndex(shown: ShownRun): RowIndex {
  return INDEXES.get(shown.rows) ?? finish(indexingRows(shown));
}

/** Rows between two yields. */
const AT_ONCE = 1000;

/** Prepares a large run before it is shown; the result is cached. */
export function* indexingRows({rows, judged}: ShownRun): Work<RowIndex> {
  const outline = outlineOf(rows.map(row => row.depth));
  const byId = new Map<string, number>();
  const failuresBefore = new Int32Array(rows.length + 1);
  const critical = new Uint8Array(rows.length);
  const extent = {from: Number.POSITIVE_INFINITY, to: Number.NEGATIVE_INFINITY};
  let newest = -1;
  let hasCriticalPath = false;
  for (const [i, row] of rows.entries()) {
    if (i % AT_ONCE === 0) yield;
    const {node} = row;
    byId.set(node.id, i);
    failuresBefore[i + 1] = failuresBefore[i]! + (isFailure(row) ? 1 : 0);
    if (node.span) extent.from = Math.min(extent.from, startOf(node));
    extent.to = Math.max(extent.to, endOf(node) ?? Number.NEGATIVE_INFINITY);
    if (node.span && (newest < 0 || writtenAt(row) >= writtenAt(rows[newest]!))) newest = i;
    if (row.criticalMs === null) continue;
    hasCriticalPath = true;
    critical[i] = 1;
    for (let up = outline.parents[i]!; up >= 0 && critical[up] === 0; up = outline.parents[up]!) critical[up] = 1;
  }
  const index: RowIndex = {
    outline,
    byId,
    root: byId.get(judged.run.root.id) ?? 0,
    newest,
    failuresBefore,
    critical: hasCriticalPath ? row => critical[row] === 1 : () => true,
    hasCriticalPath,
    extent: {from: extent.from, to: Math.max(extent.to, extent.from + 1)},
  };
  INDEXES.set(rows, index);
  return index;
}

function writtenAt({node}: DrawnSpan): number {
  return node.span?.createdMicros ?? node.span?.endMicros ?? 0;
}

/** Its run span is not written and may still come. */
export function isGoingOn({judged}: ShownRun): boolean {
  return judged.run.isMissing && judged.record.state !== 'lost';
}
