import type {Client as PgClient} from 'pg';
import {EXIT, UserError} from '../../errors.ts';
import type {AdHoc} from '../../sql/ad-hoc.ts';
import {compile, quoteIdentifier, type Sql, schemaOf, type TableNames} from '../../sql/sql.ts';
import {checkSchema, noRunTables} from '../schema-check.ts';
import {labelOf, type PostgresSource} from '../source.ts';
import {stopwatchMs} from '../stopwatch.ts';
import {
  type AdHocAnswer,
  type AdHocLimits,
  DEFAULT_TABLES,
  type OpenOptions,
  type Store,
  type TableChoice,
  tableNamesOf,
} from '../store.ts';
import {runAdHoc} from './ad-hoc.ts';
import {connectClient} from './connect.ts';
import {describePostgres} from './describe.ts';
import {explainPostgres} from './errors.ts';

/**
 * Opens one connection. No session state anywhere: every read is its own `BEGIN READ ONLY` with `SET LOCAL`, statements
 * are unnamed, so that it works through a pooler in transaction mode (docs/design.md, Reading without harm).
 */
export async function openPostgres(source: PostgresSource, options: OpenOptions): Promise<Store> {
  const client = await connectClient(source, options).catch(error => {
    throw explainPostgres(error, source);
  });
  const connection = new Connection(client, options);
  try {
    if (options.onConnect) {
      const read = <Row>(text: string, params: readonly unknown[]) => connection.read<Row>(text, params, 10_000);
      const names = tableNamesOf(options.tables);
      options.onConnect(await describePostgres(client, source, read, names, options.nowMicros));
    }
    const facts = await connection.inspect(options.tables);
    return new PostgresStore(source, connection, facts, options);
  } catch (error) {
    await connection.close();
    throw explainPostgres(error, source);
  }
}

class PostgresStore implements Store {
  readonly dialect = 'postgres';
  readonly spansPerStatement = 200_000;
  readonly blocksWriter = false;
  lastStatementMs = 0;
  readonly label: string;
  readonly tables: TableNames;

  constructor(
    private readonly source: PostgresSource,
    private readonly connection: Connection,
    private readonly facts: Facts,
    private readonly options: OpenOptions,
  ) {
    this.label = labelOf(source);
    this.tables = facts.tables;
  }

  async all<Row>(query: Sql): Promise<Row[]> {
    const {text, params} = compile(query, 'postgres', this.tables);
    const start = stopwatchMs();
    try {
      const rows = await this.connection.read<Row>(text, params, this.facts.timeoutMs);
      this.lastStatementMs = stopwatchMs() - start;
      this.options.debug?.(`postgres: ${rows.length} rows in ${this.lastStatementMs.toFixed(1)} ms`);
      return rows;
    } catch (error) {
      throw explainPostgres(error, this.source);
    }
  }

  async adHoc(statement: AdHoc, limits: AdHocLimits): Promise<AdHocAnswer> {
    try {
      return await this.connection.adHoc(statement, limits, this.facts);
    } catch (error) {
      throw explainPostgres(error, this.source);
    }
  }

  nowMicros(): number {
    return this.options.nowMicros() + this.facts.clockAheadMicros;
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}

interface Facts {
  tables: TableNames;
  /** The server's clock minus ours. */
  clockAheadMicros: number;
  /** Longest time of one statement: what was asked for, never more than the role's own limit. */
  timeoutMs: number;
}

interface FoundTable {
  schema: string;
  name: string;
  readable: boolean;
  /** As in pg_class. */
  kind: string;
  columns: {name: string; type: string}[];
}

class Connection {
  /** Compiling a statement takes longer than our short ones do; servers before 11 do not know the setting. */
  private jitOff = '';

  constructor(
    private readonly client: PgClient,
    private readonly options: OpenOptions,
  ) {}

  /**
   * One read-only transaction in one round trip: its three messages are sent before the first is answered. After a failed
   * statement the server takes the commit for a rollback.
   */
  async read<Row>(text: string, params: readonly unknown[], timeoutMs: number): Promise<Row[]> {
    const settings = `set local statement_timeout = ${timeoutMs}; set local lock_timeout = 3000${this.jitOff}`;
    const [, {rows}] = await Promise.all([
      this.client.query(`begin read only; ${settings}`),
      this.client.query({text, values: [...params]}),
      this.client.query('commit'),
    ]);
    return rows as Row[];
  }

  adHoc(statement: AdHoc, limits: AdHocLimits, {timeoutMs, tables}: Facts): Promise<AdHocAnswer> {
    const schema = schemaOf(tables.traces!);
    return runAdHoc({client: this.client, timeoutMs, schema, read: this.read.bind(this)}, statement, limits);
  }

  /** One round trip that finds the tables, the clock and the role's limit. */
  async inspect(choice: TableChoice): Promise<Facts> {
    const asked = this.options.nowMicros();
    const limitMs = Math.min(10_000, this.options.timeoutMs);
    const rows = await this.read<{tables: string; now: string; timeout: string; jit: boolean}>(
      INSPECT,
      [[...NAMES(choice)]],
      limitMs,
    );
    const answered = this.options.nowMicros();
    const {tables, now, timeout, jit} = rows[0]!;
    if (jit) this.jitOff = '; set local jit = off';
    const limit = Number(timeout);
    return {
      tables: (this.options.holds === 'runs' ? chooseRunTables : chooseTables)(
        JSON.parse(tables) as FoundTable[],
        choice,
        this.client,
      ),
      clockAheadMicros: Math.round(Number(now) - (asked + answered) / 2),
      timeoutMs: limit > 0 ? Math.min(limit, this.options.timeoutMs) : this.options.timeoutMs,
    };
  }

  async close(): Promise<void> {
    await this.client.end().catch(() => undefined);
  }
}

const NAMES = ({spansTable, tracesTable}: TableChoice) => [
  spansTable,
  tracesTable,
  DEFAULT_TABLES.runs,
  DEFAULT_TABLES.sessions,
];

const INSPECT = `
select coalesce(json_agg(json_build_object('schema', t.schema, 'name', t.name, 'kind', t.kind, 'readable', t.readable, 'columns', t.columns)), '[]')::text as tables,
       (extract(epoch from clock_timestamp()) * 1e6)::bigint::text as now,
       (select reset_val from pg_catalog.pg_settings where name = 'statement_timeout') as timeout,
       current_setting('jit', true) is not distinct from 'on' as jit
  from (select n.nspname as schema, c.relname as name, c.relkind as kind,
               has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select') as readable,
               (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, null)))
                  from pg_catalog.pg_attribute a
                 where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
          from pg_catalog.pg_class c
          join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where c.relname = any($1::text[])
           and c.relkind in ('r', 'p', 'v', 'm', 'f')
           and n.nspname not in ('pg_catalog', 'information_schema')) t`;

/** Where both tables are: the schema that was asked for, the only one that has them, or `ai`, Agno's own. */
function chooseTables(found: readonly FoundTable[], choice: TableChoice, client: PgClient): TableNames {
  const label = `${client.user}@${client.host}:${client.port}/${client.database}`;
  const schemas = [
    ...new Set(
      found
        .filter(table => table.name === choice.spansTable || table.name === choice.tracesTable)
        .map(table => table.schema),
    ),
  ].sort();
  if (choice.schema === null && schemas.length > 1) {
    throw new UserError(
      EXIT.usage,
      `${schemas.length} schemas of "${label}" hold such tables: ${schemas.map(name => `"${name}"`).join(', ')}.`,
      {
        hint: `Choose one, for example --schema ${schemas.includes('ai') ? 'ai' : schemas[0]}`,
      },
    );
  }
  const schema = choice.schema ?? schemas[0] ?? 'ai';
  const tableOf = (name: string) => found.find(table => table.schema === schema && table.name === name);
  const spans = tableOf(choice.spansTable);
  const traces = tableOf(choice.tracesTable);
  if (choice.schema !== null && !spans && !traces && schemas.length > 0) {
    throw new UserError(EXIT.schema, `schema "${schema}" of "${label}" has no table "${choice.spansTable}".`, {
      hint: `It is in schema ${schemas.map(name => `"${name}"`).join(', ')}.`,
    });
  }
  checkSchema(
    {
      spans: spans?.columns.map(column => column.name) ?? null,
      traces: traces?.columns.map(column => column.name) ?? null,
    },
    choice,
    label,
  );
  const grantee = quoteIdentifier(client.user ?? '');
  for (const table of [spans!, traces!]) {
    if (!table.readable) {
      throw new UserError(
        EXIT.unreachable,
        `user "${client.user}" may not read "${schema}.${table.name}" of "${label}".`,
        {
          hint: `GRANT USAGE ON SCHEMA ${quoteIdentifier(schema)} TO ${grantee}; GRANT SELECT ON ALL TABLES IN SCHEMA ${quoteIdentifier(schema)} TO ${grantee};`,
        },
      );
    }
  }
  return {spans: spansName(spans!, label), traces: qualified(traces!), ...runTables(tableOf)};
}

/** Agno's own run tables, as far as they are there, readable and understood. */
function runTables(tableOf: (name: string) => FoundTable | undefined): TableNames {
  const optional = (name: string, columns: readonly string[]): string | undefined => {
    const table = tableOf(name);
    const isUsable =
      table?.readable && columns.every(column => table.columns.some(({name: known}) => known === column));
    return isUsable ? qualified(table) : undefined;
  };
  return {
    runs: optional(DEFAULT_TABLES.runs, ['run_id', 'status', 'created_at']),
    sessions: optional(DEFAULT_TABLES.sessions, ['session_id', 'runs']),
  };
}

/** Where the run tables are in a database of their own: the schema that was asked for, `ai`, or the only one. */
function chooseRunTables(found: readonly FoundTable[], {schema: asked}: TableChoice, client: PgClient): TableNames {
  const label = `${client.user}@${client.host}:${client.port}/${client.database}`;
  const tables = found.filter(({name}) => name === DEFAULT_TABLES.runs || name === DEFAULT_TABLES.sessions);
  const schemas = [...new Set(tables.map(table => table.schema))].sort();
  const schema = [asked, 'ai'].find(name => name !== null && schemas.includes(name)) ?? schemas[0];
  const tableOf = (name: string) => tables.find(table => table.schema === schema && table.name === name);
  const chosen = runTables(tableOf);
  if (chosen.runs || chosen.sessions) return chosen;
  throw noRunTables(label, tables.length > 0);
}

function qualified(table: FoundTable): string {
  return `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
}

/** Statements rely on jsonb; a column of type json is read through a cast. */
function spansName(table: FoundTable, label: string): string {
  const type = table.columns.find(column => column.name === 'attributes')!.type;
  if (type === 'jsonb') return qualified(table);
  if (type === 'json') {
    const columns = table.columns.map(({name}) =>
      name === 'attributes' ? 'attributes::jsonb as attributes' : quoteIdentifier(name),
    );
    // The follower reads which transaction wrote a row.
    if (table.kind === 'r' || table.kind === 'p') columns.unshift('xmin');
    return `(select ${columns.join(', ')} from ${qualified(table)})`;
  }
  throw new UserError(
    EXIT.schema,
    `column "attributes" of "${table.schema}.${table.name}" in "${label}" is of type ${type}.`,
    {hint: 'Agno makes it jsonb; other types are not understood.'},
  );
}
