import {type UserError, usageError} from '../errors.ts';
import type {Dialect, WritableDialect} from '../sql/sql.ts';

/** The error of commands that would change rows of ClickHouse. */
export function onlyRead(): UserError {
  return usageError(
    'ClickHouse is only read: prune, archive restore and migrate do not write to it.',
    "In ClickHouse itself, drop whole old months: ALTER TABLE agno_spans DROP PARTITION '202601', and the same for agno_traces; or set a TTL.",
  );
}

/** The error of `vacuum` there. */
export function mergesInstead(): UserError {
  return usageError(
    'ClickHouse needs no vacuum: it frees the space of deleted rows when it merges parts, in the background.',
    'OPTIMIZE TABLE agno_spans PARTITION 202601 FINAL merges a month now, and needs as much free disk as it has.',
  );
}

/**
 * @param refused the error
 * @throws UserError exit 2 if this tool only reads this kind of database
 */
export function writable(dialect: Dialect, refused = onlyRead): WritableDialect {
  if (dialect === 'clickhouse') throw refused();
  return dialect;
}
