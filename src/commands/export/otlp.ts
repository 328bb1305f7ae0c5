import type {Output} from '../../context.ts';
import {type OtlpSpan, otlpSpan} from '../../otlp/otlp-span.ts';
import {type Origin, requestJson} from '../../otlp/request.ts';
import {terminalJson, trusted} from '../../text/safe.ts';
import type {ExportWriter, WrittenSpan} from './writer.ts';

/**
 * Like OpenTelemetry's own batches; receivers accept 20 MiB of JSON according to the specification, and escapes make
 * attributes longer.
 */
const MOST_SPANS = 512;
const MOST_BYTES = 4_000_000;

/** Where a batch goes: a line of a file, or a receiver. */
type Sink = (spans: readonly OtlpSpan[]) => Promise<void>;

/** Spans of OTLP in batches. */
export class OtlpWriter implements ExportWriter {
  private batch: OtlpSpan[] = [];
  private bytes = 0;
  /** What the format could not represent exactly, with the number of spans. */
  readonly losses = new Map<string, number>();

  constructor(private readonly sink: Sink) {}

  async run(): Promise<void> {}

  async span({stored}: WrittenSpan): Promise<void> {
    if (this.batch.length > 0 && this.bytes + stored.bytes > MOST_BYTES) await this.flush();
    const losses = new Set<string>();
    this.batch.push(otlpSpan(stored, losses));
    this.bytes += stored.bytes;
    for (const loss of losses) this.losses.set(loss, (this.losses.get(loss) ?? 0) + 1);
    if (this.batch.length >= MOST_SPANS) await this.flush();
  }

  async end(): Promise<void> {
    await this.flush();
  }

  private async flush(): Promise<void> {
    const {batch} = this;
    if (batch.length === 0) return;
    this.batch = [];
    this.bytes = 0;
    await this.sink(batch);
  }
}

/** The file format of OpenTelemetry (specification, "File Exporter"): one request per line. */
export function lineSink(out: Output, origin: Origin): Sink {
  return async spans => {
    const json = requestJson(spans, origin);
    out.write(trusted(`${out.isTTY ? terminalJson(json) : json}\n`));
    await out.drained?.();
  };
}
