import Database from 'better-sqlite3';
import {agnoTime, parseTime} from '../src/trace/time.ts';

/** A stored row, by column. */
export type StoredRow = Record<string, string | number | null>;

/** One run as it lies in a SQLite file, to be changed and written beside the others. */
export interface RunCopy {
  readonly traces: StoredRow[];
  readonly spans: StoredRow[];
}

const IDS =
  /(?<!\.)\b(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}|[0-9a-f]{16}|call_\w+|res_[0-9a-f]+|chatcmpl-\w+)\b/g;

/**
 * The same run once more, as Agno would write it a while later: other ids everywhere, later times, another session, and in model
 * calls other times of their messages.
 */
export function copyRun(file: string, traceId: string, laterMs: number): RunCopy {
  const db = new Database(file, {readonly: true});
  const rows = (table: string) => db.prepare(`select * from ${table} where trace_id = ?`).all(traceId) as StoredRow[];
  const [traces, spans] = [rows('agno_traces'), rows('agno_spans')];
  db.close();
  const ids = new Map<string, string>();
  const other = (id: string) => {
    if (!ids.has(id)) {
      const seed = ids.size + 1;
      // Of the same form, as ids of the same kind are.
      ids.set(
        id,
        id.replace(/[0-9a-f](?=[0-9a-f]|$)/g, (digit, at: number) =>
          ((Number.parseInt(digit, 16) + seed + at) % 16).toString(16),
        ),
      );
    }
    return ids.get(id)!;
  };
  const later = (text: string) => {
    const micros = parseTime(text);
    return micros === null ? text : agnoTime(micros + laterMs * 1000);
  };
  const renamed = (row: StoredRow): StoredRow =>
    Object.fromEntries(
      Object.entries(row).map(([column, value]) => {
        if (typeof value !== 'string') return [column, value];
        if (column.endsWith('_time') || column === 'created_at') return [column, later(value)];
        const text = value.replace(IDS, other);
        return [
          column,
          column === 'attributes'
            ? text
                .replace(
                  /(created_at\\": )(\d+)/g,
                  (_, key: string, at: string) => `${key}${Number(at) + Math.round(laterMs / 1000)}`,
                )
                .replace(/(duration\\": )([\d.]+)/g, (_, key: string, ms: string) => `${key}${Number(ms) * 1.37}`)
            : text,
        ];
      }),
    );
  return {traces: traces.map(renamed), spans: spans.map(renamed)};
}

export function writeRun(file: string, {traces, spans}: RunCopy): void {
  const db = new Database(file);
  for (const [table, rows] of [
    ['agno_traces', traces],
    ['agno_spans', spans],
  ] as const)
    for (const row of rows) {
      const columns = Object.keys(row);
      db.prepare(`insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`).run(
        ...columns.map(column => row[column]),
      );
    }
  db.close();
}

/** Changes the attributes of one span of a copy. */
// biome-ignore lint/suspicious/noExplicitAny: attributes are whatever a test looks into
export function changeAttributes(row: StoredRow, change: (attributes: any) => void): void {
  const attributes = JSON.parse(String(row.attributes));
  change(attributes);
  row.attributes = JSON.stringify(attributes);
}

/** The trace of a session that has one. */
export function traceOf(file: string, session: string): string {
  const db = new Database(file, {readonly: true});
  const traceId = db
    .prepare('select trace_id from agno_traces where session_id = ? order by start_time')
    .pluck()
    .get(session);
  db.close();
  return String(traceId);
}
