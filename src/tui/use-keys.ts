import {useInput, usePaste} from 'ink';
import {keyNames} from './key-names.ts';
import type {KeyPress} from './keys.ts';

/** Reports each pressed key. A paste is reported as a whole, so that no letter in it is a command. */
export function useKeys(onKey: (press: KeyPress) => void): void {
  useInput((input, key) => {
    for (const name of keyNames(input, key)) onKey({name});
  });
  usePaste(text => onKey({name: 'paste', pasted: text}));
}
