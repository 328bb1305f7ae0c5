import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {closest} from '../../src/closest.ts';
import {EXIT, UserError} from '../../src/errors.ts';
import {parseChoice, parseChoices, parseCount, parseLength, parseMoment} from '../../src/flags/values.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** The usage error that `call` ends in. */
function refusal(call: () => unknown): UserError {
  try {
    call();
  } catch (error) {
    if (error instanceof UserError) {
      expect(error.exitCode).toBe(EXIT.usage);
      return error;
    }
    throw error;
  }
  throw new Error('it was accepted');
}

describe('a length of time', () => {
  it.each([
    ['500ms', 500],
    ['2s', 2 * SECOND],
    ['90m', 90 * MINUTE],
    ['90min', 90 * MINUTE],
    ['24h', DAY],
    ['7d', 7 * DAY],
    ['2w', 14 * DAY],
    ['1h30m', 90 * MINUTE],
    ['1d12h', 36 * HOUR],
    ['1.5h', 90 * MINUTE],
    ['0.5s', 500],
    ['0s', 0],
    ['5M', 5 * MINUTE],
    ['24 H', DAY],
    [' 1h 30m ', 90 * MINUTE],
    ['1m30s500ms', 90_500],
  ])('%j', (text, ms) => {
    expect(parseLength('--last', text)).toBe(ms);
  });

  it('is the sum of its parts', () => {
    const part = fc.tuple(fc.integer({min: 0, max: 999}), fc.constantFrom('ms', 's', 'm', 'h', 'd', 'w'));
    const size = {ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY};
    fc.assert(
      fc.property(fc.array(part, {minLength: 1, maxLength: 5}), parts => {
        const text = parts.map(([n, unit]) => `${n}${unit}`).join('');
        const ms = parts.reduce((sum, [n, unit]) => sum + n * size[unit as keyof typeof size], 0);
        expect(parseLength('--last', text)).toBe(ms);
      }),
    );
  });

  it.each(['30', '1.5', ' 30 '])('without a unit is refused, not taken for milliseconds: %j', text => {
    const {message, hint} = refusal(() => parseLength('--last', text));
    expect(message).toBe(`--last "${text}" has no unit.`);
    expect(hint).toContain(`${text.trim()}h`);
  });

  it.each(['', ' ', 'soon', '-5m', '5x', 'h', '5m!', '1e3s', '٣h', '5 m 3', 'm5', '1y', '3mo', '.5h', '5.h', '5m-3m'])(
    'that is none is refused: %j',
    text => {
      const {message, hint} = refusal(() => parseLength('--timeout', text));
      expect(message).toContain(`--timeout "${text}"`);
      expect(hint).toBeTruthy();
    },
  );

  it('of any text is a finite number, not negative, or a usage error', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({unit: 'binary'}), fc.stringMatching(/^[0-9.hmsdw ]{0,12}$/)), text => {
        try {
          expect(parseLength('--last', text)).toBeGreaterThanOrEqual(0);
          expect(parseLength('--last', text)).toBeLessThan(Number.POSITIVE_INFINITY);
        } catch (error) {
          expect(error).toBeInstanceOf(UserError);
        }
      }),
    );
  });
});

/** 2026-11-22T14:30:00Z. */
const NOW = Date.UTC(2026, 10, 22, 14, 30) * 1000;
const at = (iso: string) => Date.parse(iso) * 1000;

describe('a moment', () => {
  it.each([
    ['2026-11-20', at('2026-11-20T00:00:00Z')],
    ['2026-11-20T14:00', at('2026-11-20T14:00:00Z')],
    ['2026-11-20 14:00:05', at('2026-11-20T14:00:05Z')],
    ['2026-11-20T14:00:05.123456Z', at('2026-11-20T14:00:05Z') + 123_456],
    ['2026-11-20T14:00:05.123456+00:00', at('2026-11-20T14:00:05Z') + 123_456],
    ['2026-11-20T14:00+05:30', at('2026-11-20T08:30:00Z')],
    ['2024-02-29', at('2024-02-29T00:00:00Z')],
    ['today', at('2026-11-22T00:00:00Z')],
    ['yesterday', at('2026-11-21T00:00:00Z')],
    ['now', NOW],
    ['09:15', at('2026-11-22T09:15:00Z')],
    ['9:15', at('2026-11-22T09:15:00Z')],
    ['23:59', at('2026-11-22T23:59:00Z')],
    ['24h', NOW - DAY * 1000],
    ['30m', NOW - 30 * MINUTE * 1000],
    ['7d', NOW - 7 * DAY * 1000],
    [' 24h ', NOW - DAY * 1000],
  ])('%j', (text, micros) => {
    expect(parseMoment('--since', text, NOW)).toBe(micros);
  });

  it.each([
    ['a day that no month has', '2026-02-31'],
    ['29 February of a common year', '2026-02-29'],
    ['month 13', '2026-13-01'],
    ['day 0', '2026-11-00'],
    ['an hour that no clock shows', '2026-11-20T25:00'],
    ['half past midnight of the day after', '2026-11-20T24:30'],
    ['a minute that no clock shows', '2026-11-20T14:75'],
    ['a second that no clock shows', '2026-11-20T14:00:75'],
    ['25:00', '25:00'],
    ['14:60', '14:60'],
    ['tomorrow', 'tomorrow'],
    ['nothing', ''],
    ['a word', 'noon'],
    ['another order', '22.11.2026'],
    ['a date and more', '2026-11-20 and later'],
    ['a length ahead', '-24h'],
  ])('that is none is refused: %s', (_, text) => {
    const {message, hint} = refusal(() => parseMoment('--until', text, NOW));
    expect(message).toContain(`--until "${text}"`);
    expect(hint).toBeTruthy();
  });

  it('of digits alone asks for the unit', () => {
    expect(refusal(() => parseMoment('--since', '30', NOW)).message).toBe('--since "30" has no unit.');
  });
});

describe('a count', () => {
  it.each([
    ['0', 0],
    ['20', 20],
    [' 7 ', 7],
    ['007', 7],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ])('%j', (text, count) => {
    expect(parseCount('--limit', text)).toBe(count);
  });

  it.each(['', ' ', '-1', '1.5', '1e3', 'all', '0x10', '٣', '1 2', '9007199254740993', 'Infinity'])(
    'that is none is refused: %j',
    text => {
      const {message, hint} = refusal(() => parseCount('--limit', text));
      expect(message).toBe(`--limit "${text}" is not a whole number.`);
      expect(hint).toContain('--limit 20');
    },
  );
});

const STATES = ['running', 'stalled', 'error', 'ok'] as const;

describe('one of a list', () => {
  it.each([
    ['error', 'error'],
    ['ERROR', 'error'],
    [' ok ', 'ok'],
  ])('%j', (text, choice) => {
    expect(parseChoice('--state', text, STATES)).toBe(choice);
  });

  it('with a slip names the one that was meant', () => {
    const {message, hint} = refusal(() => parseChoice('--state', 'eror', STATES));
    expect(message).toBe('--state "eror" is not known.');
    expect(hint).toBe('Did you mean error? It is one of running, stalled, error, ok.');
  });

  it('that is far from all names all', () => {
    expect(refusal(() => parseChoice('--state', 'purple', STATES)).hint).toBe(
      'It is one of running, stalled, error, ok.',
    );
  });

  it('several, separated by commas or repeated', () => {
    expect(parseChoices('--state', ['error, ok', 'running'], STATES)).toEqual(['error', 'ok', 'running']);
    expect(parseChoices('--state', [], STATES)).toEqual([]);
    expect(refusal(() => parseChoices('--state', ['error,'], STATES)).message).toBe('--state "" is not known.');
  });
});

describe('the closest of a list', () => {
  it.each([
    ['jsonn', ['table', 'json', 'jsonl'], 'json'],
    ['tabl', ['table', 'json'], 'table'],
    // Letters that changed places are one slip, not two.
    ['tabel', ['table', 'json'], 'table'],
    ['jsnol', ['table', 'json', 'jsonl'], 'jsonl'],
    ['P95MS', ['p50Ms', 'p95Ms'], 'p95Ms'],
    ['xyz', ['table', 'json'], null],
    ['anything', [], null],
    ['', ['ok'], null],
    // The shorter the word, the closer it must be: two of two letters is no slip.
    ['no', ['ok'], null],
    ['o', ['ok'], 'ok'],
  ])('to %j among %j is %j', (text, choices, expected) => {
    expect(closest(text, choices)).toBe(expected);
  });

  it('is the word itself where it is one of them', () => {
    fc.assert(
      fc.property(fc.constantFrom(...STATES), state => {
        expect(closest(state, STATES)).toBe(state);
      }),
    );
  });
});
