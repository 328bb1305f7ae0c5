import {inline, raw, sql} from '../sql/sql.ts';
import type {ConnectionFacts, TableFacts} from '../store/connection-info.ts';
import type {Source} from '../store/source.ts';
import type {Store} from '../store/store.ts';
import {writable} from '../store/writable.ts';
import {openAlone} from './alone.ts';
import {applyPrune} from './apply.ts';
import {deleteSql, lockSql} from './batch.ts';
import type {Cutoff} from './cutoff.ts';
import type {Columns, Deletion, Ground} from './ground.ts';
import {oldestTransaction, preflight} from './preflight.ts';
import {countTraces, type Survey, type SurveyOptions, surveyOrphans, surveyTraces} from './survey.ts';

/** Longest waits inside one batch: for a lock, and for a statement (Postgres). */
const LIMITS = {lockMs: 300, statementMs: 15_000};

const SPACE = {
  sqlite: 'the file does not shrink: new rows reuse the free pages; agno-trace vacuum returns them to the disk',
  postgres: 'tables do not shrink: autovacuum makes the space available to new rows',
} as const;

/** SQLite and Postgres: short transactions, each with some whole traces. */
export class TransactionalGround implements Ground {
  readonly hasTransactions = true;
  readonly space: string;
  /** On Postgres: no transaction older than this one was open when `check` was called. */
  settledXid: bigint | null = null;

  constructor(
    private readonly source: Source,
    private readonly store: Store,
    private readonly facts: ConnectionFacts,
  ) {
    this.space = SPACE[writable(store.dialect)];
  }

  async check(plansOnly: boolean): Promise<{columns: Columns; notes: string[]}> {
    const {notes, traces, spans} = await preflight(this.store, this.facts, {plansOnly});
    this.settledXid = await oldestTransaction(this.store);
    return {columns: {traces: columnsOf(traces), spans: columnsOf(spans)}, notes};
  }

  surveyTraces(options: SurveyOptions): Promise<Survey> {
    return surveyTraces(this.store, options);
  }

  surveyOrphans(options: SurveyOptions): Promise<Survey> {
    return surveyOrphans(this.store, options);
  }

  countTraces(): Promise<number> {
    return countTraces(this.store);
  }

  statements(cutoff: Cutoff): string[] {
    const ids = ['…'];
    const {dialect, tables} = this.store;
    return [
      lockSql(ids, {cutoff, settledXid: null}),
      deleteSql('spans', sql`trace_id in (${raw(`'${ids[0]}'`)})`),
      deleteSql('traces', sql`trace_id in (${raw(`'${ids[0]}'`)})`),
    ].map(statement => inline(statement, dialect, tables));
  }

  async begin(lockWaitMs: number): Promise<Deletion> {
    const changes = await openAlone(this.source, this.store, lockWaitMs);
    return {
      apply: async (candidates, {cutoff, archive, columns, ...options}) => {
        // At most two connections: one deletes, one holds the lock.
        await this.store.close();
        const rules = {cutoff, settledXid: this.settledXid, limits: LIMITS, archive, columns};
        return applyPrune(changes, candidates, {...options, rules});
      },
      hurry: () => changes.hurry?.(),
      close: () => changes.close(),
    };
  }
}

function columnsOf({columns}: TableFacts): Columns['traces'] {
  return columns.map(({name, type}) => ({name, type}));
}
