import {emitKeypressEvents, type Interface, type Key} from 'node:readline';
import type {ReadStream} from 'node:tty';

/** A key as `KEYS` names it: a character itself, `^c`, `up`, `shift-tab`; or a text that was pasted. */
export type KeyPress =
  | {readonly name: string; readonly pasted?: undefined}
  | {readonly name: 'paste'; readonly pasted: string};

/** Names that Node gives and we give otherwise. */
const NAMES: Readonly<Record<string, string>> = {return: 'enter', ' ': 'space'};
/** How long an escape byte waits for the rest of a sequence: over ssh an arrow key may come in two parts. */
const ESCAPE_MS = 100;
/** Of a pasted text; a filter has a few dozen. */
const LONGEST_PASTE = 10_000;

/**
 * Tells the keys that are pressed. Node's own reader of key sequences; pastes are taken whole, so that no letter in them
 * is a command.
 * @returns how to stop
 */
export function readKeys(input: ReadStream, onKey: (press: KeyPress) => void): () => void {
  let pasted: string | null = null;
  // Only the time-out is read from it.
  emitKeypressEvents(input, {escapeCodeTimeout: ESCAPE_MS} as unknown as Interface);
  const listener = (text: string | undefined, key: Key) => {
    if (key.name === 'paste-start') pasted = '';
    else if (key.name === 'paste-end') {
      const whole = pasted ?? '';
      pasted = null;
      onKey({name: 'paste', pasted: whole});
    } else if (pasted !== null) {
      if (pasted.length < LONGEST_PASTE) pasted += key.name === 'return' || key.name === 'enter' ? '\n' : (text ?? '');
    } else {
      const name = nameOf(text, key);
      if (name !== null) onKey({name});
    }
  };
  input.on('keypress', listener);
  return () => void input.off('keypress', listener);
}

function nameOf(text: string | undefined, {name, ctrl, meta, shift}: Key): string | null {
  if (name === 'escape') return name;
  if (meta) return null;
  if (ctrl) return name === undefined ? null : `^${name}`;
  if (name === 'tab') return shift ? 'shift-tab' : 'tab';
  if (text !== undefined && text !== '' && !CONTROL.test(text)) return NAMES[text] ?? text;
  return name === undefined ? null : (NAMES[name] ?? name);
}

const CONTROL = /[\x00-\x1f\x7f-\x9f]/;
