import {append} from '../lists.ts';
import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint, withoutStyles} from '../text/style.ts';
import {truncate, width} from '../text/width.ts';
import type {JudgedRun, RunRecord} from '../trace/record.ts';
import {shortRunId, who} from './run-list.ts';
import {type Look, paintState, stateText} from './states.ts';
import {type DrawnColumn, renderColumns} from './table.ts';
import {ago, count, shortId} from './values.ts';

/** A line with matches, as drawn. */
export interface DrawnHit {
  readonly spanId: string;
  readonly path: readonly string[];
  readonly place: string;
  readonly where: string | null;
  readonly line: number;
  readonly text: string;
  readonly matches: readonly (readonly [number, number])[];
  readonly before: readonly string[];
  readonly after: readonly string[];
}

interface GrepLook extends Look {
  /** Columns of the terminal; null: a pipe. */
  readonly columns: number | null;
  readonly nowMicros: number;
}

/** The hits of one run below a line that names the run, for a terminal. */
export function renderRunHits(judged: JudgedRun, hits: readonly DrawnHit[], look: GrepLook): Safe {
  const lines: Safe[] = [runLine(judged, look)];
  let head = '';
  let last: DrawnHit | null = null;
  for (const hit of hits) {
    const own = headOf(hit, look);
    if (own !== head) lines.push(own);
    else if (last && (hit.before.length > 0 || last.after.length > 0)) lines.push(paint(line`    --`, 'dim'));
    head = own;
    last = hit;
    append(lines, bodyOf(hit, look));
  }
  return joined(lines, '\n');
}

function runLine(judged: JudgedRun, look: GrepLook): Safe {
  const {run, record} = judged;
  const facts = [
    paintState(stateText(record.state, look), record.state),
    paint(who(judged), 'bold'),
    shortRunId(record),
    ago(run.startMicros, look.nowMicros),
    ...(record.userId === null ? [] : [safe(record.userId)]),
    ...(record.sessionId === null ? [] : [shortId(record.sessionId)]),
  ];
  const text = joined(facts, '  ');
  const plain = withoutStyles(text);
  return look.columns !== null && width(plain) > look.columns ? truncate(plain, look.columns) : text;
}

function headOf({path, place, where, spanId}: DrawnHit, {columns, ascii}: GrepLook): Safe {
  const arrow = trusted(ascii ? ' > ' : ' › ');
  const at = line`  ${trusted(place)}${where === null ? trusted('') : line`, ${safe(where)}`}  ${shortId(spanId)}`;
  const room = columns === null ? null : Math.max(8, columns - 2 - width(at));
  const names = joined(
    path.map(name => safe(name)),
    arrow,
  );
  // The end of a long path says more than its beginning.
  const shown = room === null || width(names) <= room ? names : line`…${fromEnd(names, room - 1)}`;
  const text = line`  ${shown}${at}`;
  return columns !== null && width(text) > columns
    ? paint(truncate(text, columns), 'dim')
    : line`  ${shown}${paint(at, 'dim')}`;
}

function fromEnd(text: Safe, columns: number): Safe {
  const chars = Array.from(text);
  let used = 0;
  let from = chars.length;
  while (from > 0) {
    const next = width(trusted(chars[from - 1]!));
    if (used + next > columns) break;
    used += next;
    from--;
  }
  return trusted(chars.slice(from).join(''));
}

function bodyOf(hit: DrawnHit, look: GrepLook): Safe[] {
  const room = look.columns === null ? null : Math.max(10, look.columns - 4);
  const plain = (text: string) => {
    const shown = safe(text.slice(0, LONGEST_LINE));
    return paint(line`    ${room === null ? shown : truncate(shown, room)}`, 'dim');
  };
  return [...hit.before.map(plain), line`    ${highlighted(hit.text, hit.matches, room)}`, ...hit.after.map(plain)];
}

/** In a pipe, a line is cut to this many characters around its first match; on a terminal, to the width. */
const LONGEST_LINE = 10_000;

/** A line with its matches marked, cut to the width around the first of them. Each piece is escaped separately. */
export function highlighted(text: string, matches: readonly (readonly [number, number])[], room: number | null): Safe {
  const most = room ?? LONGEST_LINE;
  const first = matches[0]?.[0] ?? 0;
  const indent = text.length > most || room !== null ? (/^\s*/.exec(text)?.[0].length ?? 0) : 0;
  const skipped = Math.min(first, indent);
  const lead = Math.floor(most / 3);
  const from = text.length - skipped <= most || first - skipped <= lead ? skipped : beginningAt(text, first - lead);
  const pieces: Safe[] = from > skipped ? [trusted('…')] : [];
  let left = most - pieces.length;
  let at = from;
  const push = (to: number, isMatch: boolean) => {
    if (to <= at || left <= 0) return;
    // More than fits is not processed: a line may have megabytes.
    const shown = safe(text.slice(at, Math.min(to, at + left + 1)));
    const cut = truncate(shown, left);
    left -= width(cut);
    pieces.push(isMatch ? paint(cut, 'bold', 'red') : cut);
    at = to;
  };
  for (const [start, end] of matches) {
    push(start, false);
    push(end, true);
  }
  push(text.length, false);
  return joined(pieces, '');
}

/** Avoids a position between the halves of a surrogate pair. */
function beginningAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at;
}

/** A hit as one line for a pipe: run, span, place, path and the line itself. */
export function hitLine({record}: JudgedRun, hit: DrawnHit): Safe {
  const place = hit.where === null ? trusted(hit.place) : line`${trusted(hit.place)}, ${safe(hit.where)}`;
  const path = joined(
    hit.path.map(name => safe(name)),
    ' › ',
  );
  const parts = [wholeRunId(record), safe(hit.spanId), place, path, highlighted(hit.text, hit.matches, null)];
  return joined(parts, '  ');
}

/** Its run id; if there is none yet, its trace, in the form that `show` accepts. */
export function wholeRunId({runId, traceId}: RunRecord): Safe {
  return safe(runId ?? `~${traceId}`);
}

/** The number of matching lines of each run, as a table. */
export function renderCounts(rows: readonly {judged: JudgedRun; hits: number}[], look: GrepLook): Safe {
  const isPipe = look.columns === null;
  const column = (label: string, cells: readonly Safe[], shape: Partial<DrawnColumn> = {}): DrawnColumn => ({
    label,
    align: 'left',
    dropOrder: 0,
    cells,
    ...shape,
  });
  return renderColumns(
    [
      column(
        'HITS',
        rows.map(({hits}) => (isPipe ? trusted(String(hits)) : count(hits))),
        {align: 'right'},
      ),
      column(
        'STATE',
        rows.map(({judged}) => (isPipe ? trusted(judged.record.state) : stateText(judged.record.state, look))),
        {
          paint: (cell, i) => paintState(cell, rows[i]!.judged.record.state),
        },
      ),
      column(
        'STARTED',
        rows.map(({judged}) =>
          isPipe ? safe(judged.record.startTime ?? '–') : ago(judged.run.startMicros, look.nowMicros),
        ),
        {dropOrder: 1},
      ),
      column(
        'RUN',
        rows.map(({judged}) => (isPipe ? wholeRunId(judged.record) : shortRunId(judged.record))),
        {shrinkTo: 8},
      ),
      column(
        'WHO',
        rows.map(({judged}) => who(judged)),
        {shrinkTo: 12},
      ),
    ],
    look.columns,
  );
}
