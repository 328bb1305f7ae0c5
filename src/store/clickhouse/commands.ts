import {Readable} from 'node:stream';
import type {ClickHouseClient, ClickHouseSettings} from '@clickhouse/client';
import type {ClickhouseSource} from '../source.ts';
import {clientOf} from './connect.ts';

/** A value to insert; bytes are text that is not UTF-8. */
export type Inserted = string | number | bigint | Buffer | null;

/**
 * Statements that change something, each a request of its own without a session. The server answers when the work is
 * done: an insert when its rows are visible, a deletion when no row that it means is.
 */
export class Commands {
  private constructor(
    private readonly client: ClickHouseClient,
    private readonly end: () => Promise<void>,
  ) {}

  static async open(source: ClickhouseSource): Promise<Commands> {
    const {client, agent} = await clientOf(source);
    return new Commands(client, async () => {
      await client.close();
      agent.agent.destroy();
    });
  }

  async run(text: string, settings: ClickHouseSettings = {}): Promise<void> {
    await this.client.command({query: text, clickhouse_settings: settings});
  }

  /** The first value of the answer, as text. */
  async ask(text: string): Promise<string> {
    // Not every statement takes a format; without one, a server answers with fields between tabs.
    const {stream} = await this.client.exec({query: text});
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
    return Buffer.concat(chunks)
      .toString('utf8')
      .split(/[\t\n]/)[0]!;
  }

  /** @param table as written in SQL */
  async insert(table: string, columns: readonly string[], rows: readonly (readonly Inserted[])[]): Promise<void> {
    if (rows.length === 0) return;
    await this.client.insert({
      table,
      columns: columns as [string, ...string[]],
      format: 'TabSeparated',
      values: Readable.from([Buffer.concat(rows.map(lineOf))], {objectMode: false}),
      // Not collected with the rows of others: they would be visible later.
      clickhouse_settings: {async_insert: 0, wait_end_of_query: 1, max_partitions_per_insert_block: '0'},
    });
  }

  close(): Promise<void> {
    return this.end();
  }
}

const TAB = Buffer.from('\t');
const BREAK = Buffer.from('\n');

function lineOf(values: readonly Inserted[]): Buffer {
  const parts = values.flatMap((value, i) => [...(i === 0 ? [] : [TAB]), fieldOf(value)]);
  return Buffer.concat([...parts, BREAK]);
}

function fieldOf(value: Inserted): Buffer {
  if (value === null) return Buffer.from('\\N');
  if (!Buffer.isBuffer(value)) return Buffer.from(escaped(String(value)));
  // Latin-1 has a character for each byte.
  return Buffer.from(escaped(value.toString('latin1')), 'latin1');
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\t': '\\t',
  '\n': '\\n',
  '\r': '\\r',
  '\0': '\\0',
};

function escaped(text: string): string {
  return text.replace(/[\\\t\n\r\0]/g, char => ESCAPES[char]!);
}

/** A time in Agno's text form as the table's times are written. */
export function timeField(text: string): string {
  return text.replace('T', ' ').replace(/(Z|\+00:00)$/, '');
}
