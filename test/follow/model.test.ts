import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Store} from '../../src/store/store.ts';
import {inLong, SEED} from '../long.ts';
import {openTables} from './followed.ts';
import {type Outcome, playHistory} from './history.ts';
import {newWorld, WORLDS, type World} from './world.ts';

/** A failure names its seed, which AGNO_TRACE_SEED gives back. */
const SEEDS = inLong(400, 12);
const STEPS = 150;

describe.each(WORLDS)('random histories on %s', name => {
  let world: World;
  let store: Store;
  beforeAll(async () => {
    world = await newWorld(name);
    store = await openTables(world.url);
  });
  afterAll(async () => {
    await store.close();
    await world.close();
  });

  it.each([
    ['one export per span', 1],
    ['exports in batches', 12],
  ])(
    '%s: nothing missed, nothing repeated; a reader by created_at misses',
    async (_, batch) => {
      // On a server each step is a round trip; both ways of exporting together have as many histories.
      const seeds = name === 'postgres' ? Math.ceil(SEEDS / 2) : SEEDS;
      let told = 0;
      let missedByCreatedAt = 0;
      for (let seed = SEED; seed < SEED + seeds; seed++) {
        await world.remove(await world.ids());
        const outcome: Outcome = await playHistory(world, store, {seed: seed * 1000 + batch, steps: STEPS, batch});
        const {missed, repeated, invented} = outcome;
        expect({seed, missed, repeated, invented}).toEqual({seed, missed: [], repeated: [], invented: []});
        told += outcome.told;
        missedByCreatedAt += outcome.missedByCreatedAt;
      }
      // The histories are of the kind that matters.
      expect(told).toBeGreaterThan(seeds * 10);
      expect(missedByCreatedAt).toBeGreaterThan(seeds);
    },
    600_000,
  );
});
