/** The part of a span that holds a text. */
export const PLACES = ['name', 'input', 'output', 'args', 'error', 'attributes'] as const;
export type SearchPlace = (typeof PLACES)[number];
