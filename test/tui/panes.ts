import {loadSpans} from '../../src/runs/spans.ts';
import {loadShown} from '../../src/show/shown.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import {drawnSpans, drawnTops, type ShownRun} from '../../src/trace/drawn-spans.ts';
import {Judge} from '../../src/trace/judge.ts';
import {judgedRun} from '../../src/trace/record.ts';
import {buildTrace, PATIENCE} from '../../src/trace/runs.ts';
import {type Span, type SpanRow, type TraceRow, toSpan} from '../../src/trace/span.ts';
import {NO_EVIDENCE} from '../../src/trace/state.ts';
import type {Size, View} from '../../src/tui/pane.ts';
import {sqliteCopy} from '../fixtures.ts';

export const LONG_AFTER = Date.parse('2030-01-01') * 1000;

export const VIEW: View = {ascii: false, isFocused: true, nowMicros: LONG_AFTER, isRelative: false};

/** What a terminal can have and what three ways to divide it leave: the smallest, the usual one, a wide one. */
export const SIZES: readonly Size[] = [
  {columns: 60, rows: 12},
  {columns: 80, rows: 20},
  {columns: 140, rows: 32},
];

export interface Picture {
  readonly parts: readonly ShownRun[];
  /** Every span of the parts, read whole. */
  readonly contents: ReadonlyMap<string, Span>;
}

/** What a source of the screens hands over for a run, a session or a trace of a fixture. */
export async function picture(fixtureName: string, id: string): Promise<Picture> {
  return pictureIn(sqliteCopy(fixtureName), id);
}

export async function pictureIn(file: string, id: string): Promise<Picture> {
  const store = await openStore(parseSource(file, 'the test', {}, '/'), {
    tables: {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'},
    nowMicros: () => LONG_AFTER,
    timeoutMs: 10_000,
  });
  const {runs} = await loadShown(store, id, {patience: PATIENCE, sessionLimit: 0});
  const ids = runs.flatMap(({rows}) => rows.flatMap(({node}) => (node.span ? [node.id] : [])));
  const contents = new Map((await loadSpans(store, ids)).map(span => [span.spanId, span]));
  await store.close();
  return {parts: runs, contents};
}

/** The runs of one trace from some of its rows, at a moment. */
export function partsFrom(rows: readonly SpanRow[], row: TraceRow | null, nowMicros: number): ShownRun[] {
  const clock = {nowMicros, patience: PATIENCE};
  const trace = buildTrace(
    String(rows[0]!.trace_id),
    rows.map(item => toSpan(item)),
    row,
    clock,
  );
  const judge = new Judge(trace.tops);
  return trace.runs.map(run => {
    const judged = judgedRun(run, judge, judge.run(run, NO_EVIDENCE, clock), NO_EVIDENCE);
    return {judged, rows: drawnSpans(judged, drawnTops(trace, run)), within: null, isTied: false};
  });
}

/** Lines as a golden file has them: framed, so that their end can be seen. */
export function framed(lines: readonly string[], {columns, rows}: Size): string {
  const edge = `+${'-'.repeat(columns)}+`;
  return [`${columns}x${rows}`, edge, ...lines.map(text => `|${text}`), edge].join('\n');
}
