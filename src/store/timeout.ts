/** Statement and lock timeouts of Postgres; the limit of a statement on ClickHouse, or ours for it; a writer of SQLite that did not finish in time, a statement of SQLite that was stopped. */
const TIMEOUT = /^(57014|55P03|159|CLICKHOUSE_TIMEOUT|SQLITE_INTERRUPT|SQLITE_(BUSY|LOCKED).*)$/;

/** True when the database is there and allows it, but this one read took too long. */
export function isTimeout(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as {code?: unknown; errcode?: unknown} | undefined) : undefined;
  return TIMEOUT.test(String(cause?.code ?? '')) || cause?.errcode === 5 || cause?.errcode === 6;
}

/** True when a statement on a SQLite file was stopped: trying it again would only take as long again. */
export function isStopped(error: unknown): boolean {
  return error instanceof Error && (error.cause as {code?: unknown} | undefined)?.code === 'SQLITE_INTERRUPT';
}
