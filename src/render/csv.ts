import {stringify} from 'csv-stringify/sync';
import {type Safe, safe, trusted} from '../text/safe.ts';

/** One row by its keys, as JSON has it. */
export type FlatRecord = Readonly<Record<string, unknown>>;

/**
 * Text that a spreadsheet treats as a formula or a command (OWASP, "CSV Injection"), including full-width forms,
 * after any number of our own quotes. One quote is put before each, so a reader that removes one gets the exact text.
 */
const ACTIVE = /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

/**
 * CSV according to RFC 4180, with a header. Unknown is an empty cell, empty text is `""`; lists are JSON. Text that a
 * spreadsheet would execute gets a `'` in front, numbers never do. Otherwise text is exact in a pipe and escaped on a
 * terminal.
 */
export function renderCsv(records: readonly FlatRecord[], columns: readonly string[], isTTY: boolean): Safe {
  const text = (value: string): string => {
    const inert = ACTIVE.test(value) ? `'${value}` : value;
    return isTTY ? safe(inert) : inert;
  };
  const rows = [columns, ...records.map(record => columns.map(column => record[column] ?? null))];
  // Rows are lists and the header is one of them: given as a name, `a.b` would be a path into an object.
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
