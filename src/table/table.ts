/** What a number means; decides how it is written and that it stands to the right. */
export const UNITS = ['text', 'count', 'ms', 'usd', 'time'] as const;
export type Unit = (typeof UNITS)[number];

export type Cell = string | number | null;

export interface Column {
  readonly label: string;
  readonly unit?: Unit;
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
