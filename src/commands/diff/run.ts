import type {Context} from '../../context.ts';
import {EXIT} from '../../errors.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNext, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import type {Prices} from '../../prices/prices.ts';
import {type DrawnPair, inWords, renderPairs, renderRunsBeside, renderStep} from '../../render/diff.ts';
import {count} from '../../render/values.ts';
import {
  type Compared,
  type ComparedRun,
  compare,
  loadComparedRun,
  loadMedianRun,
  type ToldStep,
} from '../../show/compare.ts';
import {line, safe, trusted} from '../../text/safe.ts';
import {command} from '../../text/shell.ts';
import {paint} from '../../text/style.ts';
import {wrap} from '../../text/width.ts';
import type {DiffMark, Pair} from '../../trace/compare/run-diff.ts';
import type {RunRecord} from '../../trace/record.ts';
import type {Patience} from '../../trace/runs.ts';
import type {SpanRecord} from '../../trace/span-record.ts';
import {displayName, type Node} from '../../trace/tree.ts';

export interface DiffOptions {
  readonly first: string;
  /** Null: the median of the runs of its kind. */
  readonly second: string | null;
  readonly format: Format;
  /** Times, tokens and cost that differ by more count as differences; null: they never do. */
  readonly percent: number | null;
  /** Exit 7 when they differ. */
  readonly exitCode: boolean;
  readonly showsAll: boolean;
  readonly ascii: boolean | undefined;
  readonly patience: Patience;
  readonly prices: Prices;
  readonly access: Access;
}

const THEN =
  'both trees are matched by kind and name; their prompts and answers are compared, without ids and times (src/trace/compare)';
/** Maximum differences on a terminal; the rest is counted. */
const TERMINAL_STEPS = 20;
/** Texts in JSON are cut after this many characters. */
const LONGEST_TEXT = 100_000;

/** Prints two runs side by side, or one and the median of its kind. */
export default async function diff(options: DiffOptions, context: Context): Promise<void> {
  const {first, second, format, percent, patience, prices} = options;
  await withStore(options.access, context, THEN, async (store, out) => {
    const {compared, peers} = await withProgress(out, 'searching for the runs', async onProgress => {
      const reading = {patience, prices, onProgress};
      const named = await loadComparedRun(store, first, reading);
      const median = second === null ? await loadMedianRun(store, named.record, reading) : null;
      const [a, b] = median ? [median.run, named] : [named, await loadComparedRun(store, second!, reading)];
      return {compared: await compare(store, a, b), peers: median?.peers ?? null};
    });
    const differs = compared.told.length > 0;
    const beyond = percent === null ? [] : figuresBeyond(compared.a.record, compared.b.record, percent);
    const notes = [
      ...(isSame(compared) ? ['A and B are the same run'] : []),
      ...beyond.map(figure => `${figure} differ by more than ${percent}%`),
    ];
    if (format === 'tree') drawDiff(compared, peers, notes, options, out);
    else writeMachine(out, format, machine(compared, peers, notes));
    if (options.exitCode && (differs || beyond.length > 0)) out.exitCode = EXIT.different;
  });
}

function figuresBeyond(a: RunRecord, b: RunRecord, percent: number): string[] {
  const isBeyond = (x: number | null, y: number | null) =>
    x !== null && y !== null && Math.abs(y - x) * 100 > percent * Math.min(Math.abs(x), Math.abs(y));
  return [
    ...(isBeyond(a.durationMs, b.durationMs) ? ['times'] : []),
    ...(isBeyond(a.totalTokens, b.totalTokens) ? ['tokens'] : []),
    ...(isBeyond(a.costUsd, b.costUsd) ? ['costs'] : []),
  ];
}

function isSame({a, b}: Compared): boolean {
  return a.record.traceId === b.record.traceId && a.record.spanId === b.record.spanId;
}

function recordsOf({parts}: ComparedRun): Map<Node, () => SpanRecord> {
  return new Map(parts.flatMap(part => part.rows.map(row => [row.node, () => row.record] as const)));
}

function drawnPairs({a, b, diff: {pairs}}: Compared): DrawnPair[] {
  const [ofA, ofB] = [recordsOf(a), recordsOf(b)];
  const record = (of: typeof ofA, node: Node | null) => (node ? (of.get(node)?.() ?? null) : null);
  return pairs.map(pair => ({
    pair,
    a: record(ofA, pair.a),
    b: record(ofB, pair.b),
    words: wordsOf(pair),
  }));
}

function wordsOf({mark, isInner, changes}: Pair): string[] {
  const whole = mark === 'added' ? 'only in B' : mark === 'removed' ? 'only in A' : mark === 'moved' ? 'moved' : null;
  return [
    ...(whole === null || (isInner && mark !== 'moved') ? [] : [whole]),
    ...new Set(changes.map(({what}) => what)),
  ];
}

function countsOf({diff: {pairs}}: Compared): Record<DiffMark, number> {
  const counts = {same: 0, changed: 0, added: 0, removed: 0, moved: 0};
  for (const {mark} of pairs) counts[mark]++;
  return counts;
}

/** Prints two runs side by side, and their differences. */
export function drawDiff(
  compared: Compared,
  peers: number | null,
  notes: readonly string[],
  options: Pick<DiffOptions, 'ascii' | 'showsAll'>,
  out: Context,
): void {
  const {a, b, told} = compared;
  const look = {...drawingOf(options, out), showsAll: options.showsAll};
  const names = [peers === null ? 'A' : `A (median of ${peers})`, 'B'] as const;
  writeLine(out, renderRunsBeside(a.record, b.record, {...look, names}));
  writeLine(out, trusted(''));
  const [first] = told;
  const verdict = first
    ? line`first divergence: ${safe(inWords(first))}`
    : trusted('no differences in calls, prompts and answers');
  for (const part of look.columns === null ? [verdict] : wrap(verdict, look.columns))
    writeLine(out, paint(part, 'bold'));
  writeLine(out, trusted(''));
  writeLine(out, renderPairs(drawnPairs(compared), look));
  const counts = countsOf(compared);
  const words = (['same', 'changed', 'added', 'removed', 'moved'] as const)
    .filter(mark => counts[mark] > 0)
    .map(mark => `${count(counts[mark])} ${mark}`);
  writeNote(out, [`${words.join(', ')} of ${count(compared.diff.pairs.length)} spans`, ...notes].join(' · '));
  if (told.length === 0) return;
  const most = look.columns === null || look.showsAll ? told.length : TERMINAL_STEPS;
  for (const [i, step] of told.slice(0, most).entries()) {
    writeLine(out, trusted(''));
    writeLine(out, renderStep(i + 1, step, look));
  }
  if (told.length > most) writeNote(out, `… ${count(told.length - most)} more differences (--all)`);
  writeLine(out, trusted(''));
  const node = first!.pair.b ?? first!.pair.a!;
  const record = first!.pair.b ? b.record : a.record;
  const id = record.runId?.slice(0, 8) ?? `~${record.traceId.slice(0, 7)}`;
  writeNext(out, `next: ${command`agno-trace show ${id} --span ${node.id.slice(0, 8)}`}`);
}

function machine(compared: Compared, peers: number | null, notes: readonly string[]) {
  const {a, b, told} = compared;
  const changes = told.map(changeRecord);
  return {
    command: 'diff',
    data: {
      a: a.record,
      b: b.record,
      median: peers === null ? null : {peers},
      firstDivergence: told[0] ? inWords(told[0]) : null,
      counts: countsOf(compared),
      pairs: drawnPairs(compared).map(pairRecord),
      changes,
    },
    items: changes,
    notes,
  };
}

function pairRecord({pair, a, b, words}: DrawnPair): object {
  const node = pair.b ?? pair.a!;
  return {
    mark: pair.mark,
    depth: pair.depth,
    kind: node.span?.kind ?? null,
    name: node.span ? displayName(node.span) : null,
    differsIn: words,
    a: a && figuresOf(a),
    b: b && figuresOf(b),
  };
}

const FIGURES = [
  ...['traceId', 'spanId', 'state', 'model', 'startTime', 'durationMs', 'selfMs'],
  ...['promptTokens', 'completionTokens', 'totalTokens', 'costUsd', 'grossPromptTokens'],
] as const satisfies readonly (keyof SpanRecord)[];

function figuresOf(record: SpanRecord): object {
  return Object.fromEntries(FIGURES.map(key => [key, record[key]]));
}

function changeRecord(step: ToldStep): object {
  const {pair, change, a, b, repeats} = step;
  const node = pair.b ?? pair.a!;
  const cut = (text: string | null) =>
    text !== null && text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
  return {
    what: change ? change.what : pair.mark,
    where: change?.where ?? null,
    text: inWords(step),
    kind: node.span?.kind ?? null,
    name: node.span ? displayName(node.span) : null,
    spanIdA: pair.a?.id ?? null,
    spanIdB: pair.b?.id ?? null,
    a: cut(a),
    b: cut(b),
    repeats,
  };
}
