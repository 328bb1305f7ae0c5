import {describe, expect, it} from 'vitest';
import {runCost, unpricedCalls} from '../../src/render/cost.ts';
import {highlighted} from '../../src/render/grep.ts';
import {bar, guidesOf} from '../../src/render/layout.ts';
import {renderTree} from '../../src/render/run-tree.ts';
import {renderSeries, sparkline} from '../../src/render/series.ts';
import {renderTable} from '../../src/render/table.ts';
import {layoutFor} from '../../src/render/tree-row.ts';
import type {Series} from '../../src/table/table.ts';
import type {ModelCost} from '../../src/trace/cost.ts';
import {drawnSpans, drawnTops} from '../../src/trace/drawn-spans.ts';
import {Judge} from '../../src/trace/judge.ts';
import {judgedRun, type RunRecord} from '../../src/trace/record.ts';
import {buildTrace, PATIENCE} from '../../src/trace/runs.ts';
import {type SpanRow, toSpan} from '../../src/trace/span.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import {agentAttributes, BAD, callAttributes, START, spanRow} from '../bad-data/rows.ts';

const LOOK = {ascii: false};
const MINUTE_MICROS = 60_000_000;

describe('a bar', () => {
  it('stands where its stretch is, in halves of a column', () => {
    expect(bar(0, 1, 4, LOOK, 'solid')).toBe('████');
    expect(bar(0.25, 0.625, 4, LOOK, 'solid')).toBe(' █▌ ');
    expect(bar(0.125, 0.5, 4, LOOK, 'solid')).toBe('▐█  ');
    expect(bar(0, 1, 4, {ascii: true}, 'open')).toBe('----');
  });

  it('is never invisible, not at the end either', () => {
    expect(bar(0.5, 0.5, 4, LOOK, 'solid')).toBe('  ▌ ');
    expect(bar(1, 1, 4, LOOK, 'solid')).toBe('   ▐');
  });
});

describe('a row of a tree', () => {
  it('has a bar from 56 columns on, and keeps within the terminal without one', () => {
    const widths = [10, 40, 55, 56, 75, 76, 110, 160].map(columns => [columns, layoutFor(30, columns).bar]);
    expect(widths).toEqual([
      ...[
        [10, 0],
        [40, 0],
        [55, 0],
        [56, 10],
        [75, 10],
        [76, 16],
        [110, 32],
        [160, 48],
      ],
    ]);
    for (const columns of [10, 40, 55, 56, 200]) {
      const {label, bar: barWidth, details} = layoutFor(300, columns);
      expect(label + (barWidth > 0 ? barWidth + 4 : 0) + 9 + details!).toBeLessThanOrEqual(columns);
    }
  });
});

describe('the guides of a tree', () => {
  it('lead from each row to the next of its level, over what is deeper', () => {
    const depths = [0, 1, 2, 2, 1, 2];
    const hasChildren = [true, true, false, false, true, false];
    const guides = guidesOf(depths, hasChildren, LOOK);
    expect(guides.map(({first}) => first)).toEqual(['', '├─ ', '│  ├─ ', '│  └─ ', '└─ ', '   └─ ']);
    expect(guides.map(({rest}) => rest)).toEqual(['│  ', '│  │  ', '│  │  ', '│     ', '   │  ', '      ']);
  });

  it('leave no line open where the level above has ended', () => {
    // The second of depth 1 has none of depth 2, the one after it has.
    const guides = guidesOf([0, 1, 2, 3, 1, 1, 2], [true, true, true, false, false, true, false], LOOK);
    expect(guides.map(({first}) => first)).toEqual(['', '├─ ', '│  └─ ', '│     └─ ', '├─ ', '└─ ', '   └─ ']);
  });

  it('say in figures how deep a row is that is deeper than can be drawn', () => {
    const depths = Array.from({length: 20}, (_, i) => i);
    const last = guidesOf(depths, Array(20).fill(true), LOOK).at(-1)!;
    expect(last.first).toBe(`…6 ${'   '.repeat(12)}└─ `);
  });
});

describe('figures over time', () => {
  const series = (unit: 'count' | 'usd' | 'ratio', ...lines: (number | null)[][]): Series => ({
    column: {label: 'FIGURE', unit},
    firstMicros: 0,
    lastMicros: (lines[0]!.length - 1) * MINUTE_MICROS,
    everyMicros: MINUTE_MICROS,
    lines: lines.map((values, i) => ({keys: [`line ${i}`], values})),
  });

  it('are one character each, from nothing to the largest, with gaps where there are none', () => {
    expect(sparkline([0, null, 7, 3.5, 1], LOOK)).toBe('▁ █▅▂');
    expect(sparkline([null, 0], LOOK)).toBe(' ▁');
  });

  /** The largest figure of the plot stands at its upper end. */
  const top = (unit: 'count' | 'usd' | 'ratio') =>
    renderSeries(series(unit, Array(40).fill(0.5)), 30, LOOK)
      .split('\n')
      .slice(1, -1)
      .map(row => row.replace(/^.*│/, ''));

  it('are drawn as high as they are where several share a column: counts and costs added, shares not', () => {
    const widthOf = (unit: 'count' | 'usd' | 'ratio') => Math.max(...top(unit).map(row => row.length));
    // Forty values in fewer columns than forty.
    for (const unit of ['count', 'usd', 'ratio'] as const) expect(widthOf(unit)).toBeLessThanOrEqual(28);
    const one = (values: number[], unit: 'count' | 'usd' | 'ratio') =>
      renderSeries(
        series(
          unit,
          values,
          values.map(() => 0),
        ),
        40,
        LOOK,
      )
        .split('\n')[1]!
        .replace('line 0  ', '');
    // 64 values in 32 columns: two and two; the lone one beside nothing is half of what two are.
    const values = [...Array(60).fill(1), 1, 0, 0, 0];
    expect(one(values, 'count').trimEnd()).toMatch(/^█{30}▅▁$/);
    expect(one(values, 'usd').trimEnd()).toMatch(/^█{30}▅▁$/);
    expect(one(values, 'ratio').trimEnd()).toMatch(/^█{31}▁$/);
  });

  it('are eight lines at most, the largest first, and it is said of how many', () => {
    const lines = Array.from({length: 11}, (_, i) => [i, i]);
    const drawn = renderSeries(series('count', ...lines), 80, LOOK).split('\n');
    expect(drawn[0]).toBe('FIGURE over time, 8 of 11');
    expect(drawn.slice(1, 9).map(row => /^line (\d+)/.exec(row)![1])).toEqual([
      '10',
      '9',
      '8',
      '7',
      '6',
      '5',
      '4',
      '3',
    ]);
  });
});

describe('a table on a narrow terminal', () => {
  const columns = Object.fromEntries(
    ['name', 'calls', 'errors', 'p50', 'p95'].map((key, i) => [
      key,
      {label: key.toUpperCase(), ...(i > 0 ? {unit: 'count' as const} : {})},
    ]),
  );
  const table = (sortedBy: string) => ({
    columns,
    rows: [{name: 'a name that is long', calls: 1_000_000, errors: 2_000_000, p50: 3_000_000, p95: 4_000_000}],
    sortedBy,
  });

  it('loses the last columns first, and never the one that its rows are sorted by', () => {
    const head = (sortedBy: string) => renderTable(table(sortedBy), 50).split('\n')[0]!.trim().split(/ +/);
    expect(head('calls')).toEqual(['NAME', 'CALLS', 'ERRORS', 'P50']);
    expect(head('p95')).toEqual(['NAME', 'CALLS', 'ERRORS', 'P95']);
  });
});

describe('a line with its matches', () => {
  it('is cut around the first of them, and never between the halves of a pair', () => {
    const text = `${'😀'.repeat(40)}needle${'y'.repeat(60)}`;
    const at = text.indexOf('needle');
    // A third of the room stands before the match: an even number of halves of a pair, or an odd one.
    for (const room of [30, 33]) {
      const shown = highlighted(text, [[at, at + 6]], room);
      expect(shown).toMatch(/^….*needle/u);
      expect(shown).not.toMatch(/\p{Cs}|\ufffd|\\u/u);
    }
  });
});

describe('a row of a tree', () => {
  it('has its figures whole or not at all: one that is cut would be another', () => {
    const clock = {nowMicros: START, patience: PATIENCE};
    const tokens = {'llm.token_count.prompt': 123_456, 'llm.token_count.completion': 123_456};
    const spans = [
      spanRow(BAD, BAD.root, {attributes: JSON.stringify(agentAttributes(BAD))}),
      spanRow(BAD, BAD.call, {parent_span_id: BAD.root, attributes: JSON.stringify(callAttributes(tokens))}),
    ].map(row => toSpan(row as unknown as SpanRow));
    const trace = buildTrace(BAD.trace, spans, null, clock);
    const judge = new Judge(trace.tops);
    const run = trace.runs[0]!;
    const judged = judgedRun(run, judge, judge.run(run, NO_EVIDENCE, clock), NO_EVIDENCE);
    const rows = drawnSpans(judged, drawnTops(trace, run));
    const figures = (columns: number | null) =>
      renderTree(rows, {...LOOK, io: 'none', columns, root: run.root}).match(
        /123[\d,]* ?→? ?[\d,]*.*?(?=\n| {2}|$)/g,
      ) ?? [];
    expect(figures(null)).toContain('123,456 → 123,456');
    const seen = Array.from({length: 140}, (_, i) => figures(i + 20));
    expect(new Set(seen.flat())).toEqual(new Set(['123,456 → 123,456']));
    expect(seen.some(found => found.length === 0)).toBe(true);
  });
});

describe('what a run cost', () => {
  const cost = (costUsd: number | null): ModelCost =>
    ({model: 'm', calls: 1, costUsd, costSource: costUsd === null ? null : 'library', costDate: null}) as ModelCost;
  const record = (...costs: ModelCost[]) => ({costs}) as unknown as RunRecord;

  it('is the sum of what is known, marked where that is not all', () => {
    expect(runCost(record(cost(0.5), cost(0.25)))).toEqual(['$0.75 (prices)']);
    expect(runCost(record(cost(0.5), cost(null)))).toEqual([
      'at least $0.5 (prices)',
      '1 of 2 model calls have no price',
    ]);
    expect(runCost(record(cost(null)))).toEqual(['no price known']);
    expect(unpricedCalls([cost(0.5)])).toBeNull();
  });
});
