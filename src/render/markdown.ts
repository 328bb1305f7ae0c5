import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import type {FlatRecord} from './csv.ts';

/**
 * A table in GitHub's Markdown. Text stays text: markup (links and images that load, HTML, code) is escaped, and a
 * line break becomes `<br>`.
 */
export function renderMarkdown(records: readonly FlatRecord[], columns: readonly string[]): Safe {
  const isNumeric = (column: string) => {
    const values = records.map(record => record[column] ?? null).filter(value => value !== null);
    return values.length > 0 && values.every(value => typeof value === 'number' || typeof value === 'bigint');
  };
  const row = (cells: readonly Safe[]): Safe => line`| ${joined(cells, ' | ')} |\n`;
  return joined(
    [
      row(columns.map(textCell)),
      row(columns.map(column => trusted(isNumeric(column) ? '---:' : '---'))),
      ...records.map(record => row(columns.map(column => cell(record[column] ?? null)))),
    ],
    '',
  );
}

function cell(value: unknown): Safe {
  if (value === null) return trusted('');
  if (typeof value === 'string') return textCell(value);
  return typeof value === 'object' ? textCell(JSON.stringify(value)) : textCell(String(value));
}

function textCell(text: string): Safe {
  const escaped = safe(text, {multiline: true})
    .replace(/[\\`*~|<>[\]&]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])/g, '\\$&')
    .replaceAll('\n', '<br>');
  return trusted(escaped);
}
