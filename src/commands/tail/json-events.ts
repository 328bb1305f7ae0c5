import type {Context} from '../../context.ts';
import type {RunChange} from '../../follow/live-runs.ts';
import {renderJsonLines} from '../../render/json.ts';
import {line} from '../../text/safe.ts';
import {spanRecords} from '../../trace/span-record.ts';
import {isoTime} from '../../trace/time.ts';
import {type EventWriter, endsNow, type Pulse, turnsNow} from './event-writer.ts';

/** One JSON object per line (docs/json.md). */
export class JsonEventWriter implements EventWriter {
  constructor(private readonly context: Context) {}

  change(change: RunChange, isBacklog: boolean): void {
    const {key, before, judged, into, newSpans, lateMs} = change;
    const run = (what: string) =>
      this.write({
        event: 'run',
        key,
        change: what,
        stateBefore: before?.state ?? null,
        into,
        backlog: isBacklog,
        run: judged?.record ?? before,
      });
    if (!judged) {
      run('merged');
      return;
    }
    if (before === null && judged.record.missing) run('started');
    for (const span of spanRecords(judged, newSpans)) {
      this.write({event: 'span', key, lateMs: lateMs.get(span.spanId) ?? null, backlog: isBacklog, span});
    }
    if (endsNow(change)) run('ended');
    else if (turnsNow(change)) run('state');
    else if (before !== null && !judged.record.missing) run('updated');
  }

  notice(text: string, connection: 'live' | 'waiting' | 'reconnecting' | null = null): void {
    this.write({event: 'notice', time: this.now(), connection, text});
  }

  heartbeat(pulse: Pulse): void {
    this.write({event: 'heartbeat', time: this.now(), ...pulse});
  }

  private now(): string | null {
    return isoTime(this.context.nowMicros());
  }

  private write(event: object): void {
    const {stdout} = this.context;
    for (const text of renderJsonLines([event], stdout.isTTY)) stdout.write(line`${text}\n`);
  }
}
