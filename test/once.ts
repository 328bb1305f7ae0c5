/** What projects share is made for the first of them; each has its own copy of a setup file, and one process holds them all. */
export function once<Value>(name: string, make: () => Promise<Value>): Promise<Value> {
  const made = globalThis as unknown as Record<symbol, Promise<Value> | undefined>;
  const key = Symbol.for(`agno-trace test ${name}`);
  made[key] ??= make();
  return made[key];
}
