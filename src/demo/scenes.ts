import {largest, smallest} from '../lists.ts';
import {SPAN_PLACES as SPAN} from '../sql/agno-tables.ts';
import type {Row} from '../store/writer.ts';
import {parseTime} from '../trace/time.ts';
import type {RecordedTrace} from './recorded.ts';

/** One recorded conversation: one run, or several in sequence, including a pause and its continuation. */
export interface Scene {
  /** The conversation's id, or null if nothing in it has one (a dashboard's request, a killed run). */
  readonly session: string | null;
  /** What runs first, as a person would call it. */
  readonly name: string;
  /** A request that is no run. */
  readonly isTraffic: boolean;
  /** Its process was killed: it never ends. */
  readonly isKilled: boolean;
  /** In the order in which Agno wrote them; times are microseconds since the scene began. */
  readonly spans: readonly SceneSpan[];
  readonly lengthMicros: number;
}

export interface SceneSpan {
  readonly row: Row;
  /** When it started in the recording, since 1970. */
  readonly recordedMicros: number;
  readonly startMicros: number;
  readonly endMicros: number;
  readonly writtenMicros: number;
}

/**
 * How long a person takes to answer a pause or to write the next message; in the recordings a script answered at
 * once.
 */
const PERSON_MICROS = 4_000_000;

interface Recorded {
  readonly set: RecordedTrace['set'];
  readonly session: string | null;
  readonly isTraffic: boolean;
  /** Times as recorded. */
  readonly spans: readonly Omit<SceneSpan, 'recordedMicros'>[];
  readonly begin: number;
  readonly end: number;
  readonly waitsForPerson: boolean;
  readonly name: string;
}

/**
 * The recorded traces as conversations, oldest first. A trace whose ids belong to no conversation (a memory manager's
 * model call, a resumed step of a workflow) stays with the run during or after which it was recorded.
 */
export function scenesOf(recorded: readonly RecordedTrace[]): Scene[] {
  const groups: Recorded[][] = [];
  const bySession = new Map<string, Recorded[]>();
  const traces = recorded.map(read).sort((a, b) => a.begin - b.begin);
  for (const trace of traces) {
    const key = `${trace.set} ${trace.session}`;
    const last = groups.at(-1) ?? [];
    const belongsToLast =
      trace.session === null && !trace.isTraffic && trace.set !== 'killed' && last[0]?.set === trace.set;
    const group = trace.session === null ? (belongsToLast ? last : undefined) : bySession.get(key);
    if (group) group.push(trace);
    else {
      groups.push([trace]);
      if (trace.session !== null) bySession.set(key, groups.at(-1)!);
    }
  }
  return groups.map(toScene);
}

function toScene(traces: readonly Recorded[]): Scene {
  let clock = 0;
  let end = traces[0]!.begin;
  const spans: SceneSpan[] = [];
  for (const [i, trace] of traces.entries()) {
    const gap = trace.begin - end;
    // A script did what a person would do in between; gaps of the recording itself are not part of the scene either.
    if (gap >= 0) clock += traces[i - 1]?.waitsForPerson ? PERSON_MICROS : Math.min(gap, PERSON_MICROS);
    const shift = gap >= 0 ? clock - trace.begin : clock + gap - trace.begin;
    for (const span of trace.spans) {
      spans.push({
        row: span.row,
        recordedMicros: span.startMicros,
        startMicros: span.startMicros + shift,
        endMicros: span.endMicros + shift,
        writtenMicros: span.writtenMicros + shift,
      });
    }
    clock = Math.max(clock, trace.end + shift);
    end = Math.max(end, trace.end);
  }
  spans.sort((a, b) => a.writtenMicros - b.writtenMicros);
  const {session, name, isTraffic, set} = traces[0]!;
  return {session, name, isTraffic, isKilled: set === 'killed', spans, lengthMicros: spans.at(-1)!.writtenMicros};
}

function read({set, trace, spans}: RecordedTrace): Recorded {
  const attributes = spans.map(row => JSON.parse(String(row[SPAN.attributes])) as Record<string, unknown>);
  const timed = spans.map(row => ({
    row,
    startMicros: parseTime(row[SPAN.start_time])!,
    endMicros: parseTime(row[SPAN.end_time])!,
    writtenMicros: parseTime(row[SPAN.created_at])!,
  }));
  // The outermost span first: inner ones may have a conversation of their own.
  const byStart = timed.map((span, i) => ({at: span.startMicros, has: attributes[i]!})).sort((a, b) => a.at - b.at);
  const firstOf = (key: string) => byStart.map(({has}) => has[key]).find(value => value !== undefined);
  const session = firstOf('session.id');
  const root = spans.findIndex(row => row[SPAN.parent_span_id] === null);
  const isRun = root >= 0 && attributes[root]!['agno.run.id'] !== undefined;
  return {
    set,
    session: set === 'killed' || session === undefined ? null : String(session),
    isTraffic: attributes.every(each => each['openinference.span.kind'] === undefined),
    spans: timed,
    begin: smallest(timed.map(span => span.startMicros)),
    end: largest(timed.map(span => span.writtenMicros)),
    waitsForPerson: isRun && !/\.a?continue_run$/.test(String(spans[root]![SPAN.name])),
    name: String(firstOf('graph.node.name') ?? spans.at(-1)?.[SPAN.name] ?? trace[1]),
  };
}
