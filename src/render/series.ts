import {largest} from '../lists.ts';
import type {Series, Unit} from '../table/table.ts';
import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {toWidth, truncate, width} from '../text/width.ts';
import type {Look} from './states.ts';
import {figure, stretchStart} from './values.ts';

const LEVELS = {blocks: '▁▂▃▄▅▆▇█', ascii: '.:-=+*#@'};

/** A line of figures, one character each, from zero to the largest; a gap for a missing value. */
export function sparkline(values: readonly (number | null)[], {ascii}: Look): Safe {
  const levels = ascii ? LEVELS.ascii : LEVELS.blocks;
  const most = values.reduce<number>((max, value) => Math.max(max, value ?? 0), 0);
  const level = (value: number) => (most <= 0 ? 0 : Math.round((Math.max(0, value) / most) * (levels.length - 1)));
  return trusted(values.map(value => (value === null ? ' ' : levels[level(value)]!)).join(''));
}

const PLOT_ROWS = 6;
const MOST_LINES = 8;
const LONGEST_NAME = 28;

/** Figures over time above a table: columns for one series, a line each for the largest of several. */
export function renderSeries(series: Series, columns: number, look: Look): Safe {
  return series.lines.length === 1 ? plot(series, columns, look) : lines(series, columns, look);
}

function plot({lines: [only], ...series}: Series, columns: number, look: Look): Safe {
  const unit = series.column.unit ?? 'count';
  const most = only!.values.reduce<number>((max, value) => Math.max(max, value ?? 0), 0);
  const top = figure(most, unit);
  const margin = Math.max(width(top), 1);
  const values = merged(only!.values, columns - margin - 2, unit);
  const wide = Math.max(1, Math.min(6, Math.floor((columns - margin - 2) / values.length)));
  const marks = look.ascii ? ' ..::##' : ' ▁▂▃▄▅▆▇█';
  const rows: Safe[] = [paint(trusted(series.column.label), 'dim')];
  for (let row = PLOT_ROWS - 1; row >= 0; row--) {
    const cells = values.map(value => {
      if (value === null || value <= 0 || most <= 0) return ' '.repeat(wide);
      // In eighths of a row; every value above zero is visible.
      const eighths = Math.max(1, Math.round((value / most) * PLOT_ROWS * (marks.length - 1)));
      const here = Math.max(0, Math.min(marks.length - 1, eighths - row * (marks.length - 1)));
      return wide > 2 ? `${marks[here]!.repeat(wide - 1)} ` : marks[here]!.repeat(wide);
    });
    const label = row === PLOT_ROWS - 1 ? top : row === 0 ? trusted('0') : trusted('');
    rows.push(
      line`${paint(toWidth(label, margin, 'right'), 'dim')} ${trusted(look.ascii ? '|' : '│')}${trusted(cells.join('').trimEnd())}`,
    );
  }
  rows.push(axis(series, values.length * wide, margin + 2));
  return joined(rows, '\n');
}

/** Merges neighbours so that all fit: sums, or the largest value for figures that cannot be added. */
function merged(values: readonly (number | null)[], room: number, unit: Unit): readonly (number | null)[] {
  const each = Math.ceil(values.length / Math.max(1, room));
  if (each === 1) return values;
  const adds = unit === 'count' || unit === 'usd';
  const result: (number | null)[] = [];
  for (let at = 0; at < values.length; at += each) {
    const some = values.slice(at, at + each).filter(value => value !== null);
    result.push(some.length === 0 ? null : adds ? some.reduce((a, b) => a + b, 0) : largest(some));
  }
  return result;
}

function axis(series: Omit<Series, 'lines'>, room: number, margin: number): Safe {
  const from = stretchStart(series.firstMicros, series.everyMicros);
  const to = stretchStart(series.lastMicros, series.everyMicros);
  const gap = Math.max(2, room - width(from) - width(to));
  const text = series.firstMicros === series.lastMicros ? from : line`${from}${trusted(' '.repeat(gap))}${to}`;
  return paint(line`${trusted(' '.repeat(margin))}${text}`, 'dim');
}

function lines(series: Series, columns: number, look: Look): Safe {
  const unit = series.column.unit ?? 'count';
  const totals = series.lines.map(({values}) => values.reduce<number>((sum, value) => sum + (value ?? 0), 0));
  const order = totals.map((_, i) => i).sort((a, b) => totals[b]! - totals[a]!);
  const shown = order.slice(0, MOST_LINES);
  const names = shown.map(i => safe(series.lines[i]!.keys.map(key => key ?? '–').join(' · ')));
  const longest = Math.min(LONGEST_NAME, largest(names.map(width)));
  const room = Math.max(8, columns - longest - 2);
  const rows = shown.map(
    (i, at) =>
      line`${toWidth(names[at]!, longest, 'left')}  ${sparkline(merged(series.lines[i]!.values, room, unit), look)}`,
  );
  const count = merged(series.lines[shown[0]!]!.values, room, unit).length;
  const more = order.length > shown.length ? `, ${MOST_LINES} of ${order.length}` : '';
  return joined(
    [
      truncate(paint(line`${trusted(series.column.label)} over time${trusted(more)}`, 'dim'), columns),
      ...rows,
      axis(series, Math.max(count, 24), longest + 2),
    ],
    '\n',
  );
}
