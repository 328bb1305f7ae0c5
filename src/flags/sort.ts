import {closest} from '../closest.ts';
import {usageError} from '../errors.ts';
import type {Column} from '../table/table.ts';

/**
 * Parses `--sort`: a column, by its key or its heading; figures largest first, texts smallest first, `-` reverses the
 * order.
 * @throws UserError exit 2 for an unknown column
 */
export function parseSort(
  text: string,
  columns: Readonly<Record<string, Column>>,
): {column: string; descending: boolean} {
  const column = text.replace(/^[-+]/, '');
  const known = Object.keys(columns);
  const isMeant = (name: string | undefined) => name?.toLowerCase() === column.toLowerCase();
  const found = known.find(isMeant) ?? known.find(key => isMeant(columns[key]!.label));
  if (!found) {
    const near = closest(column, known);
    throw usageError(
      `--sort "${text}" is not a column.`,
      near ? `Did you mean ${near}? Columns: ${known.join(', ')}.` : `Columns: ${known.join(', ')}.`,
    );
  }
  const isText = (columns[found]!.unit ?? 'text') === 'text';
  return {column: found, descending: text.startsWith('-') === isText};
}
