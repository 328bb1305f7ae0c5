import type {Relations} from '../facts/relations.ts';
import type {Sql} from '../sql/sql.ts';
import type {Column} from '../table/table.ts';
import type {OwnerKind} from './owners.ts';

/** What a question is asked with, parsed. */
export interface QuestionInput {
  /** One of `by`. */
  readonly by: string;
  /** One of the columns, and its direction. */
  readonly sort: {readonly column: string; readonly descending: boolean};
  /** Rows wanted; 0: all. */
  readonly limit: number;
  /** Test on a span `s`: the window and the filters. */
  readonly where: Sql;
}

/**
 * One canned question: a file in `questions/` is a subcommand of the same name. The SQL answers for both databases; the
 * columns say what each figure means, in the table, in the JSON keys and in the help.
 */
export interface Question {
  /** Two command lines, with what they answer. */
  readonly examples: readonly {readonly line: string; readonly answer: string}[];
  /** What rows can be grouped by; the first is the default. */
  readonly by: readonly string[];
  /** Of `by`, what only the tree of a run tells; answered through runs, not by the SQL, with the same columns. */
  readonly owners?: Readonly<Record<string, OwnerKind>>;
  /** Keys are the names of the SQL's columns and of the JSON. */
  readonly columns: Readonly<Record<string, Column>>;
  /** Column that rows are sorted by unless told otherwise, largest first. */
  readonly sort: string;
  /** Said below the answer: how to read its figures. */
  readonly note: string;
  /**
   * The spans that pass, counted in groups: `name` and further columns in `keys`, and the ones in `sums`, which add up. So
   * a long table can be read in stretches where a writer waits for readers.
   */
  readonly groups: {
    readonly keys: readonly string[];
    readonly sums: readonly string[];
    readonly sql: (input: QuestionInput) => Sql;
  };
  /** The same groups from the facts, for when they are kept already (`kept.ts`); a group may have errors alone. */
  readonly facts?: (input: Omit<QuestionInput, 'where'>, relations: Relations) => Sql;
  /** The answer, from a relation with the columns of the groups. */
  readonly sql: (input: Omit<QuestionInput, 'where'>, groups: Sql) => Sql;
}

export function defineQuestion(question: Question): Question {
  return question;
}
