/** How much of the texts that went in and out is shown. */
export const IO_LEVELS = ['none', 'preview', 'full'] as const;
export type IoLevel = (typeof IO_LEVELS)[number];
