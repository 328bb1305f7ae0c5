import type {Sql} from '../sql/sql.ts';
import type {FactsInput, FactsQuestion} from './facts-question.ts';

/** A question that says in a note what it counted: over how many runs, and what was left out. */
export interface CountedQuestion extends FactsQuestion {
  /** One row with one column `counted`: the note; null: nothing to say. */
  readonly counted: (input: FactsInput) => Sql;
}

export function isCounted(question: FactsQuestion): question is CountedQuestion {
  return 'counted' in question;
}
