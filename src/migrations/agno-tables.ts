import {AGNO_INDEXES, type AgnoTable, agnoIndexName, agnoTable} from '../sql/agno-tables.ts';
import {quoteIdentifier} from '../sql/sql.ts';
import {remember} from './made.ts';
import {takenNames} from './names.ts';
import {briefly} from './patience.ts';
import type {Blocked, Found, MigrationObject} from './step.ts';
import type {MigrationSubject} from './subject.ts';

/** Agno's two tables, exactly as Agno makes them; for applications whose role may not create any. */
const agnoTables: MigrationObject = {
  inspect: async subject => [await find('traces', subject), await find('spans', subject)],
};
export default agnoTables;

async function find(role: AgnoTable, subject: MigrationSubject): Promise<Found> {
  const object = subject.names[role];
  if (subject[role]) return {kind: 'table', object, state: 'there', step: null};
  const {dialect, schema, names} = subject;
  const makesSchema = role === 'traces' && !subject.hasSchema;
  const sql = [
    ...(makesSchema ? [`CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(schema)}`] : []),
    ...agnoTable(role, {dialect, schema, names}),
  ];
  return {
    kind: 'table',
    object,
    state: 'missing',
    step: {
      action: 'create',
      why: 'Agno makes it with its first traced run, which its role may not be allowed to; this is what it would make.',
      serves: 'tracing itself',
      lock: 'none that anybody waits for',
      risk:
        dialect === 'postgres'
          ? `it belongs to the role that makes it; an application with another role needs USAGE on schema "${schema}" and SELECT, INSERT, UPDATE on both tables`
          : null,
      estimateMs: 50,
      explain: null,
      blocked: await tableBlocked(role, subject),
      sql,
      apply: ({changes, report}) =>
        briefly(changes, `table ${object}`, report, async transaction => {
          for (const statement of sql) await transaction.send(statement);
          if (makesSchema) await remember(transaction, subject, {kind: 'schema', object: schema});
          await remember(transaction, subject, {kind: 'table', object});
        }),
    },
  };
}

/** Why a table cannot be made now. */
export function tableBlocked(role: AgnoTable, subject: MigrationSubject): Promise<Blocked | null> {
  const name = subject.names[role];
  return takenNames(
    subject,
    name,
    AGNO_INDEXES[role].map(column => agnoIndexName(name, column)),
  );
}
