import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import type {AnyValue, KeyValue} from '../../src/otlp/any-value.ts';
import {type OtlpSpan, otlpSpan} from '../../src/otlp/otlp-span.ts';
import {drawnSpans, drawnTops} from '../../src/trace/drawn-spans.ts';
import {Judge} from '../../src/trace/judge.ts';
import {judgedRun} from '../../src/trace/record.ts';
import {buildTrace, PATIENCE} from '../../src/trace/runs.ts';
import {type SpanRow, toSpan} from '../../src/trace/span.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {toStoredSpan} from '../../src/trace/stored-span.ts';
import {agnoTime} from '../../src/trace/time.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy} from '../databases.ts';
import {receiver, requestSpans, spansIn} from './receiver.ts';

const VERSIONS = ['3.1.10-pictures', '2.9.0-pictures', '2.9.0-more-pictures', '3.1.10-killed'] as const;
const CASES = VERSIONS.flatMap(version => BACKENDS.map(backend => ({version, backend})));
const KINDS = ['UNSPECIFIED', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'];
const CODES = ['UNSET', 'OK', 'ERROR'];

/** What a value was before it became OTLP. */
function plainOf(value: AnyValue): unknown {
  const {stringValue, boolValue, intValue, doubleValue, arrayValue, kvlistValue} = value;
  if (intValue !== undefined) return Number(intValue);
  if (arrayValue) return arrayValue.values.map(plainOf);
  if (kvlistValue) return attributesOf(kvlistValue.values);
  return stringValue ?? boolValue ?? doubleValue ?? null;
}
const attributesOf = (list: readonly KeyValue[]): Record<string, unknown> =>
  Object.fromEntries(list.map(({key, value}) => [key, plainOf(value)]));

/** The row that a span was: all of it but when it was written, which OpenTelemetry has no place for. */
function rowOf(span: OtlpSpan): Omit<SpanRow, 'created_at' | 'duration_ms'> {
  const time = (nanos: string) => agnoTime(Number(BigInt(nanos) / 1000n));
  return {
    span_id: span.spanId,
    trace_id: span.traceId,
    parent_span_id: span.parentSpanId ?? null,
    name: span.name,
    span_kind: KINDS[span.kind],
    status_code: CODES[span.status.code ?? 0],
    status_message: span.status.message ?? null,
    start_time: time(span.startTimeUnixNano),
    end_time: time(span.endTimeUnixNano),
    attributes: attributesOf(span.attributes),
  };
}

const exported = async (db: string, ...more: string[]): Promise<OtlpSpan[]> => {
  const {code, out, err} = await cli(['export', '--all', '--traffic', '--db', db, ...more]);
  expect([code, err]).toEqual([0, expect.stringContaining('exported')]);
  return out.trim().split('\n').flatMap(requestSpans);
};

describe.each(CASES)('OTLP of agno-$version on $backend', ({version, backend}) => {
  const fixture = `agno-${version}.sqlite`;

  it('holds every span once, and everything that is stored of it', async () => {
    const db = await sharedFixture(backend, fixture);
    const found = (await exported(db)).map(rowOf);
    const file = new Database(sqliteCopy(fixture), {readonly: true});
    const rows = file.prepare('select * from agno_spans').all() as SpanRow[];
    file.close();
    const wanted = rows.map(({created_at: _, duration_ms: __, ...row}) => ({
      ...row,
      status_message: row.status_message ?? null,
      attributes: JSON.parse(String(row.attributes)),
    }));
    const byId = (a: {span_id: unknown}, b: {span_id: unknown}) => (String(a.span_id) < String(b.span_id) ? -1 : 1);
    expect(found.sort(byId)).toEqual(wanted.sort(byId));
  });

  it('rebuilds the trees that show draws', async () => {
    const db = await sharedFixture(backend, fixture);
    const traces = new Map<string, OtlpSpan[]>();
    for (const span of await exported(db)) traces.set(span.traceId, [...(traces.get(span.traceId) ?? []), span]);
    const clock = {nowMicros: Date.now() * 1000, patience: PATIENCE};
    // biome-ignore lint/suspicious/noExplicitAny: records of two sources
    const shape = ({depth, name, kind, spanId, drawnUnder, durationMs, selfMs, critical, missing, model}: any) =>
      JSON.stringify([depth, name, kind, spanId, drawnUnder, durationMs, selfMs, critical, missing, model]);
    expect(traces.size).toBeGreaterThan(10);
    // Rows that are the same on both, as the test before says, make the same trees.
    const looked = [...traces].filter((_, i) => backend === 'sqlite' || i % 5 === 0);
    for (const [traceId, spans] of looked) {
      const rows = spans.map(rowOf).map(row => toSpan({...row, created_at: row.end_time, duration_ms: null}));
      const trace = buildTrace(traceId, rows, null, clock);
      const judge = new Judge(trace.tops);
      const runs = trace.traffic ? [trace.traffic] : trace.runs;
      const rebuilt = runs.flatMap(run => {
        const judged = judgedRun(run, judge, judge.run(run, NO_EVIDENCE, clock), NO_EVIDENCE);
        const tops = run.isTraffic ? trace.tops : drawnTops(trace, run);
        return drawnSpans(judged, tops).map(({record}) => shape(record));
      });
      const {data} = await json(['show', traceId, '--db', db]);
      expect(rebuilt).toEqual(data.spans.map(shape));
    }
  });
});

describe('what JSON and Protobuf carry', () => {
  it.each(BACKENDS)('is the same over the wire in both encodings and in a file, on %s', async backend => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const file = await exported(db);
    for (const [protocol, type] of [
      ['http/protobuf', 'application/x-protobuf'],
      ['http/json', 'application/json'],
    ] as const) {
      const {url, received} = await receiver();
      const argv = ['export', '--all', '--traffic', '--to', url, '--protocol', protocol, '--db', db];
      expect(await cli(argv)).toMatchObject({code: 0, out: ''});
      expect(received.map(({method, path}) => [method, path])).toEqual([['POST', '/v1/traces']]);
      expect(received[0]!.headers).toMatchObject({'content-type': type, 'content-encoding': 'gzip'});
      expect(received.flatMap(spansIn)).toEqual(file);
    }
  });

  it('keeps every number what it was: whole, fraction, beyond 2^53, beyond 64 bits, none', () => {
    const attributes =
      '{"int":1,"double":1.0,"exponent":1e3,"zero":-0.0,"big":9007199254740993,"min":-9223372036854775808,"huge":9223372036854775808,"none":null,"nan":NaN,"minus":-Infinity,"beyond":1e999,"yes":true,"list":[1,2.5,"a",null],"in":{"a":{"b":[]}}}';
    const losses = new Set<string>();
    const {attributes: list} = otlpSpan(toStoredSpan(row({attributes})), losses);
    expect(Object.fromEntries(list.map(({key, value}) => [key, value]))).toEqual({
      int: {intValue: '1'},
      double: {doubleValue: 1},
      exponent: {doubleValue: 1000},
      zero: {doubleValue: -0},
      big: {intValue: '9007199254740993'},
      min: {intValue: '-9223372036854775808'},
      huge: {stringValue: '9223372036854775808'},
      none: {},
      nan: {doubleValue: 'NaN'},
      minus: {doubleValue: '-Infinity'},
      beyond: {stringValue: '1e999'},
      yes: {boolValue: true},
      list: {arrayValue: {values: [{intValue: '1'}, {doubleValue: 2.5}, {stringValue: 'a'}, {}]}},
      in: {
        kvlistValue: {
          values: [{key: 'a', value: {kvlistValue: {values: [{key: 'b', value: {arrayValue: {values: []}}}]}}}],
        },
      },
    });
    expect([...losses]).toEqual(['integers beyond 64 bits become text', 'numbers beyond a double become text']);
  });

  it('says what it cannot say in attributes of its own', () => {
    const losses = new Set<string>();
    const span = otlpSpan(
      toStoredSpan(
        row({
          span_id: 'span one',
          trace_id: '0'.repeat(32),
          parent_span_id: 'ABCDEF0123456789',
          span_kind: 'SIDEWAYS',
          status_code: 'MAYBE',
          start_time: 'noon',
          attributes: '{"a": 1, "b": "cut o',
        }),
      ),
      losses,
    );
    expect(span).toMatchObject({parentSpanId: 'abcdef0123456789', kind: 0, status: {}});
    expect(span.spanId).toMatch(/^[0-9a-f]{16}$/);
    expect(span.startTimeUnixNano).toBe(span.endTimeUnixNano);
    expect(attributesOf(span.attributes)).toMatchObject({
      a: 1,
      'agno_trace.span_id': 'span one',
      'agno_trace.trace_id': '0'.repeat(32),
      'agno_trace.span_kind': 'SIDEWAYS',
      'agno_trace.status_code': 'MAYBE',
      'agno_trace.start_time': 'noon',
      'agno_trace.attributes': '{"a": 1, "b": "cut o',
      'agno_trace.problems': ['attributes JSON is cut off', 'start_time "noon" is not a time'],
    });
    expect(losses.size).toBe(5);
  });

  it('keeps nanoseconds where there are any', () => {
    const {startTimeUnixNano, endTimeUnixNano} = otlpSpan(
      toStoredSpan(row({start_time: '2026-11-22T06:22:35.123456789Z', end_time: '1795328555123456789'})),
      new Set(),
    );
    expect([startTimeUnixNano, endTimeUnixNano]).toEqual(['1795328555123456789', '1795328555123456789']);
  });
});

function row(changed: Partial<SpanRow>): SpanRow {
  return {
    span_id: 'a'.repeat(16),
    trace_id: 'b'.repeat(32),
    parent_span_id: null,
    name: 'work',
    span_kind: 'INTERNAL',
    status_code: 'OK',
    status_message: null,
    start_time: '2026-11-22T06:22:35+00:00',
    end_time: '2026-11-22T06:22:36+00:00',
    duration_ms: 1000,
    attributes: '{}',
    created_at: '2026-11-22T06:22:36+00:00',
    ...changed,
  };
}
