import {SPAN_PLACES as SPAN} from '../sql/agno-tables.ts';
import type {SpanExporter} from '../store/exporter.ts';
import type {Row} from '../store/writer.ts';
import {agnoTime} from '../trace/time.ts';
import {traceRowOf} from './agno-export.ts';
import {cancelled, type Performance} from './performance.ts';
import {Schedule, type ScheduleOptions} from './schedule.ts';

export interface PlayerClock {
  /** Microseconds since 1970. */
  nowMicros(): number;
  /** Resolves at that time, or as soon as `stop` is aborted. */
  sleepUntil(micros: number, stop: AbortSignal): Promise<void>;
}

export interface PlayOptions extends ScheduleOptions {
  readonly exporter: SpanExporter;
  readonly clock: PlayerClock;
  readonly stop: AbortSignal;
  readonly onBegin: (performance: Performance) => void;
}

export interface Played {
  readonly traces: number;
  readonly spans: number;
  /** Spans that were open when it was stopped, and were ended as cancelled. */
  readonly cancelled: number;
}

/**
 * Plays recorded conversations into a demo database, several at a time, each span exported separately when it ends,
 * as Agno does by default. When stopped, it ends the open spans, children first, like a cancelled program.
 */
export async function play(options: PlayOptions): Promise<Played> {
  const {exporter, clock, stop} = options;
  const schedule = new Schedule(options);
  const traces = new Set<unknown>();
  let spans = 0;
  const write = async (row: Row): Promise<void> => {
    const created = clock.nowMicros();
    const span = row.map((value, i) => (i === SPAN.created_at ? agnoTime(created) : value));
    await exporter.export(traceRowOf([span], created), [span]);
    traces.add(span[SPAN.trace_id]);
    spans++;
  };
  while (!stop.aborted) {
    const next = schedule.next();
    if (next === null) return {traces: traces.size, spans, cancelled: 0};
    if (next > clock.nowMicros()) {
      await clock.sleepUntil(next, stop);
      continue;
    }
    const span = schedule.due(clock.nowMicros());
    if (span) await write(span.row);
    else for (const performance of schedule.begin(clock.nowMicros())) options.onBegin(performance);
  }
  const stoppedAt = clock.nowMicros();
  for (let late = schedule.due(stoppedAt); late; late = schedule.due(stoppedAt)) await write(late.row);
  const open = schedule.openAt(stoppedAt);
  for (const span of open) await write(cancelled(span, stoppedAt));
  return {traces: traces.size, spans, cancelled: open.length};
}
