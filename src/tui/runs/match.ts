/** Whether one of the texts contains the search text, ignoring case. */
export function matchesText(searched: string, texts: readonly (string | null)[]): boolean {
  const wanted = searched.toLowerCase();
  return texts.some(text => text?.toLowerCase().includes(wanted));
}
