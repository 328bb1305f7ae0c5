import {describe, expect, it} from 'vitest';
import {problemOf, promptLines, promptOf, textOf, typed} from '../../src/tui/prompt.ts';

const VIEW = {ascii: true, isFocused: true, nowMicros: 0, isRelative: false};

function edited(text: string, ...keys: string[]) {
  return keys.reduce((prompt, name) => typed(prompt, {name}), promptOf('filter', text));
}

describe('a line that is typed', () => {
  it('is edited where the cursor is', () => {
    expect(textOf(edited('agent:x', 'left', 'backspace', 'b'))).toBe('agentbx');
    expect(textOf(edited('one two  ', '^w'))).toBe('one ');
    expect(textOf(edited('one two', 'home', 'delete', 'end', 'space', '!'))).toBe('ne two !');
    expect(textOf(edited('one two', 'left', 'left', '^u'))).toBe('wo');
  });

  it('takes a paste on one line, and characters outside the first plane whole', () => {
    const pasted = typed(promptOf('search', ''), {name: 'paste', pasted: 'a\r\nb😀'});
    expect(textOf(pasted)).toBe('a b😀');
    expect(textOf(typed(pasted, {name: 'backspace'}))).toBe('a b');
  });

  it('leaves Enter, Escape and keys it does not know to others', () => {
    const prompt = promptOf('search', 'x');
    for (const name of ['enter', 'escape', 'f5', 'up', 'down']) expect(typed(prompt, {name})).toBe(prompt);
  });

  it('marks the place that was refused, and forgets it at the next key', () => {
    const place = {text: 'state:eror', at: 6};
    const refused = {
      ...promptOf('filter', place.text),
      problem: problemOf('--query, column 7: state "eror" is not known.', place),
    };
    const lines = promptLines(refused, 60, VIEW);
    expect(lines).toEqual(['state "eror" is not known.', 'filter: state:eror|', '              ^']);
    expect(typed(refused, {name: 'backspace'}).problem).toBeNull();
  });

  it('shows the end of a text that is longer than the terminal', () => {
    const [line] = promptLines(promptOf('search', `${'x'.repeat(100)}end`), 30, VIEW);
    expect(line).toMatch(/^\/x+end\|$/);
    expect(line!.length).toBeLessThanOrEqual(30);
  });
});
