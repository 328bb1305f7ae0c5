import {expect} from 'vitest';
import {agnoTime} from '../../src/trace/time.ts';
import {badRun, badRuns, type Case, isWholeRun} from './case.ts';
import {agentAttributes, at, BAD, GOOD, NOW, OTHER, type Row, rows, run, spanRow, traceRow} from './rows.ts';

const toolSpan = (id: string, changed: Row = {}) =>
  spanRow(BAD, id, {attributes: '{"openinference.span.kind": "TOOL", "tool.name": "a_tool"}', ...changed});

export const SHAPES: Case[] = [
  {
    name: 'D1 two spans that are each other’s parent',
    bad: run({root: {parent_span_id: BAD.call}}),
    facts: seen => expect(seen.shown!.spans).toHaveLength(2),
  },
  {
    name: 'D1 a circle of three below a run',
    bad: rows(run(), {
      spans: ['c', 'd', 'e'].map((letter, i, all) =>
        toolSpan(`bad000000000000${letter}`, {parent_span_id: `bad000000000000${all[(i + 1) % 3]}`}),
      ),
    }),
    facts: seen => {
      expect(badRuns(seen).map(({runId}) => runId)).toContain(BAD.run);
      const drawn = badRuns(seen).reduce((sum, record) => sum + record.spanCount, 0);
      expect(drawn).toBe(5);
    },
  },
  {name: 'D2 a span that is its own parent', bad: run({root: {parent_span_id: BAD.root}}), facts: isWholeRun},
  {
    name: 'D2 a model call that is its own parent',
    bad: run({call: {parent_span_id: BAD.call}}),
    facts: seen => expect(badRuns(seen).reduce((sum, record) => sum + record.spanCount, 0)).toBe(2),
  },
  {
    name: 'D3 a parent id that nobody has, beside a whole run',
    bad: rows(run(), {spans: [toolSpan('bad000000000000c', {parent_span_id: 'ffffffffffffffff'})]}),
    facts: seen => expect(badRuns(seen).map(({runId}) => runId)).toContain(BAD.run),
  },
  {name: 'D3 a parent id that is empty', bad: run({root: {parent_span_id: ''}}), facts: isWholeRun},
  {
    name: 'D4 no root',
    bad: {traces: [traceRow(BAD, {run_id: null})], spans: [run().spans[0]!]},
    span: BAD.call,
    facts: seen => expect(badRun(seen)).toMatchObject({state: 'lost', missing: true, runId: null, spanCount: 1}),
  },
  {
    name: 'D5 several roots',
    bad: rows(run(), {
      spans: [
        spanRow(BAD, 'bad000000000000c', {attributes: JSON.stringify({...agentAttributes(OTHER), 'session.id': 's2'})}),
        toolSpan('bad000000000000d'),
        spanRow(BAD, 'bad000000000000e', {name: 'GET /health', span_kind: 'SERVER'}),
      ],
    }),
    facts: seen => {
      expect(badRuns(seen)).toHaveLength(3);
      for (const runId of [BAD.run, OTHER.run])
        expect(badRuns(seen)).toContainEqual(expect.objectContaining({runId, part: false}));
      expect(badRuns(seen)).toContainEqual(expect.objectContaining({runId: null, part: true, kind: 'tool'}));
    },
  },
  {
    name: 'D6 a parent in another trace',
    bad: run({root: {parent_span_id: GOOD.root}}),
    facts: async seen => {
      isWholeRun(seen);
      // The id means the span that has it, not the one that names it as its parent.
      const {out} = await seen.ask('show', GOOD.root, '--json');
      expect(JSON.parse(out).data.runs).toMatchObject([{runId: GOOD.run}]);
    },
  },
  {
    name: 'D7 a trace row without spans',
    bad: {traces: [traceRow(BAD)], spans: []},
    listed: 'nowhere',
    showsSpan: 3,
    facts: async seen => {
      expect(seen.shown).toEqual({runs: [], spans: [], peers: null});
      expect((await seen.ask('show', BAD.trace)).err).toContain('has a row but no spans');
      expect((await seen.ask('show', BAD.run)).code).toBe(3);
      expect((await seen.ask('show', BAD.session)).code).toBe(3);
    },
  },
  {
    name: 'D8 spans without a trace row',
    bad: {traces: [], spans: run().spans},
    tables: statement => statement.replace(/, \n\tFOREIGN KEY.*(?=\n)/, ''),
    facts: async seen => {
      isWholeRun(seen);
      expect(badRun(seen).storedStatus).toBeNull();
      for (const id of [BAD.run, BAD.session]) expect((await seen.ask('show', id)).code).toBe(0);
    },
  },
  {
    name: 'D12 one run id in several traces',
    bad: rows(
      run(),
      run({
        ids: {...OTHER, run: BAD.run},
        trace: {start_time: at(5000)},
        root: {start_time: at(5000), end_time: at(6000)},
      }),
    ),
    facts: async seen => {
      isWholeRun(seen);
      // Nothing links them: two runs, which are named.
      const {code, err} = await seen.ask('show', BAD.run);
      expect(code).toBe(3);
      for (const traceId of [BAD.trace, OTHER.trace]) {
        expect(err).toContain(`trace ${traceId}`);
        expect((await seen.ask('show', traceId)).code).toBe(0);
      }
    },
  },
  {
    name: 'D12 several run ids in one trace',
    bad: rows(run(), {
      spans: [
        spanRow(BAD, 'bad000000000000c', {
          start_time: at(3000),
          end_time: at(4000),
          attributes: JSON.stringify(agentAttributes(OTHER)),
        }),
      ],
    }),
    facts: async seen => {
      expect(badRuns(seen).map(({runId}) => runId)).toEqual([OTHER.run, BAD.run]);
      const {out} = await seen.ask('show', OTHER.run, '--json');
      expect(JSON.parse(out).data.runs.map(({runId}: {runId: string}) => runId)).toEqual([OTHER.run]);
    },
  },
  {
    name: 'D14 a stored status that hides an error, and one that cries wolf',
    bad: rows(
      run({root: {status_code: 'ERROR', status_message: 'it broke'}, trace: {status: 'OK'}}),
      run({ids: OTHER, trace: {status: 'ERROR'}}),
    ),
    facts: seen => {
      expect(badRun(seen)).toMatchObject({state: 'error', storedStatus: 'OK', spanStatus: 'ERROR'});
      expect(seen.runs.find(({runId}) => runId === OTHER.run)).toMatchObject({state: 'ok', storedStatus: 'ERROR'});
    },
  },
  {
    name: 'D15 a run that is still going on',
    bad: (() => {
      const now = (ms: number) => agnoTime(NOW + ms * 1000);
      const times = {start_time: now(-1000), end_time: now(-500), created_at: now(-400)};
      const [call] = run({call: times}).spans;
      return {traces: [traceRow(BAD, {run_id: null, session_id: null, ...times})], spans: [call!]};
    })(),
    span: BAD.call,
    facts: async seen => {
      // The clock of a server goes on; with patience without end the run is still at work whenever this is asked.
      const patience = ['--stalled-after', '5000w', '--lost-after', '6000w'];
      const {out} = await seen.ask('list', '--limit', '0', '--json', ...patience);
      expect(badRun({...seen, runs: JSON.parse(out).data})).toMatchObject({
        state: 'running',
        missing: true,
        runId: null,
        spanId: BAD.root,
        endTime: null,
      });
      const running = await seen.ask('list', '--limit', '0', '--state', 'running', ...patience);
      expect(running.out).toContain(`~${BAD.trace}`);
    },
  },
];
