/**
 * The long suite (`npm run check:long`) is the test files that import this one, those named *.long.test.ts, and all that draw
 * random values: with every call of a sweep, hundreds of seeds, real Agno, and values that nobody has tried before.
 */
export const IS_LONG = process.env.AGNO_TRACE_LONG === '1';

/** How much of something: enough to guard the behaviour, or much more. */
export const inLong = <Value>(long: Value, short: Value): Value => (IS_LONG ? long : short);

/**
 * Of all that is random. The same in every run of check, so that two runs of the same code say the same; the long suite draws
 * one and prints it, and AGNO_TRACE_SEED gives it back to either.
 */
export const SEED = Number(process.env.AGNO_TRACE_SEED ?? 1);
