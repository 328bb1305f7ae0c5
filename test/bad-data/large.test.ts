import {describe, expect, it} from 'vitest';
import {drawnSpans, drawnTops} from '../../src/trace/drawn-spans.ts';
import {Judge} from '../../src/trace/judge.ts';
import {judgedRun} from '../../src/trace/record.ts';
import {buildTrace, PATIENCE} from '../../src/trace/runs.ts';
import {type SpanRow, toSpan} from '../../src/trace/span.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {cli} from '../cli.ts';
import {BACKENDS, type Backend, newPostgresDatabase, temporaryFolder} from '../databases.ts';
import {IS_LONG} from '../long.ts';
import {wrongWith} from './answers.ts';
import {type Filling, fillPostgres, sqliteWith} from './filling.ts';
import {agentAttributes, at, BAD, GOOD, rows, run, START, spanRow, traceRow} from './rows.ts';

const hex = (backend: Backend, number: string) =>
  backend === 'sqlite' ? `printf('%016x', ${number})` : `lpad(to_hex(${number}), 16, '0')`;
const digits = (backend: Backend, number: string, width: number) =>
  backend === 'sqlite' ? `printf('%0${width}d', ${number})` : `lpad((${number})::text, ${width}, '0')`;

/** A trace of so many spans, each below `parent` (SQL over `i`); the first is the run span, the others are tools. */
function massStatements(backend: Backend, count: number, parent: string): string[] {
  const schema = backend === 'sqlite' ? '' : 'ai.';
  const numbers =
    backend === 'sqlite'
      ? `(with recursive n(i) as (select 1 union all select i + 1 from n where i < ${count}) select i from n)`
      : `generate_series(1, ${count}) n(i)`;
  const jsonb = backend === 'sqlite' ? '' : '::jsonb';
  const [minute, second, micro] = [
    ['i / 60000', 2],
    ['i / 1000 % 60', 2],
    ['i % 1000 * 1000', 6],
  ] as const;
  const start = `'2024-05-06T10:' || ${digits(backend, ...minute)} || ':' || ${digits(backend, ...second)} || '.' || ${digits(backend, ...micro)} || '+00:00'`;
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`;
  const columns = Object.keys(traceRow(BAD));
  const values = Object.values(traceRow(BAD)).map(value => (value === null ? 'null' : text(String(value))));
  return [
    `insert into ${schema}agno_traces (${columns.join(', ')}) values (${values.join(', ')})`,
    `insert into ${schema}agno_spans (span_id, trace_id, parent_span_id, name, span_kind, status_code, start_time, end_time,
                                      duration_ms, attributes, created_at)
     select ${hex(backend, 'i')}, '${BAD.trace}', ${parent}, case i when 1 then 'agent.run' else 'a_tool' end, 'INTERNAL', 'OK',
            ${start}, '${at(600_000)}', 1000,
            (case i when 1 then ${text(JSON.stringify(agentAttributes(BAD)))}
                    else '{"openinference.span.kind": "TOOL", "tool.name": "a_tool"}' end)${jsonb}, '${at(1001)}'
       from ${numbers}`,
  ];
}

interface Large {
  readonly name: string;
  readonly count: number;
  /** SQL for the parent of row `i`. */
  readonly parent: (backend: Backend) => string;
  readonly depth: number;
}

const ROOT_ID = '1'.padStart(16, '0');
const belowRoot = () => `case i when 1 then null else '${ROOT_ID}' end`;
const LARGE: Large[] = [
  {name: 'D9 100,000 spans in one trace', count: 100_000, parent: belowRoot, depth: 1},
  {
    name: 'D10 a chain of 10,000',
    count: 10_000,
    parent: backend => `case i when 1 then null else ${hex(backend, 'i - 1')} end`,
    depth: 9999,
  },
  {
    name: 'D10 a chain of 10,000 that ends in a circle',
    count: 10_000,
    parent: backend => hex(backend, 'case i when 1 then 10000 else i - 1 end'),
    depth: 9999,
  },
  {name: 'D11 10,000 siblings', count: 10_000, parent: belowRoot, depth: 1},
];

async function readsWhole({count, depth}: Large, db: string): Promise<void> {
  const wrong: string[] = [];
  const ask = async (good: string | null, ...argv: string[]) => {
    const result = await cli([...argv, '--db', db]);
    wrong.push(...wrongWith(argv, result, [0], good));
    return result.out;
  };
  const shown = await ask(null, 'show', BAD.trace, '--json');
  const {spans} = JSON.parse(shown).data;
  expect(new Set(spans.map(({spanId}: {spanId: string}) => spanId)).size).toBe(count);
  expect(spans.at(-1).depth).toBe(depth);
  expect(wrong).toEqual([]);
  const listed = await ask(GOOD.run, 'list', '--json');
  const tree = await ask('agent bad0', 'show', BAD.trace, '--io', 'none');
  expect(wrong).toEqual([]);
  const [record] = JSON.parse(listed).data.filter(({traceId}: {traceId: string}) => traceId === BAD.trace);
  expect(record).toMatchObject({runId: BAD.run, state: 'ok', spanCount: count});
  // Each has its row in the tree, below a header.
  expect(tree.split('\n').length).toBeGreaterThan(count);
}

/** None of this says how fast it must be. */
const PATIENT_MS = 600_000;

describe.each(BACKENDS)('large traces in %s', backend => {
  // What a driver hands over differs in nothing but its time where there is more of it; the long suite takes that time.
  const all = LARGE.filter(({count}) => IS_LONG || backend === 'sqlite' || count <= 10_000);
  it.each(all.map(large => [large.name, large] as const))(
    '%s',
    async (_, large) => {
      const statements = massStatements(backend, large.count, large.parent(backend));
      const made: Filling = {rows: run({ids: GOOD}), after: () => statements};
      if (backend === 'sqlite') return readsWhole(large, sqliteWith(made, temporaryFolder()));
      const {url, client} = await newPostgresDatabase();
      await fillPostgres(client, made);
      await readsWhole(large, url);
    },
    PATIENT_MS,
  );
});

describe('a trace of more spans than a call can have arguments', () => {
  // `push(...list)` and `Math.min(...list)` overflow the stack somewhere above 120,000.
  const COUNT = 150_000;
  const clock = {nowMicros: START, patience: PATIENCE};

  it.each([
    ['below one span', (i: number) => (i === 0 ? null : '0')],
    ['each below another one that is not there', (i: number) => `missing ${i}`],
    ['below one that is not there', () => 'missing'],
  ])('%s is built, judged and put into order', (_, parentOf) => {
    const [agent, tool] = [agentAttributes(BAD), {'openinference.span.kind': 'TOOL', 'tool.name': 't'}].map(
      attributes => toSpan({...spanRow(BAD, ''), attributes} as unknown as SpanRow),
    );
    const spans = Array.from({length: COUNT}, (_, i) => ({
      ...(i === 0 ? agent! : tool!),
      spanId: String(i),
      parentSpanId: parentOf(i),
    }));
    const trace = buildTrace(BAD.trace, spans, null, clock);
    const judge = new Judge(trace.tops);
    const drawn = trace.runs.flatMap(run => {
      const judged = judgedRun(run, judge, judge.run(run, NO_EVIDENCE, clock), NO_EVIDENCE);
      return drawnSpans(judged, drawnTops(trace, run));
    });
    expect(drawn.filter(({node}) => node.span !== null)).toHaveLength(COUNT);
  });
});

describe.each(BACKENDS)('A16 a value of many MB in %s', backend => {
  const times = IS_LONG || backend === 'sqlite' ? 9_000_000 : 900_000;
  it('is printed where it is asked for and stays in the database elsewhere', async () => {
    const made: Filling = {rows: rows(run({ids: GOOD}), run({rootMore: {'output.value': 'fifty '.repeat(times)}}))};
    let db = '';
    if (backend === 'sqlite') db = sqliteWith(made, temporaryFolder());
    else {
      const {url, client} = await newPostgresDatabase();
      await fillPostgres(client, made);
      db = url;
    }
    for (const argv of [
      ['list', '--json'],
      ['show', BAD.run],
    ]) {
      const result = await cli([...argv, '--db', db]);
      expect(wrongWith(argv, result, [0], BAD.run)).toEqual([]);
      expect(result.out.length).toBeLessThan(20_000);
    }
    const {code, out} = await cli(['show', BAD.run, '--span', BAD.root, '--db', db]);
    expect(code).toBe(0);
    expect(out.length).toBeGreaterThan(times * 'fifty '.length);
  });
});
