import type {Size} from './pane.ts';

/**
 * Paints whole screens by writing the lines that changed. Ink itself would write 8 to 10 kB a frame and, at full height,
 * clear the screen and the scrollback each time.
 */
export class Screen {
  /** What the terminal shows; null: not known, the next paint begins from an empty screen. */
  private shown: readonly string[] | null = null;

  constructor(private readonly write: (text: string) => void) {}

  /** @param lines as many as the terminal has rows at most, none wider than it; each begins and ends unstyled */
  paint(lines: readonly string[], {rows}: Size): void {
    const next = Array.from({length: rows}, (_, row) => lines[row] ?? '');
    let out = this.shown === null ? CLEAR : '';
    for (const [row, line] of next.entries()) {
      const before = this.shown === null ? '' : this.shown[row];
      // Erased before the text, not after: at the right edge the cursor stands on the last character.
      if (line !== before) out += `\x1b[${row + 1};1H\x1b[0m\x1b[2K${line}`;
    }
    this.shown = next;
    if (out !== '') this.write(`${BEGIN}${out}\x1b[0m${END}`);
  }

  /** After a resize, or when the terminal was somebody else's: nothing on it can be relied on. */
  forget(): void {
    this.shown = null;
  }
}

/** Terminals that know it show what lies between at once. */
const BEGIN = '\x1b[?2026h';
const END = '\x1b[?2026l';
const CLEAR = '\x1b[0m\x1b[2J';
