import type {Context} from '../../context.ts';
import {exportRowsOf} from '../../demo/agno-export.ts';
import {loadRecorded} from '../../demo/recorded.ts';
import {movedToNow} from '../../demo/replay.ts';
import {synthesize} from '../../demo/synthesize.ts';
import {withProgress} from '../../flags/progress.ts';
import {append} from '../../lists.ts';
import type {Row, TableWriter} from '../../store/writer.ts';

/** Rows per insert: enough to be fast, few enough to keep memory constant. */
const SPANS_AT_ONCE = 5000;

/**
 * Fills new tables.
 * @param runs null: the recorded runs as they are; otherwise this many synthetic ones
 */
export async function fill(
  writer: TableWriter,
  runs: number | null,
  seed: number,
  context: Context,
): Promise<{traces: number; spans: number}> {
  const recorded = await loadRecorded();
  const rows =
    runs === null
      ? movedToNow(recorded, context.nowMicros())
      : synthesize(recorded, {runs, nowMicros: context.nowMicros(), seed});
  const written = {traces: 0, spans: 0};
  let traces: Row[] = [];
  let spans: Row[] = [];
  const flush = async () => {
    await writer.write(traces, spans);
    written.spans += spans.length;
    traces = [];
    spans = [];
  };
  await withProgress(context, 'writing', async report => {
    for (const item of rows) {
      written.traces++;
      if (writer.keepsEachExport) append(traces, exportRowsOf(item.spans));
      else traces.push(item.trace);
      append(spans, item.spans);
      if (spans.length < SPANS_AT_ONCE) continue;
      await flush();
      report(written.spans);
    }
    await flush();
    await writer.finish();
  });
  return written;
}
