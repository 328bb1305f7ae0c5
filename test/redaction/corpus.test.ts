import {readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {Pseudonyms} from '../../src/redaction/pseudonyms.ts';
import {Redactor} from '../../src/redaction/redactor.ts';
import {RedactionReport} from '../../src/redaction/report.ts';

/*
 * 450 strings of agents' traces, by somebody who never saw the detectors: what is to go, and what is to stay. Texts stand in
 * parts: whoever hosts a repository refuses files that hold what looks like a live key.
 */
type InParts = string | readonly string[];
interface Entry {
  readonly id: string;
  readonly class: string;
  readonly text: InParts;
  /** What is to go; absent in innocent texts. */
  readonly find?: readonly InParts[];
}

const joined = (parts: InParts): string => (typeof parts === 'string' ? parts : parts.join(''));
const CORPUS: readonly Entry[] = JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8'));

/** Who knows so much of a secret may guess the rest. */
const TOO_MUCH = 0.6;

/** Length of the longest stretch of `secret` that `text` still holds. */
function longestLeft(secret: string, text: string): number {
  let longest = 0;
  for (let from = 0; from + longest < secret.length; from++)
    while (from + longest < secret.length && text.includes(secret.slice(from, from + longest + 1))) longest++;
  return longest;
}

function failing(kind: string): readonly string[] {
  const pseudonyms = new Pseudonyms(Buffer.from('a key of the tests'));
  return CORPUS.filter(({id}) => id.startsWith(kind)).flatMap(({id, text, find}) => {
    const before = joined(text);
    const after = new Redactor('all', pseudonyms, new RedactionReport()).text(before, 'here');
    const isLeft = (find ?? []).map(joined).some(found => longestLeft(found, after) >= TOO_MUCH * found.length);
    return isLeft || (find === undefined && after !== before) ? [id] : [];
  });
}

describe('of what a stranger wrote', () => {
  it.each([
    // What is left is named, so that a change of it is seen.
    {kind: 'secret', of: 150, atMost: 4, known: ['secret-111']},
    {kind: 'personal', of: 100, atMost: 10, known: []},
    // The id of a session gets a pseudonym by design.
    {kind: 'innocent', of: 200, atMost: 2, known: ['innocent-004']},
  ])('$kind: at most $atMost of $of fail', ({kind, of, atMost, known}) => {
    expect(CORPUS.filter(({id}) => id.startsWith(kind))).toHaveLength(of);
    const failed = failing(kind);
    expect(failed).toEqual(known);
    expect(failed.length).toBeLessThanOrEqual(atMost);
  });
});
