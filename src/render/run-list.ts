import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {sumUsd} from '../trace/cost.ts';
import {partNames} from '../trace/likely-name.ts';
import {isSamePart, type JudgedRun, type RunRecord} from '../trace/record.ts';
import {seenMs} from '../trace/timing.ts';
import {type Look, paintState, stateText} from './states.ts';
import {type DrawnColumn, renderColumns} from './table.ts';
import {ago, duration, firstLine, isHex, shortCount, shortId, usd, wholeMoment} from './values.ts';

interface ListOptions extends Look {
  readonly nowMicros: number;
  /** Columns of the terminal; null: a pipe, which gets complete values and ISO times. */
  readonly columns: number | null;
  /** The profile of each run, if several are read. */
  readonly profiles?: readonly string[];
  /** The figure that the rows are sorted by, unless it is the time: its column is always shown. */
  readonly sortedBy?: string;
}

/** Columns of the figures that rows can be sorted by; spans and errors have a column only then. */
const SORTED_LABELS: Readonly<Record<string, string>> = {
  duration: 'TIME',
  tokens: 'TOKENS',
  cost: 'COST',
  spans: 'SPANS',
  errors: 'ERRORS',
};

function sortedColumns(runs: readonly JudgedRun[], {sortedBy}: ListOptions): DrawnColumn[] {
  const column = columnOf(runs);
  if (sortedBy === 'spans') return [column('SPANS', ({record}) => shortCount(record.spanCount), {align: 'right'})];
  if (sortedBy === 'errors') return [column('ERRORS', ({record}) => shortCount(record.errorCount), {align: 'right'})];
  return [];
}

/** Runs as a table: state, then name, then figures, then the last words. */
export function renderRunList(runs: readonly JudgedRun[], options: ListOptions): Safe {
  const {columns: available, profiles, sortedBy} = options;
  const drawn = available === null ? pipeColumns(runs, options) : terminalColumns(runs, options);
  if (profiles) {
    const shape: Shape = available === null ? {} : {shrinkTo: 8};
    // After the state and the time, before the id: `show <id>` needs both.
    drawn.splice(2, 0, {
      label: 'PROFILE',
      align: 'left',
      dropOrder: 0,
      cells: profiles.map(name => safe(name)),
      ...shape,
    });
  }
  const lastWord = drawn.pop()!;
  const sorted = SORTED_LABELS[sortedBy ?? ''];
  const columns = [...drawn, ...sortedColumns(runs, options), lastWord];
  return renderColumns(
    columns.map(column => (column.label === sorted ? {...column, dropOrder: 0} : column)),
    available,
  );
}

type Shape = Partial<Pick<DrawnColumn, 'align' | 'dropOrder' | 'shrinkTo' | 'paint'>>;

function terminalColumns(runs: readonly JudgedRun[], options: ListOptions): DrawnColumn[] {
  const stateOf = (i: number) => runs[i]!.record.state;
  const column = columnOf(runs);
  const isPriced = runs.some(({record}) => record.costs.some(({costUsd}) => costUsd !== null));
  return [
    column('STATE', ({record}) => stateText(record.state, options), {paint: (cell, i) => paintState(cell, stateOf(i))}),
    column('STARTED', ({run}) => ago(run.startMicros, options.nowMicros)),
    column('RUN', ({record}) => shortRunId(record), {shrinkTo: 8, paint: cell => paint(cell, 'bold')}),
    column('WHO', who, {shrinkTo: 12}),
    column('USER', ({record}) => safe(record.userId ?? '–'), {dropOrder: 6, shrinkTo: 8}),
    column('SESSION', ({record}) => shortId(record.sessionId ?? '–'), {dropOrder: 5, shrinkTo: 10}),
    column('TIME', timeOf, {align: 'right', dropOrder: 1}),
    column('TOKENS', ({record}) => shortCount(record.totalTokens), {align: 'right', dropOrder: 3}),
    ...(isPriced ? [column('COST', ({record}) => costCell(record, options), {align: 'right', dropOrder: 7})] : []),
    column('LAST WORD', lastWord, {
      dropOrder: 2,
      shrinkTo: 18,
      paint: (cell, i) => (stateOf(i) === 'ok' ? paint(cell, 'dim') : cell),
    }),
  ];
}

function pipeColumns(runs: readonly JudgedRun[], options: Look): DrawnColumn[] {
  const column = columnOf(runs);
  return [
    column('STATE', ({record}) => trusted(record.state)),
    column('STARTED', ({record}) => wholeMoment(record.startTime)),
    column('RUN', ({record}) => safe(record.runId ?? `~${record.traceId}`)),
    column('WHO', who),
    column('USER', ({record}) => safe(record.userId ?? '–')),
    column('SESSION', ({record}) => safe(record.sessionId ?? '–')),
    column('TIME', timeOf, {align: 'right'}),
    column('TOKENS', ({record}) => trusted(String(record.totalTokens ?? '–')), {align: 'right'}),
    column('COST', ({record}) => costCell(record, options), {align: 'right'}),
    column('LAST WORD', lastWord),
  ];
}

/** What it cost; if some of its calls have no price, the known part, with a mark that it is a minimum. */
export function costCell({costUsd, costs}: RunRecord, {ascii}: Look): Safe {
  if (costUsd !== null) return usd(costUsd);
  const known = costs.flatMap(cost => cost.costUsd ?? []);
  return known.length === 0 ? usd(null) : line`${trusted(ascii ? '>=' : '≥')}${usd(sumUsd(known))}`;
}

function columnOf(runs: readonly JudgedRun[]) {
  return (label: string, cell: (judged: JudgedRun) => Safe, shape: Shape = {}): DrawnColumn => ({
    label,
    align: 'left',
    dropOrder: 0,
    cells: runs.map(cell),
    ...shape,
  });
}

/** Its run id; if there is none yet, its trace, marked as such. `show` accepts both. */
export function shortRunId(record: RunRecord): Safe {
  if (record.runId !== null) return shortId(record.runId);
  // Cut before it is escaped: half an escape or half a surrogate pair is neither safe nor an id.
  const short = Array.from(record.traceId).slice(0, 7).join('');
  return isHex(record.traceId) ? safe(`~${short}`) : safe(`~${record.traceId}`);
}

/**
 * The component; for a loose part also its kind. The name of an unfinished run is not stored yet: then its likely
 * name with a question mark, or its actions in brackets.
 */
export function who({run, record, likelyName}: Pick<JudgedRun, 'run' | 'record' | 'likelyName'>): Safe {
  if (record.name !== null) return record.part ? trusted(`${safe(record.name)} (${record.kind})`) : safe(record.name);
  if (likelyName !== undefined) return line`${safe(likelyName)}?`;
  const parts = partNames(run);
  if (parts.length === 0) return trusted('(unknown)');
  const shown = joined(
    parts.slice(0, MOST_PARTS).map(part => safe(part)),
    ', ',
  );
  const more = parts.length - MOST_PARTS;
  return more > 0 ? line`(with ${shown} +${more})` : line`(with ${shown})`;
}
const MOST_PARTS = 3;

/** Only the component; kind and parts are shown beside it. */
export function titleOf({record, likelyName}: JudgedRun): Safe {
  if (record.name !== null) return safe(record.name);
  return likelyName === undefined ? trusted('(run span not written yet)') : line`${safe(likelyName)}?`;
}

/** For an unfinished run, only the observed time. */
export function timeOf({run, record}: JudgedRun): Safe {
  if (!run.isMissing) return duration(record.durationMs);
  const seen = seenMs(run);
  return seen === null ? trusted('–') : trusted(`>${duration(seen)}`);
}

/** The run's last words. If something failed: what, and why there are none. */
export function lastWord({run, record, judge, parts = []}: JudgedRun): Safe {
  if (record.state !== 'ok') return safe(record.stateReason);
  const last = parts.findLast(part => part.record.runId === record.runId && !isSamePart(part.record, record)) ?? null;
  // Its own part ends with Agno's words for a waiting run.
  if (last === null && judge.node(run.root)?.state === 'paused') return trusted('continued after a pause');
  const said = firstLine((last?.run ?? run).root.span?.output ?? '');
  return said === '' ? safe(record.stateReason) : said;
}
