import {type UserError, usageError} from '../errors.ts';
import type {Dialect, WritableDialect} from '../sql/sql.ts';

/** The error of `migrate` there. */
export function onlyRead(): UserError {
  return usageError(
    'migrate has nothing to do on ClickHouse: Agno makes its tables itself, and their order is their index.',
    'Old months: agno-trace prune, or a TTL of the table (docs/clickhouse.md).',
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
 * @throws UserError exit 2 if this kind of database has no transactions
 */
export function writable(dialect: Dialect, refused = onlyRead): WritableDialect {
  if (dialect === 'clickhouse') throw refused();
  return dialect;
}
