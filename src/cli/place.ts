import type {TextPlace} from '../errors.ts';
import {line, type Safe, safe, trusted} from '../text/safe.ts';
import {width} from '../text/width.ts';

/** How many characters are shown on each side of a place. */
const AROUND = 32;

/** The text around a place, with a mark below it. */
export function drawnPlace({text, at}: TextPlace, mask: (text: string) => string): Safe {
  const before = Array.from(mask(text.slice(0, at)));
  const after = Array.from(mask(text.slice(at)));
  const shownBefore = safe((before.length > AROUND ? ['…'] : []).concat(before.slice(-AROUND)).join(''));
  const shownAfter = safe(
    after
      .slice(0, AROUND)
      .concat(after.length > AROUND ? ['…'] : [])
      .join(''),
  );
  return line`  ${shownBefore}${shownAfter}\n  ${trusted(' '.repeat(width(shownBefore)))}^`;
}
