/** Any cell as text: bytes are decoded, numbers written out. Null stays null. */
export function asText(cell: unknown): string | null {
  if (cell === null || cell === undefined) return null;
  if (typeof cell === 'string') return cell;
  if (cell instanceof Uint8Array) return new TextDecoder().decode(cell);
  return String(cell);
}
