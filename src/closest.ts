/**
 * The choice with the fewest edits from `text`; null if none is close.
 * @param mostEdits absent: one in three letters of the choice
 */
export function closest(text: string, choices: readonly string[], mostEdits?: number): string | null {
  const wanted = text.trim().toLowerCase();
  let best: {choice: string; edits: number} | null = null;
  for (const choice of choices) {
    const edits = distance(wanted, choice.toLowerCase());
    if (!best || edits < best.edits) best = {choice, edits};
  }
  return best && best.edits <= (mostEdits ?? Math.max(1, Math.floor(best.choice.length / 3))) ? best.choice : null;
}

/** Edits from one word to the other; two swapped letters are one edit (optimal string alignment). */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({length: b.length + 1}, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      next[j] = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (isSame ? 0 : 1));
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) next[j] = Math.min(next[j]!, before[j - 2]! + 1);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}
