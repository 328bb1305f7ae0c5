import {largest, smallest} from '../lists.ts';
import {SPAN_COLUMNS, TRACE_COLUMNS} from '../sql/agno-tables.ts';
import type {Row} from '../store/writer.ts';
import {agnoTime, parseTime} from '../trace/time.ts';
import type {RecordedTrace} from './recorded.ts';
import type {TraceRows} from './replay.ts';

/**
 * A large synthetic database built from recorded traces: every row has the layout, the keys and the payload sizes of
 * rows that real Agno wrote; ids, people, conversations and times are new.
 * Two runs in five came over HTTP, so their trace row is empty; each of these is followed by twenty dashboard polls,
 * and one stretch of 10,000 polls comes before the last few runs.
 */
export interface SynthesisOptions {
  /** Number of traces with a run. */
  readonly runs: number;
  readonly nowMicros: number;
  readonly seed: number;
}

const POLLS_PER_HTTP_RUN = 20;
export const LONG_STRETCH = 10_000;
/** Runs after the long stretch, the newest of all. */
const RUNS_AFTER_STRETCH = 60;
const RUN_EVERY_MICROS = 160_000_000;
const POLL_EVERY_MICROS = 2_000_000;
const RUNS_PER_SESSION = 3;
const USERS = 400;

const column = (columns: readonly string[], name: string): number => columns.indexOf(name);
const SPAN = {
  id: column(SPAN_COLUMNS, 'span_id'),
  trace: column(SPAN_COLUMNS, 'trace_id'),
  parent: column(SPAN_COLUMNS, 'parent_span_id'),
  start: column(SPAN_COLUMNS, 'start_time'),
  end: column(SPAN_COLUMNS, 'end_time'),
  duration: column(SPAN_COLUMNS, 'duration_ms'),
  attributes: column(SPAN_COLUMNS, 'attributes'),
  created: column(SPAN_COLUMNS, 'created_at'),
} as const;
const TRACE = {
  id: column(TRACE_COLUMNS, 'trace_id'),
  name: column(TRACE_COLUMNS, 'name'),
  status: column(TRACE_COLUMNS, 'status'),
  run: column(TRACE_COLUMNS, 'run_id'),
  session: column(TRACE_COLUMNS, 'session_id'),
  user: column(TRACE_COLUMNS, 'user_id'),
  agent: column(TRACE_COLUMNS, 'agent_id'),
} as const;

/** A recorded trace prepared for copying: times as offsets, attributes as alternating text and id. */
interface Template {
  trace: RecordedTrace['trace'];
  spans: {row: Row; startMicros: number; endMicros: number; createdMicros: number; attributes: string[]}[];
}

/** Yields traces oldest first, each as Agno would have left it. */
export function* synthesize(recorded: readonly RecordedTrace[], options: SynthesisOptions): Generator<TraceRows> {
  const random = mulberry32(options.seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const shop = recorded.filter(item => item.set === 'shop' && item.trace[TRACE.run] !== null).map(toTemplate);
  const agents = shop.filter(item => item.trace[TRACE.agent] !== null);
  const poll = toTemplate(
    recorded.find(item => item.set === 'pictures' && item.spans.some(row => row[3] === 'GET /sessions'))!,
  );
  const request = toTemplate(
    recorded.find(
      item => item.set === 'pictures' && item.spans.some(row => String(row[SPAN.attributes]).includes('"http"')),
    )!,
  );
  const ids = new Ids(random);
  const copies = new Copier(ids);
  const stretchAt = Math.max(0, options.runs - RUNS_AFTER_STRETCH);
  const stretchMicros = LONG_STRETCH * POLL_EVERY_MICROS;
  let at = options.nowMicros - options.runs * RUN_EVERY_MICROS - stretchMicros;
  for (let i = 0; i < options.runs; i++) {
    if (i === stretchAt) {
      for (let k = 0; k < LONG_STRETCH; k++) yield copies.copy(poll, {at: at + k * POLL_EVERY_MICROS, scale: 1});
      at += stretchMicros;
    }
    const session = `session-${1 + Math.floor(i / RUNS_PER_SESSION)}`;
    const who = {session, user: `user-${1 + (i % USERS)}`};
    const scale = 0.5 + random() * 1.5;
    const isHttp = i % 5 < 2;
    if (isHttp) {
      yield copies.overHttp(request, pick(agents), {at, scale, ...who});
      for (let k = 1; k <= POLLS_PER_HTTP_RUN; k++) yield copies.copy(poll, {at: at + k * POLL_EVERY_MICROS, scale: 1});
    } else yield copies.copy(pick(shop), {at, scale, ...who});
    at += RUN_EVERY_MICROS;
  }
}

/** How many traces and spans of plain requests `synthesize` makes. */
export function pollsFor(runs: number): number {
  return Math.ceil((runs * 2) / 5) * POLLS_PER_HTTP_RUN + LONG_STRETCH;
}

function toTemplate({trace, spans}: RecordedTrace): Template {
  const begin = smallest(spans.map(row => parseTime(row[SPAN.start])!));
  const known = new Set<string>();
  for (const row of spans) {
    for (const [, , value] of String(row[SPAN.attributes]).matchAll(
      /"(session\.id|user\.id|agno\.run\.id|graph\.node\.id)": "([^"]+)"/g,
    ))
      known.add(value!);
  }
  const pattern = new RegExp(`"(${[...known].map(escapeRegExp).join('|') || '(?!)'})"`);
  return {
    trace,
    spans: spans.map(row => ({
      row,
      startMicros: parseTime(row[SPAN.start])! - begin,
      endMicros: parseTime(row[SPAN.end])! - begin,
      createdMicros: parseTime(row[SPAN.created])! - begin,
      attributes: String(row[SPAN.attributes]).split(pattern),
    })),
  };
}

function escapeRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

interface CopyOptions {
  at: number;
  scale: number;
  session?: string;
  user?: string;
}

class Copier {
  constructor(private readonly ids: Ids) {}

  /** The same trace at another time, with new ids, another conversation and another user. */
  copy(template: Template, options: CopyOptions): TraceRows {
    const traceId = this.ids.hex(32);
    const names = this.names(options);
    const spans = this.spansOf(template, traceId, options, names, new Map());
    return {trace: this.traceRow(template.trace, traceId, spans, names), spans};
  }

  /** An agent's run inside FastAPI's spans; the trace row then names neither run nor user. */
  overHttp(request: Template, template: Template, options: CopyOptions): TraceRows {
    const traceId = this.ids.hex(32);
    const names = this.names(options);
    const isAround = (span: Template['spans'][number]) => !span.attributes.join('').includes('openinference.span.kind');
    const around = {...request, spans: request.spans.filter(isAround)};
    const places = new Map<string, string>();
    const outer = this.spansOf(around, traceId, {...options, scale: 1}, names, places);
    const endpoint = outer.find(row => row[3] === 'fastapi.endpoint')!;
    const offset = around.spans.find(span => span.row[3] === 'fastapi.endpoint')!.startMicros + 5000;
    const inner = this.spansOf(
      template,
      traceId,
      {...options, at: options.at + offset},
      names,
      places,
      endpoint[SPAN.id] as string,
    );
    const longest = largest(inner.map(row => parseTime(row[SPAN.end])!));
    const stretched = outer.map(row =>
      row === endpoint || row[SPAN.parent] === null ? withEnd(row, longest + (row === endpoint ? 4000 : 9000)) : row,
    );
    // In order of their ends: inner spans first, the request last.
    const spans = [...inner, ...stretched].sort((a, b) => (String(a[SPAN.created]) < String(b[SPAN.created]) ? -1 : 1));
    return {trace: this.traceRow(request.trace, traceId, spans, names), spans};
  }

  /** New names for the ids of a trace, one for each. */
  private names({session, user}: CopyOptions): (old: string) => string {
    const known = new Map<string, string>();
    return old => {
      let name = known.get(old);
      if (name === undefined) {
        if (/^user-/.test(old)) name = user ?? old;
        else if (/^[0-9a-f]{16}$/.test(old)) name = this.ids.hex(16);
        else if (/^[0-9a-f]{8}-/.test(old)) name = this.ids.uuid();
        else name = session ?? old;
        known.set(old, name);
      }
      return name;
    };
  }

  private spansOf(
    template: Template,
    traceId: string,
    {at, scale}: CopyOptions,
    names: (old: string) => string,
    places: Map<string, string>,
    parentOfTop: string | null = null,
  ): Row[] {
    const spanId = (old: string): string => {
      let id = places.get(old);
      if (id === undefined) {
        id = this.ids.hex(16);
        places.set(old, id);
      }
      return id;
    };
    return template.spans.map(({row, startMicros, endMicros, createdMicros, attributes}) => {
      const start = at + Math.round(startMicros * scale);
      const end = at + Math.round(endMicros * scale);
      const copy = [...row];
      copy[SPAN.id] = spanId(String(row[SPAN.id]));
      copy[SPAN.trace] = traceId;
      copy[SPAN.parent] = row[SPAN.parent] === null ? parentOfTop : spanId(String(row[SPAN.parent]));
      copy[SPAN.start] = agnoTime(start);
      copy[SPAN.end] = agnoTime(end);
      copy[SPAN.duration] = Math.trunc((end - start) / 1000);
      copy[SPAN.created] = agnoTime(end + (createdMicros - endMicros));
      copy[SPAN.attributes] = attributes.map((text, i) => (i % 2 === 1 ? `"${names(text)}"` : text)).join('');
      return copy;
    });
  }

  private traceRow(
    template: RecordedTrace['trace'],
    traceId: string,
    spans: readonly Row[],
    names: (old: string) => string,
  ): Row {
    const [first, last] = extent(spans);
    const rename = (value: string | number | null) => (typeof value === 'string' ? names(value) : value);
    const row = [...template];
    row[TRACE.id] = traceId;
    row[TRACE_COLUMNS.indexOf('start_time')] = agnoTime(first);
    row[TRACE_COLUMNS.indexOf('end_time')] = agnoTime(last);
    // A whole number would mean that one export wrote it all; Agno's SQLite rows have julianday's rounding noise.
    row[TRACE_COLUMNS.indexOf('duration_ms')] = Math.round((last - first) / 1000);
    row[TRACE.run] = rename(template[TRACE.run]!);
    row[TRACE.session] = rename(template[TRACE.session]!);
    row[TRACE.user] = rename(template[TRACE.user]!);
    row[TRACE_COLUMNS.indexOf('created_at')] = String(spans[0]![SPAN.created]);
    return row;
  }
}

function extent(spans: readonly Row[]): [number, number] {
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (const row of spans) {
    first = Math.min(first, parseTime(row[SPAN.start])!);
    last = Math.max(last, parseTime(row[SPAN.end])!);
  }
  return [first, last];
}

function withEnd(row: Row, end: number): Row {
  const copy = [...row];
  copy[SPAN.end] = agnoTime(end);
  copy[SPAN.duration] = Math.trunc((end - parseTime(row[SPAN.start])!) / 1000);
  copy[SPAN.created] = agnoTime(end + 2000);
  return copy;
}

export class Ids {
  constructor(private readonly random: () => number) {}

  hex(length: number): string {
    let out = '';
    while (out.length < length)
      out += Math.floor(this.random() * 0x100000000)
        .toString(16)
        .padStart(8, '0');
    return out.slice(0, length);
  }

  uuid(): string {
    const hex = this.hex(32);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  }
}

/** A small generator of repeatable numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  };
}
