import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {BatchPace, PACE} from '../../src/retention/pace.ts';
import {newestOfEach, partsOfStaying, type Ranked} from '../../src/retention/rules.ts';

const runs = fc.array(
  fc.record({
    traceId: fc.integer({min: 0, max: 30}).map(n => `t${n}`),
    key: fc.constantFrom('a', 'b', 'c', null),
    startedAt: fc.integer({min: 0, max: 9}).map(n => `2026-11-0${n}`),
  }),
);

describe('--keep-last', () => {
  it('keeps as many runs of each as there are, up to so many, and none that is older than one that goes', () => {
    fc.assert(
      fc.property(runs, fc.integer({min: 0, max: 4}), (list: Ranked[], count) => {
        const kept = newestOfEach(list, count);
        for (const key of ['a', 'b', 'c']) {
          const own = list.filter(run => run.key === key);
          const staying = own.filter(run => kept.has(run.traceId));
          expect(staying.length).toBeGreaterThanOrEqual(Math.min(count, own.length));
          const times = own.map(run => run.startedAt).sort();
          const bound = times.at(-count);
          for (const run of own)
            if (count > 0 && bound !== undefined && run.startedAt > bound) expect(kept.has(run.traceId)).toBe(true);
        }
        if (count === 0) expect(kept.size).toBe(0);
      }),
    );
  });

  it('does not hold a run without that key', () => {
    expect(newestOfEach([{traceId: 't1', key: null, startedAt: '2026'}], 5).size).toBe(0);
  });

  it('takes of runs that began together the larger trace id for the newer, in whatever order they come', () => {
    const together = ['t1', 't3', 't2'].map(traceId => ({traceId, key: 'a', startedAt: '2026-11-01'}));
    for (const list of [together, together.toReversed()]) expect([...newestOfEach(list, 2)]).toEqual(['t3', 't2']);
  });
});

describe('parts of a run that stays', () => {
  it('stay, and so do parts of those, whatever the order', () => {
    const traces = fc.dictionary(
      fc.integer({min: 0, max: 12}).map(n => `t${n}`),
      fc.uniqueArray(
        fc.integer({min: 0, max: 8}).map(n => `r${n}`),
        {maxLength: 3},
      ),
    );
    fc.assert(
      fc.property(
        traces,
        fc.uniqueArray(
          fc.integer({min: 0, max: 8}).map(n => `r${n}`),
          {maxLength: 2},
        ),
        (byTrace, staying) => {
          const runIdsOf = new Map(Object.entries(byTrace));
          const kept = partsOfStaying(runIdsOf, staying);
          const runIds = new Set([...staying, ...[...kept].flatMap(id => runIdsOf.get(id)!)]);
          // Closed: no trace that goes shares a run with what stays; and nothing stays without such a reason.
          for (const [id, own] of runIdsOf) expect(own.some(runId => runIds.has(runId))).toBe(kept.has(id));
        },
      ),
    );
  });
});

describe('the pace', () => {
  const kinds = fc.constantFrom('sqlite', 'postgres' as const) as fc.Arbitrary<keyof typeof PACE>;

  it('stays within its limits, grows slowly, and halves after a wait in vain', () => {
    const steps = fc.array(fc.oneof(fc.double({min: 0.1, max: 5000, noNaN: true}), fc.constant(null)));
    fc.assert(
      fc.property(kinds, steps, (kind, list) => {
        const limits = PACE[kind];
        const pace = new BatchPace(limits);
        for (const ms of list) {
          const before = pace.spans;
          if (ms === null) pace.failed();
          else pace.took(before, ms);
          expect(pace.spans).toBeGreaterThanOrEqual(limits.fewestSpans);
          expect(pace.spans).toBeLessThanOrEqual(Math.min(limits.mostSpans, Math.ceil(before * 1.5)));
          if (ms === null) expect(pace.spans).toBeLessThanOrEqual(Math.max(limits.fewestSpans, Math.ceil(before / 2)));
        }
      }),
    );
  });

  it('finds batches of the time aimed at, and does not make them tiny where a slow disk takes its time for each', () => {
    const costs = fc.record({
      fixed: fc.double({min: 0, max: 150, noNaN: true}),
      per: fc.double({min: 0.005, max: 2, noNaN: true}),
    });
    fc.assert(
      fc.property(kinds, costs, (kind, {fixed, per}) => {
        const limits = PACE[kind];
        const pace = new BatchPace(limits);
        const msOf = (spans: number) => fixed + per * spans;
        for (let i = 0; i < 60; i++) pace.took(pace.spans, msOf(pace.spans));
        const isAtLimit = pace.spans === limits.mostSpans || pace.spans === limits.fewestSpans;
        const ms = msOf(pace.spans);
        expect(ms).toBeLessThanOrEqual(isAtLimit ? Number.POSITIVE_INFINITY : 3.3 * limits.targetMs);
        if (!isAtLimit) expect(ms).toBeGreaterThanOrEqual(0.6 * limits.targetMs);
      }),
    );
  });
});
