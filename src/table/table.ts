/** What a number means: decides how it is written, and aligns it to the right. */
export const UNITS = [
  'text',
  'count',
  'rate',
  'ratio',
  'ms',
  'usd',
  'time',
  'stretch',
  'flag',
  'factor',
  'varies',
] as const;
/**
 * `count`: whole, averages rounded; `rate`: with one digit behind the point; `ratio`: 0 to 1, drawn as percent; `time`: a
 * moment; `stretch`: the start of a stretch of time; both ISO 8601; `flag`: true or false; `factor`: how many times; `varies`: the one that the
 * row's own `unit` says.
 */
export type Unit = (typeof UNITS)[number];

export type Cell = string | number | boolean | null;

export interface Column {
  readonly label: string;
  readonly unit?: Unit;
  /** On a narrow terminal it is cut to so many columns before others are left out; of the first text 16. */
  readonly least?: number;
  /** One line for help and documentation. */
  readonly description?: string;
}

/** Rows plus what their columns mean. Keys are the JSON keys. */
export interface Table {
  readonly columns: Readonly<Record<string, Column>>;
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** Key of the column that the rows are sorted by. */
  readonly sortedBy?: string;
}

/** A figure over time, for each of several rows. */
export interface Series {
  /** What the figure is. */
  readonly column: Column;
  /** Starts of the first and the last stretch, and the length of each, microseconds. */
  readonly firstMicros: number;
  readonly lastMicros: number;
  readonly everyMicros: number;
  /** By row: a figure for each stretch; null where there is nothing. */
  readonly lines: readonly {readonly keys: readonly Cell[]; readonly values: readonly (number | null)[]}[];
}
