/** Shell-like pattern for the complete text, case-insensitive: `*`, `?`; `\` before a character takes it literally. */
export function matchesGlob(glob: string, text: string | null): boolean {
  if (text === null) return false;
  let pattern = '';
  for (let i = 0; i < glob.length; i++) {
    const char = glob[i]!;
    if (char === '*') pattern += '[^]*';
    else if (char === '?') pattern += '[^]';
    else pattern += (char === '\\' && i + 1 < glob.length ? glob[++i]! : char).replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  }
  return new RegExp(`^${pattern}$`, 'iu').test(text);
}
