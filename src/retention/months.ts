import {EXIT, UserError, usageError} from '../errors.ts';
import {time} from '../sql/fragments.ts';
import {inline, raw, type Sql, sql, table} from '../sql/sql.ts';
import {Mutations} from '../store/clickhouse/mutations.ts';
import type {ConnectionFacts, TableFacts} from '../store/connection-info.ts';
import type {ClickhouseSource, Source} from '../store/source.ts';
import type {Store} from '../store/store.ts';
import {parseTime} from '../trace/time.ts';
import type {Cutoff} from './cutoff.ts';
import type {Columns, Deletion, Ground} from './ground.ts';
import {MonthDeletion} from './month-deletion.ts';
import {lookAtOld, type PiecedTrace, ROLES, type Role} from './month-pieces.ts';
import {deleteStatement, dropStatement} from './month-statements.ts';
import {add, type OldTrace, type Survey, type SurveyOptions} from './survey.ts';

const DAY_MICROS = 24 * 3_600_000_000;

/**
 * ClickHouse: no transactions, no locks, and tables that are split by month. Whole months are dropped, part by part;
 * of the others rows are deleted by their ids. Everything is archived first, and nothing is deleted that was not
 * examined (docs/clickhouse.md, Deleting).
 */
export class MonthlyGround implements Ground {
  readonly hasTransactions = false;
  readonly space =
    'the space of a whole month is free within minutes; that of single rows when ClickHouse merges their parts';
  private readonly source: ClickhouseSource;
  private orphans: Survey = {candidates: [], skipped: new Map()};
  private totals: Readonly<Record<Role, ReadonlyMap<string, number>>> = {spans: new Map(), traces: new Map()};
  private pieced: ReadonlyMap<string, PiecedTrace> = new Map();

  constructor(
    source: Source,
    private readonly store: Store,
    private readonly facts: ConnectionFacts,
  ) {
    this.source = source as ClickhouseSource;
  }

  async check(plansOnly: boolean): Promise<{columns: Columns; notes: string[]}> {
    const {store} = this;
    const notes: string[] = [];
    await this.checkEngines();
    const mutations = await Mutations.open(this.source);
    try {
      const hindrance = await mutations.hindrance(ROLES.map(role => store.tables[role]!));
      if (hindrance && !plansOnly) throw new UserError(EXIT.unreachable, `${hindrance.message}.`, hindrance);
      if (hindrance) notes.push(`${hindrance.message}: ${hindrance.hint}`);
    } finally {
      await mutations.close();
    }
    await this.checkClock();
    return {columns: {traces: await this.columnsOf('traces'), spans: await this.columnsOf('spans')}, notes};
  }

  /** Elsewhere a delete may reach the replicas late or not at all, and nobody has tried it. */
  private async checkEngines(): Promise<void> {
    for (const role of ROLES) {
      const {schema, name, qualifiedName} = this.tableOf(role);
      const [row] = await this.store.all<{engine: string}>(
        sql`select engine from system.tables where database = ${schema!} and name = ${name}`,
      );
      if (row?.engine !== 'MergeTree')
        throw new UserError(EXIT.schema, `${qualifiedName} is a ${row?.engine}: prune deletes only from MergeTree.`, {
          hint: 'Replicated, shared and distributed tables are untested. Drop old months on the server (docs/clickhouse.md).',
        });
      const [stuck] = await this.store.all<{mutation_id: string; reason: string}>(sql`
select mutation_id, latest_fail_reason as reason
  from system.mutations
 where database = ${schema!} and table = ${name} and not is_done and latest_fail_reason != ''
 limit 1`);
      if (stuck)
        throw new UserError(
          EXIT.unreachable,
          `mutation ${stuck.mutation_id} of ${qualifiedName} fails again and again.`,
          {
            hint: `Deletions wait for it. Its reason is in system.mutations; KILL MUTATION ends it.`,
          },
        );
    }
  }

  private tableOf(role: Role): TableFacts {
    const found = this.facts.tables.find(({qualifiedName}) => qualifiedName === this.store.tables[role]);
    if (!found)
      throw new UserError(EXIT.schema, `the ${role} in "${this.store.label}" are not in a table like Agno's.`);
    return found;
  }

  /** What an insert can name. */
  private columnsOf(role: Role): Promise<Columns[Role]> {
    const {schema, name} = this.tableOf(role);
    return this.store.all(sql`
select name, type
  from system.columns
 where database = ${schema!} and table = ${name} and default_kind not in ('ALIAS', 'MATERIALIZED', 'EPHEMERAL')
 order by position`);
  }

  /** A wrong clock makes everything look old. */
  private async checkClock(): Promise<void> {
    const [row] = await this.store.all<{newest: string | null}>(
      sql`select maxOrNull(created_at) as newest from ${table('spans')}`,
    );
    const micros = parseTime(row?.newest);
    if (micros === null || micros - this.store.nowMicros() < DAY_MICROS) return;
    throw usageError(
      `the newest span (${row!.newest}) is more than a day ahead of the server's clock.`,
      'One of the two is wrong. Correct it first: until then nothing can be called old.',
    );
  }

  async surveyTraces({cutoff, onProgress}: SurveyOptions): Promise<Survey> {
    const {old, active, totals} = await lookAtOld(this.store, cutoff, onProgress);
    const all = [...old.values()].sort((a, b) => compare(a.lastAt, b.lastAt) || compare(a.traceId, b.traceId));
    this.pieced = old;
    this.totals = totals;
    this.orphans = {candidates: all.filter(({row}) => row === null), skipped: new Map()};
    const survey: Survey = {candidates: all.filter(({row}) => row !== null), skipped: new Map()};
    add(survey.skipped, 'active', active.size);
    return survey;
  }

  async surveyOrphans(): Promise<Survey> {
    return this.orphans;
  }

  async countTraces(): Promise<number> {
    const [row] = await this.store.all<{n: number}>(sql`select uniqExact(trace_id) as n from ${table('traces')}`);
    return row!.n;
  }

  statements(cutoff: Cutoff, candidates: readonly OldTrace[]): string[] {
    const {tables} = this.store;
    const inWords = (where: Sql) => inline(where, 'clickhouse', tables);
    return ROLES.flatMap(role => {
      const {whole, partly} = this.monthsOf(role, candidates);
      const ids = role === 'spans' ? 'span_id' : 'created_at';
      const where = inWords(sql`trace_id in ('…') and ${raw(ids)} in ('…') and created_at < ${time(cutoff.text)}`);
      return [
        ...whole.map(partition => `${dropStatement(tables[role]!, `${partition}_…`)} -- each part of the month`),
        ...partly.map(partition => deleteStatement(tables[role]!, partition, where)),
      ];
    });
  }

  /** Partitions with nothing but rows of these traces, and those with other rows too. */
  private monthsOf(role: Role, candidates: readonly OldTrace[]): {whole: string[]; partly: string[]} {
    const rows = new Map<string, number>();
    for (const {traceId} of candidates)
      for (const piece of this.pieced.get(traceId)!.pieces)
        if (piece.role === role) rows.set(piece.partition, (rows.get(piece.partition) ?? 0) + piece.rows);
    const partitions = [...rows.keys()].sort();
    const isWhole = (partition: string) => this.totals[role].get(partition) === rows.get(partition);
    return {whole: partitions.filter(isWhole), partly: partitions.filter(partition => !isWhole(partition))};
  }

  async begin(): Promise<Deletion> {
    const mutations = await Mutations.open(this.source);
    return {
      apply: (candidates, options) => {
        const pieced = candidates.map(({traceId}: OldTrace) => this.pieced.get(traceId)!);
        const tables = {traces: this.tableOf('traces'), spans: this.tableOf('spans')};
        return new MonthDeletion(this.store, mutations, tables, options).run(pieced);
      },
      close: () => mutations.close(),
    };
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
