import {AGNO_INDEXES, type AgnoTable, agnoIndexName, agnoTable} from '../sql/agno-tables.ts';
import {quoteIdentifier} from '../sql/sql.ts';
import {remember} from './made.ts';
import {takenNames} from './names.ts';
import {briefly} from './patience.ts';
import type {Blocked, Found, MigrationObject} from './step.ts';
import type {MigrationSubject} from './subject.ts';

/** Agno's two tables, exactly as Agno creates them; for applications whose role may not create any. */
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
      why: 'Agno creates it with its first traced run, if its role may. This is the same table.',
      serves: 'tracing itself',
      lock: 'none that blocks anybody',
      risk:
        dialect === 'postgres'
          ? `it will belong to the role that creates it; an application with another role needs USAGE on schema "${schema}" and SELECT, INSERT, UPDATE on both tables`
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

/** Why a table cannot be created now. */
export function tableBlocked(role: AgnoTable, subject: MigrationSubject): Promise<Blocked | null> {
  const name = subject.names[role];
  return takenNames(
    subject,
    name,
    AGNO_INDEXES[role].map(column => agnoIndexName(name, column)),
  );
}
