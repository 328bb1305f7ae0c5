import {grossCounts} from '../../src/trace/prompt-tokens.ts';
import type {Span} from '../../src/trace/span.ts';
import {toSpan} from '../../src/trace/span.ts';

/** A model call of 1,000 in and 100 out on 2026-11-22, with what the test says of it. */
export function call(known: Partial<Span>): Span {
  const row = {
    span_id: 'a',
    trace_id: 't',
    parent_span_id: null,
    name: 'OpenAIChat.invoke',
    span_kind: 'INTERNAL',
    status_code: 'OK',
    status_message: null,
    start_time: '2026-11-22T07:00:00+00:00',
    end_time: '2026-11-22T07:00:01+00:00',
    duration_ms: 1000,
    created_at: '2026-11-22T07:00:01+00:00',
    attributes: JSON.stringify({
      'openinference.span.kind': 'LLM',
      'llm.token_count.prompt': 1000,
      'llm.token_count.completion': 100,
    }),
  };
  const span = {...toSpan(row), ...known};
  return {...span, ...grossCounts(span)};
}
