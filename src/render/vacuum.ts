import {append} from '../lists.ts';
import {line, type Safe, safe, trusted} from '../text/safe.ts';
import {renderFacts} from './doctor.ts';
import {bytes} from './prune.ts';
import type {Look} from './states.ts';
import {count, duration} from './values.ts';

/** The JSON contract's keys. */
export interface DrawnVacuum {
  readonly database: string;
  readonly method: string;
  readonly bytes: number;
  readonly freeBytes: number | null;
  readonly returns: string;
  readonly lock: string;
  readonly estimateMs: number;
  readonly neededBytes: number;
  readonly availableBytes: number | null;
  readonly sql: readonly string[];
  readonly blocked: string | null;
  readonly hint: string | null;
}

export function renderVacuumPlan(plan: DrawnVacuum, options: Look & {readonly columns: number | null}): Safe {
  const free = plan.freeBytes === null ? trusted('') : line`, ${bytes(plan.freeBytes)} of it free`;
  const rows: [string, Safe][] = [
    ['database', safe(plan.database)],
    ['size', line`${bytes(plan.bytes)}${free}`],
    ['reclaims', safe(plan.returns)],
  ];
  if (plan.method !== 'none') {
    rows.push(
      ['lock', trusted(plan.lock)],
      ['takes', plan.estimateMs < 1000 ? trusted('less than a second') : line`about ${duration(plan.estimateMs)}`],
    );
    if (plan.availableBytes !== null)
      rows.push(['room', line`needs ${bytes(plan.neededBytes)} of the ${bytes(plan.availableBytes)} free on the disk`]);
    append(
      rows,
      plan.sql.map((statement): [string, Safe] => ['SQL', safe(`${statement};`)]),
    );
  }
  if (plan.blocked) rows.push(['not done', safe(`${plan.blocked}. ${plan.hint ?? ''}`)]);
  return renderFacts([{title: 'Plan', rows}], options);
}

export function renderVacuumed(
  {database}: {readonly database: string},
  result: {
    readonly bytesBefore: number;
    readonly bytesAfter: number;
    readonly elapsedMs: number;
    readonly steps: number;
    readonly stoppedBy: string | null;
  },
): Safe {
  const stopped = result.stoppedBy ? trusted('; stopped early; rerun the command to resume') : trusted('');
  return line`vacuumed ${safe(database)} in ${duration(result.elapsedMs)} (${count(result.steps)} steps): ${bytes(result.bytesBefore)} before, ${bytes(result.bytesAfter)} now${stopped}`;
}
