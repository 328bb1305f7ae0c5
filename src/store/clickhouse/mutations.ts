import {type ClickhouseSource, labelOf} from '../source.ts';
import {Commands} from './commands.ts';
import {CODE, codeOf, explainClickhouse} from './errors.ts';

const GRANT = 'SELECT, ALTER DELETE, ALTER TABLE';

/** ClickHouse opened for deleting: one statement after the other, each done when it returns. */
export class Mutations {
  readonly label: string;

  private constructor(
    private readonly source: ClickhouseSource,
    private readonly commands: Commands,
  ) {
    this.label = labelOf(source);
  }

  static async open(source: ClickhouseSource): Promise<Mutations> {
    return new Mutations(source, await Commands.open(source));
  }

  /**
   * Runs a deletion of rows. Its text may be as long as their ids need.
   */
  async delete(statement: string): Promise<void> {
    await this.explained(() => this.commands.run(statement, {max_query_size: '16000000'}));
  }

  /**
   * Runs a statement that drops one part of a table.
   * @returns false if there is no such part any more: it was merged or mutated meanwhile
   */
  async dropPart(statement: string): Promise<boolean> {
    try {
      await this.commands.run(statement);
      return true;
    } catch (error) {
      if (codeOf(error) === CODE.noSuchPart) return false;
      throw explainClickhouse(error, this.source, GRANT);
    }
  }

  /** Why this user may not delete rows of these tables; null: nothing is known against it. */
  async hindrance(tables: readonly string[]): Promise<{message: string; hint: string} | null> {
    const who = `user "${this.source.user}" may not delete rows of "${this.label}"`;
    const readonly = await this.asked("select getSetting('readonly')");
    if (Number(readonly ?? 0) > 0)
      return {message: who, hint: 'Its settings profile has readonly; name a user whose profile has not.'};
    for (const table of tables)
      if ((await this.asked(`check grant ALTER DELETE on ${table}`)) === '0')
        return {message: who, hint: `GRANT SELECT, ALTER DELETE ON ${this.source.database}.* TO ${this.source.user};`};
    return null;
  }

  /** One value; null if the server does not answer such a statement, as older ones do not `check grant`. */
  private async asked(text: string): Promise<string | null> {
    try {
      return await this.commands.ask(text);
    } catch (error) {
      if (/^\d+$/.test(codeOf(error))) return null;
      throw explainClickhouse(error, this.source);
    }
  }

  private async explained(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw explainClickhouse(error, this.source, GRANT);
    }
  }

  close(): Promise<void> {
    return this.commands.close();
  }
}

/** ClickHouse opened for inserting rows of an archive. */
export class Insertions {
  private constructor(
    private readonly source: ClickhouseSource,
    private readonly commands: Commands,
  ) {}

  static async open(source: ClickhouseSource): Promise<Insertions> {
    return new Insertions(source, await Commands.open(source));
  }

  async insert(...[table, columns, rows]: Parameters<Commands['insert']>): Promise<void> {
    try {
      await this.commands.insert(table, columns, rows);
    } catch (error) {
      throw explainClickhouse(error, this.source, 'SELECT, INSERT');
    }
  }

  close(): Promise<void> {
    return this.commands.close();
  }
}
