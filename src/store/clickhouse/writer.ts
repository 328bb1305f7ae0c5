import {EXIT, UserError} from '../../errors.ts';
import {SPAN_COLUMNS, TRACE_COLUMNS} from '../../sql/agno-tables.ts';
import {QUOTED} from '../../sql/sql.ts';
import {type ClickhouseSource, labelOf} from '../source.ts';
import type {Row, TableWriter} from '../writer.ts';
import {createTable} from './agno-tables.ts';
import {Commands, timeField} from './commands.ts';
import {Connection} from './connect.ts';
import {explainClickhouse} from './errors.ts';
import {qualified, quoteName} from './tables.ts';

const CATALOGUE_MS = 10_000;
const GRANT = 'CREATE DATABASE, CREATE TABLE, INSERT, SELECT';

/** Creates Agno's tables in a database that has none. */
export async function createClickhouseTables(source: ClickhouseSource): Promise<TableWriter> {
  const commands = await Commands.open(source).catch(error => {
    throw explainClickhouse(error, source);
  });
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw explainClickhouse(error, source, GRANT);
    }
  };
  const table = {traces: qualified(source.database, 'agno_traces'), spans: qualified(source.database, 'agno_spans')};
  try {
    await explained(async () => {
      await refuseExisting(source);
      await commands.run(`create database if not exists ${quoteName(source.database)}`);
      for (const role of ['traces', 'spans'] as const) await commands.run(createTable(role, source.database));
    });
  } catch (error) {
    await commands.close();
    throw error;
  }
  const insert = (role: 'traces' | 'spans', columns: readonly string[], rows: readonly Row[]) =>
    commands.insert(
      table[role],
      columns,
      rows.map(row => row.map((value, i) => fieldOf(columns[i]!, value))),
    );
  return {
    keepsEachExport: true,
    write: (traces, spans) =>
      explained(async () => {
        await insert('traces', TRACE_COLUMNS, traces);
        await insert('spans', SPAN_COLUMNS, spans);
      }),
    finish: () => commands.close(),
    abandon: () => commands.close(),
  };
}

async function refuseExisting(source: ClickhouseSource): Promise<void> {
  // The database itself may not exist yet.
  const connection = await Connection.open({...source, database: 'system'}, () => undefined);
  try {
    const {rows} = await connection.read(
      `select name from system.tables where database = ${QUOTED.clickhouse(source.database)} and name in ('agno_traces', 'agno_spans')`,
      CATALOGUE_MS,
    );
    if (rows.length > 0)
      throw new UserError(EXIT.usage, `"${labelOf(source)}" already has trace tables; they were not changed.`, {
        hint: 'Name another database in the URL: it is created if there is none.',
      });
  } finally {
    await connection.close();
  }
}

function fieldOf(column: string, value: Row[number]): Row[number] {
  if (typeof value === 'number') return Math.round(value);
  return /_(time|at)$/.test(column) ? timeField(String(value)) : value;
}
