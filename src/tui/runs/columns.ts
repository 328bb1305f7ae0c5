import {costCell, lastWord, shortRunId, who} from '../../render/run-list.ts';
import {ago, duration, moment, shortCount} from '../../render/values.ts';
import {line, type Safe, safe, trusted} from '../../text/safe.ts';
import {paint} from '../../text/style.ts';
import {type JudgedRun, spansOf} from '../../trace/record.ts';
import type {Span} from '../../trace/span.ts';
import {seenMs} from '../../trace/timing.ts';
import {displayName} from '../../trace/tree.ts';
import type {View} from '../pane.ts';

/** A column of the list, after the state of a run. */
interface Column {
  readonly label: string;
  /** Minimum width of the screen for this column. */
  readonly least: number;
  readonly align?: 'right';
  text(judged: JudgedRun, view: View): Safe;
  paint?(cell: Safe, judged: JudgedRun, isSelected: boolean): Safe;
}

const dim = (cell: Safe) => paint(cell, 'dim');
const ofRecord = (text: (record: JudgedRun['record']) => string | null) => ({
  text: ({record}: JudgedRun) => safe(text(record) ?? '–'),
});
const countOf = (figure: (record: JudgedRun['record']) => number | null) => ({
  align: 'right' as const,
  text: ({record}: JudgedRun) => shortCount(figure(record)),
});

/** In the order in which they are listed for the user. */
export const COLUMN_NAMES = [
  ...(['started', 'who', 'user', 'session', 'run', 'model'] as const),
  ...(['time', 'tokens', 'cost', 'spans', 'errors', 'last'] as const),
] as const;
export type ColumnName = (typeof COLUMN_NAMES)[number];

export const COLUMNS: Readonly<Record<ColumnName, Column>> = {
  started: {label: 'STARTED', least: 8, text: startedText, paint: dim},
  who: {
    label: 'WHO',
    least: 12,
    text: who,
    paint: (cell, _, isSelected) => (isSelected ? paint(cell, 'bold') : cell),
  },
  user: {label: 'USER', least: 8, ...ofRecord(({userId}) => userId)},
  session: {label: 'SESSION', least: 10, ...ofRecord(({sessionId}) => sessionId)},
  run: {label: 'RUN', least: 8, text: ({record}) => shortRunId(record)},
  model: {label: 'MODEL', least: 12, ...ofRecord(({model}) => model)},
  time: {label: 'TIME', least: 7, align: 'right', text: timeText},
  tokens: {label: 'TOKENS', least: 6, ...countOf(({totalTokens}) => totalTokens)},
  cost: {label: 'COST', least: 8, align: 'right', text: ({record}, view) => costCell(record, view)},
  spans: {label: 'SPANS', least: 6, ...countOf(({spanCount}) => spanCount)},
  errors: {label: 'ERRORS', least: 6, ...countOf(({errorCount}) => errorCount)},
  last: {
    label: 'LAST',
    least: 14,
    text: lastText,
    paint: (cell, {record}) => paint(cell, record.state === 'error' ? 'red' : 'dim'),
  },
};

/** The columns of a list unless others are chosen, in order; and which of them come first if room is short. */
export const USUAL: readonly ColumnName[] = ['started', 'who', 'user', 'time', 'tokens', 'last'];
const MOST_TELLING: readonly ColumnName[] = ['time', 'who', 'started', 'tokens', 'user', 'last'];
/** Remaining room widens the columns that are cut most, one after the other. */
const WIDENED = [
  ['who', 6],
  ['last', 20],
  ['user', 8],
  ['session', 26],
  ['model', 14],
  ['who', 10],
] as const;

export interface Room {
  readonly name: ColumnName;
  readonly columns: number;
}

/**
 * Columns depend on the width, not on their contents, so rows that appear and disappear move nothing. @param chosen
 * null: the usual ones
 */
export function roomsIn(available: number, chosen: readonly ColumnName[] | null): readonly Room[] {
  let left = available;
  const widths = new Map<ColumnName, number>();
  for (const name of chosen ?? MOST_TELLING) {
    const {least} = COLUMNS[name];
    if (left < least + 1) continue;
    left -= least + 1;
    widths.set(name, least);
  }
  const widen = (name: ColumnName, most: number) => {
    const before = widths.get(name);
    if (before === undefined) return;
    const more = Math.min(left, most);
    widths.set(name, before + more);
    left -= more;
  };
  for (const [name, most] of WIDENED) widen(name, most);
  for (const name of ['last', 'who'] as const) widen(name, left);
  return (chosen ?? USUAL).flatMap(name => {
    const columns = widths.get(name);
    return columns === undefined ? [] : [{name, columns}];
  });
}

/** Columns as a user types them: names separated by blanks or commas; none: the usual ones. */
export type ChosenColumns =
  | {readonly names: readonly ColumnName[] | null}
  | {readonly unknown: string; readonly at: number};

export function columnsIn(text: string): ChosenColumns {
  const names = new Set<ColumnName>();
  for (const {0: word, index} of text.matchAll(/[^\s,]+/g)) {
    const name = COLUMN_NAMES.find(known => known === word.toLowerCase());
    if (name === undefined) return {unknown: word, at: index};
    names.add(name);
  }
  return {names: names.size === 0 ? null : [...names]};
}

function startedText({record, run}: JudgedRun, {isRelative, nowMicros}: View): Safe {
  if (isRelative) return ago(run.startMicros, nowMicros);
  const started = moment(record.startTime);
  if (run.startMicros === null || started.length < 19) return started;
  // The time of day of a start within the last day, otherwise the date.
  const isRecent = Math.abs(nowMicros - run.startMicros) < DAY_MICROS;
  return trusted(isRecent ? started.slice(11, 19) : started.slice(2, 10));
}
const DAY_MICROS = 24 * 3600 * 1_000_000;

/** A running run's time ticks; of a silent one only the observed time is shown. */
function timeText({run, record}: JudgedRun, {nowMicros}: View): Safe {
  if (!run.isMissing) return duration(record.durationMs);
  if (record.state === 'running') {
    if (run.startMicros === null) return trusted('–');
    return duration(Math.max(0, Math.floor((nowMicros - run.startMicros) / 1e6) * 1000));
  }
  const seen = seenMs(run);
  return seen === null ? trusted('–') : trusted(`>${duration(seen)}`);
}

/** While it runs, its newest span; afterwards its last words. */
function lastText(judged: JudgedRun, {ascii}: View): Safe {
  if (judged.record.state !== 'running') return lastWord(judged);
  const span = newestSpan(judged);
  if (span === null) return trusted('');
  const took = duration(span.durationMs);
  return span.spanStatus === 'ERROR'
    ? line`${safe(displayName(span))} failed ${ascii ? trusted('-') : trusted('·')} ${took}`
    : line`${safe(displayName(span))} ${took}`;
}

/** A run of 20,000 spans is walked once, not once per frame. */
const newest = new WeakMap<JudgedRun, Span | null>();

function newestSpan(judged: JudgedRun): Span | null {
  const known = newest.get(judged);
  if (known !== undefined) return known;
  let latest: Span | null = null;
  for (const span of spansOf(judged.run)) {
    if (latest === null || (span.createdMicros ?? 0) >= (latest.createdMicros ?? 0)) latest = span;
  }
  newest.set(judged, latest);
  return latest;
}
