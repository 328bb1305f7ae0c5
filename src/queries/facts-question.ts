import type {Relations} from '../facts/relations.ts';
import type {Sql} from '../sql/sql.ts';
import type {Cell, Column} from '../table/table.ts';

/** What a question over the facts is asked with, parsed. */
export interface FactsInput extends Relations {
  /** One of `by`; empty where it has none. */
  readonly by: string;
  /** Length of a stretch of time, microseconds; null: not split by time. `bucket` of the relations is its start. */
  readonly everyMicros: number | null;
  readonly nowMicros: number;
}

export type FactsRow = Readonly<Record<string, Cell>>;

/**
 * One canned question over many runs: a file in `queries/canned/` is a subcommand of the same name. It is written once, in
 * SQLite's dialect, over the facts (`facts/schema.ts`, `facts/relations.ts`).
 */
export interface FactsQuestion {
  readonly summary: string;
  /** Two command lines, with what they answer. */
  readonly examples: readonly {readonly line: string; readonly answer: string}[];
  /** What rows can be grouped by; the first is the default. Absent: its rows are what they are. */
  readonly by?: readonly string[];
  /** True where rows can be split by time (`--every 1h`); the column `time` then holds the start of a stretch, micros. */
  readonly every?: boolean;
  /** Flags of its own: `--min-calls <n>`, … Values arrive in `flags`. */
  readonly flags?: Readonly<
    Record<string, {readonly flag: string; readonly description: string; readonly default?: string}>
  >;
  /**
   * Keys are the names of the statement's columns and of the JSON. Unit `time`: microseconds in the statement, ISO in the
   * JSON; `usd`: a number.
   */
  readonly columns: Readonly<Record<string, Column>>;
  /** Column that rows are sorted by unless told otherwise, largest first; text columns smallest first. */
  readonly sort: string;
  /** Said below the answer: how to read its figures. */
  readonly note: string;
  /** The statement whose rows are the answer; sorting and limiting are done with it elsewhere. */
  readonly sql: (input: FactsInput, flags: Readonly<Record<string, string | undefined>>) => Sql;
}

export function defineFactsQuestion(question: FactsQuestion): FactsQuestion {
  return question;
}
