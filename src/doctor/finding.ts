export const SEVERITIES = ['error', 'warning', 'info', 'ok'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** What one check found. */
export interface Finding {
  readonly severity: Severity;
  /** Null: not counted; `covered` says why. Never zero for what is unknown. */
  readonly count: number | null;
  /** The count is over everything there is. */
  readonly isComplete: boolean;
  /** What the count is over, in words. */
  readonly covered: string;
  /** An id, or another name, of one of those counted. */
  readonly sample: string | null;
  /** One sentence. */
  readonly text: string;
  /** Arguments of this program that show the sample. */
  readonly command: readonly string[] | null;
  /** SQL or a setting that repairs it, where there is one. */
  readonly repair: string | null;
}

/** Nothing to count here: the facts of the connection decide. */
export const FROM_CATALOGUE = {isComplete: true, covered: 'the catalogue'} as const;

/** How `covered` begins where nothing was looked at. */
export const NOT_COUNTED = 'not counted';

/** `n` with its noun: `1 span`, `2 spans`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
