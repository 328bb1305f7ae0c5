/** The meaning of a number: decides its format, and aligns it to the right. */
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
 * `count`: whole, averages rounded; `rate`: with one decimal; `ratio`: 0 to 1, shown as percent; `time`: a moment;
 * `stretch`: the start of a period; both ISO 8601; `flag`: true or false; `factor`: how many times; `varies`: the
 * unit in the row's own `unit`.
 */
export type Unit = (typeof UNITS)[number];

export type Cell = string | number | boolean | null;

export interface Column {
  readonly label: string;
  readonly unit?: Unit;
  /** On a narrow terminal it is cut to this many columns before others are left out; default for the first text: 16. */
  readonly least?: number;
  /** Holds texts of any length: as a table they are cut even in a pipe. */
  readonly isLong?: boolean;
  /** A figure that people come for: on a narrow terminal the columns before it are left out first. */
  readonly isMain?: boolean;
  /** One line for help and documentation. */
  readonly description?: string;
}

/** Rows with the meaning of their columns. Keys are the JSON keys. */
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
  /** Starts of the first and the last period, and the length of each, microseconds. */
  readonly firstMicros: number;
  readonly lastMicros: number;
  readonly everyMicros: number;
  /** By row: a figure for each period; null if there is none. */
  readonly lines: readonly {readonly keys: readonly Cell[]; readonly values: readonly (number | null)[]}[];
}
