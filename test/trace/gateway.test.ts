import {describe, expect, it} from 'vitest';
import {Judge} from '../../src/trace/judge.ts';
import {PATIENCE} from '../../src/trace/runs.ts';
import {type SpanRow, toSpan} from '../../src/trace/span.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {parseTime} from '../../src/trace/time.ts';
import {isRunSpan} from '../../src/trace/tree.ts';
import {build, LONG_AFTER, rowsOf, type TraceRows} from './rows.ts';

const NOWHERE = 'deadbeefdeadbeef';

/** The trace as it would be stored behind a traced gateway: the top has a parent, so the row learns nothing. */
function behindGateway(rows: TraceRows): TraceRows | null {
  const top = rows.spans.find(row => row.parent_span_id === null);
  if (!top) return null;
  const span = toSpan(top);
  if (!isRunSpan(span) && span.otelKind !== 'SERVER') return null;
  const nameless = {run_id: null, session_id: null, user_id: null, agent_id: null, team_id: null, workflow_id: null};
  const spans = rows.spans.map(
    (row): SpanRow => (row.parent_span_id === null ? {...row, parent_span_id: NOWHERE} : row),
  );
  return {...rows, row: {...rows.row, ...nameless}, spans};
}

function judged(rows: TraceRows, nowMicros: number) {
  const trace = build(rows, nowMicros);
  const judge = new Judge(trace.tops);
  return trace.runs.map(run => ({
    run,
    id: run.root.id,
    session: run.sessionId,
    name: run.name,
    missing: run.isMissing,
    ...judge.run(run, NO_EVIDENCE, {nowMicros, patience: PATIENCE}),
  }));
}

describe.each(['agno-3.1.10-pictures.sqlite', 'agno-2.9.0-pictures.sqlite', 'agno-2.9.0-more-pictures.sqlite'])(
  'the pictures of %s behind a traced gateway',
  name => {
    const pictures = rowsOf(name).flatMap(rows => {
      const behind = behindGateway(rows);
      return behind ? [{rows, behind}] : [];
    });

    it('are judged as without it, and say so', () => {
      expect(pictures.length).toBeGreaterThanOrEqual(20);
      for (const {rows, behind} of pictures) {
        const plain = ({run: _, ...rest}: ReturnType<typeof judged>[number]) => rest;
        const [before, after] = [judged(rows, LONG_AFTER), judged(behind, LONG_AFTER)];
        expect(after.map(plain)).toEqual(before.map(plain));
        for (const {run} of after) if (!run.isDetached && !run.isPart) expect(run.surroundings).toBe('elsewhere');
      }
    });

    it('wait until it is sure that the parent is not an agent still at work', () => {
      for (const {behind} of pictures) {
        const isRequest = behind.spans.some(row => toSpan(row).otelKind === 'SERVER');
        const newest = Math.max(...behind.spans.map(row => parseTime(row.created_at)!));
        const [first] = judged(behind, newest + 1_000_000);
        // A request above it settles the question at once; a bare run could be the inner run of another.
        if (first && !isRequest) expect(first.missing).toBe(true);
        else if (first) expect(first.missing).toBe(false);
      }
    });
  },
);
