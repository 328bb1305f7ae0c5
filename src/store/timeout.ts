/**
 * Statement and lock timeouts of Postgres; the statement limit of ClickHouse, or ours for it; a SQLite writer that
 * did not finish in time, a SQLite statement that was stopped.
 */
const TIMEOUT = /^(57014|55P03|159|CLICKHOUSE_TIMEOUT|SQLITE_INTERRUPT|SQLITE_(BUSY|LOCKED).*)$/;

/** True if the database exists and allows the read, but this read took too long. */
export function isTimeout(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as {code?: unknown; errcode?: unknown} | undefined) : undefined;
  return TIMEOUT.test(String(cause?.code ?? '')) || cause?.errcode === 5 || cause?.errcode === 6;
}

/** True if a statement on a SQLite file was stopped: a retry would take just as long. */
export function isStopped(error: unknown): boolean {
  return error instanceof Error && (error.cause as {code?: unknown} | undefined)?.code === 'SQLITE_INTERRUPT';
}
