const TOKEN =
  /[\s\uFEFF]*(?:([{}[\],:])|"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-]))/y;

/**
 * The place where a text stops being JSON, such as `line 3, column 7`: JSON.parse reports it only for some errors,
 * and not on every Node.
 * @param text a text that JSON.parse refused
 */
export function syntaxErrorAt(text: string): string {
  // What may come next: a value, a key, a colon, or whatever follows a value.
  let next: 'value' | 'first value' | 'key' | 'first key' | 'colon' | 'after' = 'value';
  const open: string[] = [];
  let at = 0;
  for (;;) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(text);
    if (!match) break;
    const [whole, mark] = match;
    const token = whole.trimStart();
    const start = at + whole.length - token.length;
    const inObject = open.at(-1) === '{';
    const closes =
      (mark === '}' && inObject && /^(after|first key)$/.test(next)) ||
      (mark === ']' && open.at(-1) === '[' && /^(after|first value)$/.test(next));
    const isValue = next === 'value' || next === 'first value';
    if (closes) {
      open.pop();
      next = 'after';
    } else if (isValue && (mark === '{' || mark === '[')) {
      open.push(mark);
      next = mark === '{' ? 'first key' : 'first value';
    } else if (isValue && mark === undefined) next = 'after';
    else if ((next === 'key' || next === 'first key') && token.startsWith('"')) next = 'colon';
    else if (next === 'colon' && mark === ':') next = 'value';
    else if (next === 'after' && mark === ',' && open.length > 0) next = inObject ? 'key' : 'value';
    else return placeOf(text, start);
    at = start + token.length;
  }
  return placeOf(text, at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0));
}

function placeOf(text: string, at: number): string {
  if (at >= text.length) return 'it ends too early';
  const before = text.slice(0, at).split('\n');
  return `line ${before.length}, column ${before.at(-1)!.length + 1}`;
}
