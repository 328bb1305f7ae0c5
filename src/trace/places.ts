/** Where in a span a text stands. */
export const PLACES = ['name', 'input', 'output', 'args', 'error', 'attributes'] as const;
export type SearchPlace = (typeof PLACES)[number];
