/** Statement and lock timeouts of Postgres; a writer that SQLite waited for in vain. */
const TIMEOUT = /^(57014|55P03|SQLITE_(BUSY|LOCKED).*)$/;

/** True when the database is there and allows it, but this one read took too long. */
export function isTimeout(error: unknown): boolean {
  const cause = error instanceof Error ? (error.cause as {code?: unknown; errcode?: unknown} | undefined) : undefined;
  return TIMEOUT.test(String(cause?.code ?? '')) || cause?.errcode === 5 || cause?.errcode === 6;
}
