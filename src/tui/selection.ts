import type {Safe} from '../text/safe.ts';
import {highlight, withoutStyles} from '../text/style.ts';
import {toWidth} from '../text/width.ts';
import type {View} from './pane.ts';

/** Lines of a pane; if keys go to it, the row of the cursor is highlighted over its whole width. */
export function withSelection(lines: readonly Safe[], columns: number, {ascii, isFocused}: View): readonly Safe[] {
  if (!isFocused) return lines;
  const mark = ascii ? '>' : '›';
  return lines.map(text => {
    const plain = withoutStyles(text);
    // The first column is only for the cursor.
    return plain.startsWith(mark) ? highlight(toWidth(plain, columns)) : text;
  });
}
