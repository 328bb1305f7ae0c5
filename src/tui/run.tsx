import {Box, type Instance, render, useWindowSize} from 'ink';
import type {ReactNode} from 'react';
import type {Context, TerminalStreams} from '../context.ts';
import {trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {App} from './app.tsx';
import {SafeText} from './safe-text.tsx';
import type {RunSource} from './source.ts';
import {TitleRule} from './title-rule.tsx';
import {useKeys} from './use-keys.ts';
import {type Lent, NOT_TELLING, useLentTerminal, useStop, useTerminalModes} from './use-terminal.ts';

export interface ScreensOptions {
  readonly terminal: TerminalStreams;
  readonly ascii: boolean;
  /** Ask the terminal to report the wheel and clicks. */
  readonly mouse?: boolean;
  /** Contains the user's pager and editor. */
  readonly env: Context['env'];
}

const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** For the case that Ink itself fails while it restores the terminal. */
const LEAVE = `${NOT_TELLING}\x1b[0m\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l`;

/** The screens on a terminal, from taking it to restoring it, however they end. */
export class Screens {
  private readonly ink: Instance;
  private readonly undo: (() => void)[] = [];
  private source: RunSource | null = null;
  private isClosed = false;
  private readonly lent: Lent;

  /** Takes the terminal. */
  constructor(private readonly options: ScreensOptions) {
    const {input, output} = options.terminal;
    this.lent = {now: false, hasMouse: options.mouse === true};
    // A pty that reports no size (script, some editors) gets the usual one.
    output.columns ||= 80;
    output.rows ||= 24;
    const leave = (name: 'q' | '^c') => {
      if (name === '^c') return this.end('SIGINT');
      this.close();
      // A connection that is still being made must not delay the shell.
      process.exit(0);
    };
    this.ink = render(
      <Root lent={this.lent}>
        <Opening ascii={options.ascii} lent={this.lent} onLeave={leave} />
      </Root>,
      {
        ...{stdin: input, stdout: output, alternateScreen: true, incrementalRendering: true, interactive: true},
        ...{exitOnCtrlC: false, patchConsole: false, isScreenReaderEnabled: false},
      },
    );
    // Nothing on the screen can be relied on.
    this.on(output, 'resize', () => this.ink.clear());
    const gone = () => this.end(null);
    this.on(input, 'end', gone);
    this.on(input, 'error', gone);
    for (const signal of ENDING)
      this.on(process, signal, () => {
        if (signal !== 'SIGINT' || !this.lent.now) this.end(signal);
      });
    // Before the stack is printed.
    this.on(process, 'uncaughtExceptionMonitor', () => this.close());
  }

  /** Shows a source until the user leaves. @throws what went wrong meanwhile, after restoring the terminal */
  async show(source: RunSource): Promise<void> {
    this.source = source;
    try {
      await firstChange(source);
      if (this.isClosed) return;
      this.ink.rerender(
        <Root lent={this.lent}>
          <App source={source} ascii={this.options.ascii} env={this.options.env} lent={this.lent} />
        </Root>,
      );
      await this.ink.waitUntilExit();
    } finally {
      this.close();
      await source.close();
    }
  }

  /** Restores the terminal. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const {input, output} = this.options.terminal;
    try {
      this.ink.unmount();
    } catch {
      input.setRawMode?.(false);
      output.write(LEAVE);
    }
    // From now on the shell gets what is typed.
    input.pause();
    for (const undo of this.undo.splice(0)) undo();
  }

  /** A signal ends the process as usual, after everything open was closed. Null: the terminal is gone. */
  private end(signal: NodeJS.Signals | null): void {
    this.close();
    if (signal !== null) process.kill(process.pid, signal);
    else if (this.source === null) process.kill(process.pid, 'SIGHUP');
  }

  private on(emitter: NodeJS.EventEmitter, event: string, listener: () => void): void {
    emitter.on(event, listener);
    this.undo.push(() => void emitter.off(event, listener));
  }
}

/** No empty screen before this: it would delay the first runs by the cost of a frame, and only flash. */
const EMPTY_MS = 250;

async function firstChange(source: RunSource): Promise<void> {
  let stop: () => void = () => undefined;
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>(resolve => {
    stop = source.subscribe(resolve);
    timer = setTimeout(resolve, EMPTY_MS);
  });
  stop();
  clearTimeout(timer);
}

function Root({lent, children}: {readonly lent: Lent; readonly children: ReactNode}) {
  useTerminalModes(lent);
  return children;
}

interface OpeningProps {
  readonly ascii: boolean;
  readonly lent: Lent;
  readonly onLeave: (name: 'q' | '^c') => void;
}

/** Shown while the connection is made. There is nothing to go back to. */
function Opening({ascii, lent, onLeave}: OpeningProps) {
  const {columns, rows} = useWindowSize();
  const stop = useStop(useLentTerminal(lent), lent);
  useKeys(({name}) => {
    if (name === '^c' || name === 'q') onLeave(name);
    else if (name === '^z') stop();
  });
  return (
    <Box flexDirection="column" width={columns} height={rows}>
      <SafeText>{trusted(`${paint(trusted(' agno-trace '), 'bold')}opening the database …`)}</SafeText>
      <TitleRule titles={[{text: '1 runs', isFocused: true}]} columns={columns} ascii={ascii} />
    </Box>
  );
}
