import {describe, expect, it} from 'vitest';
import {drawingSpans, drawnTops} from '../../src/trace/drawn-spans.ts';
import {Judge} from '../../src/trace/judge.ts';
import {judgingRun} from '../../src/trace/record.ts';
import {buildingTrace, PATIENCE} from '../../src/trace/runs.ts';
import {toSpan} from '../../src/trace/span.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {Turns, type Work} from '../../src/turns.ts';
import {agent, LONG_AFTER, llm, span, tool} from './rows.ts';

/** Does work and counts how often it stopped. */
function counted<T>(work: Work<T>): {result: T; stops: number} {
  for (let stops = 0; ; stops++) {
    const step = work.next();
    if (step.done) return {result: step.value, stops};
  }
}

describe('work on a large trace', () => {
  const CALLS = 10_000;

  it('stops often enough for keys to be heard: in every part of it', () => {
    const rows = [span('Agent.run', 0, CALLS, {id: 'run', attributes: agent()})];
    for (let i = 0; i < CALLS; i++)
      rows.push(span(i % 2 ? 't' : 'M.invoke', i, i + 1, {parent: 'run', attributes: i % 2 ? tool() : llm()}));
    const spans = rows.map(row => toSpan(row));
    const clock = {nowMicros: LONG_AFTER, patience: PATIENCE};
    const built = counted(buildingTrace('trace', spans, null, clock));
    const judge = counted(Judge.judging(built.result.tops, null));
    const run = built.result.runs[0]!;
    const judged = counted(judgingRun(run, judge.result, judge.result.run(run, NO_EVIDENCE, clock), NO_EVIDENCE));
    const drawn = counted(drawingSpans(judged.result, drawnTops(built.result, run)));
    expect(drawn.result).toHaveLength(CALLS + 1);
    expect([built, judge, judged, drawn].map(({stops}) => stops).every(stops => stops >= 4)).toBe(true);
  });

  it('lets others have their turn, and ends with what it would have come to', async () => {
    let turns = 0;
    let isOver = false;
    const turn = () => {
      turns++;
      if (!isOver) setImmediate(turn);
    };
    turn();
    function* longWork(): Work<string> {
      // However fast the machine is: it stops until others were heard.
      while (turns < 3) yield;
      return 'done';
    }
    expect(await new Turns().finish(longWork())).toBe('done');
    isOver = true;
  });
});
