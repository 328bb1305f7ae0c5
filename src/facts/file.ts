import {randomBytes} from 'node:crypto';
import {FileRefused} from '../errors.ts';
import {compile, type Sql} from '../sql/sql.ts';
import {openWritableFile, type WritableConnection} from '../store/sqlite/driver.ts';
import {isSamePlace} from '../trace/continuation.ts';
import {isContinuation} from '../trace/tree.ts';
import {makePrivate} from './place.ts';
import {addToDays} from './relations.ts';
import type {RunFacts, SpanFacts, TraceFacts} from './rows.ts';
import {
  ATTRIBUTE_SCHEMA,
  FACTS_APPLICATION_ID,
  FACTS_VERSION,
  QUESTION_INDEXES,
  RUN_NAMES,
  SCHEMA,
  SPAN_NAMES,
} from './schema.ts';

/** Another process wrote to the file since we last read it. */
export class Overtaken extends Error {}

interface Known {
  readonly trace_key: number;
  readonly first_span_key: number;
  readonly spans: number;
}

/** The statements that run for many rows. */
type Prepared = Readonly<
  Record<
    | 'find'
    | 'addTrace'
    | 'addRun'
    | 'addSpan'
    | 'addAttribute'
    | 'dropAttributes'
    | 'dropRuns'
    | 'dropSpans'
    | 'dropTrace'
    | 'addDays'
    | 'takeDays'
    | 'countDay'
    | 'runIdsOf'
    | 'daysOf',
    ReturnType<WritableConnection['prepare']>
  >
>;

/**
 * The facts of one source: our own SQLite file, or the same in memory. Writes are short transactions; a write that
 * finds another process's changes throws `Overtaken` and changes nothing.
 */
export class FactsFile {
  private prepared: Prepared | null = null;
  private nextSpanKey = 1;
  private nextRunKey = 1;

  private constructor(
    private readonly connection: WritableConnection,
    /** Null: in memory. */
    readonly path: string | null,
  ) {}

  /**
   * @param file null: in memory; otherwise it is created if it does not exist
   * @throws the driver's error or the file system's if the file cannot be used; FileRefused if it is not ours
   */
  static async open(file: string | null, busyMs: number): Promise<FactsFile> {
    if (file !== null) makePrivate(file);
    const connection = await openWritableFile({file: file ?? ':memory:', busyMs, mayCreate: true});
    try {
      const facts = new FactsFile(connection, file);
      facts.begin();
      return facts;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  private begin(): void {
    const {connection} = this;
    const isOurs = this.isOurs();
    // Before there are tables, so that removing data makes the file smaller.
    connection.exec('pragma auto_vacuum = incremental');
    connection.exec('pragma journal_mode = wal');
    // Data that a power cut loses is computed again; in WAL mode the file itself stays intact.
    connection.exec(
      'pragma synchronous = off; pragma temp_store = memory; pragma cache_size = -65536; pragma wal_autocheckpoint = 8192',
    );
    if (!isOurs || this.about('version') !== String(FACTS_VERSION)) this.clear();
    for (const statement of ATTRIBUTE_SCHEMA) connection.exec(statement);
  }

  /**
   * False: it is new.
   * @throws FileRefused if it has somebody else's tables, which we must not drop
   */
  private isOurs(): boolean {
    const [about] = this.connection.all(
      'select (select application_id from pragma_application_id) as id, (select count(*) from sqlite_master) as objects',
      [],
    ) as {id: number; objects: number}[];
    if (about!.id === FACTS_APPLICATION_ID) return true;
    if (about!.objects > 0)
      throw new FileRefused('it has tables that agno-trace may not have made; agno-trace facts rebuild replaces it');
    return false;
  }

  /** Removes everything and creates all tables again. */
  clear(): void {
    const {connection} = this;
    connection.exec('begin immediate');
    try {
      const tables = connection.all("select name from sqlite_master where type = 'table'", []) as {name: string}[];
      for (const {name} of tables) connection.exec(`drop table "${name.replaceAll('"', '""')}"`);
      connection.exec(`pragma application_id = ${FACTS_APPLICATION_ID}`);
      for (const statement of [...SCHEMA, ...ATTRIBUTE_SCHEMA]) connection.exec(statement);
      this.setAbout('version', String(FACTS_VERSION));
      this.setAbout('salt', randomBytes(12).toString('base64url'));
      this.advance();
      connection.exec('commit');
    } catch (error) {
      if (connection.inTransaction()) connection.exec('rollback');
      throw error;
    }
    this.prepared = null;
  }

  /**
   * Creates the indexes of questions that are missing. One transaction each, so that another process that writes waits for
   * one of them at most.
   */
  createQuestionIndexes(): void {
    const [row] = this.connection.all(
      "select count(*) as n from sqlite_master where type = 'index' and sql is not null",
      [],
    );
    if ((row as {n: number}).n === INDEXES) return;
    for (const statement of QUESTION_INDEXES) this.connection.exec(statement);
  }

  /** For a fill that writes more than is here already: questions still get their answers, but slowly. */
  dropQuestionIndexes(): void {
    for (const statement of QUESTION_INDEXES)
      this.connection.exec(`drop index if exists ${/exists (\w+)/.exec(statement)![1]}`);
  }

  get salt(): string {
    return this.about('salt')!;
  }

  /** A value about the facts themselves; null: there is none under this name. */
  about(key: string): string | null {
    try {
      const [row] = this.connection.all('select value from facts_about where key = ?', [key]) as {value: string}[];
      return row?.value ?? null;
    } catch (error) {
      if (/no such table/.test(String(error))) return null;
      throw error;
    }
  }

  setAbout(key: string, value: string): void {
    this.connection.run(
      'insert into facts_about (key, value) values (?, ?) on conflict (key) do update set value = excluded.value',
      [key, value],
    );
  }

  all<Row>(query: Sql): Row[] {
    const {text, params} = compile(query, 'sqlite', {});
    return this.connection.all(text, params) as Row[];
  }

  run(query: Sql): number {
    const {text, params} = compile(query, 'sqlite', {});
    return this.connection.run(text, params);
  }

  /**
   * The state of the source as the facts know it. It changes when new spans were added or traces removed. If you read
   * the source and then write the results, it must not have changed in between.
   */
  get generation(): string {
    return this.about('generation')!;
  }

  /**
   * Does the work in one transaction.
   * @param generation its value when the source was read
   * @throws Overtaken if another process has added something since; then nothing is done
   */
  write(generation: string, work: () => void): void {
    const {connection} = this;
    connection.exec('begin immediate');
    try {
      if (this.generation !== generation) throw new Overtaken('another process wrote the facts');
      this.nextSpanKey = this.next('span_facts', 'span_key');
      this.nextRunKey = this.next('run_facts', 'run_key');
      work();
      connection.exec('commit');
    } catch (error) {
      if (connection.inTransaction()) connection.exec('rollback');
      throw error;
    }
  }

  /** Inside `write`: marks what others read of the source before as out of date. */
  advance(): void {
    this.setAbout('generation', randomBytes(9).toString('base64url'));
  }

  private next(table: string, key: string): number {
    const [row] = this.connection.all(`select coalesce(max(${key}), 0) + 1 as next from ${table}`, []);
    return (row as {next: number}).next;
  }

  /** Replaces the facts of these traces. Inside `write`. */
  replace(traces: readonly TraceFacts[]): void {
    const statements = this.statements();
    const runIds = new Set<string>();
    const days = new Map<string, number>();
    for (const {traceId} of traces) this.take(traceId, runIds, days);
    const firstSpanKey = this.nextSpanKey;
    for (const trace of traces) {
      if (trace.spans.length === 0) continue;
      const traceKey = this.nextSpanKey;
      statements.addTrace.run(
        traceKey,
        trace.traceId,
        this.nextSpanKey,
        trace.spans.length,
        trace.settlesMicros,
        Number(trace.hasRow),
      );
      const firstRunKey = this.nextRunKey;
      for (const run of trace.runs) {
        const runKey = this.nextRunKey++;
        statements.addRun.run(...runValues(run, [runKey, traceKey, runKey]));
        if (run.run_id !== null) runIds.add(String(run.run_id));
      }
      for (const {run, attribute, value, text} of trace.attributes)
        statements.addAttribute.run(firstRunKey + run, attribute, value, text);
      for (const {run, facts} of trace.spans) {
        const spanKey = this.nextSpanKey++;
        const beginKey = facts.own_run_id === null ? null : spanKey;
        statements.addSpan.run(
          ...spanValues(facts, [spanKey, traceKey, run === null ? null : firstRunKey + run, beginKey]),
        );
        if (facts.own_run_id !== null) runIds.add(String(facts.own_run_id));
        if (facts.from_messages === 1) continue;
        const day = String(facts.day);
        days.set(day, (days.get(day) ?? 0) + 1);
      }
    }
    if (this.nextSpanKey > firstSpanKey) statements.addDays.run(firstSpanKey, this.nextSpanKey);
    for (const [day, spans] of days) if (spans !== 0) statements.countDay.run(day, spans);
    this.connection.run('delete from span_days where calls = 0', []);
    this.markSequels(runIds);
  }

  /** Removes these traces. Inside `write`. */
  remove(traceIds: readonly string[]): void {
    this.replace(
      traceIds.map(traceId => ({traceId, hasRow: false, settlesMicros: null, runs: [], attributes: [], spans: []})),
    );
  }

  /** How many spans of the source it holds. */
  get spans(): number {
    const [row] = this.connection.all('select coalesce(sum(spans), 0) as spans from day_spans', []);
    return (row as {spans: number}).spans;
  }

  /** The size of the file, bytes, without data that is still in its `-wal` file. */
  get bytes(): number {
    const [row] = this.connection.all(
      'select (select page_count from pragma_page_count) * (select page_size from pragma_page_size) as bytes',
      [],
    ) as {bytes: number}[];
    return row!.bytes;
  }

  /** Returns the space of removed data to the file system. */
  shrink(): void {
    this.connection.exec('pragma incremental_vacuum');
  }

  close(): void {
    this.connection.close();
  }

  private take(traceId: string, runIds: Set<string>, days: Map<string, number>): void {
    const {find, takeDays, runIdsOf, daysOf, dropAttributes, dropRuns, dropSpans, dropTrace} = this.statements();
    const [known] = find.all(traceId) as Known[];
    if (!known) return;
    const {trace_key: key, first_span_key: from, spans} = known;
    takeDays.run(from, from + spans);
    for (const {run_id} of runIdsOf.all(key, from, from + spans) as {run_id: string}[]) runIds.add(run_id);
    for (const {day, n} of daysOf.all(from, from + spans) as {day: string; n: number}[])
      days.set(day, (days.get(day) ?? 0) - n);
    dropAttributes.run(key);
    dropRuns.run(key);
    dropSpans.run(from, from + spans);
    dropTrace.run(key);
  }

  /**
   * A continuation counts with its run, as in `list`. Runs that merely share an id, because a caller used it twice or
   * a retry reused it, are separate runs.
   */
  private markSequels(runIds: ReadonlySet<string>): void {
    const marked = new Set<string>();
    for (let ids = [...runIds]; ids.length > 0; ) {
      for (const id of ids) marked.add(id);
      // If the inner runs of a sequel are continued, the continuation counts with the same run as the sequel, now or
      // before.
      const before = this.insideSequelsOf(ids);
      this.markSequelsOf(ids);
      ids = [...new Set([...before, ...this.insideSequelsOf(ids)])].filter(id => !marked.has(id));
    }
  }

  private insideSequelsOf(runIds: readonly string[]): string[] {
    const rows = this.connection.all(
      `select distinct s.own_run_id as id
         from run_facts r
         join trace_facts t on t.trace_key = r.trace_key
         join span_facts s on s.span_key >= t.first_span_key and s.span_key < t.first_span_key + t.spans
        where r.sequel = 1 and r.run_id in (select value from json_each(?)) and s.own_run_id is not null`,
      [JSON.stringify(runIds)],
    ) as {id: string}[];
    return rows.map(({id}) => id);
  }

  private markSequelsOf(runIds: readonly string[]): void {
    const {connection} = this;
    const ids = [JSON.stringify(runIds)];
    connection.run(
      `update run_facts set sequel = 0, whole_key = run_key
        where run_id in (select value from json_each(?)) and sequel = 1`,
      ids,
    );
    connection.run(
      `update span_facts set begin_key = span_key
        where own_run_id in (select value from json_each(?)) and begin_key <> span_key`,
      ids,
    );
    const rows = connection.all(
      `select s.span_key, s.span_name, s.own_run_id, s.start_micros, s.kind, s.component_id, r.run_key, r.session_id, r.whole_key,
              r.agent_id, r.team_id, r.trace_key = s.trace_key and r.span_id = s.span_id as is_run
         from span_facts s
         join run_facts r on r.run_key = s.run_key
        where s.own_run_id in (
                select own_run_id from span_facts
                 where own_run_id in (select value from json_each(?))
                 group by own_run_id
                having count(*) > 1)
        order by s.start_micros, s.span_id`,
      ids,
    ) as RunSpanRow[];
    const wholeKeys = new Map<number, number>();
    for (const {row, beginning} of beginningsOf(rows)) {
      connection.run('update span_facts set begin_key = ? where span_key = ?', [beginning.span_key, row.span_key]);
      if (row.is_run === 0 || beginning.run_key === row.run_key) continue;
      const wholeKey = wholeKeys.get(beginning.run_key) ?? beginning.whole_key;
      wholeKeys.set(row.run_key, wholeKey);
      connection.run('update run_facts set sequel = 1, whole_key = ? where run_key = ?', [wholeKey, row.run_key]);
    }
  }

  private statements(): Prepared {
    if (this.prepared) return this.prepared;
    const {connection} = this;
    const insert = (table: string, names: readonly string[]) =>
      connection.prepare(
        `insert into ${table} (${names.join(', ')}) values (${names.map(name => (name === 'sequel' ? '0' : '?')).join(', ')})`,
      );
    this.prepared = {
      find: connection.prepare('select trace_key, first_span_key, spans from trace_facts where trace_id = ?'),
      addTrace: insert('trace_facts', [
        'trace_key',
        'trace_id',
        'first_span_key',
        'spans',
        'settles_micros',
        'has_row',
      ]),
      addRun: insert('run_facts', ['run_key', 'trace_key', 'whole_key', ...RUN_VALUES, 'sequel']),
      addSpan: insert('span_facts', ['span_key', 'trace_key', 'run_key', 'begin_key', ...SPAN_VALUES]),
      runIdsOf: connection.prepare(
        `select run_id from run_facts where trace_key = ? and run_id is not null
          union select own_run_id from span_facts where span_key >= ? and span_key < ? and own_run_id is not null`,
      ),
      daysOf: connection.prepare(
        'select day, count(*) as n from span_facts where span_key >= ? and span_key < ? and from_messages = 0 group by day',
      ),
      addAttribute: insert('run_attributes', ['run_key', 'attribute', 'value', 'text']),
      dropAttributes: connection.prepare(
        'delete from run_attributes where run_key in (select run_key from run_facts where trace_key = ?)',
      ),
      dropRuns: connection.prepare('delete from run_facts where trace_key = ?'),
      dropSpans: connection.prepare('delete from span_facts where span_key >= ? and span_key < ?'),
      dropTrace: connection.prepare('delete from trace_facts where trace_key = ?'),
      addDays: connection.prepare(addToDays(1)),
      takeDays: connection.prepare(addToDays(-1)),
      countDay: connection.prepare(
        'insert into day_spans (day, spans) values (?, ?) on conflict (day) do update set spans = spans + excluded.spans',
      ),
    };
    return this.prepared;
  }
}

/** A run span with the columns that decide what it continues. */
interface RunSpanRow {
  readonly span_key: number;
  readonly span_name: string;
  readonly own_run_id: string;
  readonly start_micros: number | null;
  readonly kind: string;
  readonly component_id: string | null;
  /** Of the run that it is or belongs to. */
  readonly run_key: number;
  readonly whole_key: number;
  readonly session_id: string | null;
  readonly agent_id: string | null;
  readonly team_id: string | null;
  /** 1: it is that run's own span. */
  readonly is_run: number;
}

/**
 * For the continuations among these run spans, which are sorted by time: the run span where each began, that is, the
 * newest match.
 */
function beginningsOf(rows: readonly RunSpanRow[]): {row: RunSpanRow; beginning: RunSpanRow}[] {
  const found: {row: RunSpanRow; beginning: RunSpanRow}[] = [];
  const begun = new Map<string, RunSpanRow[]>();
  for (const row of rows) {
    const before = begun.get(row.own_run_id) ?? [];
    begun.set(row.own_run_id, before);
    const {start_micros: start} = row;
    const beginning = isContinuation({name: row.span_name})
      ? before.findLast(
          other =>
            other.start_micros !== null &&
            start !== null &&
            other.start_micros < start &&
            isSamePlace(placeOf(row), placeOf(other)),
        )
      : undefined;
    if (beginning) found.push({row, beginning});
    else before.push(row);
  }
  return found;
}

function placeOf(row: RunSpanRow): Parameters<typeof isSamePlace>[0] {
  const isRun = row.is_run === 1;
  return {
    sessionId: row.session_id,
    agentId: isRun ? row.agent_id : row.kind === 'agent' ? row.component_id : null,
    teamId: isRun ? row.team_id : row.kind === 'team' ? row.component_id : null,
  };
}

const INDEXES = [...SCHEMA, ...ATTRIBUTE_SCHEMA, ...QUESTION_INDEXES].filter(statement =>
  /^create (unique )?index/.test(statement),
).length;

/** Columns whose values are facts; the keys come before them and are assigned on writing. */
const RUN_VALUES = RUN_NAMES.slice(2).filter(name => name !== 'sequel' && name !== 'whole_key') as (keyof RunFacts)[];
const SPAN_VALUES = SPAN_NAMES.slice(3).filter(name => name !== 'begin_key') as (keyof SpanFacts)[];

/** Reads the values of a row. Compiled: reading fifty of them by name took half as long as inserting them. */
function reader<Row>(names: readonly (keyof Row & string)[]): (row: Row, keys: readonly unknown[]) => unknown[] {
  const take = new Function('row', 'keys', `return [...keys, ${names.map(name => `row.${name}`).join(', ')}]`);
  return take as (row: Row, keys: readonly unknown[]) => unknown[];
}
const runValues = reader<RunFacts>(RUN_VALUES);
const spanValues = reader<SpanFacts>(SPAN_VALUES);
