import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {truncate, width} from '../text/width.ts';
import type {FlatRecord} from './csv.ts';
import {type DrawnColumn, renderColumns} from './table.ts';

/** A narrower column of text is useless. */
const LEAST_WIDTH = 8;
/** More of a cell is not processed on a terminal: payloads have megabytes. */
const LONGEST_SEEN = 1000;

/**
 * Rows with any columns. On a terminal every column is shown, cut to fit; if they do not fit side by side, each row
 * becomes a block with a line per column. In a pipe everything is complete, one row per line.
 * @param available columns of the terminal; null: a pipe
 */
export function renderRelation(
  rows: readonly FlatRecord[],
  columns: readonly string[],
  available: number | null,
): Safe {
  const cells = columns.map(column => rows.map(row => cellText(row[column] ?? null, available)));
  if (available !== null && leastWidth(columns, cells) > available)
    return blocks(columns, cells, rows.length, available);
  const drawn = columns.map((column, i): DrawnColumn => {
    const values = rows.map(row => row[column] ?? null).filter(value => value !== null);
    const isNumeric =
      values.length > 0 && values.every(value => typeof value !== 'string' && typeof value !== 'boolean');
    return {
      label: safe(column),
      align: isNumeric ? 'right' : 'left',
      cells: cells[i]!,
      dropOrder: 0,
      ...(isNumeric ? {} : {shrinkTo: Math.max(LEAST_WIDTH, Math.min(width(safe(column)), 2 * LEAST_WIDTH))}),
    };
  });
  return renderColumns(drawn, available);
}

function cellText(value: unknown, available: number | null): Safe {
  if (value === null) return trusted('–');
  const text = String(value);
  return safe(available === null || text.length <= LONGEST_SEEN ? text : `${text.slice(0, LONGEST_SEEN)}…`);
}

function leastWidth(columns: readonly string[], cells: readonly (readonly Safe[])[]): number {
  const widths = columns.map((column, i) => {
    const label = width(safe(column));
    const natural = cells[i]!.reduce((max, cell) => Math.max(max, width(cell)), label);
    return Math.min(natural, Math.max(LEAST_WIDTH, Math.min(label, 2 * LEAST_WIDTH)));
  });
  return widths.reduce((sum, one) => sum + one, 2 * (columns.length - 1));
}

function blocks(
  columns: readonly string[],
  cells: readonly (readonly Safe[])[],
  rowCount: number,
  available: number,
): Safe {
  const labels = columns.map(column => truncate(safe(column), Math.floor(available / 2)));
  const longest = labels.reduce((max, label) => Math.max(max, width(label)), 0);
  const lines: Safe[] = [];
  for (let row = 0; row < rowCount; row++) {
    lines.push(paint(line`row ${row + 1}`, 'dim'));
    for (const [i, label] of labels.entries()) {
      const padding = trusted(' '.repeat(longest - width(label)));
      lines.push(
        line`  ${paint(label, 'bold')}${padding}  ${truncate(cells[i]![row]!, Math.max(1, available - longest - 4))}`,
      );
    }
  }
  return joined(lines, '\n');
}
