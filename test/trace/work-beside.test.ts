import {describe, expect, it} from 'vitest';
import {type AskedRun, type LooseCandidate, tieWorkBeside} from '../../src/trace/loose-parts.ts';
import type {JudgedRun} from '../../src/trace/record.ts';
import {toSpan} from '../../src/trace/span.ts';
import {agnoTime, parseTime} from '../../src/trace/time.ts';
import {llm, span, tool} from './rows.ts';

/** Only told apart by what they are. */
const judged = () => ({}) as JudgedRun;
const at = (ms: number) => parseTime('2026-11-22T12:00:00Z')! + ms * 1000;
const asked = (from: number, to: number | null, input = 'I like tea'): AskedRun => ({
  startMicros: at(from),
  endMicros: to === null ? null : at(to),
  input,
});

function candidates(): {call: LooseCandidate; memory: LooseCandidate} {
  const messages = {
    'llm.input_messages.0.message.role': 'system',
    'llm.input_messages.0.message.content': 'You are a Memory Manager that is responsible for managing information',
    'llm.input_messages.1.message.role': 'user',
    'llm.input_messages.1.message.content': 'I like tea',
    'llm.output_messages.0.message.role': 'assistant',
    'llm.output_messages.0.message.tool_calls.0.tool_call.id': 'c1',
    'llm.output_messages.0.message.tool_calls.0.tool_call.function.name': 'add_memory',
    'llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments': '{"memory": "likes tea"}',
  };
  const added = {'tool.name': 'add_memory', 'tool.parameters': '{"memory": "likes tea"}'};
  return {
    call: {
      judged: judged(),
      top: toSpan(span('OpenAIChat.invoke', 100, 200, {attributes: llm(messages)}), {whole: true}),
    },
    memory: {judged: judged(), top: toSpan(span('add_memory', 210, 220, {attributes: tool(added)}), {whole: true})},
  };
}

describe('what Agno did beside a run', () => {
  it('is tied to the run that was at work and was asked what it was sent', () => {
    const {call, memory} = candidates();
    const all = [call.judged, memory.judged];
    expect(tieWorkBeside([asked(0, 300)], [], [call, memory])).toEqual(all);
    expect(tieWorkBeside([asked(0, null)], [asked(300, 400), asked(0, 300, 'I like coffee')], [call, memory])).toEqual(
      all,
    );
    expect(tieWorkBeside([asked(0, 99)], [], [call, memory])).toEqual([]);
  });

  it('is nobody’s where two runs were asked the same at one time', () => {
    const {call, memory} = candidates();
    expect(tieWorkBeside([asked(0, 300)], [asked(50, 250)], [call, memory])).toEqual([]);
  });

  it('is nobody’s where its time cannot be read', () => {
    const {call} = candidates();
    const row = span('OpenAIChat.invoke', 0, 0);
    const timeless = {...call, top: {...call.top, startMicros: toSpan({...row, start_time: 'soon'}).startMicros}};
    expect(tieWorkBeside([asked(0, null)], [], [timeless])).toEqual([]);
    expect(agnoTime(call.top.startMicros!)).toContain('2026-11-22T12:00:00.1');
  });
});
