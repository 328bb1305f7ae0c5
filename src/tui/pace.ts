/** Live updates are drawn so often at most; a frame costs some 25 ms of a core at 50 x 160. */
const LIVE_MS = 100;

interface Outlet {
  readonly isBusy: boolean;
  onDrain(listener: () => void): void;
}

/** When to draw: at once after a key, ten times a second at most for what arrives, never while the terminal cannot follow. */
export class Pace {
  private drawnAt = Number.NEGATIVE_INFINITY;
  private immediate: NodeJS.Immediate | null = null;
  private timer: NodeJS.Timeout | null = null;
  private isWaiting = false;
  private isStopped = false;

  constructor(
    private readonly draw: () => void,
    private readonly outlet: Outlet,
  ) {}

  /** Something arrived. */
  soon(): void {
    if (this.isStopped || this.timer !== null || this.immediate !== null) return;
    const wait = this.drawnAt + LIVE_MS - performance.now();
    if (wait <= 0) this.now();
    else this.timer = setTimeout(() => this.now(), wait);
  }

  /** A key was pressed. Keys that came together are drawn together. */
  now(): void {
    this.clearTimer();
    if (this.isStopped || this.immediate !== null) return;
    this.immediate = setImmediate(() => {
      this.immediate = null;
      if (this.outlet.isBusy) this.whenDrained();
      else {
        this.draw();
        this.drawnAt = performance.now();
      }
    });
  }

  stop(): void {
    this.isStopped = true;
    this.clearTimer();
    if (this.immediate) clearImmediate(this.immediate);
  }

  private whenDrained(): void {
    if (this.isWaiting) return;
    this.isWaiting = true;
    this.outlet.onDrain(() => {
      this.isWaiting = false;
      this.now();
    });
  }

  private clearTimer(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
  }
}
