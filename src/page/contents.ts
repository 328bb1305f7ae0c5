import type {Json} from '../trace/json.ts';
import type {RunRecord} from '../trace/record.ts';
import type {SpanRecord} from '../trace/span-record.ts';

/*
 * What a page holds, in blocks of JSON: the program writes them (`document.ts`), the script of the page reads them
 * (`browser/data.ts`). Of runs there is one block each, and contents of spans lie in blocks of their own, read when they are
 * looked at.
 */

/** The last block: what the page is about, and where the rest is. */
export interface PageContents {
  readonly schema: 'agno-trace/page/1';
  /** Of the program. */
  readonly version: string;
  /** When it was written, ISO. */
  readonly written: string | null;
  /** What a reader must know to read it right. */
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
  /** Its block. */
  readonly block: number;
}

export interface PageRun {
  readonly record: RunRecord;
  readonly title: string;
  readonly glyph: string;
  /** Label and text, the most wanted first. */
  readonly facts: readonly (readonly [string, string])[];
  /** What a reader would otherwise wonder about, and where the time went. */
  readonly notes: readonly string[];
  /** Stretch of time that bars stand in, microseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** Keys of the rows. */
  readonly fields: readonly string[];
  /** Values of each row, in the order of `fields`. */
  readonly rows: readonly (readonly unknown[])[];
  /** Blocks of contents: number of the block, and the contents before it. */
  readonly contents: readonly (readonly [number, number])[];
}

/** A row of the tree: the span as `show --json` has it, and what its drawing needs. */
export interface PageRow extends SpanRecord {
  /** What a person calls it. */
  readonly label: string;
  /** Of a tool its arguments, of a failure its message, cut. */
  readonly preview: string | null;
  readonly glyph: string | null;
  /** Own time on the critical path. */
  readonly criticalMs: number | null;
  /** Of its bar, microseconds after `from` of the run; null: not known. */
  readonly barFrom: number | null;
  readonly barTo: number | null;
  /** It has not ended. */
  readonly open: boolean;
  /** The span of a run: an agent, a team, a workflow. */
  readonly isRun: boolean;
  /** Which of the contents is its own; null: nothing is stored, or it is left out. */
  readonly content: number | null;
  /** Of a call without a span what messages tell of it. */
  readonly told: {readonly arguments: string | null; readonly result: string | null} | null;
}

/** Keys of a row beside those of its record. */
export const ROW_FIELDS = [
  ...['label', 'preview', 'glyph', 'criticalMs', 'barFrom', 'barTo', 'open', 'isRun', 'content', 'told'],
] as const;

/** All that is stored of a span. */
export interface PageContent {
  readonly attributes: {readonly [key: string]: Json};
  readonly openInferenceKind: string | null;
  readonly otelKind: string;
  readonly createdTime: string | null;
  /** The text of the attributes where reading it lost something. */
  readonly unreadAttributes: string | null;
  readonly statusMessage: string | null;
  readonly problems: readonly string[];
}
