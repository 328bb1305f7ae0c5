import {lastWord, who} from '../../render/run-list.ts';
import {type Look, paintState, stateText} from '../../render/states.ts';
import {ago, duration, moment, shortCount} from '../../render/values.ts';
import {joined, line, own, type Safe, safe} from '../../text/safe.ts';
import {paint} from '../../text/style.ts';
import {toWidth, truncate} from '../../text/width.ts';
import {type JudgedRun, spansOf} from '../../trace/record.ts';
import type {Span} from '../../trace/span.ts';
import {seenMs} from '../../trace/timing.ts';
import {displayName} from '../../trace/tree.ts';
import type {Size, View} from '../pane.ts';
import type {ListedRun} from '../source.ts';
import {listRows, type RunsInput, type RunsState, runAt} from './state.ts';

/** Columns by the room there is, not by what stands in them: rows that come and go move nothing. 0: no room. */
type Columns = Readonly<Record<'who' | 'started' | 'user' | 'tokens' | 'last', number>>;

const STATE = 11;
const TIME = 7;
const TOKENS = 6;
const STARTED = 8;
const MARK = 1;
const SHORTEST_WHO = 12;

function columnsFor(available: number): Columns {
  let left = available - MARK - STATE - TIME - 2 - SHORTEST_WHO;
  const take = (size: number) => {
    if (left < size + 1) return 0;
    left -= size + 1;
    return size;
  };
  // When it began first: it tells runs of one agent apart.
  const [started, tokens, user, last] = [take(STARTED), take(TOKENS), take(8), take(14)];
  const widths = {who: SHORTEST_WHO, started, tokens, user, last};
  // What is left makes those wider that are cut most.
  for (const [name, most] of [
    ['who', 6],
    ['last', 20],
    ['user', 8],
    ['who', 10],
  ] as const) {
    if (widths[name] === 0) continue;
    const more = Math.max(0, Math.min(left, most));
    widths[name] += more;
    left -= more;
  }
  widths[widths.last > 0 ? 'last' : 'who'] += Math.max(0, left);
  return widths;
}

/** The list: a line of headings, then a line a run. */
export function runsLines(state: RunsState, input: RunsInput, size: Size, view: View): Safe[] {
  const columns = columnsFor(size.columns);
  const cell = (text: string, width: number, align?: 'right') =>
    width === 0 ? [] : [toWidth(own(text), width, align)];
  const heading = joined(
    [
      ...cell(' STATE', MARK + STATE),
      ...cell('STARTED', columns.started),
      ...cell('WHO', columns.who),
      ...cell('USER', columns.user),
      ...cell('TIME', TIME, 'right'),
      ...cell('TOKENS', columns.tokens, 'right'),
      ...cell('LAST', columns.last),
    ],
    ' ',
  );
  const lines = [paint(truncate(heading, size.columns), 'dim')];
  const rows = listRows(size);
  for (let index = state.top; index < Math.min(state.top + rows, input.runs.length); index++) {
    const run = runAt(state, input, index)!;
    lines.push(runLine(run, markOf(run.key, state, view), columns, view));
  }
  if (input.runs.length === 0) lines.push(own(''), emptyText(input, view));
  else if (input.older === 'loading' && lines.length <= rows) lines.push(paint(own(' reading older runs …'), 'dim'));
  return lines;
}

function emptyText({older, isLive}: RunsInput, {ascii}: View): Safe {
  const dots = ascii ? '...' : '…';
  if (older === 'loading') return own(` reading runs ${dots}`);
  return own(isLive ? ' no run yet; they appear here as Agno writes them' : ' no run matches');
}

interface RowMark {
  readonly isSelected: boolean;
  readonly mark: Safe;
}

function markOf(key: string, {cursorKey, marked}: RunsState, {ascii}: View): RowMark {
  const isSelected = key === cursorKey;
  const mark = isSelected ? (ascii ? '>' : '›') : marked.includes(key) ? (ascii ? '*' : '•') : ' ';
  return {isSelected, mark: own(mark)};
}

function runLine({judged}: ListedRun, {isSelected, mark}: RowMark, columns: Columns, view: View): Safe {
  const {record, run} = judged;
  const name = toWidth(who(judged), columns.who);
  const started = view.isRelative ? ago(run.startMicros, view.nowMicros) : clockTime(judged, view.nowMicros);
  const cells = [
    own(
      paint(mark, view.isFocused ? 'bold' : 'dim') +
        paintState(toWidth(stateText(record.state, view), STATE), record.state),
    ),
    ...(columns.started ? [paint(toWidth(started, columns.started), 'dim')] : []),
    isSelected ? paint(name, 'bold') : name,
    ...(columns.user ? [toWidth(safe(record.userId ?? '–'), columns.user)] : []),
    toWidth(timeOf(judged, view), TIME, 'right'),
    ...(columns.tokens ? [toWidth(shortCount(record.totalTokens), TOKENS, 'right')] : []),
    ...(columns.last
      ? [paint(truncate(lastEvent(judged, view), columns.last), record.state === 'error' ? 'red' : 'dim')]
      : []),
  ];
  return joined(cells, ' ');
}

/** The hour of what began within a day, the day of the rest. */
function clockTime({record, run}: JudgedRun, nowMicros: number): Safe {
  const started = moment(record.startTime);
  if (run.startMicros === null || started.length < 19) return started;
  const isRecent = Math.abs(nowMicros - run.startMicros) < DAY_MICROS;
  return own(isRecent ? started.slice(11, 19) : started.slice(2, 10));
}
const DAY_MICROS = 24 * 3600 * 1_000_000;

/** What runs ticks; of what went silent only what was seen. */
function timeOf({run, record}: JudgedRun, {nowMicros}: View): Safe {
  if (!run.isMissing) return duration(record.durationMs);
  if (record.state === 'running') {
    if (run.startMicros === null) return own('–');
    return duration(Math.max(0, Math.floor((nowMicros - run.startMicros) / 1e6) * 1000));
  }
  const seen = seenMs(run);
  return seen === null ? own('–') : own(`>${duration(seen)}`);
}

/** While it runs, the span that came last; then its last word. */
function lastEvent(judged: JudgedRun, look: Look): Safe {
  if (judged.record.state !== 'running') return lastWord(judged);
  const span = newestSpan(judged);
  if (span === null) return own('');
  const took = duration(span.durationMs);
  return span.spanStatus === 'ERROR'
    ? line`${safe(displayName(span))} failed ${look.ascii ? own('-') : own('·')} ${took}`
    : line`${safe(displayName(span))} ${took}`;
}

/** A run of 20,000 spans is walked once, not once a frame. */
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
