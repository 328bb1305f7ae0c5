import {QUOTED} from '../sql/sql.ts';

/** Its settings stand in the statement, so that no profile changes what it means: it returns when the rows are gone. */
export function deleteStatement(table: string, partition: string, where: string): string {
  return `delete from ${table} in partition id ${QUOTED.clickhouse(partition)}
 where ${where}
 settings lightweight_deletes_sync = 2, mutations_sync = 2`;
}

/** A part has a new name after every merge and mutation, so none but those that were examined can be dropped. */
export function dropStatement(table: string, part: string): string {
  return `alter table ${table} drop part ${QUOTED.clickhouse(part)}`;
}
