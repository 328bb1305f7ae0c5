import type {Place} from '../errors.ts';
import {own, type Safe, safe} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {truncate, width} from '../text/width.ts';
import type {KeyPress} from './keys.ts';
import type {View} from './pane.ts';

/** A line that is being typed. */
export interface Prompt {
  readonly kind: 'search' | 'filter';
  /** Characters, so that the cursor never stands inside one. */
  readonly characters: readonly string[];
  readonly cursor: number;
  /** Why it was not taken. */
  readonly problem: Problem | null;
  /** Said behind the line. */
  readonly remark: Safe;
  /** What was typed before, the newest last, and which of it stands in the line; null: none of it. */
  readonly history: readonly string[];
  readonly recalled: number | null;
}

interface Problem {
  readonly message: string;
  readonly place: Place | null;
}

const LONGEST = 2000;

export function promptOf(kind: Prompt['kind'], text: string, history: readonly string[] = []): Prompt {
  const characters = Array.from(text);
  const fresh = {problem: null, remark: own(''), recalled: null};
  return {kind, characters, cursor: characters.length, history, ...fresh};
}

export function textOf({characters}: Prompt): string {
  return characters.join('');
}

/** The line after a key; the same object, when the key is none of its own (Enter, Escape and what it does not know). */
export function typed(prompt: Prompt, press: KeyPress): Prompt {
  const {characters, cursor} = prompt;
  const put = (next: readonly string[], at: number): Prompt => ({
    ...prompt,
    characters: next.slice(0, LONGEST),
    cursor: Math.min(at, LONGEST),
    problem: null,
    remark: own(''),
  });
  const recall = (by: 1 | -1): Prompt => {
    const {history, recalled} = prompt;
    const at = (recalled ?? history.length) + by;
    if (at < 0 || at > history.length || history.length === 0) return prompt;
    const recalledText = Array.from(history[at] ?? '');
    return {...put(recalledText, recalledText.length), recalled: at};
  };
  const insert = (text: string) => {
    const added = Array.from(text);
    return put([...characters.slice(0, cursor), ...added, ...characters.slice(cursor)], cursor + added.length);
  };
  switch (press.name) {
    case 'paste':
      return insert((press.pasted ?? '').replace(/\s+/g, ' '));
    case 'space':
      return insert(' ');
    case 'up':
      return recall(-1);
    case 'down':
      return recall(1);
    case 'backspace':
      return cursor === 0 ? prompt : put([...characters.slice(0, cursor - 1), ...characters.slice(cursor)], cursor - 1);
    case 'delete':
      return put([...characters.slice(0, cursor), ...characters.slice(cursor + 1)], cursor);
    case 'left':
      return {...prompt, cursor: Math.max(0, cursor - 1)};
    case 'right':
      return {...prompt, cursor: Math.min(characters.length, cursor + 1)};
    case 'home':
    case '^a':
      return {...prompt, cursor: 0};
    case 'end':
    case '^e':
      return {...prompt, cursor: characters.length};
    case '^u':
      return put(characters.slice(cursor), 0);
    case '^w': {
      const before = characters
        .slice(0, cursor)
        .join('')
        .replace(/\S*\s*$/, '');
      const kept = Array.from(before);
      return put([...kept, ...characters.slice(cursor)], kept.length);
    }
    default:
      return Array.from(press.name).length === 1 ? insert(press.name) : prompt;
  }
}

/** The line with its cursor, and above it what was wrong, with a mark at the place. */
export function promptLines({kind, characters, cursor, problem, remark}: Prompt, columns: number, view: View): Safe[] {
  const lead = own(kind === 'search' ? '/' : 'filter: ');
  const caret = view.ascii ? '|' : '▏';
  const room = columns - width(lead) - 1 - width(remark);
  // What stands before the cursor is cut from the left, so that the cursor is seen.
  let from = 0;
  while (from < cursor && width(shown(characters, from, cursor)) > room - 1) from++;
  const before = shown(characters, from, cursor);
  const after = truncate(shown(characters, cursor, characters.length), Math.max(0, room - width(before)));
  const line = own(`${paint(lead, 'bold')}${before}${caret}${after}${paint(remark, 'yellow')}`);
  if (!problem) return [line];
  const lines = [paint(truncate(safe(problem.message), columns), 'red')];
  if (problem.place === null) return [...lines, line];
  const at = Array.from(problem.place.text.slice(0, problem.place.at)).length;
  const isSeen = at >= from;
  const place = width(lead) + width(shown(characters, from, Math.max(from, at))) + (at >= cursor ? 1 : 0);
  return [...lines, line, own(isSeen && place < columns ? `${' '.repeat(place)}^` : '')];
}

function shown(characters: readonly string[], from: number, to: number): Safe {
  return safe(characters.slice(from, to).join(''));
}

/** The message of a refused query, without the place, which is drawn. */
export function problemOf(message: string, place: Place | undefined): Problem {
  return {message: message.replace(/^--query, column \d+: /, ''), place: place ?? null};
}
