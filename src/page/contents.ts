import type {Json} from '../trace/json.ts';
import type {RunRecord} from '../trace/record.ts';
import type {SpanRecord} from '../trace/span-record.ts';

/*
 * The contents of a page, in blocks of JSON: the program writes them (`document.ts`), the script of the page reads
 * them (`browser/data.ts`). Each run has one block; contents of spans are in blocks of their own, which are read when
 * a span is opened.
 */

/** The last block: a summary of the page, and where everything else is. */
export interface PageContents {
  readonly schema: 'agno-trace/page/1';
  /** Version of the program. */
  readonly version: string;
  /** When it was written, ISO. */
  readonly written: string | null;
  /** What a reader must know to interpret it. */
  readonly notes: readonly string[];
  readonly runs: readonly PageEntry[];
}

/** A run in the list of a page. */
export interface PageEntry {
  readonly record: RunRecord;
  readonly title: string;
  readonly cost: string;
  readonly took: string;
  readonly started: string;
  /** Number of its block. */
  readonly block: number;
}

/** The only block of a page with the answer to a question. */
export interface PageAnswer {
  readonly schema: 'agno-trace/answer-page/1';
  readonly version: string;
  readonly written: string | null;
  /** The question, and how it is to be read. */
  readonly title: string;
  readonly notes: readonly string[];
  readonly tables: readonly PageTable[];
  readonly plot: PagePlot | null;
}

export interface PageTable {
  readonly columns: readonly {readonly label: string; readonly isNumber: boolean}[];
  readonly rows: readonly (readonly string[])[];
  /** For each row a figure over time; null: the table has none. */
  readonly trend: {readonly label: string; readonly lines: readonly (readonly (number | null)[])[]} | null;
}

/** A figure over time for the whole of an answer: columns for one line, else lines. */
export interface PagePlot {
  readonly label: string;
  /** Starts of the periods. */
  readonly periods: readonly string[];
  /** `texts`: the figures as people read them. */
  readonly lines: readonly {
    readonly name: string;
    readonly values: readonly (number | null)[];
    readonly texts: readonly string[];
  }[];
}

/** A run of a page, in a block of its own. */
export interface PageRun {
  readonly record: RunRecord;
  readonly title: string;
  readonly glyph: string;
  /** Label and text, the most important first. */
  readonly facts: readonly (readonly [string, string])[];
  /** Things that a reader might otherwise wonder about, and where the time went. */
  readonly notes: readonly string[];
  /** The period that the bars cover, microseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** Keys of the rows. */
  readonly fields: readonly string[];
  /** Values of each row, in the order of `fields`. */
  readonly rows: readonly (readonly unknown[])[];
  /** Blocks of contents: number of the block, and how many contents come before it. */
  readonly contents: readonly (readonly [number, number])[];
}

/** A row of the tree: the span as in `show --json`, and the data for drawing it. */
export interface PageRow extends SpanRecord {
  /** What a person calls it. */
  readonly label: string;
  /** For a tool its arguments, for a failure its message, shortened. */
  readonly preview: string | null;
  readonly glyph: string | null;
  /** Own time on the critical path. */
  readonly criticalMs: number | null;
  /** Start of its bar, microseconds after `from` of the run; null: unknown. */
  readonly barFrom: number | null;
  readonly barTo: number | null;
  /** It has not ended. */
  readonly open: boolean;
  /** The span of a run: an agent, a team, a workflow. */
  readonly isRun: boolean;
  /** Index of its contents; null: nothing is stored, or it is left out. */
  readonly content: number | null;
  /** For a call without a span, what messages report about it. */
  readonly told: {readonly arguments: string | null; readonly result: string | null} | null;
}

/** Keys of a row in addition to those of its record. */
export const ROW_FIELDS = [
  ...['label', 'preview', 'glyph', 'criticalMs', 'barFrom', 'barTo', 'open', 'isRun', 'content', 'told'],
] as const;

/** Everything stored for a span. */
export interface PageContent {
  readonly attributes: {readonly [key: string]: Json};
  readonly openInferenceKind: string | null;
  readonly otelKind: string;
  readonly createdTime: string | null;
  /** The text of the attributes if parsing it lost something. */
  readonly unreadAttributes: string | null;
  readonly statusMessage: string | null;
  readonly problems: readonly string[];
}
