import {type Facts, type FactsOptions, openKeptFacts} from '../facts/facts.ts';
import {relationsOf} from '../facts/relations.ts';
import {type Sql, sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell} from '../table/table.ts';
import {NO_FILTER, type RunFilter} from '../trace/filter.ts';
import {coverageOf} from './ask.ts';
import type {Question, QuestionInput} from './question.ts';

export interface KeptAnswer {
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  readonly notes: readonly string[];
  readonly statement: Sql;
  readonly path: string | null;
}

/**
 * Answers a question that the tables themselves answer from the facts, where they are kept and need little to be current: the
 * same rows, sooner.
 * @returns null where that is not so, or the filter asks for what the facts say in another way
 */
export async function askKept(
  store: Store,
  question: Question,
  input: Omit<QuestionInput, 'where'>,
  filter: RunFilter,
  options: Pick<FactsOptions, 'env' | 'cwd' | 'prices'>,
): Promise<KeptAnswer | null> {
  if (!question.facts || !isPlain(filter, question.owners?.[input.by] !== undefined)) return null;
  const {sinceMicros, untilMicros} = filter;
  const facts = await openKeptFacts(store, {...options, sinceMicros, untilMicros});
  if (!facts) return null;
  try {
    if (asksKinds(input.by, filter) && hasPlumbing(facts)) return null;
    const relations = relationsOf({filter, isChosen: false, everyMicros: null});
    const statement = question.sql(input, question.facts(input, relations));
    const rows = facts.all<Record<string, Cell>>(statement);
    return {
      rows,
      notes: [...facts.notices, coverageOf(facts, relations).text, 'from kept facts', question.note],
      statement,
      path: facts.path,
    };
  } finally {
    facts.close();
  }
}

/** True where rows are told apart by what spans of client libraries have in the tables and not in the facts: a kind, a model. */
function asksKinds(by: string, {kinds}: RunFilter): boolean {
  return by === 'kind' || by === 'model' || kinds.length > 0;
}

/** Spans of client libraries are of kind other there (`trace/plumbing.ts`). */
function hasPlumbing(facts: Facts): boolean {
  const rows = facts.all<unknown>(sql`select 1 from span_facts where kind = 'other' and run_key is not null limit 1`);
  return rows.length > 0;
}

/** The window, and what a span's own columns say; of an owner's own spans the window alone. */
function isPlain(filter: RunFilter, isOwner: boolean): boolean {
  const plain = isOwner ? WINDOW : [...WINDOW, ...OWN_COLUMNS];
  return (Object.keys(NO_FILTER) as (keyof RunFilter)[]).every(
    key => plain.includes(key) || JSON.stringify(filter[key]) === JSON.stringify(NO_FILTER[key]),
  );
}
const WINDOW: readonly (keyof RunFilter)[] = ['sinceMicros', 'untilMicros'];
const OWN_COLUMNS: readonly (keyof RunFilter)[] = ['kinds', 'names', 'statuses', 'minDurationMs', 'maxDurationMs'];
