import type {DrawnSpan, ShownRun} from '../../trace/drawn-spans.ts';
import type {RunRecord} from '../../trace/record.ts';
import type {SpanRecord} from '../../trace/span-record.ts';
import type {StoredSpan} from '../../trace/stored-span.ts';

/** A run, cleaned. */
export interface WrittenRun {
  readonly shown: ShownRun;
  readonly record: RunRecord;
}

/** A span, cleaned: the stored one, and what was found out about it. */
export interface WrittenSpan {
  /** Its row in the run, not cleaned. */
  readonly row: DrawnSpan;
  readonly stored: StoredSpan;
  readonly record: () => SpanRecord;
  /** What a person calls it. */
  readonly name: () => string;
}

/** An export format; each run is followed by its spans. */
export interface ExportWriter {
  run(run: WrittenRun): Promise<void>;
  span(span: WrittenSpan): Promise<void>;
  end(): Promise<void>;
}
