import {UserError} from '../errors.ts';
import type {Sql, TableNames} from '../sql/sql.ts';
import {openStore} from './open.ts';
import {labelOf, type Source} from './source.ts';
import type {Evidence, OpenOptions, Store} from './store.ts';

/**
 * Opens the database with Agno's own run tables, if it is not that of the traces. They only help confirm states: if
 * they cannot be read, there is one note and no rows.
 */
export async function openRunTables(source: Source, options: OpenOptions): Promise<Evidence> {
  const say = (error: unknown) => {
    if (!(error instanceof UserError)) throw error;
    options.warn?.(`Agno's own run status is ignored: ${error.message}`);
  };
  try {
    return new RunTables(await openStore(source, {...options, holds: 'runs'}), say);
  } catch (error) {
    say(error);
    return {
      dialect: source.dialect,
      label: labelOf(source),
      tables: {},
      all: async () => [],
      close: async () => undefined,
    };
  }
}

class RunTables implements Evidence {
  readonly dialect: Store['dialect'];
  readonly label: string;
  tables: TableNames;

  constructor(
    private readonly store: Store,
    private readonly onFailure: (error: unknown) => void,
  ) {
    this.dialect = store.dialect;
    this.label = store.label;
    this.tables = store.tables;
  }

  async all<Row>(query: Sql): Promise<Row[]> {
    try {
      return await this.store.all<Row>(query);
    } catch (error) {
      this.onFailure(error);
      // Do not try again: one note, and no waiting for a dead server at every look-up.
      this.tables = {};
      return [];
    }
  }

  close(): Promise<void> {
    return this.store.close();
  }
}
