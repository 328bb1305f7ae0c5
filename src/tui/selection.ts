import type {Safe} from '../text/safe.ts';
import {highlight, withoutStyles} from '../text/style.ts';
import {toWidth} from '../text/width.ts';
import type {View} from './pane.ts';

/** Lines of a pane with the row of the cursor standing out over its whole width, where keys go to this pane. */
export function withSelection(lines: readonly Safe[], columns: number, {ascii, isFocused}: View): readonly Safe[] {
  if (!isFocused) return lines;
  const mark = ascii ? '>' : '›';
  return lines.map(text => {
    const plain = withoutStyles(text);
    // The first column is the cursor's alone.
    return plain.startsWith(mark) ? highlight(toWidth(plain, columns)) : text;
  });
}
