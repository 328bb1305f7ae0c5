import {expect} from 'vitest';
import {badRun, badRuns, type Case, isWholeRun, shownSpan} from './case.ts';
import {agentAttributes, at, BAD, type Ids, idsOf, rows, run, spanRow, traceRow} from './rows.ts';

const quoted = (id: string): Ids => ({
  trace: `t ${id}`,
  root: `s ${id}`,
  call: `c ${id}`,
  run: `r ${id}`,
  session: `in ${id}`,
});

/** Ids that no OpenTelemetry SDK makes, but databases hold. */
const ODD_IDS: Record<string, Ids> = {
  'in upper case': {...BAD, trace: 'BAD0'.repeat(8), root: 'BAD000000000000A', run: BAD.run.toUpperCase()},
  'that are not hex': quoted('zebra'),
  'of zeros only': {...BAD, trace: '0'.repeat(32), root: '0'.repeat(16), run: '0'.repeat(8)},
  'with blanks, slashes and percent signs': quoted('a/b %c_d%'),
  'with quotes and backslashes': quoted(`quo'te"s and \`back\` \\slash\\ ; drop table agno_spans; --`),
  'with escape bytes and bidi marks': quoted('\x1b[2J\u202e\x9d0;x\x9c'),
  'with emoji and marks': quoted('👩🏽‍🔬 e\u0301 漢字'),
  'of 10 kB': quoted('x'.repeat(10_000)),
  'with glob and LIKE characters': quoted('100%_*?[a-z]'),
};

const pgAlter = (column: string, type: string, using: string, table = 'agno_spans') =>
  `alter table ai.${table} alter column ${column} type ${type} using ${using}`;

/** The tables of an Agno whose spans have no key. */
const withoutSpanKey = (statement: string) => statement.replace('PRIMARY KEY (span_id), \n\t', '');

export const TYPES: Case[] = [
  {
    name: 'B1 NUL in texts',
    on: ['sqlite'],
    bad: run({
      trace: {name: 'na\0me', user_id: 'us\0er'},
      root: {name: 'agent\0.run', status_message: 'mess\0age', status_code: 'OK\0'},
      call: {status_message: `\0${'long '.repeat(2000)}`, status_code: 'ERROR'},
    }),
    facts: seen => {
      expect(badRun(seen).runId).toBe(BAD.run);
      expect(seen.detail).toContain('mess\\x00age');
    },
  },
  {
    name: 'B1 NUL in ids',
    on: ['sqlite'],
    bad: run({ids: {...BAD, root: 'bad0\0root', run: 'run\0id'}}),
    span: 'bad0\0root',
    facts: seen => expect(badRun(seen).runId).toBe('run\0id'),
  },
  {
    name: 'B2 text that is no UTF-8',
    on: ['sqlite'],
    bad: run({
      trace: {user_id: {sql: "cast(x'75736572ff' as text)"}},
      root: {
        name: {sql: "cast(x'6167656e74ff2ec32e72756e' as text)"},
        status_message: {sql: "cast(x'fffe00c3' as text)"},
      },
      call: {attributes: {sql: "cast(x'7b226122203a20225cff22' as text)"}},
    }),
    facts: seen => expect(badRuns(seen)[0].runId).toBe(BAD.run),
  },
  {
    name: 'B3 durations with a fraction, as julianday gives them',
    on: ['sqlite'],
    bad: run({trace: {duration_ms: 999.9999776482582}, root: {duration_ms: 1000.25}, call: {duration_ms: 799.75}}),
    facts: seen => {
      isWholeRun(seen);
      expect(badRun(seen).durationMs).toBe(1000);
    },
  },
  {
    name: 'B3 durations that are text',
    on: ['sqlite'],
    bad: run({trace: {duration_ms: 'long'}, root: {duration_ms: 'about a second'}, call: {duration_ms: ''}}),
    facts: isWholeRun,
  },
  {
    name: 'B3 durations that are infinite',
    on: ['sqlite'],
    bad: run({root: {duration_ms: {sql: '9e999'}}, call: {duration_ms: {sql: '-9e999'}, end_time: 'None'}}),
    facts: isWholeRun,
  },
  {
    name: 'B4 bytes in text columns',
    on: ['sqlite'],
    bad: run({
      trace: {name: Buffer.from('name'), status: Buffer.from('OK')},
      root: {
        name: Buffer.from('agent.run'),
        status_code: Buffer.from('OK'),
        status_message: Buffer.from([0x1b, 0x5b, 0x32, 0x4a, 0xff]),
        span_kind: Buffer.from('INTERNAL'),
        start_time: Buffer.from(at(0)),
        end_time: Buffer.from(at(1000)),
        created_at: Buffer.from(at(1001)),
      },
    }),
    facts: seen => {
      isWholeRun(seen);
      expect(badRun(seen)).toMatchObject({durationMs: 1000, startTime: '2024-05-06T10:00:00.000000Z'});
    },
  },
  {
    name: 'B4 bytes in place of ids',
    on: ['sqlite'],
    bad: {
      traces: [traceRow(BAD, {trace_id: Buffer.from(BAD.trace)})],
      spans: run().spans.map(span => ({
        ...span,
        trace_id: Buffer.from(BAD.trace),
        span_id: Buffer.from(`${span.span_id}`),
      })),
    },
    // Bytes never equal text; that the rest goes on is all that is asked.
    listed: 'nowhere',
    showsTrace: 3,
    showsSpan: 3,
  },
  {
    name: 'B5 the largest integer as a duration',
    bad: run({trace: {duration_ms: 9223372036854775807n}, root: {duration_ms: 9223372036854775807n}}),
    facts: seen => {
      isWholeRun(seen);
      expect(badRun(seen).durationMs).toBe(1000);
    },
  },
  {
    name: 'B5 the largest integers as the only duration there is',
    bad: run({
      root: {duration_ms: 9223372036854775807n, end_time: 'None'},
      call: {duration_ms: -9223372036854775808n, end_time: 'None'},
    }),
    facts: seen => expect(badRun(seen).durationMs).toBeGreaterThan(9e18),
  },
  {
    name: 'B6 a missing column of the spans',
    bad: run(),
    after: backend => [`alter table ${backend === 'sqlite' ? '' : 'ai.'}agno_spans drop column status_message`],
    refused: {exit: 5, says: 'no column "status_message"'},
  },
  {
    name: 'B6 a missing column of the traces',
    bad: run(),
    after: backend => [`alter table ${backend === 'sqlite' ? '' : 'ai.'}agno_traces drop column name`],
    refused: {exit: 5, says: 'no column "name"'},
  },
  {
    name: 'B6 further columns',
    bad: run(),
    after: backend => {
      const schema = backend === 'sqlite' ? '' : 'ai.';
      return [
        `alter table ${schema}agno_spans add column "row_trace_id" varchar default 'x'`,
        `alter table ${schema}agno_spans add column "select" varchar default 'x'`,
        `alter table ${schema}agno_traces add column "attributes" varchar default 'x'`,
        `alter table ${schema}agno_traces add column "span_id" varchar default 'x'`,
      ];
    },
    facts: isWholeRun,
  },
  {
    name: 'B6 renamed tables',
    bad: run(),
    after: backend => {
      const schema = backend === 'sqlite' ? '' : 'ai.';
      return [
        `alter table ${schema}agno_spans rename to "My ""Spans"""`,
        `alter table ${schema}agno_traces rename to "ünïcode traces"`,
      ];
    },
    flags: ['--spans-table', 'My "Spans"', '--traces-table', 'ünïcode traces'],
    facts: isWholeRun,
  },
  {
    name: 'B6 a renamed schema',
    on: ['postgres'],
    bad: run(),
    after: () => ['alter schema ai rename to "Other ""Schema"""'],
    facts: isWholeRun,
  },
  {
    name: 'B6 a column in other letters',
    on: ['postgres'],
    bad: run(),
    after: () => ['alter table ai.agno_spans rename column name to "Name"'],
    refused: {exit: 5, says: 'no column "name"'},
  },
  {
    name: 'B6 columns without a type',
    on: ['sqlite'],
    bad: run(),
    tables: statement => statement.replaceAll(/ (VARCHAR|BIGINT|JSON)\b/g, ''),
    facts: isWholeRun,
  },
  {
    name: 'B6 columns of number types, which turn digits into numbers',
    on: ['sqlite'],
    bad: run({root: {status_message: '42', name: '007'}, trace: {user_id: '1e5'}}),
    tables: statement => statement.replaceAll(/ VARCHAR\b/g, ' NUMERIC'),
    facts: isWholeRun,
  },
  {
    name: 'B6 times of type timestamptz',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () =>
      ['start_time', 'end_time', 'created_at'].flatMap(column =>
        ['agno_spans', 'agno_traces'].map(table => pgAlter(column, 'timestamptz', `${column}::timestamptz`, table)),
      ),
    facts: seen => {
      isWholeRun(seen);
      expect(badRun(seen)).toMatchObject({startTime: '2024-05-06T10:00:00.000000Z', durationMs: 1000});
    },
  },
  {
    name: 'B6 times of type bigint',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () =>
      ['start_time', 'end_time', 'created_at'].flatMap(column =>
        ['agno_spans', 'agno_traces'].map(table =>
          pgAlter(column, 'bigint', `(extract(epoch from ${column}::timestamptz) * 1000000000)::bigint`, table),
        ),
      ),
    facts: isWholeRun,
  },
  {
    name: 'B6 durations of type double precision',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () => [pgAlter('duration_ms', 'double precision', 'duration_ms + 0.25')],
    facts: isWholeRun,
  },
  {
    name: 'B6 durations of type numeric, NaN among them',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () => [
      pgAlter('duration_ms', 'numeric', 'duration_ms'),
      `update ai.agno_spans set duration_ms = 'NaN' where span_id = '${BAD.call}'`,
    ],
    facts: isWholeRun,
  },
  {
    name: 'B6 durations of type text',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () => [pgAlter('duration_ms', 'text', 'duration_ms::text')],
    facts: isWholeRun,
  },
  {
    name: 'B6 trace ids of type uuid',
    mayRefuse: 5,
    on: ['postgres'],
    bad: run(),
    after: () => [
      'alter table ai.agno_spans drop constraint agno_spans_trace_id_fkey',
      pgAlter('trace_id', 'uuid', 'trace_id::uuid'),
      pgAlter('trace_id', 'uuid', 'trace_id::uuid', 'agno_traces'),
    ],
    trace: 'bad0bad0-bad0-bad0-bad0-bad0bad0bad0',
    facts: seen => expect(seen.runs.map(record => record.runId)).toContain(BAD.run),
  },
  {
    name: 'B7 the older columns start_time_ns and total_spans',
    bad: run(),
    after: backend => {
      const schema = backend === 'sqlite' ? '' : 'ai.';
      return ['agno_spans', 'agno_traces'].flatMap(table => [
        `alter table ${schema}${table} rename column start_time to start_time_ns`,
        `alter table ${schema}${table} rename column end_time to end_time_ns`,
      ]);
    },
    refused: {exit: 5, says: 'no column "start_time", "end_time"'},
  },
  ...Object.entries(ODD_IDS).map(
    ([what, ids]): Case => ({
      name: `B8 ids ${what}`,
      bad: run({ids}),
      trace: ids.trace,
      span: ids.root,
      facts: async seen => {
        const record = seen.runs.find(({traceId}) => traceId === ids.trace);
        expect(record).toMatchObject({runId: ids.run, sessionId: ids.session, spanId: ids.root, state: 'ok'});
        for (const id of [ids.run, ids.session, ids.call]) expect((await seen.ask('show', id)).code).toBe(0);
        for (const filter of [
          ['--run', ids.run],
          ['--session', ids.session],
          ['--trace', ids.trace],
        ]) {
          const {code, out} = await seen.ask('list', ...filter, '--json');
          expect(code).toBe(0);
          expect(JSON.parse(out).data.map(({runId}: {runId: string}) => runId)).toEqual([ids.run]);
        }
      },
    }),
  ),
  {
    name: 'B9 empty names',
    bad: run({
      trace: {name: ''},
      root: {name: ''},
      rootMore: {'agent.name': ''},
      call: {name: ''},
      callMore: {'llm.model_name': ''},
    }),
    facts: isWholeRun,
  },
  {
    name: 'B9 names of 1 MB',
    isLarge: true,
    bad: run({
      root: {name: 'n'.repeat(1_000_000), status_message: 'm '.repeat(500_000)},
      call: {name: `${'漢\u0301'.repeat(300_000)}.invoke`},
    }),
    facts: isWholeRun,
  },
  {
    name: 'B10 one span id in two traces',
    bad: rows(run(), {
      traces: [traceRow(idsOf('7b1d'))],
      spans: [spanRow(idsOf('7b1d'), BAD.root, {attributes: JSON.stringify(agentAttributes(idsOf('7b1d')))})],
    }),
    tables: withoutSpanKey,
    facts: seen => {
      isWholeRun(seen);
      expect(seen.runs.map(({traceId}) => traceId)).toContain(idsOf('7b1d').trace);
    },
  },
  {
    name: 'B10 one span twice',
    bad: rows(run(), {spans: run().spans}),
    tables: withoutSpanKey,
    facts: isWholeRun,
  },
  {
    name: 'B11 statuses and kinds in lower case',
    bad: run({
      trace: {status: 'ok'},
      root: {status_code: 'ok', span_kind: 'internal'},
      rootMore: {'openinference.span.kind': 'agent'},
      call: {status_code: 'error', status_message: 'no answer'},
      callMore: {'openinference.span.kind': 'Llm'},
    }),
    facts: seen => {
      expect(badRun(seen)).toMatchObject({kind: 'agent', spanStatus: 'OK', errorCount: 1});
    },
  },
  {
    name: 'B11 statuses and kinds that nobody knows',
    bad: run({
      trace: {status: 'MAYBE'},
      root: {status_code: '', span_kind: 'SIDEWAYS'},
      call: {status_code: 'STATUS_CODE_OK', span_kind: '3'},
      callMore: {'openinference.span.kind': 'ORACLE'},
    }),
    facts: seen => {
      expect(badRun(seen)).toMatchObject({kind: 'agent', storedStatus: 'MAYBE'});
      expect(shownSpan(seen, BAD.call)).toMatchObject({kind: 'other', spanStatus: 'STATUS_CODE_OK'});
    },
  },
];
