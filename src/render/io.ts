/** How much of the inputs and outputs is shown. */
export const IO_LEVELS = ['none', 'preview', 'full'] as const;
export type IoLevel = (typeof IO_LEVELS)[number];
