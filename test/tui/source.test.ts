import {beforeAll, describe, expect, it} from 'vitest';
import {isSameSnapshot} from '../../src/tui/source.ts';
import {openWorlds, type Worlds} from './worlds.ts';

let snapshot: Worlds['snapshot'];
beforeAll(async () => {
  ({snapshot} = await openWorlds());
});

describe('snapshots', () => {
  it('that show the same are drawn once: a look that finds nothing, a rate that creeps', () => {
    const seen = {...snapshot, runsPerMinute: 3.14};
    expect(isSameSnapshot(seen, {...seen})).toBe(true);
    expect(isSameSnapshot(seen, {...seen, runsPerMinute: 3.12})).toBe(true);
    expect(isSameSnapshot(seen, {...seen, runsPerMinute: 3.21})).toBe(false);
    expect(isSameSnapshot(seen, {...seen, runsPerMinute: null})).toBe(false);
    expect(isSameSnapshot(seen, {...seen, runs: [...seen.runs]})).toBe(false);
    expect(isSameSnapshot(seen, {...seen, lagMs: 5})).toBe(false);
  });
});
