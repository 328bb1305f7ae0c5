import {type UserError, usageError} from '../errors.ts';
import {jsonText} from '../render/json.ts';
import type {OutputFlags} from './declare.ts';
import type {Format} from './output.ts';
import {parseCount} from './values.ts';

/** How much of an answer its reader accepts. */
export interface Fitting {
  /** Null: all of it. */
  readonly maxBytes: number | null;
  /** Number of items at the beginning that the reader already has. */
  readonly skip: number;
}

export const ALL: Fitting = {maxBytes: null, skip: 0};

/** The values of `--max-bytes` and `--skip`. @throws UserError exit 2 for a format without items */
export function fittingOf({maxBytes, skip}: OutputFlags, format: Format): Fitting {
  if (maxBytes === undefined && skip === undefined) return ALL;
  const fit = {
    maxBytes: maxBytes === undefined ? null : parseCount('--max-bytes', maxBytes),
    skip: skip === undefined ? 0 : parseCount('--skip', skip),
  };
  if (format !== 'json' && format !== 'jsonl')
    throw usageError(
      `${maxBytes === undefined ? '--skip' : '--max-bytes'} does not apply to --format ${format}.`,
      'It is for json, jsonl: add --json.',
    );
  return fit;
}

/** The room for the items of an answer, which are taken in order: only complete items. */
export class Room {
  /** Number of items that fitted. */
  taken = 0;
  /** An item did not fit; later ones are not taken either. */
  isFull = false;
  private skipped = 0;
  private bytes: number;

  /** @param around bytes of the answer without its items */
  constructor(
    private readonly fit: Fitting,
    private readonly around = 0,
  ) {
    this.bytes = around;
  }

  /** Returns the item if it fits; an item that is too large even alone has its texts cut. Null: it is left out. */
  take<Item extends object>(item: Item): Item | null {
    const {maxBytes, skip} = this.fit;
    if (this.skipped < skip) {
      this.skipped++;
      return null;
    }
    if (this.isFull) return null;
    if (maxBytes === null) {
      this.taken++;
      return item;
    }
    const bytes = bytesOf(item);
    if (this.bytes + bytes <= maxBytes) {
      this.bytes += bytes;
      this.taken++;
      return item;
    }
    this.isFull = this.taken > 0;
    if (this.isFull) return null;
    this.taken++;
    const cut = shortened(item, maxBytes - this.around);
    if (cut === null) throw tooSmall(maxBytes, this.around + bytesOf(cutTo(item, SHORTEST_TEXT)));
    this.bytes += bytesOf(cut);
    return cut;
  }

  /** The note for a reader of the first items; null: all fitted. @param rest how to get the others */
  note(rest = `--skip ${this.fit.skip + this.taken} has the rest`): string | null {
    if (!this.isFull) return null;
    return `cut to --max-bytes ${this.fit.maxBytes} after ${this.taken} ${this.taken === 1 ? 'item' : 'items'}: ${rest}`;
  }
}

/** Including the separator. */
const bytesOf = (item: object) => Buffer.byteLength(jsonText(item)) + 1;

const LONGEST_TEXT = 8192;
const SHORTEST_TEXT = 16;

/** An item that is too large by itself, with as much of its texts as fits; null: nothing of it fits. */
function shortened<Item extends object>(item: Item, maxBytes: number): Item | null {
  for (let most = LONGEST_TEXT; most >= SHORTEST_TEXT; most /= 2) {
    const cut = cutTo(item, most);
    if (bytesOf(cut) <= maxBytes) return cut;
  }
  return null;
}

/** Cuts texts to this many characters and empties longer lists and objects; `truncated` has the full length of each. */
function cutTo<Item extends object>(item: Item, most: number): Item {
  const truncated: Record<string, number> = {};
  const entries = Object.entries(item).map(([key, value]): [string, unknown] => {
    if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) return [key, value];
    const text = typeof value === 'string' ? value : jsonText(value);
    if (text.length <= most) return [key, value];
    truncated[key] = text.length;
    if (typeof value === 'string') return [key, `${value.slice(0, most).replace(/[\ud800-\udbff]$/, '')}…`];
    return [key, Array.isArray(value) ? [] : {}];
  });
  return {...Object.fromEntries(entries), truncated} as Item;
}

export function tooSmall(maxBytes: number, least: number): UserError {
  return usageError(
    `--max-bytes ${maxBytes} is too little: the smallest answer takes ${least} bytes.`,
    'Allow more, or keep fewer keys with --fields.',
  );
}
