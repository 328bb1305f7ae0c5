import {type Safe, trusted} from '../text/safe.ts';
import {truncate} from '../text/width.ts';
import type {Look} from './states.ts';

/** Guides of a tree: for each row, the characters before its label. */
export interface Guides {
  /** Before the row's own line. */
  readonly first: Safe;
  /** Before further lines of the same row. */
  readonly rest: Safe;
}

/** Number of levels drawn as lines; deeper levels are shown as a number, so that a chain of 10,000 stays readable. */
const DRAWN_LEVELS = 12;

/** Guides for rows in drawn order, from their depths alone. */
export function guidesOf(depths: readonly number[], hasChildren: readonly boolean[], look: Look): Guides[] {
  const guides: Guides[] = new Array(depths.length);
  // From the end: whether another row of the same level follows before the level above continues.
  const open: boolean[] = [];
  for (let i = depths.length - 1; i >= 0; i--) {
    const depth = depths[i]!;
    const isOpen = depth < open.length && open[depth] === true;
    open.length = depth;
    guides[i] = guideOf(depth, level => (level === depth ? isOpen : open[level] === true), hasChildren[i]!, look);
    open[depth] = true;
  }
  return guides;
}

/**
 * The guides of one row.
 * @param isOpen whether another row follows at a level, its own or one above
 */
export function guideOf(
  depth: number,
  isOpen: (level: number) => boolean,
  hasChildren: boolean,
  {ascii}: Look,
): Guides {
  const [branch, last, bar] = ascii ? ['|- ', '`- ', '|  '] : ['├─ ', '└─ ', '│  '];
  const below = hasChildren ? bar : '';
  if (depth === 0) return {first: trusted(''), rest: trusted(below)};
  const from = depth - Math.min(depth - 1, DRAWN_LEVELS);
  let lead = from > 1 ? `…${from - 1} ` : '';
  for (let level = from; level < depth; level++) lead += isOpen(level) ? bar : '   ';
  return {
    first: trusted(lead + (isOpen(depth) ? branch : last)),
    rest: trusted(lead + (isOpen(depth) ? bar : '   ') + below),
  };
}

/** `faint`: not part of the run; `open`: still running. */
export type Fill = 'solid' | 'faint' | 'open';
const FILLS: Readonly<Record<Fill, {blocks: string; ascii: string}>> = {
  solid: {blocks: '█▌▐', ascii: '##='},
  faint: {blocks: '···', ascii: '...'},
  open: {blocks: '░░░', ascii: '---'},
};

/** A period as a bar in half characters; the minimum is half a character, so that nothing is invisible. */
export function bar(from: number, to: number, columns: number, look: Look, fill: Fill): Safe {
  const start = Math.max(0, Math.min(2 * columns - 1, Math.floor(2 * columns * from)));
  const end = Math.max(start + 1, Math.min(2 * columns, Math.ceil(2 * columns * to)));
  const [full, left, right] = FILLS[fill][look.ascii ? 'ascii' : 'blocks'];
  let out = '';
  for (let column = 0; column < columns; column++) {
    const first = 2 * column >= start && 2 * column < end;
    const second = 2 * column + 1 >= start && 2 * column + 1 < end;
    out += first && second ? full : first ? left : second ? right : ' ';
  }
  return trusted(out);
}

/** Text cut to the remaining width; complete if there is no limit. */
export function within(text: Safe, columns: number | null): Safe {
  return columns === null ? text : truncate(text, columns);
}
