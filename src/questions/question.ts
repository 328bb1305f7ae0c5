import type {FactsOptions} from '../facts/facts.ts';
import type {Relations} from '../facts/relations.ts';
import type {Sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell, Column, Series} from '../table/table.ts';
import type {RunFilter} from '../trace/filter.ts';

/** A question's parameters, parsed. */
export interface Ask {
  /** One of `by`; empty if it has none. */
  readonly by: string;
  /** Length of a period, microseconds; null: not split by time. */
  readonly everyMicros: number | null;
  readonly sort: {readonly column: string; readonly descending: boolean};
  /** Rows wanted; 0: all. */
  readonly limit: number;
  readonly filter: RunFilter;
  /** Values of the question's own flags, as typed; for flags without a value, whether they were given. */
  readonly flags: Readonly<Record<string, string | boolean | undefined>>;
  /** The numeric ones among them, in the units of `takes`. */
  readonly numbers: Readonly<Record<string, number>>;
  /** True: also compute what the question draws over time. */
  readonly isDrawn: boolean;
}

export type AskOptions = Pick<FactsOptions, 'env' | 'cwd' | 'prices' | 'onProgress'>;

export interface Answer {
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** What the question draws over time; null: nothing. */
  readonly series: Series | null;
  /** What the answer covers, and how to read it. */
  readonly notes: readonly string[];
  /** How the facts were queried; null: the tables themselves gave the answer. */
  readonly facts: {
    readonly statements: readonly Sql[];
    /** Where they are kept; null: they were computed for this question only. */
    readonly path: string | null;
    /** They are of calls alone: no run was judged. */
    readonly isOfCalls: boolean;
    /** How long it took to bring them up to date, and to answer from them, ms. */
    readonly currentMs: number;
    readonly answerMs: number;
  } | null;
  readonly nowMicros: number;
  /** There was nothing to answer from; absent: there are no rows. */
  readonly isEmpty?: boolean;
  /** The command ends with exit code 7. */
  readonly differs?: boolean;
  /** For pages: the cursor of the next one, null on the last; and the cursor after this many rows. */
  readonly next?: string | null;
  readonly nextAfter?: (rows: number) => string | null;
}

/**
 * The type of a flag's value. As numbers: a duration in microseconds, a count, a share from 0 to 1, US dollars, a
 * moment in microseconds. A list: one of these words.
 */
export type FlagValue = 'length' | 'count' | 'share' | 'usd' | 'moment' | readonly string[];

/** The inputs for a question's statements: the relations of the facts, and the parameters. */
export interface QuestionInput extends Relations, Omit<Ask, 'flags' | 'isDrawn'> {
  /**
   * The grouping beside the rows' keys, returned as `time`: `bucket` of the relations, or a constant if not split by
   * time.
   */
  readonly stretch: Sql;
  readonly nowMicros: number;
}

/**
 * One question: a file in `questions/` is a subcommand of the same name. It is written once, in SQLite's dialect,
 * over the facts (`facts/schema.ts`, `facts/relations.ts`).
 */
export interface Question {
  /** Two command lines with their purpose. */
  readonly examples: readonly {readonly line: string; readonly answer: string}[];
  /** How rows can be grouped; the first is the default. Absent: there is no choice. */
  readonly by?: readonly string[];
  /** Rows can also be grouped by `attr.NAME`. */
  readonly byAttributes?: boolean;
  /** True if rows can be split by time (`--every 1h`): then they have `time`, the start of a period, microseconds. */
  readonly every?: boolean;
  /** Flags of its own: `--min-calls <n>`, … Values are in `flags`. */
  readonly flags?: Readonly<
    Record<
      string,
      {
        readonly flag: string;
        readonly description: string;
        readonly default?: string;
        /** Beside the words of `takes`, `attr.NAME` is a grouping. */
        readonly takesAttributes?: boolean;
        /** Absent: any text. */
        readonly takes?: FlagValue;
      }
    >
  >;
  /** Filters ask each span instead of each run. */
  readonly areRowsSpans?: true;
  /** @throws UserError for flags that are incomplete, or contradict each other */
  readonly checkFlags?: (flags: Ask['flags']) => void;
  /** The filter with the default window if none is given. */
  readonly window?: (filter: RunFilter, numbers: Ask['numbers'], nowMicros: number) => RunFilter;
  /** Formats in addition to those of every question. */
  readonly formats?: readonly 'junit'[];
  /**
   * Keys are the column names of the statement and of the JSON. Units `time` and `stretch`: microseconds in the
   * statement, ISO in the JSON; `flag`: 1 and 0 in the statement, true and false in the JSON.
   */
  readonly columns: Readonly<Record<string, Column>>;
  /** Default column to sort by, largest first; text columns smallest first. */
  readonly sort: string;
  /** Columns that rows can be sorted by; absent: all. */
  readonly sortable?: readonly string[];
  /** Column that decides ties, largest first, before the texts of a row do. */
  readonly thenBy?: string;
  /** Default number of rows; absent: 20. */
  readonly limit?: number;
  /** Shown below the answer: how to read its figures. */
  readonly note: string;
  /** The statement whose rows are the answer; it is sorted and limited elsewhere. */
  readonly sql: (input: QuestionInput, flags: Ask['flags']) => Sql;
  /** Its rows are sums over calls of models or tools, which the spans of the calls alone tell. */
  readonly isOfCalls?: (ask: Ask) => boolean;
  /**
   * A statement of one row with one column `counted`: a note on what was counted and what was left out; null: no
   * note.
   */
  readonly counted?: (input: QuestionInput) => Sql;
  /** A test on the statement's rows, over their columns: if one passes, the command ends with exit code 7. */
  readonly differs?: (flags: Ask['flags']) => string;
  /** Whether the rows show that there was nothing to answer from. */
  readonly isEmpty?: (rows: Answer['rows']) => boolean;
  /**
   * What is drawn over time on a terminal: at the end of each row and, with `--every`, above them. The statement has
   * the columns of `keys`, `time` and `value`, which can be added.
   */
  readonly trend?: {
    readonly column: string;
    readonly keys: readonly string[];
    readonly sql: (input: QuestionInput) => Sql;
  };
  /**
   * Rows of several kinds, distinguished by their column `section`: each kind is a table of its own with some of the
   * columns, in this order, and the limit applies to each.
   */
  readonly sections?: Readonly<Record<string, {readonly label: string; readonly columns: readonly string[]}>>;
  /** A way of its own to answer; absent: the facts are queried (`ask.ts`). */
  readonly answer?: (store: Store, ask: Ask, options: AskOptions) => Promise<Answer>;
}

export function defineQuestion(question: Question): Question {
  return question;
}

const TIME: Column = {label: 'TIME', unit: 'stretch', description: 'start of the interval, with --every'};

/** The columns of an answer: split by time, it begins with `time`. */
export function columnsOfAnswer({columns}: Question, isSplit: boolean): Question['columns'] {
  const {time, ...rest} = columns;
  return isSplit ? {time: {...(time ?? TIME), unit: 'stretch'}, ...rest} : rest;
}
