import {describe, expect, it} from 'vitest';
import {
  ago,
  count,
  duration,
  figure,
  moment,
  percent,
  rate,
  shortCount,
  shortId,
  stretchStart,
  usd,
} from '../../src/render/values.ts';

const DAY_MICROS = 86_400_000_000;

describe('a value for people', () => {
  it.each([
    [
      'duration',
      duration,
      [
        [null, '–'],
        [Number.NaN, '–'],
        [0, '0ms'],
        [9.94, '9.9ms'],
        [329.4, '329ms'],
      ],
    ],
    [
      'duration, rounded before it is cut',
      duration,
      [
        [1899, '1.9s'],
        [999.6, '1.0s'],
        [14_200, '14.2s'],
      ],
    ],
    [
      'duration, in two units at most',
      duration,
      [
        [59_960, '1m'],
        [125_400, '2m 5s'],
        [90_061_000, '1d 1h'],
      ],
    ],
    [
      'count',
      count,
      [
        [null, '–'],
        [999, '999'],
        [1204.6, '1,205'],
        [1_234_567, '1,234,567'],
      ],
    ],
    [
      'rate',
      rate,
      [
        [null, '–'],
        [0.44, '0.4'],
        [58.3, '58.3'],
        [99.96, '100'],
        [1204.2, '1,204'],
      ],
    ],
    [
      'share',
      percent,
      [
        [null, '–'],
        [0, '0%'],
        [0.073, '7.3%'],
        [1, '100%'],
      ],
    ],
    [
      'share that is not nothing, or not all',
      percent,
      [
        [0.0004, '<0.1%'],
        [0.0005, '0.1%'],
        [0.9996, '>99.9%'],
      ],
    ],
    [
      'cost',
      usd,
      [
        [null, '–'],
        [0, '$0'],
        [0.000012345, '$0.000012'],
        [0.25, '$0.25'],
        [12.345, '$12.35'],
      ],
    ],
    [
      'cost that is too small for its digits',
      usd,
      [
        [4e-7, '<$0.000001'],
        [1e-6, '$0.000001'],
      ],
    ],
    [
      'short count',
      shortCount,
      [
        [null, '–'],
        [999, '999'],
        [1000, '1k'],
        [3149, '3.1k'],
        [99_960, '100k'],
      ],
    ],
    [
      'short count of millions',
      shortCount,
      [
        [999_499, '999k'],
        [999_500, '1M'],
        [1_240_000, '1.2M'],
      ],
    ],
  ] as const)('%s', (_, draw, cases) => {
    expect(cases.map(([value]) => [value, draw(value)])).toEqual(cases);
  });

  it('how long ago, in one unit, and ahead of the clock', () => {
    const drawn = (seconds: number) => ago(0, seconds * 1e6);
    expect([4, 59, 60, 3599, 3600, 86_399, 86_400, 3 * 86_400].map(drawn)).toEqual(
      ['4s', '59s', '1m', '59m', '1h', '23h', '1d', '3d'].map(text => `${text} ago`),
    );
    expect([ago(null, 0), drawn(-5), drawn(-7200)]).toEqual(['–', 'in 5s', 'in 2h']);
  });

  it('a moment, the start of a stretch, an id', () => {
    expect(moment('2026-11-22T14:21:03.123456Z')).toBe('2026-11-22 14:21:03 UTC');
    expect([moment(null), moment('noon')]).toEqual(['–', '–']);
    const micros = Date.parse('2026-11-22T14:21:03Z') * 1000;
    expect(stretchStart(micros, 7 * DAY_MICROS)).toBe('2026-11-22');
    expect(stretchStart(micros, 3_600_000_000)).toBe('2026-11-22 14:21');
    expect(stretchStart(null, DAY_MICROS)).toBe('–');
    expect(shortId('7ee45c18-4ebb-4ad8-ba99-175b11cc1d02')).toBe('7ee45c18');
    expect(shortId('customer-4711')).toBe('customer-4711');
  });

  it('a figure by its unit', () => {
    const drawn = (['ms', 'usd', 'ratio', 'rate', 'count', 'text'] as const).map(unit => figure(1234.5, unit));
    expect(drawn).toEqual(['1.2s', '$1234.50', '123450%', '1,235', '1,235', '1234.5']);
  });
});
