import path from 'node:path';
import {openArchive} from '../archive/reader.ts';
import {type ArchivedRow, restored} from '../archive/value.ts';
import {append} from '../lists.ts';
import {makeTemporaryFolder} from '../private-file.ts';
import {REQUIRED_COLUMNS, SPAN_COLUMNS, TRACE_COLUMNS} from '../sql/agno-tables.ts';
import {TRAITS} from '../sql/traits.ts';
import {mergedTraceRows} from '../trace/partial-rows.ts';
import type {TraceRow} from '../trace/span.ts';
import {parseTime} from '../trace/time.ts';
import {labelOf, type SqliteSource} from './source.ts';
import {openSqlite} from './sqlite/store.ts';
import {createSqliteTables} from './sqlite/writer.ts';
import {type OpenOptions, replacing, type Store} from './store.ts';
import type {Row} from './writer.ts';

/**
 * Opens an archive as a database: its rows are copied into a private SQLite file with Agno's tables, which is removed
 * when the store is closed or the process ends. Complete batches are read, even from a truncated archive.
 * @throws UserError exit 7 if it is damaged
 */
export async function openArchiveStore(source: SqliteSource, options: OpenOptions): Promise<Store> {
  const folder = makeTemporaryFolder();
  const file = path.join(folder.path, 'archive.db');
  try {
    const {isComplete, unfit, unfitIds} = await load(source.file, file);
    if (unfit > 0)
      options.warn?.(
        `${unfit} rows of the archive lack required values and are left out, for example ${unfitIds.join(', ')}`,
      );
    if (!isComplete) options.warn?.('the archive is cut off: only its complete batches are read');
    const tables = {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'};
    const store = await openSqlite({dialect: 'sqlite', file}, {...options, tables});
    return replacing(store, {
      label: labelOf(source),
      // Nobody writes it, so no pauses are needed for a writer.
      blocksWriter: false,
      close: async () => {
        await store.close();
        folder.remove();
      },
    });
  } catch (error) {
    folder.remove();
    throw error;
  }
}

interface Loaded {
  readonly isComplete: boolean;
  /** Rows that none of Agno's tables can hold, and some of their ids. */
  readonly unfit: number;
  readonly unfitIds: readonly string[];
}

const MOST_NAMED = 5;

async function load(archive: string, file: string): Promise<Loaded> {
  const {header, batches} = await openArchive(archive);
  const isPartial = TRAITS[header.dialect].hasPartialTraceRows;
  /** Rows of the same trace may be anywhere in the file. */
  const partial: TraceRow[] = [];
  // Spans of a trace come before its row, and some have no row.
  const writer = await createSqliteTables({dialect: 'sqlite', file}, {foreignKeys: false});
  const unfitIds: string[] = [];
  let unfit = 0;
  const fitting = (rows: readonly ArchivedRow[], role: 'traces' | 'spans') =>
    rows.filter(row => {
      const isFit = REQUIRED_COLUMNS[role].every(column => (row[column] ?? null) !== null);
      if (!isFit && unfit++ < MOST_NAMED) unfitIds.push(String(row[role === 'spans' ? 'span_id' : 'trace_id']));
      return isFit;
    });
  try {
    const walk = batches();
    for (;;) {
      const next = await walk.next();
      if (next.done) {
        await writer.write(mergedTraceRows(partial).map(mergedRowOf), []);
        await writer.finish();
        return {isComplete: next.value.manifest !== null, unfit, unfitIds};
      }
      const {traces, spans} = next.value;
      const rows = fitting(traces, 'traces').map(row => rowOf(row, TRACE_COLUMNS));
      if (isPartial) append(partial, rows.map(traceRowOf));
      await writer.write(
        isPartial ? [] : rows,
        fitting(spans, 'spans').map(row => rowOf(row, SPAN_COLUMNS)),
      );
    }
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

function traceRowOf(row: Row): TraceRow {
  return Object.fromEntries(TRACE_COLUMNS.map((column, i) => [column, row[i]])) as unknown as TraceRow;
}

/** In Agno's order of columns, with the time from the first start to the last end. */
function mergedRowOf(trace: TraceRow): Row {
  const [start, end] = [parseTime(trace.start_time), parseTime(trace.end_time)];
  const durationMs = start === null || end === null ? 0 : Math.trunc((end - start) / 1000);
  const values: Readonly<Record<string, unknown>> = {...trace, duration_ms: durationMs};
  return TRACE_COLUMNS.map(column => values[column] as Row[number]);
}

/** In Agno's order of columns; columns that somebody added are not read here. */
function rowOf(row: ArchivedRow, columns: readonly string[]): Row {
  return columns.map(column => {
    const value = restored(row[column] ?? null);
    switch (value.type) {
      case 'null':
        return null;
      case 'text':
        return value.text;
      case 'real':
        return value.real;
      case 'integer':
        return value.integer >= Number.MIN_SAFE_INTEGER && value.integer <= Number.MAX_SAFE_INTEGER
          ? Number(value.integer)
          : value.integer.toString();
      default:
        return value.bytes.toString('utf8');
    }
  });
}
