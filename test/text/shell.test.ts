import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {safe} from '../../src/text/safe.ts';
import {command, shellWord} from '../../src/text/shell.ts';
import {PASTED, paste} from '../shell.ts';

describe('a command line', () => {
  it('brings every value as one argument, whatever is in it', () => {
    const texts = [
      ...PASTED,
      '',
      'plain-1.0',
      ...fc.sample(fc.string({unit: 'binary', minLength: 1, maxLength: 12}), {numRuns: 200, seed: 14}),
    ]
      // What no argument can hold, and what the shell takes away at the end of a substitution.
      .map(text =>
        text
          .replaceAll('\0', '')
          .replace(/\p{Cs}/gu, '')
          .replace(/\n+$/, ''),
      );
    const lines = texts.map(text => command`agno-trace show ${text} --span ${text} --db archive:${text}`);
    expect(lines.filter(line => line !== safe(line))).toEqual([]);
    const {calls, ran} = paste(lines);
    expect(ran).toBe(false);
    expect(calls).toEqual(
      texts.map(text =>
        text.startsWith('-')
          ? ['agno-trace', 'show', '--span', text, '--db', `archive:${text}`, '--', text]
          : ['agno-trace', 'show', text, '--span', text, '--db', `archive:${text}`],
      ),
    );
  });

  it('is left as people would type it where nothing needs quotes', () => {
    expect(command`agno-trace show ${'1a2b3c4d'} --db ${'./agno.db'}`).toBe('agno-trace show 1a2b3c4d --db ./agno.db');
    expect(shellWord('Weather Agent')).toBe("'Weather Agent'");
    expect(shellWord('a\nb')).toBe(String.raw`"$(printf 'a\012b')"`);
  });
});
