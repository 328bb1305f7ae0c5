import {useApp, useStdin, useStdout} from 'ink';
import {useCallback, useEffect, useInsertionEffect, useRef} from 'react';
import {heedSignals} from '../ways-out.ts';

/**
 * Whether text that reaches the right edge continues in the next line. Off: if the terminal measures a width
 * differently, nothing shifts.
 */
const WRAPPING = '\x1b[?7h';
const NOT_WRAPPING = '\x1b[?7l';
const HOME = '\x1b[H';
/** Makes the terminal report clicks and the wheel, in this format. Then text can be selected only with Shift. */
const TELLING = '\x1b[?1000h\x1b[?1006h';
export const NOT_TELLING = '\x1b[?1006l\x1b[?1000l';

/** The parts of taking and restoring the terminal that Ink does not do. */
export function useTerminalModes({hasMouse}: Lent): void {
  const {stdout} = useStdout();
  // By then Ink has switched to the other screen, where the cursor is in the same row as before, and it writes its
  // first frame next.
  useInsertionEffect(() => {
    stdout.write(NOT_WRAPPING + HOME + (hasMouse ? TELLING : ''));
    return () => void stdout.write((hasMouse ? NOT_TELLING : '') + WRAPPING);
  }, [stdout, hasMouse]);
}

/** Runs something that needs the terminal for itself. Nothing happens while something else has it. */
export type LendTerminal = (work: () => Promise<void>) => Promise<void>;

/** Whether something else has the terminal: then Ctrl-C belongs to it. */
export interface Lent {
  now: boolean;
  /** The mouse is ours while the terminal is. */
  readonly hasMouse: boolean;
}

export function useLentTerminal(lent: Lent): LendTerminal {
  const {suspendTerminal} = useApp();
  const {stdin} = useStdin();
  const {stdout} = useStdout();
  return useCallback(
    async work => {
      if (lent.now) return;
      lent.now = true;
      const heedNoMore = heedSignals(['SIGINT']);
      try {
        await suspendTerminal(async () => {
          stdout.write((lent.hasMouse ? NOT_TELLING : '') + WRAPPING);
          // Ink no longer listens, but typed text would still be read here, and be missing elsewhere.
          await new Promise(setImmediate);
          stdin.pause();
          // If it were resumed before the pause has taken effect, it would no longer be read, and nothing would keep
          // the process alive.
          await new Promise(setImmediate);
          try {
            await work();
          } finally {
            stdout.write(`${NOT_WRAPPING}${lent.hasMouse ? TELLING : ''}\r`);
          }
        });
      } finally {
        heedNoMore();
        lent.now = false;
      }
    },
    [suspendTerminal, stdin, stdout, lent],
  );
}

/**
 * Stops the process as a shell expects, with the terminal restored meanwhile.
 * @returns a function to call for ^Z, which the terminal itself would send to the whole group: also to our parent
 * (npx) and to the reader of our output
 */
export function useStop(lend: LendTerminal, lent: Lent): () => void {
  const stop = useRef((_pid: number): void => undefined);
  useEffect(() => {
    if (process.platform === 'win32') return;
    let isStopping = false;
    let isOver = false;
    const stopAlone = () => stop.current(process.pid);
    const stopUs = async (pid: number) => {
      process.off('SIGTSTP', stopAlone);
      process.kill(pid, 'SIGTSTP');
      // Work continues when the process is continued; or soon, because a process without its shell is not stopped.
      await new Promise(resolve => setTimeout(resolve, 50));
      if (!isOver) process.on('SIGTSTP', stopAlone);
    };
    stop.current = pid => {
      if (isStopping) return;
      isStopping = true;
      // A program that has the terminal (a pager) stops with us, and the shell waits until all have.
      const stopping = lent.now ? stopUs(pid) : lend(() => stopUs(pid));
      void stopping.finally(() => {
        isStopping = false;
      });
    };
    // After SIGSTOP, which cannot be handled: restores whatever the shell has changed in the terminal meanwhile.
    const retake = () => void lend(async () => undefined);
    process.on('SIGTSTP', stopAlone);
    process.on('SIGCONT', retake);
    return () => {
      isOver = true;
      process.off('SIGTSTP', stopAlone);
      process.off('SIGCONT', retake);
    };
  }, [lend, lent]);
  return () => stop.current(0);
}
