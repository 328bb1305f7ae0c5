import {expect, it} from 'vitest';
import {mayReturn} from '../../src/follow/lanes.ts';

const SECOND = 1_000_000;
/** The newest rows, and those before them; all transactions below 100 and 90 were seen whole. */
const LANES = [
  {lowXid: 100, fromMicros: 1000 * SECOND, dueMs: 0},
  {lowXid: 90, fromMicros: 500 * SECOND, dueMs: 0},
];

it.each([
  ['of a transaction that may still be open, in a lane', {xid: 100, createdMicros: 1001 * SECOND}, true],
  ['of a transaction that every lane has seen whole', {xid: 89, createdMicros: 1001 * SECOND}, false],
  ['of one that only the older lane has yet to see, in the newer', {xid: 95, createdMicros: 1010 * SECOND}, false],
  ['of one that only the older lane has yet to see, in it', {xid: 95, createdMicros: 600 * SECOND}, true],
  ['before every lane', {xid: 200, createdMicros: 400 * SECOND}, false],
  ['whose time is unknown', {xid: 95, createdMicros: null}, true],
])('a row %s may come again: %o, %s', (_, seen, may) => {
  expect(mayReturn(LANES, seen, true)).toBe(may);
});

it('without transaction ids only the time decides', () => {
  expect(mayReturn(LANES, {xid: 0, createdMicros: 600 * SECOND}, false)).toBe(true);
  expect(mayReturn(LANES, {xid: 0, createdMicros: 400 * SECOND}, false)).toBe(false);
});
