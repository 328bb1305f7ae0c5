/**
 * The long suite (`npm run check:long`) is the test files that import this one, those named *.long.test.ts, and all that draw
 * random values: with every call of a sweep, hundreds of seeds, real Agno, and values that nobody has tried before.
 */
export const IS_LONG = process.env.AGNO_TRACE_LONG === '1';

/** How much of something: enough to guard the behaviour, or much more. */
export const inLong = <Value>(long: Value, short: Value): Value => (IS_LONG ? long : short);

/**
 * What reads rows that others have read before it: in check those of the older writer from SQLite alone. That Postgres hands
 * them over alike says test/commands/pictures.test.ts.
 */
export const inCheck = ({version, backend}: {version: string; backend: string}): boolean =>
  IS_LONG || backend === 'sqlite' || version !== '2.9.0';

/**
 * Of all that is random. The same in every run of check, so that two runs of the same code say the same; the long suite draws
 * one and prints it, and AGNO_TRACE_SEED gives it back to either.
 */
export const SEED = Number(process.env.AGNO_TRACE_SEED ?? 1);
