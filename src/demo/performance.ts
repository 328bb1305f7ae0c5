import {SPAN_PLACES as SPAN} from '../sql/agno-tables.ts';
import type {Row} from '../store/writer.ts';
import {INTERRUPTED_OUTPUT} from '../trace/state.ts';
import {agnoTime} from '../trace/time.ts';
import type {Scene} from './scenes.ts';
import type {Ids} from './synthesize.ts';

/** A planned span of a scene that is being played, with its time. */
export interface PlannedSpan {
  readonly row: Row;
  readonly startMicros: number;
  readonly endMicros: number;
  /** When Agno would export it; never before its end. */
  readonly dueMicros: number;
}

/** One performance of a scene. */
export interface Performance {
  readonly scene: Scene;
  /** The new id of its conversation. */
  readonly session: string | null;
  readonly spans: readonly PlannedSpan[];
}

/** Quotes inside nested JSON are escaped once per level. */
const RENAMED = [
  '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}',
  'call_\\d+_\\d+',
  '(?<="graph\\.node\\.(?:parent_)?id": ")[0-9a-f]{16}',
  '(?<="session\\.id": ")[^"\\\\]+',
];
const MESSAGE_TIME = '(?<=created_at\\\\*": )\\d{10}\\b';
const PATTERN = new RegExp([...RENAMED, MESSAGE_TIME].join('|'), 'g');

/**
 * A scene as played once: at its time and speed, with ids of its own, so that the same recording fits any number of
 * times into one database. Ids of runs, messages and tool calls are renamed everywhere: a pause still finds its
 * continuation, and a text that quotes a run's id quotes the new one.
 */
export function perform(
  scene: Scene,
  {ids, atMicros, speed}: {ids: Ids; atMicros: number; speed: number},
): Performance {
  const known = new Map<string, string>();
  const renamed = (old: string, make: () => string): string => {
    const name = known.get(old) ?? make();
    known.set(old, name);
    return name;
  };
  const spanId = (old: string) => renamed(`span ${old}`, () => ids.hex(16));
  const at = (micros: number) => atMicros + Math.round(micros / speed);
  const spans = scene.spans.map(({row, recordedMicros, startMicros, endMicros, writtenMicros}) => {
    const laterSeconds = Math.round((at(startMicros) - recordedMicros) / 1e6);
    const copy = [...row];
    copy[SPAN.span_id] = spanId(String(row[SPAN.span_id]));
    copy[SPAN.parent_span_id] = row[SPAN.parent_span_id] === null ? null : spanId(String(row[SPAN.parent_span_id]));
    copy[SPAN.trace_id] = renamed(`trace ${row[SPAN.trace_id]}`, () => ids.hex(32));
    copy[SPAN.attributes] = String(row[SPAN.attributes]).replace(PATTERN, old => {
      if (/^\d{10}$/.test(old)) return String(Number(old) + laterSeconds);
      if (/^[0-9a-f]{16}$/.test(old)) return renamed(old, () => ids.hex(16));
      if (/^[0-9a-f]{8}-/.test(old)) return renamed(old, () => ids.uuid());
      if (old.startsWith('call_')) return renamed(old, () => `call_${ids.hex(8)}`);
      return renamed(old, () => `${old}-${ids.hex(4)}`);
    });
    const [start, end] = [at(startMicros), at(endMicros)];
    withTimes(copy, start, end);
    return {row: copy, startMicros: start, endMicros: end, dueMicros: Math.max(end, at(writtenMicros))};
  });
  return {scene, session: scene.session === null ? null : (known.get(scene.session) ?? null), spans};
}

/**
 * A span that is open when Ctrl-C stops its program, as Agno 3 leaves it (docs/agno.md). Code that does not wait for
 * an event loop answers that it was stopped. Everything else ends without a status, a result, tokens, or the ids
 * known only at the end; so do tools, whose spans Agno then loses.
 */
export function cancelled({row, startMicros}: PlannedSpan, nowMicros: number): Row {
  const copy = [...row];
  withTimes(copy, startMicros, nowMicros);
  const isAnswered = ANSWERS_CTRL_C.test(String(row[SPAN.name]));
  copy[SPAN.status_code] = isAnswered ? 'OK' : 'UNSET';
  copy[SPAN.status_message] = null;
  const attributes = JSON.parse(String(row[SPAN.attributes])) as Record<string, unknown>;
  const kept = isAnswered
    ? Object.entries({...attributes, 'output.value': INTERRUPTED_OUTPUT})
    : Object.entries(attributes).filter(([key]) => !OF_THE_END.test(key));
  copy[SPAN.attributes] = `{${kept.map(pair => pair.map(asPythonWrites).join(': ')).join(', ')}}`;
  return copy;
}

/** JSON in ASCII. */
function asPythonWrites(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const ANSWERS_CTRL_C = /\.(run|continue_run|execute(_stream)?)$/;
const OF_THE_END = /^(output\.|llm\.(output_messages|token_count|cost)\.|agno\.(run|workflow)\.id$|http\.response\.)/;

function withTimes(row: (string | number | null)[], startMicros: number, endMicros: number): void {
  row[SPAN.start_time] = agnoTime(startMicros);
  row[SPAN.end_time] = agnoTime(endMicros);
  row[SPAN.duration_ms] = Math.trunc((endMicros - startMicros) / 1000);
}
