import type {Key} from 'ink';

const NAMED = [
  ['escape', 'escape'],
  ['return', 'enter'],
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageup'],
  ['pageDown', 'pagedown'],
  ['home', 'home'],
  ['end', 'end'],
  ['backspace', 'backspace'],
  ['delete', 'delete'],
] as const satisfies readonly (readonly [keyof Key, string])[];

const CHARACTERS: Readonly<Record<string, string>> = {' ': 'space', '\r': 'enter', '\n': 'enter', '\t': 'tab'};
const CONTROL = /[\x00-\x1f\x7f-\x9f]/;

/** Names of the keys of one input, as in `KEYS`: over a slow link several keys arrive together. */
export function keyNames(input: string, key: Key): string[] {
  const named = NAMED.find(([field]) => key[field]);
  if (named) return [named[1]];
  if (key.tab) return [key.shift ? 'shift-tab' : 'tab'];
  if (key.meta) return [];
  if (key.ctrl) return [`^${input}`];
  return Array.from(input).flatMap(character => {
    const name = CHARACTERS[character] ?? controlName(character);
    return name === null ? [] : [name];
  });
}

/** `^d` for the byte 4; null: a control character that no key produces. */
function controlName(character: string): string | null {
  if (!CONTROL.test(character)) return character;
  const code = character.charCodeAt(0);
  return code >= 1 && code <= 26 ? `^${String.fromCharCode(code + 96)}` : null;
}
