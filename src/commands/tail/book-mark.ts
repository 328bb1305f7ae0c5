import type {CursorFile} from '../../follow/cursor-file.ts';
import type {Cursor} from '../../follow/start.ts';

/** A file is put in place that often while there is something new; what is killed in between repeats as much. */
const SAVED_EVERY_MS = 1000;
/** And while nothing happens: where reading goes on moves all the same. */
const IDLE_EVERY_MS = 30_000;

/** Keeps the cursor file up with what was written. */
export class BookMark {
  private cursor: Cursor | null = null;
  private hasNews = false;
  private savedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly file: CursorFile) {}

  /** What was told up to here has been written. */
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
