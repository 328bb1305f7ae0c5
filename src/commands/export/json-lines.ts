import type {Output} from '../../context.ts';
import {terminalJson, trusted} from '../../text/safe.ts';
import {exactJson} from '../../trace/json.ts';
import {isoTime} from '../../trace/time.ts';
import type {ExportWriter, WrittenRun, WrittenSpan} from './writer.ts';

/** A line for each run, as in `list`, then one for each of its spans, as in `show`, with exactly all attributes. */
export class JsonLinesWriter implements ExportWriter {
  constructor(private readonly out: Output) {}

  async run({record}: WrittenRun): Promise<void> {
    await this.write(JSON.stringify({type: 'run', ...record}));
  }

  async span({stored, record}: WrittenSpan): Promise<void> {
    const {attributes, unreadAttributes} = stored;
    const head = JSON.stringify({
      type: 'span',
      ...record(),
      // The record of a tree has only the beginning of it.
      statusMessage: stored.statusMessage,
      problems: stored.problems,
      otelKind: stored.otelKind,
      createdTime: stored.created.nanos === null ? null : isoTime(Number(stored.created.nanos / 1000n)),
      ...(unreadAttributes === null ? {} : {unreadAttributes}),
    });
    await this.write(`${head.slice(0, -1)},"attributes":${exactJson(attributes, {sorted: true})}}`);
  }

  async end(): Promise<void> {
    await this.out.drained?.();
  }

  private async write(json: string): Promise<void> {
    this.out.write(trusted(`${this.out.isTTY ? terminalJson(json) : json}\n`));
    await this.out.drained?.();
  }
}
