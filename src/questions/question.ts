import type {FactsOptions} from '../facts/facts.ts';
import type {Relations} from '../facts/relations.ts';
import type {Sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell, Column, Series} from '../table/table.ts';
import type {RunFilter} from '../trace/filter.ts';

/** What a question is asked with, parsed. */
export interface Ask {
  /** One of `by`; empty where it has none. */
  readonly by: string;
  /** Length of a stretch of time, microseconds; null: not split by time. */
  readonly everyMicros: number | null;
  readonly sort: {readonly column: string; readonly descending: boolean};
  /** Rows wanted; 0: all. */
  readonly limit: number;
  readonly filter: RunFilter;
  /** Values of the question's own flags, as typed; of those without a value whether they were. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  /** Of them those that are numbers, as `takes` has them. */
  readonly numbers: Readonly<Record<string, number>>;
  /** True: what the question draws over time is asked too. */
  readonly isDrawn: boolean;
}

export type AskOptions = Pick<FactsOptions, 'env' | 'cwd' | 'prices' | 'onProgress'>;

export interface Answer {
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** What the question draws over time; null: nothing. */
  readonly series: Series | null;
  /** What the answer covers, and how to read it. */
  readonly notes: readonly string[];
  /** How the facts were asked; null: the tables themselves gave the answer. */
  readonly facts: {
    readonly statements: readonly Sql[];
    /** Where they are kept; null: they were made for this question alone. */
    readonly path: string | null;
    /** How long it took to bring them up to date, and to answer from them, ms. */
    readonly currentMs: number;
    readonly answerMs: number;
  } | null;
  readonly nowMicros: number;
  /** There was nothing to answer from; absent: where there are no rows. */
  readonly isEmpty?: boolean;
  /** The command ends with exit code 7. */
  readonly differs?: boolean;
  /** Of pages: the cursor of the next one, null on the last; and the one for what follows so many rows. */
  readonly next?: string | null;
  readonly nextAfter?: (rows: number) => string | null;
}

/**
 * What a flag takes. As numbers: a length of time in microseconds, a count, a share from 0 to 1, US dollars, a moment in
 * microseconds. A list: one of these words.
 */
export type FlagValue = 'length' | 'count' | 'share' | 'usd' | 'moment' | readonly string[];

/** What the statements of a question are made of: the relations of the facts, and what was asked. */
export interface QuestionInput extends Relations, Omit<Ask, 'flags' | 'isDrawn'> {
  /** What rows are grouped by beside their keys, and have as `time`: `bucket` of the relations, or the same for all when not split by time. */
  readonly stretch: Sql;
  readonly nowMicros: number;
}

/**
 * One question: a file in `questions/` is a subcommand of the same name. It is written once, in SQLite's dialect, over the
 * facts (`facts/schema.ts`, `facts/relations.ts`).
 */
export interface Question {
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
        /** Absent: whatever was typed. */
        readonly takes?: FlagValue;
      }
    >
  >;
  /** @throws UserError for flags that say nothing, or too much, together */
  readonly checkFlags?: (flags: Ask['flags']) => void;
  /** The filter with the window that is asked about when none is said. */
  readonly window?: (filter: RunFilter, numbers: Ask['numbers'], nowMicros: number) => RunFilter;
  /** Formats beside those of every question. */
  readonly formats?: readonly 'junit'[];
  /**
   * Keys are the names of the statement's columns and of the JSON. Units `time` and `stretch`: microseconds in the statement,
   * ISO in the JSON; `flag`: 1 and 0, true and false in the JSON.
   */
  readonly columns: Readonly<Record<string, Column>>;
  /** Column that rows are sorted by unless told otherwise, largest first; text columns smallest first. */
  readonly sort: string;
  /** Columns that rows can be sorted by; absent: all. */
  readonly sortable?: readonly string[];
  /** Column that settles ties, largest first, before the texts of a row do. */
  readonly thenBy?: string;
  /** Rows unless told otherwise; default: 20. */
  readonly limit?: number;
  /** Said below the answer: how to read its figures. */
  readonly note: string;
  /** The statement whose rows are the answer; sorting and limiting are done with it elsewhere. */
  readonly sql: (input: QuestionInput, flags: Ask['flags']) => Sql;
  /** A statement of one row with one column `counted`: a note on what was counted and what was left out; null: nothing to say. */
  readonly counted?: (input: QuestionInput) => Sql;
  /** A test of the statement's rows, over their columns: where one passes it, the command ends with exit code 7. */
  readonly differs?: (flags: Ask['flags']) => string;
  /** Whether rows say that there was nothing to answer from. */
  readonly isEmpty?: (rows: Answer['rows']) => boolean;
  /**
   * What is drawn over time on a terminal: at the end of each row, and above them with `--every`. The statement has the
   * columns of `keys`, `time` and `value`, which adds up.
   */
  readonly trend?: {
    readonly column: string;
    readonly keys: readonly string[];
    readonly sql: (input: QuestionInput) => Sql;
  };
  /**
   * Rows of several sorts, told apart by their column `section`: each is a table of its own with some of the columns, in
   * this order, and the limit holds for each.
   */
  readonly sections?: Readonly<Record<string, {readonly label: string; readonly columns: readonly string[]}>>;
  /** Answers in a way of its own; absent: the facts are asked (`ask.ts`). */
  readonly answer?: (store: Store, ask: Ask, options: AskOptions) => Promise<Answer>;
}

export function defineQuestion(question: Question): Question {
  return question;
}

const TIME: Column = {label: 'TIME', unit: 'stretch', description: 'start of the interval, with --every'};

/** The columns of an answer: split by time it begins with `time`. */
export function columnsOfAnswer({columns}: Question, isSplit: boolean): Question['columns'] {
  const {time, ...rest} = columns;
  return isSplit ? {time: {...(time ?? TIME), unit: 'stretch'}, ...rest} : rest;
}
