import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {command, shellWord} from '../text/shell.ts';
import {paint} from '../text/style.ts';
import {wrap} from '../text/width.ts';
import {type RowSelection, type ShownRun, selectRows} from '../trace/drawn-spans.ts';
import {isFailedSpan, type RunRecord} from '../trace/record.ts';
import {criticalPath, criticalShares, gapsOf} from '../trace/timing.ts';
import {displayName} from '../trace/tree.ts';
import {peersFacts} from './peers.ts';
import {renderRunHeader} from './run-header.ts';
import {shortRunId} from './run-list.ts';
import {renderTree, type TreeOptions} from './run-tree.ts';
import type {Look} from './states.ts';
import {count, duration} from './values.ts';

interface ShownOptions extends Omit<TreeOptions, 'root'> {
  readonly selection: RowSelection;
}

/** One run as `show` prints it: header, tree, where the time went. */
export function renderShownRun(shown: ShownRun, options: ShownOptions): Safe {
  const {rows, leftOut} = selectRows(shown, options.selection);
  return joined(
    [
      renderRunHeader(shown.judged, {...options, isTied: shown.isTied}),
      ...(shown.within
        ? [line`  part of ${safe(shown.within.record.name ?? 'a run')} ${shortRunId(shown.within.record)}`]
        : []),
      ...(shown.peers ? peersFacts(shown.peers) : []).flatMap(([name, text]) =>
        (options.columns === null ? [text] : wrap(text, options.columns - INDENT)).map((part, i) =>
          paint(line`  ${trusted((i === 0 ? name : '').padEnd(INDENT - 2))}${part}`, 'dim'),
        ),
      ),
      trusted(''),
      renderTree(rows, {...options, root: shown.judged.run.root}),
      ...(leftOut > 0
        ? [paint(line`… ${count(leftOut)} more spans (--limit 0, --depth, or --format jsonl)`, 'dim')]
        : []),
      ...whereTimeWent(shown, options)
        .flatMap(text => (options.columns === null ? [text] : wrap(text, options.columns)))
        .map(text => paint(text, 'dim')),
    ],
    '\n',
  );
}

/** Indent of the lines about other runs. */
const INDENT = 11;
const SHORTEST_GAP_MS = 50;
const SMALLEST_GAP = 0.05;
const SHOWN_GAPS = 3;

/** Shares of the critical path, and the longest periods without any recorded span. */
export function whereTimeWent({judged}: ShownRun, {ascii}: Look): Safe[] {
  const {run, record} = judged;
  const total = record.durationMs;
  if (run.isMissing || total === null || total <= 0 || run.root.children.length === 0) return [];
  const shares = criticalShares(criticalPath(run))
    .filter(({durationMs}) => durationMs / total >= 0.01)
    .map(({what, durationMs}) => line`${trusted(what)} ${Math.round((100 * durationMs) / total)}%`);
  const gaps = gapsOf(run, Math.max(SHORTEST_GAP_MS, total * SMALLEST_GAP)).slice(0, SHOWN_GAPS);
  const star = trusted(ascii ? '*' : '★');
  return [
    ...(shares.length > 0 ? [line`${star} critical path: ${joined(shares, ', ')}`] : []),
    ...gaps.map(
      gap =>
        line`  ${duration(gap.durationMs)} without any span${gap.after === null ? trusted(' at the start') : line` after ${safe(gap.after)}`}`,
    ),
  ];
}

/** The next command for this run: the span that failed, or else the one that took longest. */
export function nextStep({judged, rows}: ShownRun): Safe | null {
  const {run, record} = judged;
  const spans = rows.filter(row => row.node.span && row.node !== run.root && row.node.run !== null);
  const failures = spans.filter(row => isFailedSpan(row.node.span!));
  // The span where it happened, not those above it that only repeat it.
  const failed = failures.find(row => !row.node.children.some(child => child.span && isFailedSpan(child.span)));
  const longest = spans
    .filter(row => row.node.children.length === 0)
    .reduce<(typeof spans)[number] | null>(
      (best, row) => (best && (best.node.span!.durationMs ?? 0) >= (row.node.span!.durationMs ?? 0) ? best : row),
      null,
    );
  const target = failed ?? longest;
  if (!target) return null;
  return spanStep(record, target.node.id, displayName(target.node.span!), failed ? 'failed' : 'took longest');
}

/** The command that shows a span of a run, and why. */
export function spanStep(
  {runId, traceId}: Pick<RunRecord, 'runId' | 'traceId'>,
  spanId: string,
  name: string,
  reason: string,
): Safe {
  const short = (text: string) => Array.from(text).slice(0, 8).join('');
  const id = runId === null ? `~${short(traceId)}` : short(runId);
  const show = command`agno-trace show ${id} --span ${short(spanId)}`;
  // After a comment mark, and quoted for shells that do not accept comments in typed lines.
  return safe(`next: ${show}   # ${shellWord(name)}, ${reason}`);
}
