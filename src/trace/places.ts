/** Where in a span a text is. */
export const PLACES = ['name', 'input', 'output', 'args', 'error', 'attributes'] as const;
export type SearchPlace = (typeof PLACES)[number];
