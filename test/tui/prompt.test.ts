import {describe, expect, it} from 'vitest';
import {trusted} from '../../src/text/safe.ts';
import {type Prompt, problemOf, promptOf, textOf, typed} from '../../src/tui/prompt.ts';
import {drawnPrompt} from './drawn.tsx';

const linesOf = (prompt: Prompt, columns: number) => drawnPrompt({prompt, remark: trusted(''), columns, ascii: true});

function edited(text: string, ...keys: string[]) {
  return keys.reduce((prompt, name) => typed(prompt, {name}, []), promptOf('filter', text));
}

describe('a line that is typed', () => {
  it('is edited where the cursor is', () => {
    expect(textOf(edited('agent:x', 'left', 'backspace', 'b'))).toBe('agentbx');
    expect(textOf(edited('one two  ', '^w'))).toBe('one ');
    expect(textOf(edited('one two', 'home', 'delete', 'end', 'space', '!'))).toBe('ne two !');
    expect(textOf(edited('one two', 'left', 'left', '^u'))).toBe('wo');
  });

  it('takes a paste on one line, and characters outside the first plane whole', () => {
    const pasted = typed(promptOf('search', ''), {name: 'paste', pasted: 'a\r\nb😀'}, []);
    expect(textOf(pasted)).toBe('a b😀');
    expect(textOf(typed(pasted, {name: 'backspace'}, []))).toBe('a b');
  });

  it('holds no more than a line that somebody means', () => {
    const pasted = typed(promptOf('search', 'a'), {name: 'paste', pasted: 'b'.repeat(100_000)}, []);
    expect([pasted.characters.length, pasted.cursor]).toEqual([2000, 2000]);
  });

  it('leaves Enter, Escape and keys it does not know to others', () => {
    const prompt = promptOf('search', 'x');
    for (const name of ['enter', 'escape', 'f5', 'up', 'down']) expect(typed(prompt, {name}, [])).toBe(prompt);
  });

  it('marks the place that was refused, and forgets it at the next key', () => {
    const place = {text: 'state:eror', at: 6};
    const refused = {
      ...promptOf('filter', place.text),
      problem: problemOf('--query, column 7: state "eror" is not known.', place),
    };
    const lines = linesOf(refused, 60);
    expect(lines).toEqual(['state "eror" is not known.', 'filter: state:eror|', '              ^']);
    expect(typed(refused, {name: 'backspace'}, []).problem).toBeNull();
  });

  it('shows the end of a text that is longer than the terminal', () => {
    const [line] = linesOf(promptOf('search', `${'x'.repeat(100)}end`), 30);
    expect(line).toMatch(/^\/x+end\|$/);
    expect(line!.length).toBeLessThanOrEqual(30);
  });
});
