import type {Context} from '../../context.ts';
import type {RunChange} from '../../follow/live-runs.ts';
import {type EventLook, mergedLine, runLine, spanLine} from '../../render/event-lines.ts';
import {line, type Safe, safe} from '../../text/safe.ts';
import {paint} from '../../text/style.ts';
import {zoneName} from '../../text/zone.ts';
import {type EventWriter, endsNow, turnsNow} from './event-writer.ts';

/** One line per event, for people and their logs. Earlier runs are one line each. */
export class LineWriter implements EventWriter {
  private readonly look: EventLook;
  /** Day of the last line. */
  private day = '';

  constructor(
    private readonly context: Context,
    look: EventLook,
    /** Also write spans around runs. */
    private readonly showsSurroundings: boolean,
  ) {
    this.look = {...look, onDay: day => this.begin(day)};
  }

  change(change: RunChange, isBacklog: boolean, nowMicros: number): void {
    const {before, judged, newSpans, lateMs} = change;
    const {look} = this;
    if (!judged) {
      this.write(mergedLine(before!, nowMicros, look));
      return;
    }
    const isFirst = before === null;
    if (isFirst && (isBacklog || judged.run.isMissing)) this.write(runLine(judged, nowMicros, look));
    if (isBacklog) return;
    for (const node of newSpans) {
      // The run's last line already reports its own span.
      if (node === judged.run.root && !judged.run.isTraffic) continue;
      if (node.run === null && !this.showsSurroundings) continue;
      this.write(spanLine(node, judged, lateMs.get(node.id), look));
    }
    if (endsNow(change) || turnsNow(change)) this.write(runLine(judged, nowMicros, look));
  }

  notice(text: string): void {
    this.context.stderr.write(line`note: ${safe(text)}\n`);
  }

  /** People see from the output that it is alive. */
  heartbeat(): void {}

  /** Times have no date on a terminal, so a new date gets a line. */
  private begin(day: string): void {
    if (day !== this.day) this.write(paint(line`${safe(day)} ${safe(zoneName())}`, 'dim'));
    this.day = day;
  }

  private write(text: Safe): void {
    this.context.stdout.write(line`${text}\n`);
  }
}
