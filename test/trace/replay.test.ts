import {describe, expect, it} from 'vitest';
import {drawnSpans, drawnTops} from '../../src/trace/drawn-spans.ts';
import {Judge} from '../../src/trace/judge.ts';
import {judgedRun} from '../../src/trace/record.ts';
import {PATIENCE, type Trace} from '../../src/trace/runs.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {parseTime} from '../../src/trace/time.ts';
import {build, rowsOf} from './rows.ts';

/** Spans that a viewer of this trace would see, over all its runs. */
function drawnIds(trace: Trace, nowMicros: number): Set<string> {
  const judge = new Judge(trace.tops);
  const clock = {nowMicros, patience: PATIENCE};
  const ids = new Set<string>();
  for (const run of trace.traffic ? [trace.traffic] : trace.runs) {
    const judged = judgedRun(run, judge, judge.run(run, NO_EVIDENCE, clock), NO_EVIDENCE);
    const tops = run.isTraffic ? trace.tops : drawnTops(trace, run);
    for (const {node} of drawnSpans(judged, tops)) if (node.span) ids.add(node.id);
  }
  return ids;
}

describe.each([
  'agno-3.1.10-pictures.sqlite',
  'agno-2.9.0-pictures.sqlite',
  'agno-2.9.0-more-pictures.sqlite',
  'agno-3.1.10-shop.sqlite',
  'agno-2.9.0-shop.sqlite',
])('the rows of %s, looked at after each that is written', name => {
  it('never announce a run as complete before its own span is there', () => {
    for (const rows of rowsOf(name)) {
      const final = new Set(build(rows).runs.map(run => run.root.id));
      for (let written = 1; written <= rows.spans.length; written++) {
        const spans = rows.spans.slice(0, written);
        const nowMicros = parseTime(spans.at(-1)!.created_at)!;
        const trace = build({...rows, spans}, nowMicros);
        for (const run of trace.runs) {
          if (run.isMissing) {
            expect(run.root.span).toBeNull();
            continue;
          }
          // Whatever is announced as ended is one of the runs and parts that the whole trace holds.
          expect(final, `${rows.traceId} after ${written} rows`).toContain(run.root.id);
        }
      }
    }
  });

  it('never lose a row from the tree', () => {
    for (const rows of rowsOf(name)) {
      for (let written = 1; written <= rows.spans.length; written++) {
        const spans = rows.spans.slice(0, written);
        const nowMicros = parseTime(spans.at(-1)!.created_at)!;
        const drawn = drawnIds(build({...rows, spans}, nowMicros), nowMicros);
        expect([...drawn].sort(), `${rows.traceId} after ${written} rows`).toEqual(
          spans.map(span => String(span.span_id)).sort(),
        );
      }
    }
  });

  it('call an unfinished run running, then stalled, then lost', () => {
    for (const rows of rowsOf(name)) {
      const spans = rows.spans.slice(0, 1);
      const created = parseTime(spans[0]!.created_at)!;
      const states = [0, 4, 6, 59, 61].map(minutes => {
        const nowMicros = created + minutes * 60_000_000;
        const trace = build({...rows, spans}, nowMicros);
        const judge = new Judge(trace.tops);
        return trace.runs
          .filter(run => run.isMissing)
          .map(run => judge.run(run, NO_EVIDENCE, {nowMicros, patience: PATIENCE}).state);
      });
      if (states[0]!.length === 0) continue;
      expect(states[0]).toEqual(['running']);
      expect(states[1]).toEqual(['running']);
      // After the stalled limit an inner run span alone may prove to be whole, behind a gateway; else it stalls.
      if (states[2]!.length > 0) expect(states.slice(2)).toEqual([['stalled'], ['stalled'], ['lost']]);
    }
  });
});
