import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {type FactSection, renderFacts} from './doctor.ts';
import type {Look} from './states.ts';
import {count, duration, moment} from './values.ts';

/** The parts of a plan that are drawn; the JSON contract's keys. */
export interface DrawnPlan {
  readonly database: string;
  readonly cutoff: string;
  readonly selection: string;
  readonly traces: number;
  readonly spans: number;
  readonly bytes: number;
  readonly staying: number;
  readonly oldest: string | null;
  readonly newest: string | null;
  readonly judged: number;
  readonly byComponent: Readonly<Record<string, number>>;
  readonly byState: Readonly<Record<string, number>>;
  readonly skipped: Readonly<Record<string, number | undefined>>;
  readonly orphans: number;
  readonly sample: readonly string[];
  readonly space: string;
  readonly sql: readonly string[];
  readonly inTransactions: boolean;
  readonly archive: string | null;
  readonly settleMs: number;
}

export interface DrawnResult {
  readonly traces: number;
  readonly spans: number;
  readonly changed: number;
  readonly elapsedMs: number;
  readonly stoppedBy: string | null;
  readonly archive: {readonly file: string} | null;
}

const REASONS: Readonly<Record<string, string>> = {
  active: 'have newer activity',
  unreadable: 'have a time in another format than Agno writes',
  running: 'have a run that has not ended',
  other: 'have a run that was not selected',
  error: 'have a run that failed (--keep-errors)',
  last: 'are among the newest (--keep-last)',
  continued: 'have a part of a run that is kept',
  changed: 'were written or used in the meantime',
};

export function renderPlan(plan: DrawnPlan, options: Look & {readonly columns: number | null}): Safe {
  const of = plan.judged < plan.traces ? ` of ${count(plan.judged)} traces, spread evenly` : '';
  const rows: [string, Safe][] = [
    ['database', safe(plan.database)],
    ['cutoff', line`last activity before ${moment(plan.cutoff)}`],
    ['which', safe(plan.selection)],
    ['to delete', line`${traces(plan.traces)} with ${spans(plan.spans)}, about ${bytes(plan.bytes)}`],
    ['to keep', traces(plan.staying)],
  ];
  if (plan.traces > 0)
    rows.push(
      ['last activity', line`from ${moment(plan.oldest)} to ${moment(plan.newest)}`],
      [`runs by name${of}`, counts(plan.byComponent)],
      [`runs by state${of}`, counts(plan.byState)],
    );
  for (const [reason, n] of Object.entries(plan.skipped))
    if (n) rows.push(['old, but kept', line`${traces(n)}: ${trusted(REASONS[reason] ?? reason)}`]);
  if (plan.orphans > 0) rows.push(['without a trace row', traces(plan.orphans)]);
  if (plan.traces > 0)
    rows.push(
      [
        'for example',
        joined(
          plan.sample.map(id => safe(id)),
          ' ',
        ),
      ],
      [
        'archive',
        plan.archive === null
          ? trusted('none: deleted rows cannot be restored (--archive FILE keeps them)')
          : safe(plan.archive),
      ],
      ['space', trusted(plan.space)],
      [
        'waits',
        plan.settleMs === 0
          ? trusted('not at all before the first batch (--settle 0)')
          : line`${duration(plan.settleMs)} before the first batch, so that nothing of it is still being written (--settle)`,
      ],
    );
  const sections: FactSection[] = [{title: 'Plan', rows}];
  const facts = renderFacts(sections, options);
  if (plan.traces === 0) return facts;
  const statements = plan.sql.map(text => safe(`${text.trim()};`, {multiline: true}).replaceAll(/^/gm, '  ') as Safe);
  return joined(
    [
      facts,
      trusted(
        plan.inTransactions
          ? 'Statements of each batch, in one transaction'
          : 'Statements, each of them repeated as often as needed',
      ),
      ...statements,
    ],
    '\n',
  );
}

/** One line, which is all that `--quiet` prints. */
export function renderResult(plan: DrawnPlan, result: DrawnResult): Safe {
  const parts = [
    line`deleted ${traces(result.traces)} and ${spans(result.spans)} of ${safe(plan.database)} last active before ${moment(plan.cutoff)}, in ${duration(result.elapsedMs)}`,
  ];
  if (result.archive) parts.push(line`archived in ${safe(result.archive.file)}`);
  if (result.changed > 0) parts.push(line`${count(result.changed)} kept: written or used in the meantime`);
  const kept = Object.values(plan.skipped).reduce<number>((sum, n) => sum + (n ?? 0), 0);
  if (kept > 0) parts.push(line`${count(kept)} old ${trusted(kept === 1 ? 'one' : 'ones')} kept`);
  if (result.stoppedBy)
    parts.push(
      line`stopped early (${trusted(STOPPED[result.stoppedBy] ?? result.stoppedBy)}), ${count(plan.traces - result.traces - result.changed)} to go`,
    );
  return joined(parts, '; ');
}

/** @param left what an earlier run archived but could not rename to its final name */
export function renderNothing(
  plan: Pick<DrawnPlan, 'database'>,
  left: {readonly file: string; readonly traces: number; readonly spans: number} | null,
): Safe {
  const nothing = line`nothing to delete in ${safe(plan.database)}`;
  if (!left) return nothing;
  return line`${nothing}; finished the archive that an earlier run left: ${safe(left.file)}, ${traces(left.traces)} and ${spans(left.spans)}`;
}

const STOPPED: Readonly<Record<string, string>> = {
  signal: 'interrupted',
  'max-rows': '--max-rows',
  'max-runtime': '--max-runtime',
  failure: 'it failed',
};

function counts(byKey: Readonly<Record<string, number>>): Safe {
  return joined(
    Object.entries(byKey).map(([key, n]) => line`${safe(key)} ${count(n)}`),
    ', ',
  );
}

function traces(n: number): Safe {
  return line`${count(n)} ${trusted(n === 1 ? 'trace' : 'traces')}`;
}

function spans(n: number): Safe {
  return line`${count(n)} ${trusted(n === 1 ? 'span' : 'spans')}`;
}

/** A size for people, in powers of 1000, like disk sizes. */
export function bytes(n: number): Safe {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = n;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return trusted(`${size >= 10 || unit === 0 ? Math.round(size) : size.toFixed(1)} ${units[unit]}`);
}
