import {own, type Safe} from '../text/safe.ts';
import {highlight} from '../text/style.ts';
import {toWidth} from '../text/width.ts';
import type {View} from './pane.ts';

const STYLES = /\x1b\[[\d;]*m/g;

/** Lines of a pane with the row of the cursor standing out over its whole width, where keys go to this pane. */
export function withSelection(lines: readonly Safe[], columns: number, {ascii, isFocused}: View): readonly Safe[] {
  if (!isFocused) return lines;
  const mark = ascii ? '>' : '›';
  return lines.map(text => {
    const plain = text.replace(STYLES, '');
    // The first column is the cursor's alone.
    return plain.startsWith(mark) ? highlight(toWidth(own(plain), columns)) : text;
  });
}
