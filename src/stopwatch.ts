/**
 * Milliseconds since an arbitrary moment; never goes back. `performance` would do the same, but on Node 20 its first
 * use loads all of node:perf_hooks, a millisecond of every start.
 */
export function stopwatchMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}
