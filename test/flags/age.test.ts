import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {UserError} from '../../src/errors.ts';
import {cutoffMicrosOf} from '../../src/flags/age.ts';
import {cli} from '../cli.ts';
import {sqliteCopy} from '../fixtures.ts';
import {everything} from '../retention/tables.ts';

const NOW = Date.UTC(2026, 10, 22, 12) * 1000;
const HOUR = 3_600_000_000;

describe('the age of what prune deletes', () => {
  it.each([
    ['30', 'no unit'],
    ['30.5', 'no unit'],
    ['3m', 'ambiguous'],
    ['1d3m', 'ambiguous'],
    ['-3d', 'negative'],
    ['', 'not a valid duration'],
    ['3mo', 'not a valid duration'],
    ['all', 'not a valid duration'],
    ['59min', 'less than an hour'],
    ['0d', 'less than an hour'],
    ['90000d', 'too far in the past'],
  ])('"%s" is refused: %s', (text, why) => {
    expect(() => cutoffMicrosOf({olderThan: text}, NOW)).toThrow(why);
  });

  it.each([
    ['1h', HOUR],
    ['30d', 30 * 24 * HOUR],
    ['2w', 14 * 24 * HOUR],
    ['1d 12h', 36 * HOUR],
    ['90min', 1.5 * HOUR],
  ])('"%s" is counted back from now', (text, micros) => {
    expect(cutoffMicrosOf({olderThan: text}, NOW)).toBe(NOW - micros);
  });

  it('reads a moment, in the past, and no duration for one', () => {
    expect(cutoffMicrosOf({before: '2026-11-01'}, NOW)).toBe(Date.UTC(2026, 10, 1) * 1000);
    for (const [before, why] of [
      ['2026-11-23', 'future'],
      ['30d', 'is not a time'],
      ['2026-11-22T11:30', 'less than an hour'],
      ['2026-02-31', 'is not a time'],
    ] as const)
      expect(() => cutoffMicrosOf({before}, NOW)).toThrow(why);
    expect(cutoffMicrosOf({before: '2026-11-22T11:30', force: true}, NOW)).toBe(NOW - HOUR / 2);
    expect(() => cutoffMicrosOf({before: '2026-11-23', force: true}, NOW)).toThrow('future');
    expect(() => cutoffMicrosOf({before: '2026-11-01', olderThan: '1d'}, NOW)).toThrow('both set the age');
  });

  it('whatever is typed, is refused or is before now; without --force by an hour at least', () => {
    const pieces = fc.array(
      fc.constantFrom('1', '30', '0', '.', '-', ' ', 'd', 'h', 'min', 'm', 'w', 's', 'ms', 'e9', 'x'),
      {maxLength: 6},
    );
    fc.assert(
      fc.property(pieces, fc.boolean(), (parts, force) => {
        const text = parts.join('');
        try {
          const micros = cutoffMicrosOf({olderThan: text, force}, NOW)!;
          return (
            Number.isFinite(micros) &&
            micros <= NOW - (force ? 0 : HOUR) &&
            /[a-z]/.test(text) &&
            !/\dm(?![a-z])/.test(text)
          );
        } catch (error) {
          return error instanceof UserError && error.exitCode === 2;
        }
      }),
    );
  });

  it('must be given, or runs to choose: nothing is deleted by leaving something out', async () => {
    const file = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const before = await everything(file);
    for (const argv of [
      [],
      ['--keep-errors'],
      ['--orphans'],
      ['--keep-last', '3', '--older-than', '1h'],
      ['--per', 'agent', '--older-than', '1h'],
      ['--older-than', '1h', '--settle', '1s'],
      ['--older-than', '1h', '--age-by', 'start'],
      ['--older-than', '30'],
      ['--older-than', '1h', '--expect-max', 'many'],
    ]) {
      const {code, err} = await cli(['prune', '--db', file, '--yes', ...argv]);
      expect(code, argv.join(' ')).toBe(2);
      expect(err.split('\n').length).toBe(3);
    }
    expect(await everything(file)).toEqual(before);
  });
});
