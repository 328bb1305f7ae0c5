import {expect} from 'vitest';
import {agnoTime} from '../../src/trace/time.ts';
import {badRun, type Case, isWholeRun, pagedRunIds, type Seen, shownSpan, withProblem} from './case.ts';
import {
  at,
  BAD,
  type Cell,
  callAttributes,
  idsOf,
  type Row,
  type Rows,
  rows,
  run,
  START,
  spanRow,
  traceRow,
} from './rows.ts';

/** A run whose times are all written by `form`, from ms after START. */
function timed(form: (ms: number) => Cell): Rows {
  const times = (from: number, to: number, created: number): Row => ({
    start_time: form(from),
    end_time: form(to),
    created_at: form(created),
  });
  return run({trace: times(0, 1000, 1001), root: times(0, 1000, 1001), call: times(100, 900, 901)});
}
const startsAt =
  (startTime: string | null, durationMs: number | null = 1000) =>
  (seen: Seen) => {
    isWholeRun(seen);
    expect(badRun(seen)).toMatchObject({startTime, durationMs});
  };
const ten = startsAt('2024-05-06T10:00:00.000000Z');
const iso = (ms: number) => new Date(START / 1000 + ms).toISOString();
const shifted = (year: string) => (ms: number) =>
  `${year}-05-06T10:00:0${ms / 1000}${ms % 1000 === 0 ? '.0' : ''}+00:00`;
const integerTimes = (statement: string) =>
  statement.replaceAll(/(start_time|end_time|created_at) VARCHAR/g, '$1 BIGINT');

export const TIMES: Case[] = [
  {name: 'C1 without a fraction', bad: timed(ms => `${iso(ms).slice(0, 19)}+00:00`), facts: ten},
  {name: 'C2 with Z', bad: timed(iso), facts: ten},
  {
    name: 'C3 with another offset',
    bad: timed(ms => `${new Date(START / 1000 + ms + 5.5 * 3_600_000).toISOString().slice(0, 23)}+05:30`),
    facts: ten,
  },
  {name: 'C4 with a blank for T', bad: timed(ms => iso(ms).replace('T', ' ').replace('Z', '+00:00')), facts: ten},
  {
    name: 'C5 without a zone, taken for UTC and said so',
    bad: timed(ms => iso(ms).slice(0, 23)),
    facts: seen => {
      ten(seen);
      expect(shownSpan(seen, BAD.root).problems.join()).toMatch(/zone/);
    },
  },
  {
    name: 'C6 with nanoseconds',
    bad: timed(ms => iso(ms).replace('Z', '123456Z')),
    facts: startsAt('2024-05-06T10:00:00.000123Z'),
  },
  {name: 'C7 as seconds in text', bad: timed(ms => String(START / 1e6 + ms / 1000)), facts: ten},
  {name: 'C7 as milliseconds in text', bad: timed(ms => String(START / 1000 + ms)), facts: ten},
  {name: 'C7 as microseconds in text', bad: timed(ms => String(START + ms * 1000)), facts: ten},
  {name: 'C7 as nanoseconds in text', bad: timed(ms => `${START + ms * 1000}000`), facts: ten},
  {
    name: 'C7 as seconds in numbers',
    on: ['sqlite'],
    tables: integerTimes,
    bad: timed(ms => START / 1e6 + ms / 1000),
    facts: ten,
  },
  {
    name: 'C7 as milliseconds in numbers',
    on: ['sqlite'],
    tables: integerTimes,
    bad: timed(ms => BigInt(START / 1000 + ms)),
    facts: ten,
  },
  {
    name: 'C7 as nanoseconds in numbers',
    on: ['sqlite'],
    tables: integerTimes,
    bad: timed(ms => BigInt(START + ms * 1000) * 1000n),
    facts: ten,
  },
  {name: 'C8 in 1970', bad: timed(ms => agnoTime(ms * 1000)), facts: startsAt('1970-01-01T00:00:00.000000Z')},
  {
    name: 'C8 before 1970',
    bad: timed(ms => agnoTime((ms - 10_000) * 1000)),
    facts: startsAt('1969-12-31T23:59:50.000000Z'),
  },
  {name: 'C8 in the year 1', bad: timed(shifted('0001')), facts: startsAt('0001-05-06T10:00:00.000000Z')},
  {name: 'C8 in 9999', bad: timed(shifted('9999')), facts: startsAt('9999-05-06T10:00:00.000000Z')},
  {
    name: 'C8 in the year 10000',
    bad: timed(shifted('10000')),
    facts: async seen => {
      startsAt('+010000-05-06T10:00:00.000000Z')(seen);
      expect((await seen.ask('show', BAD.run)).out).toContain('10000-05-06 10:00:00 UTC');
    },
  },
  ...['', 'None', 'vorgestern um zehn', '\x1b[2J'].map(
    (text): Case => ({
      name: `C9 times that are ${JSON.stringify(text)}`,
      bad: timed(() => text),
      facts: seen => {
        startsAt(null)(seen);
        expect(shownSpan(seen, BAD.root).problems[0]).toContain('is not a time');
      },
    }),
  ),
  {
    name: 'C9 a run span without times over a model call with them',
    bad: run({root: {start_time: 'None', end_time: 'None', created_at: 'None'}}),
    facts: isWholeRun,
  },
  {
    name: 'C10 a leap second',
    bad: run({root: {start_time: '2016-12-31T23:59:60+00:00', end_time: '2017-01-01T00:00:01+00:00'}}),
    facts: startsAt('2017-01-01T00:00:00.000000Z'),
  },
  {
    name: 'C11 an end before the start',
    bad: run({
      root: {start_time: at(1000), end_time: at(0), duration_ms: -1000},
      call: {start_time: at(900), end_time: at(100)},
    }),
    facts: withProblem(/ends before it starts/),
  },
  {
    name: 'C11 no duration at all',
    bad: run({root: {end_time: at(0), duration_ms: 0}, call: {start_time: at(0), end_time: at(0), duration_ms: 0}}),
    facts: seen => expect(badRun(seen).durationMs).toBe(0),
  },
  {
    name: 'C12 a stored duration that disagrees with the times',
    bad: run({trace: {duration_ms: 5}, root: {duration_ms: 77_000_000}, call: {duration_ms: -3}}),
    facts: ten,
  },
  {
    name: 'C13 a child outside of its parent',
    bad: rows(run({call: {start_time: at(-5000), end_time: at(-4000)}}), {
      spans: [
        spanRow(BAD, 'bad000000000000c', {
          parent_span_id: BAD.root,
          start_time: at(5000),
          end_time: at(60_000),
          attributes: '{"openinference.span.kind": "TOOL", "tool.name": "late"}',
        }),
        spanRow(BAD, 'bad000000000000d', {parent_span_id: BAD.root, start_time: at(-500), end_time: at(99_000)}),
      ],
    }),
    facts: seen => {
      isWholeRun(seen);
      for (const {selfMs, durationMs} of seen.shown!.spans) {
        expect(selfMs).toBeGreaterThanOrEqual(0);
        expect(selfMs).toBeLessThanOrEqual(durationMs);
      }
    },
  },
  {
    name: 'C14 a host whose clock is years ahead',
    bad: timed(ms => agnoTime(START + ms * 1000 + 30 * 365.25 * 86_400_000_000)),
    facts: isWholeRun,
  },
  {
    name: 'C14 a clock that stepped back between parent and child',
    bad: run({call: {start_time: at(-3_600_000), end_time: at(-3_599_200), created_at: at(-3_599_199)}}),
    facts: isWholeRun,
  },
  {
    name: 'C14 an unfinished run of a host whose clock is ahead',
    bad: {
      traces: [traceRow(BAD, {run_id: null, session_id: null})],
      spans: [{...run().spans[0]!, created_at: '2999-01-01T00:00:00+00:00'}],
    },
    span: BAD.call,
    facts: seen => expect(badRun(seen)).toMatchObject({state: 'running', missing: true, runId: null}),
  },
  {
    name: 'C14 beside the run, of a time that sorts into it and is none',
    bad: rows(run(), {
      traces: [traceRow(idsOf('be51'), {run_id: null, session_id: null, user_id: null, agent_id: null})],
      spans: [
        spanRow(idsOf('be51'), idsOf('be51').call, {
          name: 'Model.invoke',
          start_time: `${at(500).slice(0, 19)} or so`,
          attributes: JSON.stringify(
            callAttributes({
              'llm.input_messages.0.message.role': 'system',
              'llm.input_messages.0.message.content': 'You are a Memory Manager that is responsible for it',
            }),
          ),
        }),
      ],
    }),
    facts: isWholeRun,
  },
  {
    name: 'C15 rows written long before and long after',
    bad: run({
      root: {created_at: at(-86_400_000)},
      call: {created_at: at(9 * 86_400_000)},
      trace: {created_at: 'soon'},
    }),
    facts: isWholeRun,
  },
  {
    name: 'C16 many spans and runs at the same moment',
    bad: rows(
      run(),
      {
        spans: Array.from({length: 50}, (_, i) =>
          spanRow(BAD, `bad0000000001${String(i).padStart(3, '0')}`, {
            parent_span_id: BAD.root,
            start_time: at(0),
            end_time: at(0),
            attributes: '{"openinference.span.kind": "TOOL", "tool.name": "same"}',
          }),
        ),
      },
      ...['5a01', '5a02', '5a03'].map(word => run({ids: idsOf(word)})),
    ),
    facts: async seen => {
      isWholeRun(seen);
      expect(await pagedRunIds(seen)).toEqual(seen.runs.map(({runId}) => runId));
    },
  },
  {
    name: 'C17 a collation in which a fraction sorts before its whole second',
    on: ['postgres'],
    bad: rows(
      ...[0, 250, 999, 1000, 1001, 1999, 2000].map((ms, i) => {
        const ids = i === 0 ? BAD : idsOf(`c01${i}`);
        return run({ids, root: {start_time: at(ms), end_time: at(ms + 500)}, trace: {start_time: at(ms)}});
      }),
    ),
    after: () =>
      ['agno_spans', 'agno_traces'].map(
        table => `alter table ai.${table} alter column start_time type varchar collate "en-US-x-icu"`,
      ),
    facts: async seen => {
      expect(seen.runs).toHaveLength(8);
      expect((await pagedRunIds(seen)).sort()).toEqual(seen.runs.map(({runId}) => runId).sort());
      const window = await seen.ask('list', '--since', at(1000), '--until', at(2000), '--json');
      const starts = JSON.parse(window.out).data.map(({startTime}: {startTime: string}) => startTime);
      expect(starts.sort()).toEqual([1000, 1001, 1999].map(ms => iso(ms).replace('Z', '000Z')));
    },
  },
];
