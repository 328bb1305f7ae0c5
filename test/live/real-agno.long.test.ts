import {randomUUID} from 'node:crypto';
import {once} from 'node:events';
import path from 'node:path';
import {afterAll, describe, expect, it} from 'vitest';
import {BACKENDS, newPostgresDatabase, temporaryFolder} from '../databases.ts';
import {runAgno} from './agno.ts';
import {AGNO_VERSIONS, pythonWith} from './python.ts';
import {program, Tail} from './tail.ts';
import {percentile, TimerLateness, type WrittenSpan, writtenSpans} from './written.ts';

/** Real Agno from PyPI writes, the built program follows, within the delays that are promised. */
const WRITING = {seconds: 30, speed: 0.5};
/** Runs begun per second. More than Agno's threads can commit to one SQLite file, and it loses rows all by itself. */
const RATE = {sqlite: 1.5, postgres: 4} as const;
const PROMISED_P95_MS = {sqlite: 300, postgres: 600} as const;
/** After so long without a new line a span that is missing is lost. Rows of long transactions come within a minute. */
const QUIET_MS = 70_000;

/** Lines that say so beside tail against those without: a few runs each, so chance has its share. */
const MOST_TIMES_ALONE = 3;

const LEGEND = `without tail: database errors of the same writer alone, run only where there were some beside tail
commit: from the commit of a span (Postgres: the server's record; SQLite: its insert has returned to Agno) to its line
begin: from created_at, before both of Agno's transactions, to the line
timers: how late they fired here meanwhile, a measure of how busy the machine was`;

const table: string[][] = [];
afterAll(() => {
  if (table.length === 0) return;
  const delays = ['commit p50', 'p95', 'worst', 'begin p95', 'timers p95'];
  const head = [
    'agno',
    'database',
    'export',
    'spans',
    'runs',
    'missed',
    'repeated',
    'db errors',
    'without tail',
    ...delays,
  ];
  const widths = head.map((cell, i) => Math.max(cell.length, ...table.map(row => row[i]!.length)));
  const lines = [head, ...table].map(row => row.map((cell, i) => cell.padEnd(widths[i]!)).join('  '));
  process.stdout.write(`${lines.join('\n')}\n${LEGEND}\n`);
});

const CASES = AGNO_VERSIONS.flatMap(version =>
  BACKENDS.flatMap(backend => [false, true].map(isBatch => ({version, backend, isBatch}))),
);

describe('tail beside real Agno', () => {
  it.for(CASES)(
    'tells every span once, of Agno $version on $backend (batches: $isBatch)',
    {timeout: 400_000},
    async ({version, backend, isBatch}, {skip}) => {
      const python = await pythonWith(version).catch((error: Error) => error);
      if (python instanceof Error) {
        process.stderr.write(`skipped: tail beside real Agno ${version}: ${python.message}\n`);
        return skip(python.message);
      }
      const db = backend === 'sqlite' ? path.join(temporaryFolder(), 'agno.db') : (await newPostgresDatabase()).url;
      const runIds = [randomUUID(), randomUUID()] as const;
      const tail = new Tail(db);
      const waits = runIds.map(runId => waitFor(runId, db));
      const lateness = new TimerLateness();
      const writing = {python, db, isBatch, runIds, rate: RATE[backend], ...WRITING};
      const {errors, insertedMs} = await runAgno(writing);
      const written = await writtenSpans(db);
      await tail.hasTold(
        written.map(span => span.spanId),
        QUIET_MS,
      );
      const exitCode = await tail.end('SIGINT');
      expect(exitCode).toBe(130);
      // Its own threads lock each other out on a machine that is busy enough: the same writer without tail is the control.
      let errorsAlone = 0;
      if (errors.length > 0) {
        const alone =
          backend === 'sqlite' ? path.join(temporaryFolder(), 'alone.db') : (await newPostgresDatabase()).url;
        errorsAlone = (await runAgno({...writing, db: alone})).errors.length;
        const lines = errors.join('\n');
        if (errors.length > MOST_TIMES_ALONE * errorsAlone)
          throw new Error(`Agno could not write (without tail ${errorsAlone} lines say so):\n${lines}`);
      }
      expect(written.length).toBeGreaterThan(30);

      const missed = written.filter(({spanId}) => !tail.told.has(spanId));
      const repeated = [...tail.told].filter(([, times]) => times.length > 1);
      const known = new Set(written.map(({spanId}) => spanId));
      const delaysFrom = (from: (span: WrittenSpan) => number) =>
        written.flatMap(span => (tail.told.get(span.spanId) ?? []).slice(0, 1).map(at => at - from(span)));
      const delays = delaysFrom(span => span.committedMs ?? insertedMs.get(span.spanId)!);
      const fromBegin = delaysFrom(span => span.createdMs);
      const runs = new Set(written.flatMap(({runId}) => runId ?? []));
      const ms = (values: readonly number[], share: number) => `${Math.round(percentile(values, share))} ms`;
      table.push([
        ...[version, backend, isBatch ? 'batches' : 'one span'],
        ...[written.length, runs.size, missed.length, repeated.length, errors.length, errorsAlone].map(String),
        ...[ms(delays, 0.5), ms(delays, 0.95), ms(delays, 1), ms(fromBegin, 0.95), ms(lateness.end(), 0.95)],
      ]);
      expect(missed).toEqual([]);
      expect(repeated).toEqual([]);
      expect([...tail.told.keys()].filter(id => !known.has(id))).toEqual([]);

      const [ok, failed] = await Promise.all(waits);
      expect([ok!.code, failed!.code]).toEqual([0, 7]);
      // Never before its run span is stored.
      for (const [i, {endedMs}] of [ok!, failed!].entries())
        expect(endedMs).toBeGreaterThan(written.find(span => span.runId === runIds[i])!.createdMs);
      expect(percentile(delays, 0.95)).toBeLessThanOrEqual(PROMISED_P95_MS[backend]);
    },
  );
});

/** `wait` for a run that nobody has written yet. */
async function waitFor(runId: string, db: string): Promise<{code: number; endedMs: number}> {
  const child = program(['wait', runId, '--db', db, '--timeout', '2m']);
  child.stdout!.resume();
  child.stderr!.resume();
  const [code] = await once(child, 'close');
  return {code, endedMs: performance.timeOrigin + performance.now()};
}
