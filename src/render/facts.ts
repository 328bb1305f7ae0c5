import {line, type Safe, safe, trusted} from '../text/safe.ts';
import {attributeKey} from '../trace/asked-attributes.ts';
import {renderFacts} from './doctor.ts';
import {bytes} from './prune.ts';
import type {Look} from './states.ts';
import {count} from './values.ts';

/** The JSON contract's keys. */
export interface DrawnFactsStatus {
  readonly source: string;
  readonly path: string;
  /** Null: nothing is kept yet; then the others are null too. */
  readonly bytes: number | null;
  readonly spans: number | null;
  readonly runs: number | null;
  readonly traces: number | null;
  /** Complete days, `from` inclusive, `until` exclusive; null: no bound. */
  readonly days: readonly {readonly from: string | null; readonly until: string | null}[];
  readonly takenInAt: string | null;
  readonly version: number | null;
  /** Names without `attr.`. */
  readonly attributes: readonly string[];
}

/** @param columns width of the terminal; null: a pipe */
export function renderFactsStatus(status: DrawnFactsStatus, options: Look & {readonly columns: number | null}): Safe {
  const rows: [string, Safe][] = [
    ['database', safe(status.source)],
    ['file', safe(status.path)],
  ];
  if (status.bytes === null) rows.push(['kept', trusted('nothing yet; the first question reads the days it needs')]);
  else
    rows.push(
      ['size', bytes(status.bytes)],
      ['kept', line`${count(status.spans)} spans, ${count(status.runs)} runs, ${count(status.traces)} traces`],
      ['days', status.days.length === 0 ? trusted('none') : safe(status.days.map(days).join(', '))],
      ['current as of', safe(status.takenInAt ?? '–')],
    );
  if (status.attributes.length > 0) rows.push(['attributes', safe(status.attributes.map(attributeKey).join(', '))]);
  return renderFacts([{title: 'Facts', rows}], options);
}

function days({from, until}: DrawnFactsStatus['days'][number]): string {
  if (from === null && until === null) return 'all';
  if (from === null) return `before ${until}`;
  return until === null ? `from ${from}` : `${from} to before ${until}`;
}
