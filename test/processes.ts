import {readFileSync} from 'node:fs';

/** `pid (name) state parent …`; null: there is no such process. */
export function statOf(pid: number | string): {state: string; parent: number} | null {
  try {
    const [state, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return {state: state!, parent: Number(parent)};
  } catch {
    return null;
  }
}

/** One that ended and was not waited for yet is none. */
export function isRunning(pid: number): boolean {
  return !['Z', 'X', undefined].includes(statOf(pid)?.state);
}
