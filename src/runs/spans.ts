import {andOnClickhouse, isAnyOf} from '../sql/fragments.ts';
import {EMPTY, either, raw, type Sql, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import {REQUIRED_COLUMNS, type Store} from '../store/store.ts';
import {keysOf, LONGEST_JSON} from '../trace/asked-attributes.ts';
import {
  ID_KEYS,
  KEY,
  OUTPUT_MESSAGES_PREFIX,
  PAYLOAD_KEYS,
  PAYLOAD_PREFIXES,
  TOOL_CALL_MARK,
} from '../trace/attributes.ts';
import {TELLING_LENGTH} from '../trace/purpose.ts';
import {PREVIEW_LIMITS, type Span, type SpanRow, type ToSpanOptions, type TraceRow, toSpan} from '../trace/span.ts';
import {Turns} from '../turns.ts';
import {loadTraceRows} from './trace-rows.ts';

/**
 * Spans per statement: a trace of 100,000 must not be one answer of 300 MB, and on SQLite a writer waits while a
 * statement reads.
 */
const SPANS_AT_ONCE = 1000;
const FEWEST_AT_ONCE = 50;
/** How long a statement should take if no key press can be handled meanwhile. */
const FITTING_MS = 20;
/** After converting this many rows to spans, give other work a turn. */
const ROWS_AT_ONCE = 100;
/**
 * Up to this size, SQLite returns the complete attributes: copying and parsing 3 KB here took a quarter of the time
 * of picking keys in SQL (444 spans: 3.5 against 14.3 ms). Above it, the payload stays in the file.
 */
const WHOLE_UP_TO_BYTES = 65_536;

/**
 * The narrow columns of a span: everything except payload, with long texts cut to a preview; and the keys in which
 * asked attributes may be.
 */
function narrowColumns({asks = []}: Pick<Store, 'asks'>): Sql {
  const keys = [...new Set(asks.flatMap(keysOf))].filter(key => !ID_KEYS.includes(key));
  return sql`s.span_id, s.trace_id, s.parent_span_id, s.name, s.span_kind, s.status_code,
         ${preview(raw('s.status_message'))} as status_message, s.start_time, s.end_time, s.duration_ms, s.created_at,
         ${narrowAttributes(keys)} as attributes`;
}

function preview(text: Sql): Sql {
  const {head, tail} = PREVIEW_LIMITS;
  const left = raw(String(head));
  const right = raw(String(tail));
  const limit = raw(String(head + tail + 1));
  return either({
    sqlite: sql`case when length(${text}) > ${limit} then substr(${text}, 1, ${left}) || '…' || substr(${text}, -${right}) else ${text} end`,
    postgres: sql`case when length(${text}) > ${limit} then left(${text}, ${left}) || '…' || right(${text}, ${right}) else ${text} end`,
    clickhouse: sql`if(lengthUTF8(${text}) > ${limit}, concat(leftUTF8(${text}, ${left}), '…', rightUTF8(${text}, ${right})), ${text})`,
  });
}

/** A shortened id would be another id. */
function previewUnlessId(text: Sql, asked: readonly string[]): Sql {
  const whole =
    asked.length === 0 ? EMPTY : sql`when ${isAnyOf(raw('j.key'), asked)} then substr(${text}, 1, ${ASKED_LENGTH}) `;
  return sql`case ${whole}when j.key = ${raw(`'${KEY.firstMessage}'`)} then substr(${text}, 1, ${raw(String(TELLING_LENGTH))}) when j.key in (${raw(ID_KEYS.map(key => `'${key}'`).join(', '))}) then ${text} else ${preview(text)} end`;
}

/** One more than what is searched for JSON shows that there is more. */
const ASKED_LENGTH = raw(String(LONGEST_JSON + 1));

function narrowAttributes(asked: readonly string[]): Sql {
  const orAsked = (key: string): Sql => (asked.length === 0 ? EMPTY : sql` or ${isAnyOf(raw(key), asked)}`);
  return either({
    sqlite: sql`case when octet_length(s.attributes) <= ${raw(String(WHOLE_UP_TO_BYTES))} then s.attributes
              when json_valid(s.attributes) and json_type(s.attributes) = 'object' then (
                select json_group_object(j.key, case j.type
                         when 'text' then ${previewUnlessId(raw('j.value'), asked)}
                         when 'array' then json(j.value) when 'object' then json(j.value)
                         when 'true' then json('true') when 'false' then json('false') when 'null' then json('null')
                         else case when typeof(j.value) = j.type then j.value else json(s.attributes -> j.fullkey) end end)
                  from json_each(s.attributes) j where ${WANTED}${orAsked('j.key')})
              else s.attributes end`,
    postgres: sql`case when jsonb_typeof(s.attributes) = 'object' then (
                select jsonb_object_agg(j.key, case when jsonb_typeof(j.value) = 'string'
                         then to_jsonb(${previewUnlessId(raw("j.value #>> '{}'"), asked)}) else j.value end)
                  from jsonb_each(s.attributes) j where ${WANTED}${orAsked('j.key')})
              else s.attributes end::text`,
    clickhouse: sql`if(length(s.attributes) <= ${raw(String(WHOLE_UP_TO_BYTES))} or not isValidJSON(s.attributes) or not startsWith(s.attributes, '{'), s.attributes,
              concat('{', arrayStringConcat(arrayMap(x -> concat(toJSONString(x.1), ':', ${narrowValue(asked)}),
                arrayFilter(j -> ${WANTED_KEYS}${orAsked('j.1')}, JSONExtractKeysAndValuesRaw(s.attributes))), ','), '}'))`,
  });
}

/** For `x`, a key and the JSON of its value. */
function narrowValue(asked: readonly string[]): Sql {
  const text = raw('JSONExtractString(s.attributes, x.1)');
  const whole =
    asked.length === 0
      ? EMPTY
      : sql`${isAnyOf(raw('x.1'), asked)}, toJSONString(substringUTF8(${text}, 1, ${ASKED_LENGTH})), `;
  const ids = raw(ID_KEYS.map(key => `'${key}'`).join(', '));
  return sql`multiIf(not startsWith(x.2, '"') or x.1 in (${ids}), x.2,
                  ${whole}x.1 = ${raw(`'${KEY.firstMessage}'`)}, toJSONString(substringUTF8(${text}, 1, ${raw(String(TELLING_LENGTH))})),
                  toJSONString(${preview(text)}))`;
}

/**
 * Tests that `s` has no parent, for rows that were found by time. Written so that it does not use an index on the
 * parent, which would return every root of the table.
 */
export const IS_TOP = raw("(s.parent_span_id || '') is null");

/**
 * Tests that a key is not payload, or is a tool call in an answer. The keys are our own constants; `_` in LIKE could
 * only match more.
 */
const wanted = (key: string): Sql =>
  raw(
    [
      `${key} not in (${PAYLOAD_KEYS.map(name => `'${name}'`).join(', ')})`,
      `(${PAYLOAD_PREFIXES.map(prefix => `${key} not like '${prefix}%'`).join(' and ')} or ${key} = '${KEY.firstMessage}')`,
      `(${key} not like '${OUTPUT_MESSAGES_PREFIX}%' or ${key} like '%${TOOL_CALL_MARK}%')`,
    ].join('\n                   and '),
  );
const WANTED = wanted('j.key');
const WANTED_KEYS = wanted('j.1');

/** A trace as read: its row, if it has one, and its spans. */
export interface LoadedTrace {
  readonly traceId: string;
  readonly row: TraceRow | null;
  readonly spans: readonly Span[];
}

/** Traces per statement; a page of runs has a few dozen. */
const TRACES_AT_ONCE = 200;

interface LoadOptions {
  /**
   * Read the rows of the traces in a statement of their own: for many traces that are each read again when they
   * change. A trace row beside each of its spans takes a third of the reading time.
   */
  readonly rowsApart?: boolean;
}

/**
 * Reads complete traces by id, in short statements that leave no lock behind. Traces without spans are left out.
 * @returns in the order of `traceIds`
 */
export async function loadTraces(
  store: Store,
  traceIds: readonly string[],
  {rowsApart = false}: LoadOptions = {},
): Promise<LoadedTrace[]> {
  const load = rowsApart ? loadSpanRows : loadRows;
  const spans = new Map<string, Map<string, Span>>(traceIds.map(id => [id, new Map()]));
  const traceRows = new Map<string, TraceRow>();
  const turns = new Turns();
  const keep = async (rows: readonly JoinedRow[]) => {
    for (const [i, row] of rows.entries()) {
      if (i % ROWS_AT_ONCE === 0) await turns.yieldIfLong();
      const span = toSpan(row, store);
      spans.get(span.traceId)?.set(span.spanId, span);
      if (row.row_trace_id != null && !traceRows.has(span.traceId)) traceRows.set(span.traceId, traceRowOf(row));
    }
  };
  for (let at = 0; at < traceIds.length; at += TRACES_AT_ONCE) {
    const ofTraces = isAnyOf(raw('s.trace_id'), traceIds.slice(at, at + TRACES_AT_ONCE));
    if (rowsApart) {
      const some = traceIds.slice(at, at + TRACES_AT_ONCE);
      for (const row of await loadTraceRows(store, some, [])) traceRows.set(String(row.trace_id), row);
    }
    const first = await load(store, sql`${ofTraces} limit ${SPANS_AT_ONCE + 1}`, narrowColumns(store));
    let length = fittingLength(store, first.length);
    await keep(first);
    if (first.length <= SPANS_AT_ONCE) continue;
    // Ids first, then rows by key: no statement has to sort or skip what another one read.
    const ids = await store.all<{span_id: unknown; trace_id: unknown}>(sql`
select s.span_id, s.trace_id
  from ${table('spans')} s
 where ${ofTraces}`);
    const unread = ids.filter(row => !spans.get(String(row.trace_id))?.has(String(row.span_id)));
    // A span that was sent twice is read once.
    const rest = [...new Set(unread.map(row => String(row.span_id)))];
    const ofThese = inTraces(traceIds.slice(at, at + TRACES_AT_ONCE));
    for (let from = 0; from < rest.length; ) {
      const isOne = isAnyOf(raw('s.span_id'), rest.slice(from, from + length));
      const rows = await load(store, sql`${isOne}${ofThese}`, narrowColumns(store));
      from += length;
      length = fittingLength(store, length);
      await keep(rows);
    }
  }
  return traceIds
    .map(traceId => ({traceId, row: traceRows.get(traceId) ?? null, spans: [...spans.get(traceId)!.values()]}))
    .filter(trace => trace.spans.length > 0);
}

/** How many spans the next statement may read, from the time of the last one and its number of spans. */
function fittingLength(store: Store, length: number): number {
  if (!store.answersInCall) return SPANS_AT_ONCE;
  const fitting = Math.floor((length * FITTING_MS) / Math.max(store.lastStatementMs, 1));
  return Math.max(FEWEST_AT_ONCE, Math.min(SPANS_AT_ONCE, fitting));
}

const TRACE_COLUMNS = REQUIRED_COLUMNS.traces satisfies readonly (keyof TraceRow)[];

/**
 * A span beside its trace's row, whose columns have the prefix `row_`. One statement reads both, so both are from the
 * same moment.
 */
type JoinedRow = SpanRow & {[column in `row_${keyof TraceRow}`]?: unknown};

function traceRowOf(row: JoinedRow): TraceRow {
  return Object.fromEntries(TRACE_COLUMNS.map(column => [column, row[`row_${column}`]])) as unknown as TraceRow;
}

async function loadRows(store: Store, where: Sql, columns: Sql): Promise<JoinedRow[]> {
  if (TRAITS[store.dialect].hasPartialTraceRows) return withTraceRows(store, await loadSpanRows(store, where, columns));
  return store.all<JoinedRow>(sql`
select ${columns},
       ${raw(TRACE_COLUMNS.map(column => `t.${column} as row_${column}`).join(', '))}
  from ${table('spans')} s
  left join ${table('traces')} t on t.trace_id = s.trace_id
 where ${where}`);
}

function loadSpanRows(store: Store, where: Sql, columns: Sql): Promise<JoinedRow[]> {
  return store.all<JoinedRow>(sql`
select ${columns}
  from ${table('spans')} s
 where ${where}`);
}

/** Spans with the rows of their traces, which have to be merged first. */
async function withTraceRows(store: Store, rows: readonly JoinedRow[]): Promise<JoinedRow[]> {
  if (rows.length === 0) return [];
  const traceIds = [...new Set(rows.map(row => String(row.trace_id)))];
  const starts = rows.map(row => row.start_time);
  const found = new Map((await loadTraceRows(store, traceIds, starts)).map(row => [String(row.trace_id), row]));
  return rows.map(row => {
    const ofTrace = found.get(String(row.trace_id));
    return ofTrace
      ? {...row, ...Object.fromEntries(TRACE_COLUMNS.map(column => [`row_${column}`, ofTrace[column]]))}
      : row;
  });
}

/** ClickHouse cannot find a span by its id; its table is sorted by trace id. */
export function inTraces(traceIds: readonly string[] | undefined): Sql {
  return traceIds === undefined ? EMPTY : andOnClickhouse(isAnyOf(raw('s.trace_id'), traceIds));
}

/**
 * Reads only these spans, with the same narrow columns as `loadTraces`, and the current rows of their traces. Deleted
 * spans are left out.
 * @returns traces in the order in which `spanIds` first names them; spans by start, then id
 */
export async function loadNewSpans(
  store: Store,
  spanIds: readonly string[],
  {traceIds}: Pick<WholeOptions, 'traceIds'> = {},
): Promise<LoadedTrace[]> {
  const rows = new Map<string, JoinedRow>();
  for (let at = 0; at < spanIds.length; at += SPANS_AT_ONCE) {
    const some = spanIds.slice(at, at + SPANS_AT_ONCE);
    for (const row of await loadRows(
      store,
      sql`${isAnyOf(raw('s.span_id'), some)}${inTraces(traceIds)}`,
      narrowColumns(store),
    ))
      rows.set(String(row.span_id), row);
  }
  const traces = new Map<string, {row: TraceRow | null; spans: Span[]}>();
  const turns = new Turns();
  for (const spanId of spanIds) {
    const row = rows.get(spanId);
    if (!row) continue;
    await turns.yieldIfLong();
    const span = toSpan(row, store);
    const trace = traces.get(span.traceId) ?? {row: null, spans: []};
    if (row.row_trace_id != null) trace.row = traceRowOf(row);
    trace.spans.push(span);
    traces.set(span.traceId, trace);
  }
  return [...traces].map(([traceId, {row, spans}]) => ({traceId, row, spans: spans.sort(byStart)}));
}

/** The ids of all spans of these traces, without their contents. */
export async function loadSpanIds(store: Store, traceIds: readonly string[]): Promise<string[]> {
  const ids: string[] = [];
  for (let at = 0; at < traceIds.length; at += TRACES_AT_ONCE) {
    const rows = await store.all<{span_id: unknown}>(sql`
select s.span_id
  from ${table('spans')} s
 where ${isAnyOf(raw('s.trace_id'), traceIds.slice(at, at + TRACES_AT_ONCE))}`);
    for (const row of rows) ids.push(String(row.span_id));
  }
  return ids;
}

/** As `loadNewSpans`, without the rows of their traces; in the order of `spanIds`. */
export async function loadNarrowSpans(
  store: Store,
  spanIds: readonly string[],
  {traceIds}: Pick<WholeOptions, 'traceIds'>,
): Promise<Span[]> {
  if (spanIds.length === 0) return [];
  const isOne = sql`${isAnyOf(raw('s.span_id'), spanIds)}${inTraces(traceIds)}`;
  const rows = new Map((await loadSpanRows(store, isOne, narrowColumns(store))).map(row => [String(row.span_id), row]));
  return spanIds.flatMap(id => (rows.has(id) ? [toSpan(rows.get(id)!, store)] : []));
}

function byStart(a: Span, b: Span): number {
  const start = (span: Span) => span.startMicros ?? 0;
  return start(a) - start(b) || (a.spanId < b.spanId ? -1 : 1);
}

interface WholeOptions extends Pick<ToSpanOptions, 'quick'> {
  /** A test on a span `s`: only spans that pass it. */
  readonly test?: Sql;
  /** The traces that hold them, if known. */
  readonly traceIds?: readonly string[];
}

/** Reads single spans with everything they hold. */
export async function loadSpans(
  store: Store,
  spanIds: readonly string[],
  {test, quick, traceIds}: WholeOptions = {},
): Promise<Span[]> {
  if (spanIds.length === 0) return [];
  const isOne = sql`${isAnyOf(raw('s.span_id'), spanIds)}${inTraces(traceIds)}`;
  const rows = await loadSpanRows(store, test ? sql`${isOne} and (${test})` : isOne, raw('s.*'));
  return distinct(rows).map(row => toSpan(row, {whole: true, quick}));
}

/** Each span once, however often it was sent. */
export function distinct<Row extends Pick<SpanRow, 'trace_id' | 'span_id'>>(rows: readonly Row[]): Row[] {
  return [...new Map(rows.map(row => [`${row.trace_id} ${row.span_id}`, row])).values()];
}

/** Reads complete spans in small groups: of a large trace, only one group's payload is in memory. */
export async function* loadWhole(
  store: Store,
  spanIds: readonly string[],
  options: WholeOptions = {},
): AsyncGenerator<Span> {
  for (let at = 0; at < spanIds.length; at += WHOLE_AT_ONCE) {
    const some = spanIds.slice(at, at + WHOLE_AT_ONCE);
    const found = new Map((await loadSpans(store, some, options)).map(span => [span.spanId, span]));
    for (const id of some) if (found.has(id)) yield found.get(id)!;
  }
}
const WHOLE_AT_ONCE = 50;
