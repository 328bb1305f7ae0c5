import type {ArchiveColumn} from '../archive/format.ts';
import type {Dialect} from '../sql/sql.ts';
import type {ConnectionFacts} from '../store/connection-info.ts';
import type {Source} from '../store/source.ts';
import type {Store} from '../store/store.ts';
import type {Applied, PruneBatchesOptions} from './apply.ts';
import type {Cutoff} from './cutoff.ts';
import {MonthlyGround} from './months.ts';
import type {OldTrace, Survey, SurveyOptions} from './survey.ts';
import {TransactionalGround} from './transactional.ts';

export type Columns = Readonly<Record<'traces' | 'spans', readonly ArchiveColumn[]>>;

/** How the old rows of one database are found and deleted. */
export interface Ground {
  /**
   * Refuses a database from which rows cannot be deleted safely, before anything is examined.
   * @param plansOnly nothing will be deleted: then a missing right is only a note
   */
  check(plansOnly: boolean): Promise<{readonly columns: Columns; readonly notes: string[]}>;
  /** Traces with a row, oldest first. It is called first. */
  surveyTraces(options: SurveyOptions): Promise<Survey>;
  /** Spans without a trace row. */
  surveyOrphans(options: SurveyOptions): Promise<Survey>;
  countTraces(): Promise<number>;
  /** A batch is deleted completely or not at all. */
  readonly hasTransactions: boolean;
  /** What becomes of the space, in words. */
  readonly space: string;
  /** The statements of the deletion, for the plan. */
  statements(cutoff: Cutoff, candidates: readonly OldTrace[]): string[];
  /** Opens the database for deleting. @param lockWaitMs how long to wait for another writing command to end */
  begin(lockWaitMs: number): Promise<Deletion>;
}

export interface Deletion {
  /** Deletes the candidates; the archive has what is deleted, before it is. */
  apply(candidates: readonly OldTrace[], options: DeletionOptions): Promise<Applied>;
  hurry?(): void;
  close(): Promise<void>;
}

export interface DeletionOptions extends Omit<PruneBatchesOptions, 'rules'> {
  readonly cutoff: Cutoff;
  readonly archive: PruneBatchesOptions['rules']['archive'];
  readonly columns: Columns;
}

const GROUNDS: Readonly<Record<Dialect, new (source: Source, store: Store, facts: ConnectionFacts) => Ground>> = {
  sqlite: TransactionalGround,
  postgres: TransactionalGround,
  clickhouse: MonthlyGround,
};

export function groundOf(source: Source, store: Store, facts: ConnectionFacts): Ground {
  return new GROUNDS[store.dialect](source, store, facts);
}
