import {UserError} from '../errors.ts';
import {own, type Safe} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {type Frame, frameOf, isSameFrame, rowsOf} from './frame.ts';
import {titleRule} from './header.ts';
import type {KeyPress} from './key-press.ts';
import {Pace} from './pace.ts';
import {Screen} from './screen.ts';
import {isSameSnapshot, type RunSource, type Snapshot} from './source.ts';
import {SpanContents} from './span-contents.ts';
import {type Effect, FIRST_STATE, filtered, press, refused, type ScreenState} from './state.ts';
import {Terminal, type TerminalStreams} from './terminal.ts';
import {Ticker} from './ticker.ts';
import type {InkView} from './view.tsx';
import {arrangementOf, selectedSpan, settle, type World} from './world.ts';

interface ScreensOptions {
  readonly terminal: TerminalStreams;
  readonly ascii: boolean;
}

/** What is shown while the connection is made. */
const OPENING = own('opening the database …');
/** Where no run comes. */
const LOADED_AFTER_MS = 500;
/** History is read for a run when the cursor rests on it. */
const REST_MS = 60;

/**
 * The screens on a terminal, from taking it to giving it back.
 *
 *     const screens = new Screens({terminal, ascii});
 *     try { await screens.show(await openSource()); } finally { screens.close(); }
 */
export class Screens {
  private readonly terminal: Terminal;
  private readonly screen: Screen;
  private readonly pace: Pace;
  private readonly ticker = new Ticker(() => this.pace.now());
  private loading: NodeJS.Timeout | 'begun' | null = null;
  private isClosed = false;
  private view: InkView | null = null;
  private source: RunSource | null = null;
  private contents: SpanContents | null = null;
  private state: ScreenState = FIRST_STATE;
  private drawn: Frame | null = null;
  private seen: Snapshot | null = null;
  private opening: NodeJS.Timeout | null = null;
  private wanted: string | null = null;
  private finish: (error?: unknown) => void = () => undefined;

  /** Takes the terminal. */
  constructor(private readonly options: ScreensOptions) {
    this.terminal = new Terminal(options.terminal);
    this.screen = new Screen(text => this.terminal.write(text));
    this.pace = new Pace(() => this.guarded(() => this.draw()), this.terminal);
    this.terminal.open({
      key: key => this.guarded(() => this.key(key)),
      resize: () => this.repaint(),
      resume: () => this.repaint(),
      end: signal => this.end(signal),
    });
    this.drawOpening();
  }

  /** Shows a source until the user leaves. @throws what went wrong on the way, the terminal given back */
  async show(source: RunSource): Promise<void> {
    this.source = source;
    this.contents = new SpanContents(source, () => this.pace.soon());
    const left = new Promise<void>((resolve, reject) => {
      this.finish = error => (error === undefined ? resolve() : reject(error));
    });
    const unsubscribe = source.subscribe(() => this.published(source.snapshot()));
    try {
      this.loading = setTimeout(() => this.load(), LOADED_AFTER_MS);
      this.pace.now();
      await left;
    } finally {
      unsubscribe();
      this.close();
      await source.close();
    }
  }

  /** Gives the terminal back. */
  close(): void {
    this.isClosed = true;
    this.pace.stop();
    this.ticker.stop();
    this.contents?.stop();
    this.stopLoading();
    if (this.opening) clearTimeout(this.opening);
    this.view?.close();
    this.view = null;
    this.terminal.close();
  }

  /** A signal ends us in its own meaning, after what is open was closed. */
  private end(signal: NodeJS.Signals | null): void {
    const isShown = this.source !== null;
    this.close();
    if (isShown) this.finish();
    if (signal !== null) process.kill(process.pid, signal);
    else if (!isShown) process.kill(process.pid, 'SIGHUP');
  }

  private published(snapshot: Snapshot): void {
    const isNews = this.seen === null || !isSameSnapshot(snapshot, this.seen);
    this.seen = snapshot;
    if (isNews) this.pace.soon();
  }

  private key(key: KeyPress): void {
    if (this.source === null) {
      // Nothing to go back to: the connection is still being made.
      if (key.name === '^c' || key.name === 'q') this.end('SIGINT');
      return;
    }
    const {state, effects} = press(this.state, key, this.world(this.source));
    const before = this.state;
    this.state = state;
    for (const effect of effects) this.perform(effect, this.source);
    if (this.state !== before || effects.length > 0) this.pace.now();
  }

  private perform(effect: Effect, source: RunSource): void {
    switch (effect.type) {
      case 'quit':
        this.finish();
        break;
      case 'copy':
        this.terminal.write(clipboard(effect.text));
        break;
      case 'filter':
        try {
          source.setFilter(effect.text);
          this.state = filtered(this.state);
        } catch (error) {
          if (!(error instanceof UserError)) throw error;
          this.state = refused(this.state, effect.text, error);
        }
    }
  }

  private world(source: RunSource): World {
    return {
      snapshot: source.snapshot(),
      isLive: source.mode === 'live',
      content: {state: 'loading'},
      size: this.terminal.size,
      ascii: this.options.ascii,
      statements: () => source.statements(),
    };
  }

  private draw(): void {
    const {source, contents} = this;
    if (source === null || contents === null) {
      this.drawOpening();
      return;
    }
    const nowMicros = source.nowMicros();
    const before = this.world(source);
    const settled = settle(this.state, before);
    const arrangement = arrangementOf(settled, before);
    const world = arrangement?.detail ? {...before, content: contents.of(selectedSpan(settled, before))} : before;
    this.state = settle(settled, world);
    const frame = frameOf(source.name, this.state, world, nowMicros);
    if (this.drawn === null || !isSameFrame(frame, this.drawn)) {
      if (this.view) this.view.draw(frame);
      else this.screen.paint(rowsOf(frame), this.terminal.size);
    }
    this.drawn = frame;
    if (before.snapshot.runs.length > 0) this.load();
    if (arrangement?.tree || arrangement?.detail) this.want(source, this.state.runs.cursorKey);
    if (arrangement?.runs) this.wantOlder(source, arrangement.runs.rows, world);
    this.ticker.after(this.state, world, nowMicros);
  }

  private stopLoading(): void {
    if (this.loading !== null && this.loading !== 'begun') clearTimeout(this.loading);
  }

  /** Ink takes longer to load than all before it: the first list is there without it. */
  private load(): void {
    if (this.loading === 'begun') return;
    this.stopLoading();
    this.loading = 'begun';
    void loadView().then(
      InkView =>
        this.guarded(() => {
          if (this.isClosed) return;
          this.view = new InkView(
            () => this.terminal.size,
            lines => this.screen.paint(lines, this.terminal.size),
          );
        }),
      error => this.finish(error),
    );
  }

  /** Opens the run under the cursor: at once where runs are at hand, else when the cursor rests. */
  private want(source: RunSource, key: string | null): void {
    if (key === this.wanted) return;
    this.wanted = key;
    if (this.opening) clearTimeout(this.opening);
    if (source.mode === 'live') source.open(key);
    else this.opening = setTimeout(() => this.guarded(() => source.open(key)), REST_MS);
  }

  private wantOlder(source: RunSource, rows: number, {snapshot, isLive}: World): void {
    if (snapshot.older !== 'some' || snapshot.failure !== null) return;
    const {index, isFollowing} = this.state.runs;
    const oldest = this.state.runs.isNewestFirst ? snapshot.runs.length - 1 - index : index;
    if (isLive ? !isFollowing && oldest === 0 : oldest < 2 * rows) source.loadOlder();
  }

  private drawOpening(): void {
    const {columns, rows} = this.terminal.size;
    const lines: Safe[] = [
      own(`${paint(own(' agno-trace '), 'bold')}${OPENING}`),
      titleRule([{text: '1 runs', isFocused: true}], columns, this.options),
    ];
    this.screen.paint(lines.slice(0, rows), this.terminal.size);
  }

  private repaint(): void {
    this.screen.forget();
    this.drawn = null;
    this.pace.soon();
  }

  /** A defect ends the screens before it is printed. */
  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.close();
      this.finish(error);
    }
  }
}

/** The terminal's own way to the clipboard, also over ssh. What could be taken for a command of it is left out. */
function clipboard(text: string): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '');
  return `\x1b]52;c;${Buffer.from(plain).toString('base64')}\x07`;
}

async function loadView(): Promise<typeof InkView> {
  await (await import('./layout-engine.ts')).layoutEngine;
  return (await import('./view.tsx')).InkView;
}
