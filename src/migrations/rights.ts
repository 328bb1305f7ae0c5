import {EXIT, UserError} from '../errors.ts';
import {quoteIdentifier, sql} from '../sql/sql.ts';
import type {MigrationSubject} from './subject.ts';

/**
 * Refuses a role that may not make the changes, before anything begins.
 * @throws UserError exit 4 that names the missing right
 */
export async function checkRights(subject: MigrationSubject): Promise<void> {
  const {dialect, facts, label, schema, hasSchema, traces, spans} = subject;
  const forDba = '--print-sql prints the statements for somebody who has the rights.';
  if (dialect === 'sqlite') {
    if (facts.mayWrite) return;
    throw refused(`"${label}" cannot be written: you lack the permission.`, 'Check the permissions of the file.');
  }
  const {role} = facts;
  for (const table of [traces, spans]) {
    if (!table) continue;
    const [row] = await subject.all<{owns: boolean; owner: string; partitioned: boolean}>(sql`
select c.relkind = 'p' as partitioned, pg_catalog.pg_has_role(c.relowner, 'usage') as owns, pg_catalog.pg_get_userbyid(c.relowner)::text as owner
  from pg_catalog.pg_class c where c.oid = pg_catalog.to_regclass(${table.qualifiedName})`);
    if (row!.partitioned)
      throw new UserError(
        EXIT.schema,
        `${table.qualifiedName} of "${label}" is partitioned: its indexes cannot be built without blocking writers.`,
        {
          hint: '--print-sql prints the statements. Run them on each partition, with CONCURRENTLY left out.',
        },
      );
    if (!row!.owns)
      throw refused(
        `user "${role}" may not change ${table.qualifiedName} of "${label}": it belongs to "${row!.owner}".`,
        `Connect as its owner; ${forDba}`,
      );
  }
  const where = hasSchema ? `SCHEMA ${quoteIdentifier(schema)}` : `DATABASE ${quoteIdentifier(databaseOf(subject))}`;
  const [row] = await subject.all<{may: boolean}>(
    hasSchema
      ? sql`select pg_catalog.has_schema_privilege(${schema}, 'create') as may`
      : sql`select pg_catalog.has_database_privilege(current_database(), 'create') as may`,
  );
  if (!row!.may)
    throw refused(
      `user "${role}" may not create anything in ${hasSchema ? `schema "${schema}"` : 'the database'} of "${label}".`,
      `GRANT CREATE ON ${where} TO ${quoteIdentifier(role ?? '')}; or: ${forDba}`,
    );
}

function databaseOf({label}: MigrationSubject): string {
  return label.slice(label.lastIndexOf('/') + 1);
}

function refused(message: string, hint: string): UserError {
  return new UserError(EXIT.unreachable, message, {hint});
}
