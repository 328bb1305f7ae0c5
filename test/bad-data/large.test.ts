import {describe, expect, it} from 'vitest';
import {drawnSpans, drawnTops} from '../../src/trace/drawn-spans.ts';
import {Judge} from '../../src/trace/judge.ts';
import {judgedRun} from '../../src/trace/record.ts';
import {buildTrace, PATIENCE} from '../../src/trace/runs.ts';
import {type SpanRow, toSpan} from '../../src/trace/span.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {cli} from '../cli.ts';
import {BACKENDS, type Backend, newPostgresDatabase, temporaryFolder} from '../databases.ts';
import {IS_LONG, inLong} from '../long.ts';
import {wrongWith} from './answers.ts';
import {type Filling, fillPostgres, sqliteWith} from './filling.ts';
import {agentAttributes, at, BAD, GOOD, idsOf, rows, run, START, spanRow, traceRow} from './rows.ts';

const hex = (backend: Backend, number: string) =>
  backend === 'sqlite' ? `printf('%016x', ${number})` : `lpad(to_hex(${number}), 16, '0')`;
const digits = (backend: Backend, number: string, width: number) =>
  backend === 'sqlite' ? `printf('%0${width}d', ${number})` : `lpad((${number})::text, ${width}, '0')`;

/** A trace of so many spans; the first is the run span, the others are tools. */
interface Large {
  readonly name: string;
  readonly count: number;
  /** Of the span before its first: no id is in two traces. */
  readonly after: number;
  /** SQL for the parent of row `i`; `id` is the one of a row. */
  readonly parent: (id: (number: string) => string) => string;
  readonly depth: number;
}

function massStatements(backend: Backend, {name, count, after, parent}: Large): string[] {
  const ids = idsOfLarge(name);
  const schema = backend === 'sqlite' ? '' : 'ai.';
  const id = (number: string) => hex(backend, `${after} + ${number}`);
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
  const columns = Object.keys(traceRow(ids));
  const values = Object.values(traceRow(ids)).map(value => (value === null ? 'null' : text(String(value))));
  return [
    `insert into ${schema}agno_traces (${columns.join(', ')}) values (${values.join(', ')})`,
    `insert into ${schema}agno_spans (span_id, trace_id, parent_span_id, name, span_kind, status_code, start_time, end_time,
                                      duration_ms, attributes, created_at)
     select ${id('i')}, '${ids.trace}', ${parent(id)}, case i when 1 then 'agent.run' else 'a_tool' end, 'INTERNAL', 'OK',
            ${start}, '${at(600_000)}', 1000,
            (case i when 1 then ${text(JSON.stringify(agentAttributes(ids)))}
                    else '{"openinference.span.kind": "TOOL", "tool.name": "a_tool"}' end)${jsonb}, '${at(1001)}'
       from ${numbers}`,
  ];
}

/** Its place in the catalogue makes its ids. */
const idsOfLarge = (name: string) => idsOf(`ba${name.slice(1).replace(/ .*/, '').padStart(2, '0')}`);

const belowFirst: Large['parent'] = id => `case i when 1 then null else ${id('1')} end`;

/**
 * One statement of SQLite takes 32,766 values, one of Postgres 65,535. What a driver hands over differs in nothing but its time
 * where there is more of it, and a chain by itself is in many.test.ts: the long suite takes the time for both.
 */
function largeOn(backend: Backend): Large[] {
  const wide = IS_LONG ? 100_000 : backend === 'sqlite' ? 35_000 : 10_000;
  const chain: Large = {
    name: 'D10 a chain of 10,000',
    count: 10_000,
    after: 200_000,
    parent: id => `case i when 1 then null else ${id('i - 1')} end`,
    depth: 9999,
  };
  const circle: Large = {
    name: 'D11 a chain of 10,000 that ends in a circle',
    count: 10_000,
    after: 300_000,
    parent: id => id('case i when 1 then 10000 else i - 1 end'),
    depth: 9999,
  };
  return [
    {name: `D9 ${wide} spans below one`, count: wide, after: 0, parent: belowFirst, depth: 1},
    ...(IS_LONG || backend === 'sqlite' ? [circle] : []),
    ...(IS_LONG ? [chain] : []),
  ];
}

/** None of this says how fast it must be. */
const PATIENT_MS = 600_000;

describe.each(BACKENDS)('large traces in %s', backend => {
  const all = largeOn(backend);
  it(
    `${all.map(({name}) => name).join(', ')}: listed, shown and drawn whole`,
    async () => {
      const made: Filling = {
        rows: run({ids: GOOD}),
        after: () => all.flatMap(large => massStatements(backend, large)),
      };
      const db = await filled(backend, made);
      const wrong: string[] = [];
      const ask = async (good: string | null, ...argv: string[]) => {
        const result = await cli([...argv, '--db', db]);
        wrong.push(...wrongWith(argv, result, [0], good));
        return result.out;
      };
      const listed = JSON.parse(await ask(GOOD.run, 'list', '--json')).data as {traceId: string}[];
      expect(wrong).toEqual([]);
      for (const {name, count, depth} of all) {
        const ids = idsOfLarge(name);
        const shown = await ask(null, 'show', ids.trace, '--json');
        const {spans} = JSON.parse(shown).data;
        expect(new Set(spans.map(({spanId}: {spanId: string}) => spanId)).size).toBe(count);
        expect(spans.at(-1).depth).toBe(depth);
        const tree = await ask(`agent ${ids.run.slice(0, 4)}`, 'show', ids.trace, '--io', 'none');
        expect(wrong).toEqual([]);
        // Each has its row in the tree, below a header.
        expect(tree.split('\n').length).toBeGreaterThan(count);
        const [record] = listed.filter(({traceId}) => traceId === ids.trace);
        expect(record).toMatchObject({runId: ids.run, state: 'ok', spanCount: count});
      }
    },
    PATIENT_MS,
  );
});

async function filled(backend: Backend, made: Filling): Promise<string> {
  if (backend === 'sqlite') return sqliteWith(made, temporaryFolder());
  const {url, client} = await newPostgresDatabase();
  await fillPostgres(client, made);
  return url;
}

describe('a trace of more spans than a call can have arguments', () => {
  // `push(...list)` and `Math.min(...list)` overflow the stack somewhere above 120,000.
  const COUNT = 130_000;
  const clock = {nowMicros: START, patience: PATIENCE};

  it('is what the next ones have', () => {
    const many = Array(COUNT).fill(0);
    expect(() => Math.min(...many)).toThrow(RangeError);
  });

  // A rule of the linter forbids such calls in the program, so one form is enough: the one with the most of everything.
  const forms: readonly [string, (i: number) => string | null][] = [
    ['each below another one that does not exist', i => `missing ${i}`],
    ['below one span', i => (i === 0 ? null : '0')],
    ['below one that does not exist', () => 'missing'],
  ];
  it.each(forms.slice(0, inLong(3, 1)))('%s is built, judged and put into order', (_, parentOf) => {
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
  const times = inLong(9_000_000, 900_000);
  it('is printed where it is asked for and stays in the database elsewhere', async () => {
    const db = await filled(backend, {
      rows: rows(run({ids: GOOD}), run({rootMore: {'output.value': 'fifty '.repeat(times)}})),
    });
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
