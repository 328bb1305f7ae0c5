import {type AgnoTable, agnoTable} from '../sql/agno-tables.ts';
import {quoteIdentifier} from '../sql/sql.ts';
import {remember} from './made.ts';
import {briefly} from './patience.ts';
import type {Found, MigrationObject} from './step.ts';
import type {Subject} from './subject.ts';

/** Agno's two tables, exactly as Agno makes them; for applications whose role may not create any. */
const agnoTables: MigrationObject = {
  inspect: async subject => (['traces', 'spans'] as const).map(role => find(role, subject)),
};
export default agnoTables;

function find(role: AgnoTable, subject: Subject): Found {
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
      blocked: null,
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
