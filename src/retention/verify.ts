import {statSync} from 'node:fs';
import type {ArchiveHeader, Trailer} from '../archive/format.ts';
import {openArchive} from '../archive/reader.ts';
import {UserError} from '../errors.ts';

/** The result of reading a complete archive. */
export interface Inspection {
  readonly file: string;
  readonly header: ArchiveHeader;
  readonly bytes: number;
  readonly batches: number;
  readonly traces: number;
  readonly spans: number;
  /**
   * Rows that are in it more than once, because a run was interrupted between archiving and deleting. They are
   * restored once. Null: there are more ids than can be remembered.
   */
  readonly twice: number | null;
  /** Spans whose trace is not in it; null like `twice`. */
  readonly withoutTrace: number | null;
  /** It has its last line; an archive without it was interrupted, but holds everything that was deleted. */
  readonly isComplete: boolean;
  /** Rows after the last complete batch, which were not deleted. */
  readonly looseRows: number;
  readonly trailers: readonly Trailer[];
  readonly cutoff: string;
  /** What is wrong; null if every hash and count is right. */
  readonly problem: UserError | null;
}

/** The engine's sets end at 16 million; this many take a gigabyte. */
const MOST_IDS = 8_000_000;

/** Reads an archive from end to end. Its defects are part of the answer. @throws UserError if it is not an archive */
export async function inspectArchive(
  file: string,
  {keepBatches, mostIds = MOST_IDS}: {keepBatches: boolean; mostIds?: number},
): Promise<Inspection> {
  const {header, batches} = await openArchive(file);
  const counts = {batches: 0, traces: 0, spans: 0, twice: 0};
  const trailers: Trailer[] = [];
  const ids = new Set<string>();
  /** Traces of spans, until their row is read: the row of a large trace is in a later batch. */
  const open = new Map<string, number>();
  const rows = new Set<string>();
  let areRemembered = true;
  const once = (id: string) => {
    if (ids.has(id)) counts.twice++;
    ids.add(id);
  };
  const walk = batches();
  let problem: UserError | null = null;
  let ending = {manifest: null as {cutoff: string} | null, looseRows: 0};
  try {
    for (;;) {
      const next = await walk.next();
      if (next.done) {
        ending = next.value;
        break;
      }
      const {traces, spans, trailer} = next.value;
      counts.batches++;
      counts.traces += traces.length;
      counts.spans += spans.length;
      if (keepBatches) trailers.push(trailer);
      if (ids.size > mostIds) {
        areRemembered = false;
        for (const known of [ids, open, rows]) known.clear();
      }
      if (!areRemembered) continue;
      for (const {trace_id} of traces) {
        rows.add(String(trace_id));
        open.delete(String(trace_id));
        once(`t${trace_id}`);
      }
      for (const {span_id, trace_id} of spans) {
        if (!rows.has(String(trace_id))) open.set(String(trace_id), (open.get(String(trace_id)) ?? 0) + 1);
        once(`s${span_id}`);
      }
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    problem = error;
  }
  return {
    file,
    header,
    bytes: statSync(file).size,
    ...counts,
    twice: areRemembered ? counts.twice : null,
    withoutTrace: areRemembered ? [...open.values()].reduce((sum, n) => sum + n, 0) : null,
    isComplete: ending.manifest !== null,
    looseRows: ending.looseRows,
    trailers,
    cutoff: ending.manifest?.cutoff ?? header.cutoff,
    problem,
  };
}
