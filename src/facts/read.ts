import type {Prices} from '../prices/prices.ts';
import {judgeTraces} from '../runs/load.ts';
import {inTraces, loadSpans, loadTraces} from '../runs/spans.ts';
import {attribute, charLength, isAnyOf} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY, textOf} from '../trace/attributes.ts';
import {parseJson} from '../trace/json.ts';
import {PATIENCE} from '../trace/runs.ts';
import {PREVIEW_LIMITS, type Span} from '../trace/span.ts';
import {codePoints, factsOf, type Payload, type TraceFacts} from './rows.ts';

interface ReadOptions {
  readonly prices: Prices;
  readonly salt: string;
}

/**
 * Reads traces and computes their facts; ids without spans get empty facts. Uses short statements and holds no lock.
 * @returns in the order of `traceIds`
 */
export async function readFacts(
  store: Store,
  traceIds: readonly string[],
  {prices, salt}: ReadOptions,
): Promise<TraceFacts[]> {
  const loaded = await loadTraces(store, traceIds, {rowsApart: true});
  const payloads = await loadPayloads(
    store,
    loaded.flatMap(trace => trace.spans),
  );
  const nowMicros = store.nowMicros();
  const found = new Map<string, TraceFacts>();
  for (const judged of await judgeTraces(store, loaded, {patience: PATIENCE, prices}))
    found.set(judged.trace.traceId, factsOf(judged, {salt, payloads, nowMicros, asks: store.asks ?? []}));
  return traceIds.map(
    traceId => found.get(traceId) ?? {traceId, hasRow: false, settlesMicros: null, runs: [], attributes: [], spans: []},
  );
}

/** Longer texts arrive as head and tail (`PREVIEW_LIMITS`), with one character between. */
const CUT = PREVIEW_LIMITS.head + PREVIEW_LIMITS.tail + 1;
const isCut = (text: string | null): boolean => text !== null && text.length >= CUT && codePoints(text) === CUT;
const ROWS_AT_ONCE = 500;

/** Data that the narrow rows lack: the lengths of long texts, and how many documents a retrieval found. */
async function loadPayloads(store: Store, spans: readonly Span[]): Promise<Map<string, Payload>> {
  const payloads = new Map<string, Payload>();
  const traceIds = [...new Set(spans.map(span => span.traceId))];
  const long: string[] = [];
  const whole: string[] = [];
  for (const span of spans) {
    if (span.kind === 'retrieval' && (isCut(span.output) || span.openInferenceKind !== 'TOOL')) whole.push(span.spanId);
    else if (span.kind === 'retrieval')
      payloads.set(span.spanId, {outputChars: null, argumentsChars: null, documents: documentsIn(span.output)});
    else if (span.openInferenceKind === 'TOOL' && (isCut(span.output) || isCut(span.toolArguments)))
      long.push(span.spanId);
  }
  for (let at = 0; at < long.length; at += ROWS_AT_ONCE) {
    const rows = await store.all<{span_id: unknown; output: number | null; arguments: number | null}>(sql`
select s.span_id, ${charLength(attribute('s', KEY.output))} as output, ${charLength(attribute('s', KEY.toolParameters))} as arguments
  from ${table('spans')} s
 where ${isAnyOf(raw('s.span_id'), long.slice(at, at + ROWS_AT_ONCE))}${inTraces(traceIds)}`);
    for (const row of rows)
      payloads.set(String(row.span_id), {outputChars: row.output, argumentsChars: row.arguments, documents: null});
  }
  for (let at = 0; at < whole.length; at += ROWS_AT_ONCE) {
    for (const span of await loadSpans(store, whole.slice(at, at + ROWS_AT_ONCE), {traceIds})) {
      const numbered = Object.keys(span.attributes ?? {}).flatMap(
        key => /^retrieval\.documents\.(\d+)\./.exec(key)?.[1] ?? [],
      );
      payloads.set(span.spanId, {
        outputChars: span.output === null ? null : codePoints(span.output),
        argumentsChars: span.attributes ? (textOf(span.attributes, KEY.toolParameters)?.length ?? null) : null,
        documents: numbered.length > 0 ? new Set(numbered).size : documentsIn(span.output),
      });
    }
  }
  return payloads;
}

/** Agno's search tools return a JSON list; YAML lists begin each document with `- `. Null: it is neither. */
function documentsIn(output: string | null): number | null {
  if (output === null) return null;
  const value = parseJson(output)?.value;
  if (Array.isArray(value)) return value.length;
  const items = output.match(/^- /gm);
  if (items) return items.length;
  return /^No documents found/i.test(output.trim()) ? 0 : null;
}
