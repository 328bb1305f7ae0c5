import {describe, expect, it} from 'vitest';
import {who} from '../../src/render/run-list.ts';
import {Judge} from '../../src/trace/judge.ts';
import {LikelyNames} from '../../src/trace/likely-name.ts';
import {judgedRun} from '../../src/trace/record.ts';
import {PATIENCE, type Run, type Trace} from '../../src/trace/runs.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {parseTime} from '../../src/trace/time.ts';
import {build, rowsOf} from './rows.ts';

function shown(run: Run, trace: Trace, likelyName: string | null, nowMicros: number): string {
  const judge = new Judge(trace.tops);
  const judgement = judge.run(run, NO_EVIDENCE, {nowMicros, patience: PATIENCE});
  const judged = judgedRun(run, judge, judgement, NO_EVIDENCE);
  return who(likelyName === null ? judged : {...judged, likelyName});
}

/** What one run did and no other tells nothing, or misleads: the pictures hold many such, a shop at work hardly any. */
const CASES = [
  ['agno-3.1.10-shop.sqlite', {right: 140, wrong: 0}],
  ['agno-3.1.10-pictures.sqlite', {right: 98, wrong: 15}],
  ['agno-2.9.0-pictures.sqlite', {right: 63, wrong: 13}],
] as const;

describe.each(CASES)('runs of %s, looked at after each span that is written', (name, expected) => {
  it('show a name before their run span is there only with a mark, by what all other runs did', () => {
    const all = rowsOf(name);
    const built = new Map(all.map(rows => [rows, build(rows)]));
    const told = {right: 0, wrong: 0};
    for (const rows of all) {
      const names = new LikelyNames();
      for (const [others, trace] of built) if (others !== rows) for (const run of trace.runs) names.learn(run);
      const whole = built.get(rows)!;
      for (let written = 1; written <= rows.spans.length; written++) {
        const spans = rows.spans.slice(0, written);
        const nowMicros = parseTime(spans.at(-1)!.created_at)!;
        const trace = build({...rows, spans}, nowMicros);
        for (const run of trace.runs) {
          const likely = names.of(run);
          const text = shown(run, trace, likely, nowMicros);
          if (!run.isMissing) {
            expect(likely).toBeNull();
            continue;
          }
          if (likely === null) {
            expect(text).toMatch(/^\(with .+\)$/);
            continue;
          }
          expect(text).toBe(`${likely}?`);
          const real = whole.nodes.get(run.root.id)?.run?.name ?? null;
          if (real === null) continue;
          told[likely === real ? 'right' : 'wrong']++;
        }
      }
    }
    expect(told).toEqual(expected);
  });
});
