import {describe, expect, it} from 'vitest';
import {logChanceOf, logChancesOfSum, normalTail} from '../../src/questions/chance.ts';
import {alarmsOf, logLimitFor, logLimitOf, type Tested} from '../../src/questions/false-alarms.ts';

const plain = (chance: number): Tested => ({logChance: Math.log(chance), alarmsAt: limit => limit});

describe('chances', () => {
  it('of one draw are those of the tea that Fisher poured', () => {
    const tea = {drawn: 4, marked: 4, all: 8};
    expect(Math.exp(logChanceOf({found: 4, ...tea}))).toBeCloseTo(1 / 70, 12);
    expect(Math.exp(logChanceOf({found: 3, ...tea}))).toBeCloseTo(17 / 70, 12);
    expect(Math.exp(logChanceOf({found: 0, ...tea}))).toBeCloseTo(1, 12);
  });

  it('of several draws together are those of every way to the same sum', () => {
    const draws = [
      {drawn: 4, marked: 4, all: 8},
      {drawn: 1, marked: 1, all: 2},
    ];
    const chances = logChancesOfSum(draws);
    // All five; or four of five: four of the first without the second, or three of the first with it.
    expect(Math.exp(chances(5))).toBeCloseTo(1 / 140, 12);
    expect(Math.exp(chances(4))).toBeCloseTo(1 / 70 + 16 / 140, 12);
    expect(Math.exp(chances(0))).toBeCloseTo(1, 12);
  });

  it('of large draws are near those of one that is counted exactly', () => {
    const one = {drawn: 6000, marked: 4000, all: 20_000};
    const exact = logChanceOf({found: 1300, ...one});
    // Half of it twice, as if the halves had nothing to do with each other.
    const half = {drawn: 3000, marked: 2000, all: 10_000};
    expect(logChancesOfSum([half, half])(1300)).toBeCloseTo(exact, 0);
  });

  it('far out keep their digits', () => {
    expect(normalTail(1.959964)).toBeCloseTo(0.025, 6);
    expect(normalTail(6) / 9.865876e-10).toBeCloseTo(1, 5);
    expect(normalTail(0)).toBe(0.5);
  });
});

describe('the limit', () => {
  it('is shared out among tests that can each name something by chance', () => {
    const tested = Array.from({length: 50}, () => plain(0.5));
    expect(Math.exp(logLimitFor(tested, 0.05))).toBeCloseTo(0.001, 9);
    expect(Math.exp(logLimitOf(tested, 0.05))).toBeCloseTo(0.001, 9);
  });

  it('takes nothing for tests that chance cannot pass', () => {
    const silent: Tested = {logChance: 0, alarmsAt: limit => Math.min(limit, 1e-12)};
    const tested = [...Array.from({length: 10}, () => plain(0.5)), ...Array.from({length: 90}, () => silent)];
    expect(Math.exp(logLimitFor(tested, 0.05))).toBeCloseTo(0.005, 6);
    expect(alarmsOf(tested, Math.log(0.005))).toBeCloseTo(0.05, 6);
  });

  it('is wider the more is named, so that a twentieth of that may be by chance', () => {
    const many = [...[0.0001, 0.0015, 0.0025].map(plain), ...Array.from({length: 47}, () => plain(0.5))];
    expect(Math.exp(logLimitOf(many, 0.05))).toBeCloseTo(0.003, 6);
    const one = [...[0.0001, 0.0025].map(plain), ...Array.from({length: 48}, () => plain(0.5))];
    expect(Math.exp(logLimitOf(one, 0.05))).toBeCloseTo(0.001, 6);
    expect(logLimitOf([], 0.05)).toBeLessThan(0);
  });
});
