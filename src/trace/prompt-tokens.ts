import type {Span} from './span.ts';

/**
 * Whether a provider's prompt count includes the tokens read from and written to its cache (`gross`) or not (`net`).
 */
export type PromptForm = 'gross' | 'net';

/** The counts of a call's prompt, as stored. */
type Prompt = Pick<Span, 'promptTokens' | 'cachedTokens' | 'cacheWriteTokens'>;

interface Counts extends Prompt {
  readonly completionTokens: number | null;
  /** `llm.token_count.total`; it includes cached tokens if the prompt's count does. */
  readonly statedTotalTokens: number | null;
}

/** The counts including cached tokens, whatever the provider leaves out. */
export interface GrossCounts {
  /** The prompt, including tokens read from and written to the provider's cache. */
  readonly grossPromptTokens: number | null;
  /** Neither the call nor its neighbours show which form the stored count has. */
  readonly grossPromptEstimated: boolean;
  readonly totalTokens: number | null;
}

/**
 * Providers, as Agno spells them, whose prompt count excludes cached tokens. The APIs of Anthropic and Bedrock count
 * that way, and Agno passes their counts on unchanged (models/anthropic/claude.py, models/aws/bedrock.py), until one
 * of its versions does not. All other providers include them.
 */
const LEAVES_CACHE_OUT: ReadonlySet<string> = new Set(['Anthropic', 'AwsBedrock', 'VertexAI', 'AzureFoundry']);

type Call = Counts & Pick<Span, 'provider'>;

const cacheOf = ({cachedTokens, cacheWriteTokens}: Prompt): number => (cachedTokens ?? 0) + (cacheWriteTokens ?? 0);

/** What the counts alone prove: a prompt is never smaller than its parts. Null: they prove nothing. */
function provenForm(call: Prompt): PromptForm | null {
  return call.promptTokens !== null && call.promptTokens < cacheOf(call) ? 'net' : null;
}

/** From the counts and the provider alone. */
export function grossCounts(call: Call): GrossCounts {
  const proven = provenForm(call);
  if (proven !== null || cacheOf(call) === 0) return inForm(call, proven ?? 'gross');
  const isNet = call.provider !== null && LEAVES_CACHE_OUT.has(call.provider);
  return inForm(call, isNet ? 'net' : 'gross', isNet && call.promptTokens !== null);
}

function inForm(call: Counts, form: PromptForm, isEstimate = false): GrossCounts {
  const {promptTokens, completionTokens, statedTotalTokens: stated} = call;
  const gross = promptTokens === null ? null : promptTokens + (form === 'net' ? cacheOf(call) : 0);
  const total = gross === null || completionTokens === null ? null : gross + completionTokens;
  return {
    grossPromptTokens: gross,
    grossPromptEstimated: isEstimate,
    // A total that already includes everything is the provider's own figure.
    totalTokens:
      stated === null || total === null || stated >= total ? (stated ?? total) : stated + gross! - promptTokens!,
  };
}

/** The form that the client library's span below the call shows (`gen_ai.usage.input_tokens`); null: none. */
function formByClient(call: Prompt, inputTokens: number): PromptForm | null {
  if (call.promptTokens === null || cacheOf(call) === 0) return null;
  if (inputTokens === call.promptTokens) return provenForm(call) ?? 'gross';
  return inputTokens > call.promptTokens ? 'net' : null;
}

/** Maximum number of spans between a model call and the client's span that counts its tokens. */
const CLIENT_DEPTH = 5;

/**
 * The spans of a trace, with the counts of their model calls corrected by the client libraries' spans below them.
 * @param around spans of the trace that were read before
 */
export function withClientCounts(spans: readonly Span[], around: Iterable<Span> = []): readonly Span[] {
  if (!spans.some(isOpen)) return spans;
  const byId = new Map([...around, ...spans].map(span => [span.spanId, span]));
  const forms = new Map<string, PromptForm>();
  for (const {clientInputTokens, parentSpanId} of byId.values()) {
    if (clientInputTokens === null) continue;
    let up = parentSpanId === null ? undefined : byId.get(parentSpanId);
    for (let i = 0; up && up.promptTokens === null && i < CLIENT_DEPTH; i++) up = byId.get(up.parentSpanId ?? '');
    const form = up ? formByClient(up, clientInputTokens) : null;
    if (form) forms.set(up!.spanId, form);
  }
  return forms.size === 0 ? spans : spans.map(span => withForm(span, forms.get(span.spanId)));
}

/** Only other calls can show which form its prompt count has. */
export function isOpen(span: Span): boolean {
  return span.grossPromptEstimated;
}

export function withForm(span: Span, form: PromptForm | undefined): Span {
  return form === undefined || !isOpen(span) ? span : {...span, ...inForm(span, form)};
}

/** The form that a call proves for other calls of its provider; null: it proves nothing. */
export function formToldBy(call: Prompt & {readonly clientInputTokens: number | null}): PromptForm | null {
  const {clientInputTokens: input} = call;
  return (input === null ? null : formByClient(call, input)) ?? provenForm(call);
}
