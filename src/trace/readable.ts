/** Shorter texts without escapes are readable as they are. */
const SHORT = 200;
/** For JSON in JSON in JSON; deeper levels stay as they are. */
const DEEPEST = 6;

/**
 * JSON for people to read: one value per line, escapes in texts decoded (`Z\u00fcrich`), real line breaks, and JSON
 * inside a text expanded too. Everything else, including numbers, stays as written. Null: not JSON, or readable as it
 * is.
 */
export function readableJson(text: string, depth = 0): string | null {
  if (!/^\s*[[{]/.test(text) || (text.length < SHORT && !text.includes('\\') && depth === 0)) return null;
  const parts: string[] = [];
  let at = 0;
  for (;;) {
    const quote = text.indexOf('"', at);
    parts.push(broken(text.slice(at, quote < 0 ? text.length : quote)));
    if (quote < 0) break;
    const end = endOfText(text, quote);
    parts.push(decoded(text.slice(quote, end), depth));
    at = end;
  }
  return parts.join('');
}

/** A line for each value. */
function broken(text: string): string {
  return text.replace(/([[{,])[ \t]*(?!\n)/g, '$1\n');
}

function endOfText(text: string, quote: number): number {
  for (let at = text.indexOf('"', quote + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
  return text.length;
}

function decoded(token: string, depth: number): string {
  if (!token.includes('\\')) return token;
  let value: unknown;
  try {
    value = JSON.parse(token);
  } catch {
    // Cut off, or an invalid escape: keep it as written.
    return token;
  }
  const text = value as string;
  return `"${depth < DEEPEST ? (readableJson(text, depth + 1) ?? text) : text}"`;
}
