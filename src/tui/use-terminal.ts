import {useApp, useStdin, useStdout} from 'ink';
import {useCallback, useEffect, useInsertionEffect, useRef} from 'react';
import {heedSignals} from '../ways-out.ts';

/** Whether text that reaches the right edge goes on in the next line: a width that a terminal sees otherwise shifts nothing. */
const WRAPPING = '\x1b[?7h';
const NOT_WRAPPING = '\x1b[?7l';
const HOME = '\x1b[H';
/** Whether the terminal tells of clicks and the wheel, and in which words. It then selects text with Shift only. */
const TELLING = '\x1b[?1000h\x1b[?1006h';
export const NOT_TELLING = '\x1b[?1006l\x1b[?1000l';

/** What Ink leaves to us of taking the terminal and giving it back. */
export function useTerminalModes({hasMouse}: Lent): void {
  const {stdout} = useStdout();
  // Ink has entered the other screen by then, where the cursor is as low as it was, and writes its first frame next.
  useInsertionEffect(() => {
    stdout.write(NOT_WRAPPING + HOME + (hasMouse ? TELLING : ''));
    return () => void stdout.write((hasMouse ? NOT_TELLING : '') + WRAPPING);
  }, [stdout, hasMouse]);
}

/** Runs something that has the terminal for itself. Nothing happens while something else has it. */
export type LendTerminal = (work: () => Promise<void>) => Promise<void>;

/** Whether something else has the terminal: Ctrl-C is its own then. */
export interface Lent {
  now: boolean;
  /** The mouse is ours, while the terminal is. */
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
          // Ink no longer listens, but what is typed would still be read, and be missing elsewhere.
          await new Promise(setImmediate);
          stdin.pause();
          // Taken again before that has come about, it would not be read any more, and nothing would keep us going.
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
 * Stops as a shell expects it, with the terminal given back meanwhile.
 * @returns to be called for ^Z, which the terminal itself would send to the whole group: what started us (npx), what reads us
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
      // It goes on here when the program does, and soon where nobody stops a process whose shell is gone.
      await new Promise(resolve => setTimeout(resolve, 50));
      if (!isOver) process.on('SIGTSTP', stopAlone);
    };
    stop.current = pid => {
      if (isStopping) return;
      isStopping = true;
      // What has the terminal (a pager) stops with us, and the shell waits until all have.
      const stopping = lent.now ? stopUs(pid) : lend(() => stopUs(pid));
      void stopping.finally(() => {
        isStopping = false;
      });
    };
    // After SIGSTOP, which nobody hears: whatever the shell has done to the terminal meanwhile.
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
