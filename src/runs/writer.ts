import {hasAttribute, time} from '../sql/fragments.ts';
import {join, raw, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import type {Trace} from '../trace/runs.ts';
import {agnoTime} from '../trace/time.ts';
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
  const before = await loadSign(store, at, 'before');
  const after = await loadSign(store, at, 'after');
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
   and (${join([MAY_TELL, sql`(${IS_CALL} and not (${hasAttribute('s', KEY.output)}))`], ' or ')})
 order by s.start_time ${order}
 limit ${raw(String(MOST_SIGNS))}`);
  const spans = await loadNarrowSpans(
    store,
    rows.map(row => String(row.span_id)),
    {traceIds: rows.map(row => String(row.trace_id))},
  );
  const signs = spans.flatMap(span => {
    const writer = writerOf(span);
    return writer && span.startMicros !== null ? {micros: span.startMicros, writer} : [];
  });
  const away = ({micros}: Sign) => Math.abs(micros - atMicros);
  return signs.sort((a, b) => away(a) - away(b))[0] ?? null;
}

/** The test uses the narrow columns only. */
const MAY_TELL = sql`s.status_message = 'run status: error' or ${IS_CONTINUATION_NAME} or (s.status_code in ('ERROR', 'UNSET') and s.name like '%invoke%')`;
const IS_CALL = raw(`s.name like '%invoke%'`);
