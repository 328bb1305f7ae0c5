import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {newestOfEach, partsOfStaying, type Ranked} from '../../src/retention/choice.ts';
import {PACE, Pace} from '../../src/retention/pace.ts';

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
  it('stays within its limits, grows slowly and shrinks at once', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('sqlite', 'postgres' as const),
        fc.array(fc.oneof(fc.double({min: 0.1, max: 5000, noNaN: true}), fc.constant(null))),
        (kind, steps) => {
          const limits = PACE[kind as keyof typeof PACE];
          const pace = new Pace(limits);
          for (const ms of steps) {
            const before = pace.spans;
            if (ms === null) pace.failed();
            else pace.took(before, ms);
            expect(pace.spans).toBeGreaterThanOrEqual(limits.fewestSpans);
            expect(pace.spans).toBeLessThanOrEqual(Math.min(limits.mostSpans, Math.ceil(before * 1.5)));
            if (ms !== null && ms > 2 * limits.targetMs)
              expect(pace.spans).toBeLessThanOrEqual(Math.max(limits.fewestSpans, Math.ceil(before / 2)));
            if (ms !== null) expect(pace.pauseMs(ms)).toBeGreaterThanOrEqual(ms);
          }
        },
      ),
    );
  });
});
