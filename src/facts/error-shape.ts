/** The class of a Python exception in front of a message. */
export const ERROR_KIND = /^((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Timeout|Exit|Interrupt|Warning))\s*:\s*/;

/**
 * Parts that differ between errors with the same cause, in the order in which they are replaced, and their
 * replacement.
 */
const DIFFERING: readonly (readonly [RegExp, string | ((found: string, at: number, text: string) => string)])[] = [
  [/\b[a-z][a-z0-9+.-]*:\/\/[^\s"'<>)\]}]+/gi, '<url>'],
  // Keys of JSON stay, and so does a quoted sentence: providers wrap the message itself in their answer like that.
  [
    /"(?:[^"\\]|\\.)*"|`[^`]*`|(?<![\p{L}\p{N}])'(?:[^'\\]|\\.)*'(?![\p{L}\p{N}])/gu,
    (found, at, text) =>
      (/[{,]\s*$/.test(text.slice(0, at)) && /^\s*:/.test(text.slice(at + found.length))) || /\S\s+\S+\s+\S/.test(found)
        ? found
        : '<value>',
  ],
  [/\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?: ?(?:Z|[+-]\d\d:?\d\d))?)?/g, '<time>'],
  [/\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b|\b0x[0-9a-f]+\b/gi, '<id>'],
  [/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b|\b\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?\b/g, '<n>'],
  // A figure with its unit (`30s`, `4.5MB`) is a number, but 429 and 500 after `status` or `code` are two different
  // causes.
  [
    /(?<!\b(?:code|status|status_code|HTTP)[^\p{L}\p{N}]{1,3})(?<![\p{L}\p{N}_])[-+]?\d+(?:[.,_]\d+)*(?=(?:ms|s|m|h|d|[kKMGT]i?[bB]?|%)?(?![\p{L}\p{N}_-]))/gu,
    '<n>',
  ],
  // Words that contain digits: `call_7f3a`, `A-1042`, `req-9c`.
  [/(?<![<\p{L}\p{N}_-])(?=[\p{L}_-]*\d)(?!\d+\b)[\p{L}\p{N}_]+(?:-[\p{L}\p{N}_]+)*/gu, '<id>'],
];

/** An error's text without the parts that differ from case to case, so that errors with the same cause are equal. */
export function errorShape(text: string): string {
  let shape = text;
  for (const [what, place] of DIFFERING)
    shape = typeof place === 'string' ? shape.replace(what, place) : shape.replace(what, place);
  return shape.replace(/\s+/g, ' ').trim();
}
