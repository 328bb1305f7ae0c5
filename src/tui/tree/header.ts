import {flow, headerFacts, notesOf} from '../../render/run-header.ts';
import {shortRunId, titleOf} from '../../render/run-list.ts';
import {ago, duration, moment} from '../../render/values.ts';
import {line, type Safe, safe, trusted} from '../../text/safe.ts';
import {paint} from '../../text/style.ts';
import {truncate} from '../../text/width.ts';
import type {ShownRun} from '../../trace/drawn-spans.ts';
import type {Size, View} from '../pane.ts';
import {titleLine} from '../title.ts';
import {rowIndex} from './rows.ts';

/** Number of lines for the header: depends on the height, never on the contents, so that the tree does not move. */
export function headerRows({rows}: Size): number {
  return rows >= 30 ? 5 : rows >= 18 ? 4 : rows >= 10 ? 3 : rows >= 5 ? 1 : 0;
}

/** The run's name, its state and the reason, time, ids and cost: exactly `headerRows` lines. */
export function headerLines(shown: ShownRun, size: Size, view: View): Safe[] {
  const rows = headerRows(size);
  const {run, record} = shown.judged;
  const columns = Math.max(1, size.columns - 2);
  const started = view.isRelative ? ago(run.startMicros, view.nowMicros) : moment(record.startTime);
  const facts = headerFacts(shown.judged, started, tookText(shown, view), {contradictsFirst: true});
  const title = {
    state: record.state,
    name: titleOf(shown.judged),
    kind: trusted(record.kind ?? ''),
    id: {
      whole: record.runId === null ? line`trace ${safe(record.traceId)}` : line`run ${safe(record.runId)}`,
      short: shortRunId(record),
    },
  };
  const lines = [
    titleLine(title, columns, view),
    ...(record.stateReason === 'finished' ? [] : [truncate(safe(record.stateReason), columns)]),
    ...flow([...facts, ...notesOf(run, shown.isTied)], trusted(' · '), columns).map(text =>
      paint(truncate(text, columns), 'dim'),
    ),
  ].map(text => line` ${text}`);
  return Array.from({length: rows}, (_, i) => lines[i] ?? trusted(''));
}

/** A running run's time ticks; of a silent one only the observed time is shown. */
export function tookText(shown: ShownRun, {nowMicros}: View): Safe {
  const {run, record} = shown.judged;
  if (!run.isMissing) return duration(record.durationMs);
  if (run.startMicros === null) return trusted('–');
  if (record.state === 'running') return duration(wholeSeconds(nowMicros - run.startMicros));
  const {to} = rowIndex(shown).extent;
  return Number.isFinite(to) ? line`>${duration((to - run.startMicros) / 1000)}` : trusted('–');
}

/** A ticking time changes once a second. */
function wholeSeconds(micros: number): number {
  return Math.max(0, Math.floor(micros / 1e6) * 1000);
}
