import {type UserError, usageError} from '../errors.ts';
import type {Dialect, WritableDialect} from '../sql/sql.ts';

/** The error of commands that would change rows of ClickHouse. */
export function onlyRead(): UserError {
  return usageError(
    'ClickHouse is only read: prune, archive restore, migrate, vacuum and demo do not write to it.',
    "In ClickHouse itself, drop whole old months: ALTER TABLE agno_spans DROP PARTITION '202601', and the same for agno_traces; or set a TTL.",
  );
}

/** @throws UserError exit 2 if this tool only reads this kind of database */
export function writable(dialect: Dialect): WritableDialect {
  if (dialect === 'clickhouse') throw onlyRead();
  return dialect;
}
