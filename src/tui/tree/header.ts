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

/** Lines for the header: by the room there is, never by what it says, so that the tree stands still. */
export function headerRows({rows}: Size): number {
  return rows >= 30 ? 5 : rows >= 18 ? 4 : rows >= 10 ? 3 : rows >= 5 ? 1 : 0;
}

/** What run this is, its state and why, when, who and what it took: exactly `headerRows` lines. */
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

/** A run that goes on ticks; of one that went silent only what was seen. */
export function tookText(shown: ShownRun, {nowMicros}: View): Safe {
  const {run, record} = shown.judged;
  if (!run.isMissing) return duration(record.durationMs);
  if (run.startMicros === null) return trusted('–');
  if (record.state === 'running') return duration(wholeSeconds(nowMicros - run.startMicros));
  const {to} = rowIndex(shown).extent;
  return Number.isFinite(to) ? line`>${duration((to - run.startMicros) / 1000)}` : trusted('–');
}

/** What ticks does so once a second. */
function wholeSeconds(micros: number): number {
  return Math.max(0, Math.floor(micros / 1e6) * 1000);
}
