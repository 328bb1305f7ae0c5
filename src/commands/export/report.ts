import type {Context} from '../../context.ts';
import {writeLine} from '../../flags/output.ts';
import {type ReportedSpan, renderRunReport} from '../../render/run-report.ts';
import {trusted} from '../../text/safe.ts';
import {type ExactAttributes, KEY} from '../../trace/attributes.ts';
import {exactJson} from '../../trace/json.ts';
import type {ExportWriter, WrittenRun, WrittenSpan} from './writer.ts';

const MOST_ROWS = 400;
const MOST_FAILURES = 50;

/** A page for each run; only the content of the page is in memory. */
export class ReportWriter implements ExportWriter {
  private run_: WrittenRun | null = null;
  private isFirst = true;
  private spans: ReportedSpan[] = [];
  private moreSpans = 0;
  private failures: {name: string; message: string}[] = [];
  private input: string | null = null;
  private output: string | null = null;

  constructor(private readonly out: Context) {}

  async run(run: WrittenRun): Promise<void> {
    await this.end();
    this.run_ = run;
  }

  async span({stored, record, name}: WrittenSpan): Promise<void> {
    const row = record();
    if (this.spans.length < MOST_ROWS) this.spans.push({record: row, name: name()});
    else this.moreSpans++;
    const isRoot = row.spanId === this.run_!.record.spanId;
    const isFailed = row.spanStatus === 'ERROR' || row.state === 'error';
    if (isFailed && stored.statusMessage !== null && this.failures.length < MOST_FAILURES)
      this.failures.push({name: name(), message: stored.statusMessage});
    if (!isRoot) return;
    this.input = textOf(stored.attributes, KEY.input);
    this.output = textOf(stored.attributes, KEY.output);
  }

  async end(): Promise<void> {
    const {run_: run, spans, moreSpans, failures, input, output} = this;
    if (!run) return;
    if (!this.isFirst) writeLine(this.out, trusted('\n---\n'));
    writeLine(this.out, renderRunReport({record: run.record, spans, moreSpans, failures, input, output}));
    await this.out.stdout.drained?.();
    Object.assign(this, {run_: null, isFirst: false, spans: [], moreSpans: 0, failures: [], input: null, output: null});
  }
}

function textOf(attributes: ExactAttributes, key: string): string | null {
  const value = attributes[key];
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : exactJson(value);
}
