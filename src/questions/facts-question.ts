import type {Relations} from '../facts/relations.ts';
import type {Sql} from '../sql/sql.ts';
import type {Column} from '../table/table.ts';

/** What a question over the facts is asked with, parsed. */
export interface FactsInput extends Relations {
  /** One of `by`; empty where it has none. */
  readonly by: string;
  /** Length of a stretch of time, microseconds; null: not split by time. `bucket` of the relations is its start. */
  readonly everyMicros: number | null;
  /** What rows are grouped by beside their keys, and have as `time`: `bucket`, or the same for all when not split by time. */
  readonly stretch: Sql;
  readonly nowMicros: number;
  /** Values of the question's own flags that are lengths of time, microseconds. */
  readonly lengths: Readonly<Record<string, number>>;
}

type Flags = Readonly<Record<string, string | undefined>>;

/**
 * One canned question over many runs: a file in `questions/` is a subcommand of the same name. It is written once, in
 * SQLite's dialect, over the facts (`facts/schema.ts`, `facts/relations.ts`).
 */
export interface FactsQuestion {
  /** Two command lines, with what they answer. */
  readonly examples: readonly {readonly line: string; readonly answer: string}[];
  /** What rows can be grouped by; the first is the default. Absent: its rows are what they are. */
  readonly by?: readonly string[];
  /** True where rows can be split by time (`--every 1h`): then they have `time`, the start of a stretch, microseconds. */
  readonly every?: boolean;
  /** Flags of its own: `--min-calls <n>`, … Values arrive in `flags`. */
  readonly flags?: Readonly<
    Record<
      string,
      {
        readonly flag: string;
        readonly description: string;
        readonly default?: string;
        /** A length of time: its value is in `lengths`, microseconds. */
        readonly isLength?: boolean;
      }
    >
  >;
  /**
   * Keys are the names of the statement's columns and of the JSON. Units `time` and `stretch`: microseconds in the statement,
   * ISO in the JSON; `flag`: 1 and 0, true and false in the JSON.
   */
  readonly columns: Readonly<Record<string, Column>>;
  /** Column that rows are sorted by unless told otherwise, largest first; text columns smallest first. */
  readonly sort: string;
  /** Column that settles ties, largest first, before the texts of a row do. */
  readonly thenBy?: string;
  /** Said below the answer: how to read its figures. */
  readonly note: string;
  /** The statement whose rows are the answer; sorting and limiting are done with it elsewhere. */
  readonly sql: (input: FactsInput, flags: Flags) => Sql;
  /**
   * What is drawn over time on a terminal: at the end of each row, and above them with `--every`. The statement has the
   * columns of `keys`, `time` and `value`, which adds up.
   */
  readonly trend?: {
    readonly column: string;
    readonly keys: readonly string[];
    readonly sql: (input: FactsInput) => Sql;
  };
  /**
   * Rows of several sorts, told apart by their column `section`: each is a table of its own with some of the columns, in
   * this order, and the limit holds for each.
   */
  readonly sections?: Readonly<Record<string, {readonly label: string; readonly columns: readonly string[]}>>;
}

export function defineFactsQuestion(question: FactsQuestion): FactsQuestion {
  return question;
}

const TIME: Column = {label: 'TIME', unit: 'stretch', description: 'start of the stretch of time, with --every'};

/** The columns of an answer: split by time it begins with `time`. */
export function columnsOfAnswer({columns}: FactsQuestion, isSplit: boolean): FactsQuestion['columns'] {
  const {time, ...rest} = columns;
  return isSplit ? {time: {...(time ?? TIME), unit: 'stretch'}, ...rest} : rest;
}
