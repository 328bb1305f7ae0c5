import {setTimeout as sleep} from 'node:timers/promises';
import {traceRowOf} from '../../src/demo/agno-export.ts';
import {perform} from '../../src/demo/performance.ts';
import {loadRecorded} from '../../src/demo/recorded.ts';
import {type Scene, scenesOf} from '../../src/demo/scenes.ts';
import {Ids} from '../../src/demo/synthesize.ts';
import {SPAN_PLACES as SPAN} from '../../src/sql/agno-tables.ts';
import {openExporter, type SpanExporter} from '../../src/store/exporter.ts';
import {parseSource} from '../../src/store/source.ts';
import {createTables, type Row} from '../../src/store/writer.ts';
import {agnoTime} from '../../src/trace/time.ts';

export interface FastWriterOptions {
  readonly db: string;
  readonly spansPerSecond: number;
  /** Exporters at work at the same time; SQLite has one writer. */
  readonly connections: number;
  /** Spans exported at once, as Agno's batch processor does. */
  readonly spansAtOnce: number;
}

/** Makes Agno's tables, empty. */
export async function makeTables(db: string): Promise<void> {
  await (await createTables(parseSource(db, '--db', {}, '/'), 'ai')).finish();
}

/** Writes recorded runs with new ids as fast as it is told to: whole rows of real size, in Agno's transactions. */
export class FastWriter {
  /** When the export of a span was over, ms since 1970: after its commit. */
  readonly writtenMs = new Map<string, number>();
  private readonly ids = new Ids(Math.random);
  private scenes: Scene[] = [];
  private waiting: Row[][] = [];
  private isOn = true;

  constructor(private readonly options: FastWriterOptions) {}

  /** Writes for so long, or until `stop`. */
  async run(seconds: number): Promise<void> {
    const {db, connections, spansPerSecond} = this.options;
    this.scenes = scenesOf(await loadRecorded()).filter(scene => !scene.isKilled && !scene.isTraffic);
    const source = parseSource(db, '--db', {}, '/');
    const begin = performance.now();
    let taken = 0;
    const work = async (exporter: SpanExporter) => {
      while (this.isOn && performance.now() - begin < seconds * 1000) {
        if (taken > ((performance.now() - begin) / 1000) * spansPerSecond) {
          await sleep(5);
          continue;
        }
        const spans = this.next();
        taken += spans.length;
        const now = Date.now() * 1000;
        const rows = spans.map(row => row.map((value, i) => (i === SPAN.created_at ? agnoTime(now) : value)));
        await exporter.export(traceRowOf(rows, now), rows);
        const after = performance.timeOrigin + performance.now();
        for (const row of rows) this.writtenMs.set(String(row[SPAN.span_id]), after);
      }
      await exporter.close();
    };
    await Promise.all(Array.from({length: connections}, async () => work((await openExporter(source, 'ai'))!)));
  }

  stop(): void {
    this.isOn = false;
  }

  /** The next spans of one trace. */
  private next(): Row[] {
    if (this.waiting.length === 0) {
      const scene = this.scenes[Math.floor(Math.random() * this.scenes.length)]!;
      const atMicros = Date.now() * 1000 - scene.lengthMicros;
      const traces = new Map<unknown, Row[]>();
      for (const {row} of perform(scene, {ids: this.ids, atMicros, speed: 1}).spans)
        traces.set(row[SPAN.trace_id], [...(traces.get(row[SPAN.trace_id]) ?? []), row]);
      for (const rows of traces.values())
        for (let at = 0; at < rows.length; at += this.options.spansAtOnce)
          this.waiting.push(rows.slice(at, at + this.options.spansAtOnce));
    }
    return this.waiting.shift()!;
  }
}
