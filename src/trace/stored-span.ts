import {type ExactAttributes, parseAttributesExactly} from './attributes.ts';
import {asText} from './cell.ts';
import {type SpanRow, toSpan} from './span.ts';
import {unixNanos} from './time.ts';

/** A time as stored: its text, and nanoseconds since 1970; null if it is not a time. */
export interface StoredTime {
  readonly text: string;
  readonly nanos: bigint | null;
}

/** A complete row of the spans table, for export: nothing is rounded, cut or judged. */
export interface StoredSpan {
  readonly spanId: string;
  readonly traceId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly otelKind: string;
  readonly statusCode: string;
  readonly statusMessage: string | null;
  readonly start: StoredTime;
  readonly end: StoredTime;
  readonly created: StoredTime;
  readonly attributes: ExactAttributes;
  /** The text of the attributes if parsing it lost something: it is cut off, repeats keys, or is not a JSON object. */
  readonly unreadAttributes: string | null;
  /** What was wrong with the row, in words. */
  readonly problems: readonly string[];
  /** Approximate size of the stored attributes. */
  readonly bytes: number;
}

/** Problems without loss: the parsed value still has everything. */
const HARMLESS = /contains integers|contains numbers|starts with a byte order mark|were encoded twice|are empty$/;
const OF_ATTRIBUTES = /^attributes /;

/** Never throws: unreadable values are null and named in `problems`. */
export function toStoredSpan(row: SpanRow): StoredSpan {
  const {attributes, problems} = parseAttributesExactly(row.attributes);
  const text = asText(row.attributes);
  const isLossy = problems.some(problem => !HARMLESS.test(problem));
  return {
    spanId: asText(row.span_id) ?? '',
    traceId: asText(row.trace_id) ?? '',
    parentSpanId: asText(row.parent_span_id) || null,
    name: asText(row.name) ?? '',
    otelKind: asText(row.span_kind) ?? '',
    statusCode: asText(row.status_code) ?? '',
    statusMessage: asText(row.status_message) || null,
    start: storedTime(row.start_time),
    end: storedTime(row.end_time),
    created: storedTime(row.created_at),
    attributes,
    unreadAttributes: isLossy ? text : null,
    problems: [
      ...problems,
      // Times and their order are judged as everywhere else.
      ...toSpan({...row, attributes: null}).problems.filter(problem => !OF_ATTRIBUTES.test(problem)),
    ],
    bytes: (text?.length ?? 0) + ROW_BYTES,
  };
}
/** Size of a row without attributes, bytes. */
const ROW_BYTES = 400;

function storedTime(cell: unknown): StoredTime {
  const text = asText(cell) ?? '';
  return {text, nanos: unixNanos(cell instanceof Uint8Array ? text : cell)};
}
