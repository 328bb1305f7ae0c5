import type {CursorFile} from '../../follow/cursor-file.ts';
import type {Cursor} from '../../follow/start.ts';

/** Save at most this often while spans arrive. A crash repeats at most this much. */
const SAVED_EVERY_MS = 1000;
/** Save this often while nothing new arrives: the reader's position moves anyway. */
const IDLE_EVERY_MS = 30_000;

/** Keeps the cursor file up to date with the output. */
export class BookMark {
  private cursor: Cursor | null = null;
  private hasNews = false;
  private savedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly file: CursorFile) {}

  /** Everything before this cursor has been written. */
  take(cursor: Cursor, isNew: boolean): void {
    this.cursor = cursor;
    this.hasNews ||= isNew;
    if (performance.now() - this.savedMs >= (this.hasNews ? SAVED_EVERY_MS : IDLE_EVERY_MS)) this.save();
  }

  save(): void {
    if (!this.cursor) return;
    this.file.save(this.cursor);
    this.savedMs = performance.now();
    this.cursor = null;
    this.hasNews = false;
  }
}
