export const SEVERITIES = ['error', 'warning', 'info', 'ok'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** The result of one check. */
export interface Finding {
  readonly severity: Severity;
  /** Null: not counted; `covered` says why. Never zero if unknown. */
  readonly count: number | null;
  /** The count covers all the data. */
  readonly isComplete: boolean;
  /** What the count covers, in words. */
  readonly covered: string;
  /** An id, or another name, of one of the counted items. */
  readonly sample: string | null;
  /** One sentence. */
  readonly text: string;
  /** Arguments of this program that show the sample. */
  readonly command: readonly string[] | null;
  /** SQL or a setting that fixes it, if there is one. */
  readonly repair: string | null;
}

/** There is nothing to count: the facts about the connection decide. */
export const FROM_CATALOGUE = {isComplete: true, covered: 'the catalogue'} as const;

/** How `covered` begins if nothing was examined. */
export const NOT_COUNTED = 'not counted';

/** `n` with its noun: `1 span`, `2 spans`. */
export function counted(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}
