import {hasAttribute, time} from '../sql/fragments.ts';
import {join, raw, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import type {Trace} from '../trace/runs.ts';
import {agnoTime, parseTime} from '../trace/time.ts';
import {dependsOnWriter, type Writer, writerOf} from '../trace/writer.ts';
import {IS_CONTINUATION_NAME} from './look-up.ts';
import {loadNarrowSpans} from './spans.ts';
import {isAmong, withinMonth} from './window.ts';

/** How many spans on each side of a run are examined to find out who wrote them. */
const AROUND = 300;
const MOST_SIGNS = 20;

/** Stretches of time between two spans of one writer, by store: the same writer wrote everything in between. */
const known = new WeakMap<Store, {fromMicros: number; toMicros: number; writer: Writer | null}[]>();

/**
 * Which instrumentor wrote a trace; looked up only if a run's state depends on it. The trace's own spans decide, or
 * else the nearest telling spans in time. Null if none tells.
 */
export async function loadWriter(store: Store, {nodes}: Trace): Promise<Writer | null> {
  if (!dependsOnWriter(nodes.values())) return null;
  let at = Number.POSITIVE_INFINITY;
  for (const {span} of nodes.values()) {
    const own = span && writerOf(span);
    if (own) return own;
    at = Math.min(at, span?.startMicros ?? at);
  }
  if (!Number.isFinite(at)) return null;
  const stretches = known.get(store) ?? [];
  known.set(store, stretches);
  const passed = stretches.find(({fromMicros, toMicros}) => fromMicros <= at && at <= toMicros);
  if (passed) return passed.writer;
  const [before, after] = TRAITS[store.dialect].walksByWindows
    ? await loadSignsInWindow(store, at)
    : [await loadSign(store, at, 'before'), await loadSign(store, at, 'after')];
  const isSame = before?.writer === after?.writer;
  const isNearer = before && (!after || at - before.micros <= after.micros - at);
  const writer = (isNearer ? before : after)?.writer ?? null;
  stretches.push({
    fromMicros: isSame && before ? before.micros : at,
    toMicros: isSame && after ? after.micros : at,
    writer,
  });
  return writer;
}

interface Sign {
  readonly micros: number;
  readonly writer: Writer;
  readonly spanId: string;
}

/** Spans in order of time, read together. */
interface SpanWindow {
  readonly micros: readonly number[];
  /** Places in `micros` of those that may tell who wrote them, and their ids. */
  readonly signs: readonly {readonly at: number; readonly span_id: string; readonly trace_id: string}[];
  /** It holds the first, or the last, of the spans that may be looked at. */
  readonly hasFirst: boolean;
  readonly hasLast: boolean;
}

interface Windows {
  last: SpanWindow | null;
  /** Spans on either side of the next one. */
  size: number;
  /** What spans told, by id; null: nothing. */
  readonly told: Map<string, Sign | null>;
}
const windows = new WeakMap<Store, Windows>();
const FIRST_WINDOW = 1000;
const LARGEST_WINDOW = 16_000;

/** As `loadSign` on both sides, where a statement costs as much for thousands of spans: the next run is likely to lie among them. */
async function loadSignsInWindow(store: Store, atMicros: number): Promise<[Sign | null, Sign | null]> {
  const of = windows.get(store) ?? {last: null, size: FIRST_WINDOW, told: new Map<string, Sign | null>()};
  windows.set(store, of);
  let places = of.last && placesIn(of.last, atMicros);
  if (!places) {
    of.last = await loadWindow(store, atMicros, of.size);
    of.size = Math.min(2 * of.size, LARGEST_WINDOW);
    places = placesIn(of.last, atMicros)!;
  }
  const {signs} = of.last!;
  const {before, after} = places;
  const near = [
    signs.filter(({at}) => at < before && at >= before - AROUND).slice(-MOST_SIGNS),
    signs.filter(({at}) => at >= after && at < after + AROUND).slice(0, MOST_SIGNS),
  ] as const;
  const unknown = near.flat().filter(({span_id}) => !of.told.has(span_id));
  for (const {span_id} of unknown) of.told.set(span_id, null);
  for (const sign of await loadTold(store, unknown)) of.told.set(sign.spanId, sign);
  const toldBy = (some: (typeof near)[number]) =>
    nearest(
      some.flatMap(({span_id}) => of.told.get(span_id) ?? []),
      atMicros,
    );
  return [toldBy(near[0]), toldBy(near[1])];
}

/** How many spans of the window begin before a moment, and where those behind it begin; null: too few are known around it. */
function placesIn({micros, hasFirst, hasLast}: SpanWindow, at: number): {before: number; after: number} | null {
  const firstAt = micros.findIndex(one => one >= at);
  const before = firstAt < 0 ? micros.length : firstAt;
  let after = before;
  while (micros[after] === at) after++;
  const isKnown = (before >= AROUND || hasFirst) && (micros.length - after >= AROUND || hasLast);
  return isKnown ? {before, after} : null;
}

async function loadWindow(store: Store, at: number, size: number): Promise<SpanWindow> {
  const bound = (side: 'before' | 'after') => (alias: string) =>
    sql`${raw(alias)}.start_time ${raw(side === 'before' ? '<=' : '>')} ${time(agnoTime(at))}${withinMonth(alias, at, side)}`;
  const rows = await store.all<{start: unknown; tells: number; span_id: string; trace_id: string}>(sql`
select s.start_time as start, ${TELLS} as tells, case when ${TELLS} then s.span_id else '' end as span_id,
       case when ${TELLS} then s.trace_id else '' end as trace_id
  from ${table('spans')} s
 where (${isAmong(bound('before'), 'latest', size)}) or (${isAmong(bound('after'), 'first', size)})
 order by s.start_time, s.span_id`);
  const micros = rows.map(row => parseTime(row.start) ?? 0);
  const ofBefore = micros.filter(one => one <= at).length;
  return {
    micros,
    signs: rows.flatMap(({tells, span_id, trace_id}, i) => (Number(tells) === 1 ? [{at: i, span_id, trace_id}] : [])),
    hasFirst: ofBefore < size,
    hasLast: rows.length - ofBefore < size,
  };
}

/** The nearest telling span on one side; bounded, as most spans do not tell. */
async function loadSign(store: Store, atMicros: number, side: 'before' | 'after'): Promise<Sign | null> {
  const bound = (alias: string) =>
    sql`${raw(alias)}.start_time ${raw(side === 'before' ? '<' : '>')} ${time(agnoTime(atMicros))}${withinMonth(alias, atMicros, side)}`;
  const order = raw(side === 'before' ? 'desc' : 'asc');
  const rows = await store.all<{span_id: unknown; trace_id: unknown}>(sql`
select s.span_id, s.trace_id
  from ${table('spans')} s
 where ${isAmong(bound, side === 'before' ? 'latest' : 'first', AROUND)}
   and (${TELLS})
 order by s.start_time ${order}
 limit ${raw(String(MOST_SIGNS))}`);
  return nearest(await loadTold(store, rows), atMicros);
}

function nearest(signs: readonly Sign[], atMicros: number): Sign | null {
  const away = ({micros}: Sign) => Math.abs(micros - atMicros);
  return [...signs].sort((a, b) => away(a) - away(b))[0] ?? null;
}

/** Of these spans those that tell who wrote them. */
async function loadTold(
  store: Store,
  rows: readonly {readonly span_id: unknown; readonly trace_id: unknown}[],
): Promise<Sign[]> {
  const spans = await loadNarrowSpans(
    store,
    rows.map(row => String(row.span_id)),
    {traceIds: rows.map(row => String(row.trace_id))},
  );
  return spans.flatMap(span => {
    const {startMicros: micros, spanId} = span;
    const writer = writerOf(span);
    return writer && micros !== null ? {micros, writer, spanId} : [];
  });
}

/** The test uses the narrow columns only. */
const MAY_TELL = sql`s.status_message = 'run status: error' or ${IS_CONTINUATION_NAME} or (s.status_code in ('ERROR', 'UNSET') and s.name like '%invoke%')`;
const IS_CALL = raw(`s.name like '%invoke%'`);
/** As far as the database sees it. */
const TELLS = sql`${join([MAY_TELL, sql`(${IS_CALL} and not (${hasAttribute('s', KEY.output)}))`], ' or ')}`;
