import {existsSync} from 'node:fs';
import {EXIT, UserError} from '../../errors.ts';
import {Apart} from './apart.ts';
import type {ChildAnswer, ChildJob} from './child.ts';
import {openWritableFile, type WritableConnection} from './driver.ts';
import {whatIsComputed} from './reading.ts';

/** A file opened for writing, in this process or in a separate one. */
export interface Writing {
  all(text: string, params: readonly unknown[]): Promise<unknown[]>;
  /** Integers as bigint. */
  allExactly(text: string, params: readonly unknown[]): Promise<unknown[]>;
  /** @returns rows changed */
  run(text: string, params: readonly unknown[]): Promise<number>;
  exec(text: string): Promise<void>;
  inTransaction(): boolean;
  /** The following statements may take this long together, if they can be stopped; null: no special limit. */
  within(ms: number | null): void;
  /** Whatever is running is stopped after a moment, if it can be. */
  hurry(): void;
  close(): Promise<void>;
}

interface WritingOptions {
  readonly file: string;
  readonly busyMs: number;
  /** Nobody else may use the file until it is closed; then the schema may also be edited as text. */
  readonly alone: boolean;
  /** One statement may run long. */
  readonly isLong: boolean;
  /** Statements that run at the beginning. */
  readonly setup: string;
  /** The tables that will be written. */
  readonly tables: readonly string[];
}

/** For statements that nobody waits for. */
const LIMIT_MS = 30_000;
/** When the user wants to stop, running work still gets this time to end by itself. */
const GRACE_MS = 400;

/**
 * Opens a file for writing. This process writes rows of plain tables. Work that the file itself adds (a trigger, a
 * computed key) may never end, and statements that rewrite the whole file, or are declared long, take their time: a
 * process that can be stopped runs these.
 */
export async function openWriting(options: WritingOptions): Promise<Writing> {
  const {file, busyMs, alone, isLong, setup, tables} = options;
  if (alone || isLong)
    return begun(
      new WritingApart(options, alone ? 'it changes the whole file' : 'a statement may run for a long time'),
      setup,
    );
  const connection = await openWritableFile({file, busyMs});
  let reason: string | null;
  try {
    connection.exec(setup);
    reason = whatIsComputed(connection, tables) ?? whatWritesAlong(connection, tables);
  } catch (error) {
    connection.close();
    throw error;
  }
  if (reason === null) return new WritingHere(connection);
  connection.close();
  return begun(new WritingApart(options, reason), setup);
}

async function begun(writing: WritingApart, setup: string): Promise<Writing> {
  try {
    await writing.exec(setup);
    return writing;
  } catch (error) {
    await writing.close();
    throw error;
  }
}

/**
 * What else runs or is computed for every written row, in words; null: nothing. Includes triggers of any table: a
 * deletion may reach others.
 */
function whatWritesAlong(connection: WritableConnection, tables: readonly string[]): string | null {
  const [found] = connection.all(
    `select case when sql like 'create trigger %' then 'a trigger, "' || name || '", does something with it'
            else 'the index "' || name || '" computes its keys' end as reason
  from sqlite_master
 where sql like 'create trigger %'
    or (type = 'index' and lower(tbl_name) in (select lower(value) from json_each(?))
        and (exists (select 1 from pragma_index_xinfo(name) where cid = -2)
             or exists (select 1 from pragma_index_list(tbl_name) l where l.name = sqlite_master.name and l.partial)))
 limit 1`,
    [JSON.stringify(tables)],
  ) as {reason: string}[];
  return found?.reason ?? null;
}

class WritingHere implements Writing {
  constructor(private readonly connection: WritableConnection) {}

  async all(text: string, params: readonly unknown[]): Promise<unknown[]> {
    return this.connection.all(text, params);
  }

  async allExactly(text: string, params: readonly unknown[]): Promise<unknown[]> {
    return this.connection.allExactly(text, params);
  }

  async run(text: string, params: readonly unknown[]): Promise<number> {
    return this.connection.run(text, params);
  }

  async exec(text: string): Promise<void> {
    this.connection.exec(text);
  }

  inTransaction(): boolean {
    return this.connection.inTransaction();
  }

  within(): void {}

  hurry(): void {}

  async close(): Promise<void> {
    this.connection.close();
  }
}

class WritingApart implements Writing {
  private readonly apart: Apart;
  private endMs: number | null = null;
  private isHurried = false;

  constructor(
    private readonly options: WritingOptions,
    reason: string,
  ) {
    const {file, busyMs, alone, setup} = options;
    this.apart = new Apart({
      file,
      busyMs,
      mode: alone ? 'alone' : 'write',
      setup,
      tooLong: ms => this.stopped(ms, reason),
    });
  }

  async all(text: string, params: readonly unknown[]): Promise<unknown[]> {
    return (await this.ask('all', text, params)).rows;
  }

  async allExactly(text: string, params: readonly unknown[]): Promise<unknown[]> {
    return (await this.ask('exactly', text, params)).rows;
  }

  async run(text: string, params: readonly unknown[]): Promise<number> {
    return (await this.ask('run', text, params)).changes;
  }

  async exec(text: string): Promise<void> {
    await this.ask('exec', text, []);
  }

  inTransaction(): boolean {
    return this.apart.inTransaction;
  }

  within(ms: number | null): void {
    this.endMs = ms === null ? null : performance.now() + ms;
  }

  hurry(): void {
    this.isHurried = true;
    this.apart.stopIn(GRACE_MS);
  }

  async close(): Promise<void> {
    await this.apart.close();
  }

  private async ask(kind: ChildJob['kind'], text: string, params: readonly unknown[]): Promise<ChildAnswer> {
    const limitMs = this.endMs === null ? LIMIT_MS : Math.max(1, this.endMs - performance.now());
    try {
      return await this.apart.ask({kind, text, params}, limitMs);
    } catch (error) {
      if (error instanceof UserError && !this.apart.isRunning) await this.recover();
      throw error;
    }
  }

  /**
   * A process that was killed in the middle left its journal: the next program that opens the file rolls it back, and
   * here that is us.
   */
  private async recover(): Promise<void> {
    const {file} = this.options;
    try {
      const connection = await openWritableFile({file, busyMs: LIMIT_MS / 10});
      try {
        connection.all('select count(*) from sqlite_master', []);
        // If it was killed before it had written to the file, it left an empty journal, which only a change removes.
        if (existsSync(`${file}-journal`)) connection.exec('begin immediate; pragma user_version = 1; rollback');
      } finally {
        connection.close();
      }
    } catch {
      // Then the next program that writes the file does it, as after a power cut.
    }
  }

  private stopped(ms: number, reason: string): UserError {
    const cause = Object.assign(new Error('stopped'), {code: 'SQLITE_INTERRUPT'});
    const {file} = this.options;
    if (this.isHurried)
      return new UserError(EXIT.stopped, `stopped; the unfinished change in "${file}" was rolled back.`, {cause});
    return new UserError(
      EXIT.unreachable,
      `a change of "${file}" took longer than ${(ms / 1000).toFixed(1)} s and was stopped; it was rolled back.`,
      {hint: `It may never end: ${reason}.`, cause},
    );
  }
}
