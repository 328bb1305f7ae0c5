import {stringify} from 'csv-stringify/sync';
import {type Safe, safe, trusted} from '../text/safe.ts';

/** One row by its keys, as JSON has it. */
export type FlatRecord = Readonly<Record<string, unknown>>;

/**
 * What a spreadsheet takes for a formula or a command (OWASP, "CSV Injection"), full-width forms too, behind any number of
 * our own quotes: so one quote is put before each, and a reader that takes one away has the text back exactly.
 */
const ACTIVE = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/**
 * CSV as RFC 4180 has it, with a header. Unknown is an empty cell, empty text is `""`; lists are JSON. Text that a
 * spreadsheet would execute gets a `'` in front, numbers never. Into a pipe text is exact otherwise, for a terminal escaped.
 */
export function renderCsv(records: readonly FlatRecord[], columns: readonly string[], isTTY: boolean): Safe {
  const text = (value: string): string => {
    const inert = ACTIVE.test(value) ? `'${value}` : value;
    return isTTY ? safe(inert) : inert;
  };
  const rows = [columns, ...records.map(record => columns.map(column => record[column] ?? null))];
  // Rows are lists and the header is one of them: given as names, `a.b` would be taken for a path into an object.
  return trusted(
    stringify(rows, {
      record_delimiter: 'windows',
      // Quote empty text, so that it differs from unknown; the library does not quote a single CR or LF.
      quoted_match: /^$|[\r\n]/,
      cast: {
        string: text,
        boolean: String,
        number: String,
        bigint: String,
        object: value => text(JSON.stringify(value)),
      },
    }),
  );
}
