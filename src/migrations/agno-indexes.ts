import {type AgnoTable, agnoIndex, agnoIndexName, SPAN_INDEXES, TRACE_INDEXES} from '../sql/agno-tables.ts';
import {quoteIdentifier, raw, sql} from '../sql/sql.ts';
import type {TableFacts} from '../store/connection-info.ts';
import {buildConcurrently} from './concurrent.ts';
import {scanOf} from './estimate.ts';
import {remember} from './made.ts';
import {takenNames} from './names.ts';
import {briefly, lengthily} from './patience.ts';
import type {Blocked, Found, MigrationObject, MigrationStep} from './step.ts';
import {explained, type MigrationSubject} from './subject.ts';

/**
 * If a step holds SQLite's write lock longer than this, it needs the file exclusively: Agno waits five seconds, then
 * loses spans.
 */
const LONGEST_LOCK_MS = 1000;

/** What uses each of them: this tool, and AgentOS, which filters and orders by all of these columns. */
const SERVES: Readonly<Record<string, string>> = {
  'spans.start_time': 'list',
  'spans.trace_id': "show, prune, AgentOS's trace view",
  'spans.parent_span_id': 'show',
  'spans.created_at': 'tail, list --state running',
  'traces.run_id': 'show <run id>, list --run',
  'traces.session_id': "list --session, AgentOS's session view",
  'traces.start_time': "AgentOS's list of traces",
};

/** Indexes that Agno creates only together with its tables. */
const agnoIndexes: MigrationObject = {
  inspect: async subject => [
    ...(await findAll('traces', TRACE_INDEXES, subject)),
    ...(await findAll('spans', SPAN_INDEXES, subject)),
  ],
};
export default agnoIndexes;

async function findAll(role: AgnoTable, columns: readonly string[], subject: MigrationSubject): Promise<Found[]> {
  const table = subject[role];
  // A table that is created now includes its indexes.
  if (!table) return [];
  const found: Found[] = [];
  for (const column of columns) found.push(await find(role, table, column, subject));
  return found;
}

async function find(role: AgnoTable, table: TableFacts, column: string, subject: MigrationSubject): Promise<Found> {
  const named = table.indexes.find(({name}) => name === agnoIndexName(table.name, column));
  const object = named?.name ?? agnoIndexName(table.name, column);
  const serving = table.indexes.find(index => index.isValid && !index.isPartial && index.columns[0] === column);
  if (serving) return {kind: 'index', object: serving.name, state: 'there', step: null};
  const {dialect, schema, names} = subject;
  const isPostgres = dialect === 'postgres';
  const create = agnoIndex(role, column, {dialect, schema, names}, isPostgres);
  const drop = `DROP INDEX CONCURRENTLY IF EXISTS ${quoteIdentifier(schema)}.${quoteIdentifier(object)}`;
  const estimateMs = await scanOf(subject, role);
  const query = sql`select * from ${raw(table.qualifiedName)} where ${raw(column)} = ${'x'}`;
  const step: MigrationStep = {
    action: named ? 'repair' : 'create',
    why: named?.isValid
      ? "An index has Agno's name but covers something else."
      : named
        ? 'An earlier build failed: it slows every insert and helps no query.'
        : "One of Agno's own indexes is missing; Agno creates them only together with the table.",
    serves: SERVES[`${role}.${column}`] ?? "AgentOS's filters",
    lock: isPostgres ? NO_LOCK : `the file's write lock during the build: ${seconds(estimateMs)}`,
    risk: /_id$/.test(column) && isPostgres && !named ? RISK : null,
    estimateMs,
    explain: await explained(subject, query),
    blocked: named
      ? blockedBy(subject, named.isValid, estimateMs, object)
      : ((await takenNames(subject, table.name, [object])) ?? blockedBy(subject, false, estimateMs, object)),
    sql: [...(named && isPostgres ? [drop] : []), create],
    apply: async work => {
      const {changes, report} = work;
      const what = `index ${object}`;
      if (isPostgres) {
        if (!named)
          await briefly(changes, what, report, transaction => remember(transaction, subject, {kind: 'index', object}));
        await buildConcurrently(work, {schema, table: table.qualifiedName, name: object, create});
        return;
      }
      // Offline, nobody waits for its lock, and a large table takes longer than a brief transaction may.
      const within = subject.offline ? lengthily : briefly;
      await within(changes, what, report, async transaction => {
        const there = await transaction.all(sql`select 1 from sqlite_master where type = 'index' and name = ${object}`);
        if (there.length > 0) return;
        await remember(transaction, subject, {kind: 'index', object});
        await transaction.send(create);
      });
    },
  };
  return {kind: 'index', object, state: named ? (named.isValid ? 'different' : 'invalid') : 'missing', step};
}

export const NO_LOCK = 'none that blocks writers; the build itself waits for older transactions on the table';
const RISK = 'a value of more than 2.7 KB that does not compress is refused, as in every table that Agno made';

function blockedBy(
  subject: MigrationSubject,
  isTaken: boolean,
  estimateMs: number | null,
  object: string,
): Blocked | null {
  if (isTaken)
    return {
      reason: `an index named "${object}" covers something else`,
      hint: 'Rename or drop it, unless something needs it.',
    };
  if (subject.dialect === 'postgres' || subject.offline) return null;
  if (estimateMs !== null && estimateMs <= LONGEST_LOCK_MS) return null;
  return {
    reason: `it would block Agno's writes for ${seconds(estimateMs)}`,
    hint: 'Stop the program that writes the file, then add --offline.',
  };
}

function seconds(ms: number | null): string {
  if (ms === null) return 'an unknown time';
  return ms < 1000 ? 'less than a second' : `about ${Math.ceil(ms / 1000)} s`;
}
