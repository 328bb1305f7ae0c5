import type {ConnectionFacts, TableFacts} from '../store/connection-info.ts';
import type {Store} from '../store/store.ts';
import {type Pace, paceFor} from './pace.ts';
import type {RunSurvey} from './survey.ts';

/** The input of the checks. */
export interface Subject {
  readonly store: Store;
  readonly facts: ConnectionFacts;
  readonly tables: DescribedTables;
  /** Null: it could not be read in time. */
  readonly survey: RunSurvey | null;
  /** Longest time of one count over a table, ms; infinite with `--all`. */
  readonly countMs: number;
  readonly onProgress: (rows: number) => void;
}

export interface DescribedTables {
  readonly spans: TableFacts;
  readonly traces: TableFacts;
  readonly runs: TableFacts | null;
  readonly sessions: TableFacts | null;
  readonly versions: TableFacts | null;
}

/** Which of the found tables are the ones that are read: all in the schema of the trace rows. */
export function describedTables(
  {tables}: ConnectionFacts,
  store: Store,
  names: Record<keyof DescribedTables, string>,
): DescribedTables {
  const traces = tables.find(({qualifiedName}) => qualifiedName === store.tables.traces)!;
  const of = (name: string) => tables.find(found => found.schema === traces.schema && found.name === name) ?? null;
  return {
    spans: of(names.spans)!,
    traces,
    runs: of(names.runs),
    sessions: of(names.sessions),
    versions: of(names.versions),
  };
}

/** An index that serves lookups by this column. */
export function isIndexed({indexes}: TableFacts, column: string): boolean {
  return indexes.some(index => index.isValid && !index.isPartial && index.columns[0] === column);
}

/** First guess at how many rows one statement may walk over. */
const FIRST_ROWS = 2000;

export function paceOf({countMs, store}: Pick<Subject, 'countMs' | 'store'>): Pace {
  return paceFor(store, {limitMs: countMs, first: FIRST_ROWS});
}
