import {line, type Safe, safe, trusted} from '../text/safe.ts';
import {renderFacts} from './doctor.ts';
import {bytes} from './prune.ts';
import type {Look} from './states.ts';
import {count, moment} from './values.ts';

export interface DrawnArchive {
  readonly file: string;
  readonly source: string;
  readonly selection: string;
  readonly cutoff: string;
  readonly createdAt: string;
  readonly writtenBy: string;
  readonly bytes: number;
  readonly batches: number;
  readonly traces: number;
  readonly spans: number;
  readonly twice: number | null;
  readonly looseRows: number;
  readonly isComplete: boolean;
  readonly problem: string | null;
}

type Options = Look & {readonly columns: number | null};

export function archiveFacts(archive: DrawnArchive, options: Options): Safe {
  const rows: [string, Safe][] = [
    ['file', line`${safe(archive.file)}, ${bytes(archive.bytes)}`],
    ['from', safe(archive.source)],
    ['which', line`${safe(archive.selection)}, last active before ${moment(archive.cutoff)}`],
    ['written', line`${moment(archive.createdAt)} by ${safe(archive.writtenBy)}`],
    [
      'holds',
      line`${count(archive.traces)} traces and ${count(archive.spans)} spans in ${count(archive.batches)} ${trusted(archive.batches === 1 ? 'batch' : 'batches')}`,
    ],
  ];
  if (archive.twice !== null && archive.twice > 0)
    rows.push(['twice', line`${count(archive.twice)} rows; each is restored once`]);
  if (archive.looseRows > 0)
    rows.push(['cut off', line`${count(archive.looseRows)} rows at its end, which were never deleted`]);
  rows.push([
    'state',
    archive.problem !== null
      ? safe(archive.problem)
      : trusted(
          archive.isComplete
            ? 'complete: every hash and count is correct'
            : 'cut off: it has no end, but its batches are correct and hold every deleted row',
        ),
  ]);
  return renderFacts([{title: 'Archive', rows}], options);
}

export interface DrawnRestore {
  readonly archive: string;
  readonly source: string;
  readonly database: string;
  readonly isComplete: boolean;
  readonly traces: number;
  readonly spans: number;
  readonly tracesThere: number;
  readonly spansThere: number;
}

export function restoreFacts(plan: DrawnRestore, options: Options): Safe {
  const rows: [string, Safe][] = [
    ['archive', safe(plan.archive)],
    ['from', safe(plan.source)],
    ['into', safe(plan.database)],
    [
      'holds',
      line`${count(plan.traces)} traces and ${count(plan.spans)} spans${trusted(plan.isComplete ? '' : '; it is cut off, but holds every deleted row')}`,
    ],
    [
      'already there',
      line`${count(plan.tracesThere)} traces and ${count(plan.spansThere)} spans; they are not changed`,
    ],
  ];
  return renderFacts([{title: 'Plan', rows}], options);
}
