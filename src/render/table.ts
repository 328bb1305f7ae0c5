import CliTable from 'cli-table3';
import {type Cell, type Column, type Table, UNITS} from '../table/table.ts';
import {joined, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {toWidth, truncate, width} from '../text/width.ts';
import {parseTime} from '../trace/time.ts';
import {ago, figure, stretchStart, wholeMoment} from './values.ts';

/** One column as drawn: final text per row, except for its width. */
export interface DrawnColumn {
  readonly label: string;
  readonly align: 'left' | 'right';
  readonly cells: readonly Safe[];
  /** Colour, added after the cell was cut to its width. */
  readonly paint?: (text: Safe, row: number) => Safe;
  /** Columns with a higher number are dropped first if the terminal is too narrow; 0 is never dropped. */
  readonly dropOrder: number;
  /** May be cut to this many columns; absent: it is shown completely or not at all. */
  readonly shrinkTo?: number;
  /** Its texts may be long; in a pipe they are cut too. */
  readonly isLong?: boolean;
}

/**
 * Draws columns. On a terminal, what does not fit is cut or left out, least important first, and cli-table3 draws the
 * rest; in a pipe everything is complete.
 * @param columns width of the terminal; null: a pipe
 */
export function renderColumns(drawn: readonly DrawnColumn[], columns: number | null): Safe {
  const rowCount = drawn[0]?.cells.length ?? 0;
  if (columns === null) return inLines(drawn, drawn.map(widthInPipe), rowCount);
  const {kept, widths} = arrange(drawn, columns);
  return rowCount > MOST_DRAWN ? inLines(kept, widths, rowCount) : byLibrary(kept, widths, rowCount);
}

/** cli-table3 takes half a millisecond per row. */
const MOST_DRAWN = 500;

/**
 * Cells are already cut: its own cuts split surrogate pairs. In the built program it measures widths as we do
 * (`build/bundling.js`).
 */
function byLibrary(columns: readonly DrawnColumn[], widths: readonly number[], rowCount: number): Safe {
  const table = new CliTable({
    head: columns.map(({label}, i) => truncate(trusted(label), widths[i]!)),
    colWidths: [...widths],
    colAligns: columns.map(({align}) => align),
    chars: {...NO_BORDERS, middle: GAP},
    style: {head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true},
  });
  for (let row = 0; row < rowCount; row++)
    table.push(
      columns.map(({cells, paint: colour}, i) => {
        const text = truncate(cells[row]!, widths[i]!);
        return colour?.(text, row) ?? text;
      }),
    );
  const [head = '', ...rows] = table.toString().split('\n');
  return joined([paint(trusted(head.trimEnd()), 'dim'), ...rows.map(line => trusted(line.trimEnd()))], '\n');
}

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
};

function inLines(columns: readonly DrawnColumn[], widths: readonly number[], rowCount: number): Safe {
  const lines: Safe[] = [
    paint(
      row(columns, widths, column => trusted(column.label)),
      'dim',
    ),
  ];
  for (let i = 0; i < rowCount; i++) {
    lines.push(
      row(
        columns,
        widths,
        column => column.cells[i]!,
        (column, text) => column.paint?.(text, i) ?? text,
      ),
    );
  }
  return joined(lines, '\n');
}

const GAP = '  ';

function row(
  columns: readonly DrawnColumn[],
  widths: readonly number[],
  cell: (column: DrawnColumn) => Safe,
  colour: (column: DrawnColumn, text: Safe) => Safe = (_, text) => text,
): Safe {
  const parts = columns.map((column, i) => {
    const isLast = i === columns.length - 1 && column.align === 'left';
    // Nothing follows the last column, so it needs no padding; in a pipe it need not even be measured.
    if (isLast) return colour(column, Number.isFinite(widths[i]!) ? truncate(cell(column), widths[i]!) : cell(column));
    return colour(column, toWidth(cell(column), widths[i]!, column.align));
  });
  return joined(parts, GAP);
}

function widthInPipe(column: DrawnColumn, i: number, all: readonly DrawnColumn[]): number {
  return i === all.length - 1 && column.align === 'left' ? Number.POSITIVE_INFINITY : naturalWidth(column);
}

function naturalWidth(column: DrawnColumn): number {
  return column.cells.reduce((max, cell) => Math.max(max, width(cell)), column.label.length);
}

/** Shrinks columns that may shrink, then drops the least important ones, until the rest fits. */
function arrange(drawn: readonly DrawnColumn[], available: number): {kept: DrawnColumn[]; widths: number[]} {
  let kept = drawn.map(column => ({column, natural: naturalWidth(column)}));
  for (;;) {
    const gaps = GAP.length * (kept.length - 1);
    const least = kept.reduce((sum, {column, natural}) => sum + Math.min(natural, column.shrinkTo ?? natural), gaps);
    const next = [...kept].sort((a, b) => b.column.dropOrder - a.column.dropOrder)[0];
    if (least <= available || !next || next.column.dropOrder === 0) break;
    kept = kept.filter(item => item !== next);
  }
  let spare = available - GAP.length * (kept.length - 1);
  const widths = kept.map(({column, natural}) => Math.min(natural, column.shrinkTo ?? natural));
  spare -= widths.reduce((a, b) => a + b, 0);
  // Remaining room goes to the columns that were cut, the first ones first.
  kept.forEach(({natural}, i) => {
    const more = Math.max(0, Math.min(natural - widths[i]!, spare));
    widths[i]! += more;
    spare -= more;
  });
  return {kept: kept.map(({column}) => column), widths};
}

/** How cells are drawn. */
export interface Drawing {
  /** On a terminal, times are relative to this one. */
  readonly nowMicros?: number;
  /** Length of the periods that rows are split into. */
  readonly everyMicros?: number | null;
  /** A last column, dropped first on a narrow terminal. */
  readonly trend?: {readonly label: string; readonly cells: readonly Safe[]};
}

/**
 * The table of a question's answer: the first column is text that may be cut, numbers are aligned right. On a narrow
 * terminal the last columns are dropped first, main figures after all others, but never the one that the rows are
 * sorted by. In a pipe all columns
 * stay, and long texts are cut.
 */
export function renderTable(table: Table, columns: number | null, drawing: Drawing = {}): Safe {
  const drawn = columns === null ? drawnColumns(table, {}).map(cutForPipe) : drawnColumns(table, drawing);
  const {trend} = drawing;
  if (trend && columns !== null) drawn.push({...trend, align: 'left', dropOrder: drawn.length});
  return renderColumns(drawn, columns);
}

/** A result of a thousand characters would make all rows of a table that long. */
const LONGEST_IN_PIPE = 120;

/** Only of texts that say so: names and ids stay whole. */
function cutForPipe(column: DrawnColumn): DrawnColumn {
  if (!column.isLong) return column;
  return {...column, cells: column.cells.map(cell => truncate(cell, LONGEST_IN_PIPE))};
}

/** The columns of a table with the final text of each cell; without the units that stand in the cells. */
export function drawnColumns(table: Table, drawing: Drawing): DrawnColumn[] {
  const all = Object.entries(table.columns);
  const entries = all.some(([, {unit}]) => unit === 'varies') ? all.filter(([key]) => key !== 'unit') : all;
  const texts = entries.filter(([, {unit}]) => (unit ?? 'text') === 'text');
  return entries.map(([key, column], i): DrawnColumn => {
    const unit = column.unit ?? 'text';
    const isFirst = key === texts[0]?.[0];
    return {
      label: column.label,
      align: unit === 'text' || unit === 'time' || unit === 'stretch' || unit === 'flag' ? 'left' : 'right',
      cells: table.rows.map(cells => cellText(cells[key] ?? null, ofRow(column, cells), drawing)),
      isLong: column.isLong ?? false,
      dropOrder: i < 3 || key === table.sortedBy ? 0 : column.isMain ? i / entries.length : i,
      ...(column.least !== undefined ? {shrinkTo: column.least} : isFirst ? {shrinkTo: 16} : {}),
    };
  });
}

/** If a column's unit differs from row to row, it takes the unit of this row. */
function ofRow(column: Column, {unit}: Table['rows'][number]): Column {
  const own = UNITS.find(known => known === unit);
  return column.unit === 'varies' && own !== undefined ? {...column, unit: own} : column;
}

function cellText(value: Cell, {label, unit = 'text'}: Column, {nowMicros, everyMicros}: Drawing): Safe {
  if (value === null) return trusted('–');
  if (unit === 'flag') return trusted(value ? label : '');
  if (typeof value === 'number') return figure(value, unit);
  const text = String(value);
  if (unit === 'time' && nowMicros !== undefined) return ago(parseTime(text), nowMicros);
  if (unit === 'time') return wholeMoment(text);
  if (unit === 'stretch' && everyMicros) return stretchStart(parseTime(text), everyMicros);
  return safe(text);
}
