import type {RunRecord} from '../trace/record.ts';
import type {SpanRecord} from '../trace/span-record.ts';
import type {StoredSpan} from '../trace/stored-span.ts';
import type {ContentFilter} from './content.ts';
import type {Redactor} from './redactor.ts';

/** Cleans a run before it leaves the program: first removes contents, then what patterns find. */
export class Cleaner {
  constructor(
    private readonly content: ContentFilter | null,
    private readonly redactor: Redactor | null,
  ) {}

  /** Takes a run; its spans come next. */
  run(record: RunRecord): RunRecord {
    this.redactor?.about([record]);
    return this.record(record);
  }

  span(span: StoredSpan): StoredSpan {
    const said = this.content ? this.content.span(span) : span;
    return this.redactor ? this.redactor.span(said) : said;
  }

  spanRecord(record: SpanRecord): SpanRecord {
    return this.record(record);
  }

  /** For one of our own names for something in the run. */
  text(text: string, place: string): string {
    return this.redactor ? this.redactor.text(text, place) : text;
  }

  private record<T extends RunRecord | SpanRecord>(record: T): T {
    const said = this.content ? this.content.record(record) : record;
    return this.redactor ? this.redactor.record(said) : said;
  }
}
