import {existsSync, statSync} from 'node:fs';
import {EXIT, UserError} from '../../errors.ts';
import {SPAN_COLUMNS, TRACE_COLUMNS} from '../../sql/agno-tables.ts';
import {mergeTrace} from '../../sql/agno-upsert.ts';
import type {SpanExporter} from '../exporter.ts';
import type {SqliteSource} from '../source.ts';
import type {Row} from '../writer.ts';
import {explainSqlite} from './errors.ts';
import {loadDriver, refuseForeign} from './writer.ts';

/** As long as Python's driver, and so Agno, waits for another writer. */
const BUSY_MS = 5000;

/** Opens a demo file for exports; null if there is none, or its creation was interrupted. */
export async function openSqliteExporter({file}: SqliteSource): Promise<SpanExporter | null> {
  const Database = loadDriver();
  if (!existsSync(file)) return null;
  refuseForeign(file, Database);
  const explained = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw explainSqlite(error, file);
    }
  };
  const db = explained(() => new Database(file, {timeout: BUSY_MS}));
  const tables = db.prepare("select count(*) from sqlite_master where name in ('agno_traces', 'agno_spans')").pluck();
  if (tables.get() !== 2) {
    db.close();
    return null;
  }
  const places = (columns: readonly string[]) =>
    `(${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`;
  const upsert = db.prepare(`insert into agno_traces as stored ${places(TRACE_COLUMNS)} ${mergeTrace('sqlite')}`);
  const insert = db.prepare(`insert into agno_spans ${places(SPAN_COLUMNS)}`);
  const insertAll = db.transaction((spans: readonly Row[]) => {
    for (const span of spans) insert.run(...span);
  });
  const inode = statSync(file).ino;
  return {
    export: async (trace, spans) =>
      explained(() => {
        // What is written into a file that no longer has a name is lost.
        if (statSync(file, {throwIfNoEntry: false})?.ino !== inode) {
          throw new UserError(EXIT.failed, `"${file}" was removed or recreated while runs were played into it.`, {
            hint: 'Start demo --live again.',
          });
        }
        upsert.run(...trace);
        insertAll(spans);
      }),
    close: async () => {
      db.close();
    },
  };
}
