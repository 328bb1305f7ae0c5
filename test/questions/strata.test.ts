import {expect, it} from 'vitest';
import {countsOf, sumOf, testOf} from '../../src/questions/strata.ts';

const one = (runs: number, bad: number, peers = 0) => ({peers, runs, bad});

it('runs are counted by their peers', () => {
  const runs = [1, 0, 1].map((bad, place) => ({place, peers: place % 2, bad}));
  expect(countsOf(runs)).toEqual([one(2, 2, 0), one(1, 0, 1)]);
  expect(sumOf(countsOf(runs))).toEqual({runs: 3, bad: 2});
});

it('of one group the lift is the quotient of the two shares', () => {
  const {lift, logChance} = testOf([one(40, 20)], [one(140, 30)]);
  expect(lift).toBeCloseTo(20 / 40 / (10 / 100), 12);
  expect(logChance).toBeLessThan(Math.log(1e-6));
});

it('fewer than five bad runs say nothing, however rare the others are', () => {
  expect(testOf([one(40, 4)], [one(4000, 4)]).logChance).toBe(0);
  expect(testOf([one(40, 5)], [one(4000, 5)]).logChance).toBeLessThan(Math.log(1e-6));
});

it('a component that is slow anyway is no reason: its runs are compared with each other', () => {
  const all = [one(200, 2, 1), one(200, 100, 2)];
  // Half of the runs of the slow component have it, and are as slow as the other half.
  const {lift, logChance} = testOf([one(100, 50, 2)], all);
  expect(lift).toBeCloseTo(1, 12);
  expect(logChance).toBe(0);
  expect(testOf([one(100, 50)], [one(400, 102)]).logChance).toBeLessThan(Math.log(1e-6));
});
