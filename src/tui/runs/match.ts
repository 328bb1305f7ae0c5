/** Whether one of the texts holds the one searched for, whatever its case. */
export function matchesText(searched: string, texts: readonly (string | null)[]): boolean {
  const wanted = searched.toLowerCase();
  return texts.some(text => text?.toLowerCase().includes(wanted));
}
