import {attribute, hasAttribute, time} from '../sql/fragments.ts';
import {either, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {KEY} from '../trace/attributes.ts';
import {formToldBy, isOpen, type PromptForm, withClientCounts, withForm} from '../trace/prompt-tokens.ts';
import type {Span} from '../trace/span.ts';
import {isoTime, parseTime} from '../trace/time.ts';

/** How many model calls of a day are examined for what they prove: the first ones, by the index on the start. */
const CALLS_A_DAY = 1000;

const DAY_MICROS = 86_400_000_000;

/** Calls that prove a form, by their time. */
type Told = readonly {readonly form: PromptForm; readonly micros: number}[];

/** By provider and day. Each store is queried once, so that all of its answers agree. */
const toldIn = new WeakMap<Store, Map<string, Promise<Told>>>();

/**
 * The spans of one trace, with cached tokens correctly included in their prompt tokens. A span's own counts, the
 * client library's span below it, or another call of the same provider on the same day show whether the stored count
 * includes them; otherwise the figure stays an estimate.
 * @param around spans of the trace that were read before
 */
export async function withPromptForms(
  store: Store,
  spans: readonly Span[],
  around: Iterable<Span> = [],
): Promise<readonly Span[]> {
  if (!spans.some(isOpen)) return spans;
  const known = withClientCounts(spans, around);
  const forms = new Map<Span, PromptForm>();
  for (const span of known) {
    const {provider, startMicros} = span;
    if (!isOpen(span) || provider === null || startMicros === null) continue;
    const told = await toldOf(store, provider, Math.floor(startMicros / DAY_MICROS));
    const form = nearest(told, startMicros);
    if (form) forms.set(span, form);
  }
  return forms.size === 0 ? known : known.map(span => withForm(span, forms.get(span)));
}

/** On the day of an Agno upgrade both forms occur. */
function nearest(told: Told, micros: number): PromptForm | undefined {
  const distance = (one: Told[number]) => Math.abs(one.micros - micros);
  return told.reduce<Told[number] | undefined>(
    (best, one) => (best && distance(best) <= distance(one) ? best : one),
    undefined,
  )?.form;
}

/** @param day days since 1970 */
function toldOf(store: Store, provider: string, day: number): Promise<Told> {
  const known = toldIn.get(store) ?? new Map<string, Promise<Told>>();
  toldIn.set(store, known);
  const key = `${day} ${provider}`;
  const told = known.get(key) ?? loadTold(store, provider, day);
  known.set(key, told);
  return told;
}

async function loadTold(store: Store, provider: string, day: number): Promise<Told> {
  const dateOf = (one: number) => isoTime(one * DAY_MICROS)!.slice(0, 10);
  // Elsewhere the index on the parent finds them; a join on ClickHouse reads its whole right side first.
  const clientSpans = sql`(
    select s.parent_span_id, s.attributes
      from ${table('spans')} s
     where s.start_time >= ${time(dateOf(day - 1))} and s.start_time < ${time(dateOf(day + 2))} and ${hasAttribute('s', KEY.clientInputTokens)})`;
  const rows = await store.all<Record<'start' | 'prompt' | 'cached' | 'written' | 'input', unknown>>(sql`
select c.start_time as start, ${attribute('c', KEY.promptTokens)} as prompt, ${attribute('c', KEY.cachedTokens)} as cached,
       ${attribute('c', KEY.cacheWriteTokens)} as written, ${attribute('b', KEY.clientInputTokens)} as input
  from (
    select s.span_id, s.start_time, s.attributes
      from ${table('spans')} s
     where s.start_time >= ${time(dateOf(day))} and s.start_time < ${time(dateOf(day + 1))} and s.name like '%invoke%'
     order by s.start_time
     limit ${CALLS_A_DAY}
  ) c
  left join ${either({sqlite: table('spans'), postgres: table('spans'), clickhouse: clientSpans})} b on b.parent_span_id = c.span_id and ${attribute('b', KEY.clientInputTokens)} is not null
 where ${attribute('c', KEY.provider)} = ${provider}
   and coalesce(${attribute('c', KEY.cachedTokens)}, ${attribute('c', KEY.cacheWriteTokens)}) is not null`);
  return rows.flatMap(({start, prompt, cached, written, input}) => {
    const form = formToldBy({
      promptTokens: numberOf(prompt),
      cachedTokens: numberOf(cached),
      cacheWriteTokens: numberOf(written),
      clientInputTokens: numberOf(input),
    });
    return form === null ? [] : [{form, micros: parseTime(start) ?? 0}];
  });
}

function numberOf(value: unknown): number | null {
  return value === null || !Number.isFinite(Number(value)) ? null : Number(value);
}
