import type {TextPlace} from '../errors.ts';
import type {KeyPress} from './keys.ts';
import type {PaneStates} from './state.ts';

/** A line that is being typed. */
export interface Prompt {
  readonly kind: 'search' | 'filter' | 'columns';
  /** Characters, so that the cursor is never inside one. */
  readonly characters: readonly string[];
  readonly cursor: number;
  /** Why the line was refused. */
  readonly problem: Problem | null;
  /** Which of the texts typed before is in the line; null: none of them. */
  readonly recalled: number | null;
  /** The panes before a search was typed, for Escape; null: it changes none. */
  readonly before: PaneStates | null;
}

interface Problem {
  readonly message: string;
  readonly place: TextPlace | null;
}

const LONGEST = 2000;

export function promptOf(kind: Prompt['kind'], text: string): Prompt {
  const characters = Array.from(text);
  return {kind, characters, cursor: characters.length, problem: null, recalled: null, before: null};
}

export function textOf({characters}: Prompt): string {
  return characters.join('');
}

/**
 * The line after a key; the same object if the key does not edit (Enter, Escape and unknown keys).
 * @param history the texts typed before, the newest last
 */
export function typed(prompt: Prompt, press: KeyPress, history: readonly string[]): Prompt {
  const {characters, cursor} = prompt;
  const put = (next: readonly string[], at: number): Prompt => ({
    ...prompt,
    characters: next.slice(0, LONGEST),
    cursor: Math.min(at, LONGEST),
    problem: null,
  });
  const recall = (by: 1 | -1): Prompt => {
    const at = (prompt.recalled ?? history.length) + by;
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

/**
 * Number of lines that the prompt needs: with a hint of what can be typed, or with the reason and place of a refusal.
 */
export function promptRows({kind, problem}: Prompt): number {
  return problem === null ? (kind === 'columns' ? 2 : 1) : problem.place === null ? 2 : 3;
}

/** The message of a refused query, without the place, which is drawn. */
export function problemOf(message: string, place: TextPlace | undefined): Problem {
  return {message: message.replace(/^--query, column \d+: /, ''), place: place ?? null};
}
