import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {width} from '../text/width.ts';
import type {DrawnSpan} from '../trace/drawn-spans.ts';
import {endOf, type Node, startOf} from '../trace/tree.ts';
import {type Guides, guidesOf, within} from './layout.ts';
import {paintState} from './states.ts';
import {
  type Extent,
  failureText,
  labelOf,
  layoutFor,
  PIPE_BAR,
  type RowLayout,
  type RowOptions,
  rowText,
} from './tree-row.ts';

export interface TreeOptions extends RowOptions {
  /** Columns of the terminal; null: a pipe, where nothing is cut. */
  readonly columns: number | null;
  /** The run in the header; its reason is not repeated in its row. */
  readonly root: Node;
  /** Complete input and output of a span, below its row; only with `io: 'full'`. */
  readonly contentOf?: (node: Node) => readonly Safe[];
}

/** Draws spans as a tree with a waterfall. One row per span; errors and complete contents are below their row. */
export function renderTree(rows: readonly DrawnSpan[], options: TreeOptions): Safe {
  const depths = rows.map(row => row.depth);
  const parents = new Set(rows.map(row => row.node.parent));
  const guides = guidesOf(
    depths,
    rows.map(row => parents.has(row.node)),
    options,
  );
  const labels = rows.map((row, i) => trusted(guides[i]!.first + labelOf(row, options)));
  const layout = layoutOf(labels, options.columns);
  const span = extentOf(rows);
  const lines = rows.flatMap((row, i) => [
    rowText(row, labels[i]!, guides[i]!, span, layout, options),
    ...errorLines(row, guides[i]!, options),
    ...(options.contentOf?.(row.node) ?? []).map(text => line`${guides[i]!.rest}  ${text}`),
  ]);
  return joined(lines, '\n');
}

function layoutOf(labels: readonly Safe[], columns: number | null): RowLayout {
  const longest = labels.reduce((max, label) => Math.max(max, width(label)), 0);
  return columns === null ? {label: Math.min(longest, 100), bar: PIPE_BAR, details: null} : layoutFor(longest, columns);
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

function errorLines(row: DrawnSpan, guide: Guides, options: TreeOptions): Safe[] {
  const text = failureText(row, options.root);
  if (text === null) return [];
  const room = options.columns === null ? null : options.columns - width(guide.rest) - 2;
  return text
    .split('\n')
    .slice(0, options.columns === null ? undefined : 3)
    .map(part => line`${paint(guide.rest, 'dim')}  ${paintState(within(safe(part), room), row.record.state!)}`);
}
