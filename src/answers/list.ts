import type {Context} from '../context.ts';
import {usageError} from '../errors.ts';
import {withStore} from '../flags/database.ts';
import type {OutputFlags, PatienceFlags, ReadFlags, WhatFlags, WhoFlags, WindowFlags} from '../flags/declare.ts';
import {columnsOf, formatOf, lookOf, writeLine, writeMachine, writeNext, writeNote} from '../flags/output.ts';
import {withProgress} from '../flags/progress.ts';
import {queryNotes} from '../flags/query.ts';
import {filterOf, patienceOf} from '../flags/selection.ts';
import {parseChoice, parseCount} from '../flags/values.ts';
import {loadRunPage, type RunPage} from '../queries/run-pages.ts';
import {loadSortedRuns, SORT_KEYS, type SortedOptions} from '../queries/sorted-runs.ts';
import {renderRunList} from '../render/run-list.ts';
import type {Store} from '../store/store.ts';
import {hoisted, type RunFilter} from '../trace/filter.ts';
import {agnoTime} from '../trace/time.ts';

export interface ListFlags extends ReadFlags, OutputFlags, WindowFlags, WhoFlags, WhatFlags, PatienceFlags {
  limit: string;
  cursor?: string;
  sort?: string;
  traffic?: boolean;
}

export const LIST_FORMATS = ['table', 'json', 'jsonl'] as const;
const THEN = 'spans become trees, runs are found and judged, filters applied, the page cut (src/trace)';

/** Answers `list`: one page of runs. */
export default async function list(flags: ListFlags, context: Context): Promise<void> {
  const format = formatOf(flags, LIST_FORMATS);
  const limit = parseCount('--limit', flags.limit);
  const patience = patienceOf(flags);
  filterOf(flags, context.nowMicros());
  const sort = flags.sort === undefined ? null : parseSort(flags.sort, flags.cursor);
  if (flags.query !== undefined) context.notes.push(...queryNotes(flags.query));
  await withStore(flags, context, THEN, async (store, out) => {
    const filter = hoisted(filterOf(flags, store.nowMicros()));
    const page: SortedPage = await withProgress(out, 'looking through spans', onProgress =>
      sort
        ? sortedPage(store, {...sort, filter, limit, patience, onProgress})
        : loadRunPage(store, {filter, limit, cursor: flags.cursor ?? null, patience, onProgress}),
    );
    const notes = [...(page.matched === undefined ? [] : [sortedNote(page, sort!)]), ...notesOf(page, filter)];
    const records = page.runs.map(({record}) => record);
    if (writeMachine(out, format, {command: 'list', data: records, items: records, next: page.next, notes})) return;
    if (page.runs.length > 0)
      writeLine(
        out,
        renderRunList(page.runs, {
          ...lookOf(flags, out),
          nowMicros: store.nowMicros(),
          columns: columnsOf(out),
          sortedBy: sort?.key,
        }),
      );
    writeNote(out, [countOf(page), ...notes].join(' · '));
    for (const text of nextOf(page)) writeNext(out, text);
  });
}

interface SortedPage extends RunPage {
  readonly matched?: number;
}

async function sortedPage(store: Store, options: SortedOptions): Promise<SortedPage> {
  return {...(await loadSortedRuns(store, options)), next: null, trafficLeftOut: null};
}

/** What the order was taken from. */
function sortedNote({matched}: SortedPage, {key, descending}: Pick<SortedOptions, 'key' | 'descending'>): string {
  const order =
    key === 'started' ? (descending ? 'newest' : 'oldest') : `${descending ? 'largest' : 'smallest'} ${key}`;
  return `${order} first, of ${matched} ${matched === 1 ? 'row' : 'rows'} that match`;
}

function parseSort(text: string, cursor: string | undefined): Pick<SortedOptions, 'key' | 'descending'> {
  const key = parseChoice('--sort', text.replace(/^-/, ''), SORT_KEYS);
  if (cursor !== undefined)
    throw usageError('--cursor goes on newest first, --sort does not.', 'Leave one of them out; --limit 0 lists all.');
  return {key, descending: !text.startsWith('-')};
}

function countOf({runs}: RunPage): string {
  if (runs.length === 0) return 'no run matches';
  const whole = runs.filter(({record}) => !record.part && !record.traffic).length;
  const others = [
    [runs.filter(({record}) => record.part).length, 'loose part'],
    [runs.filter(({record}) => record.traffic).length, 'request'],
  ] as const;
  return [
    `${whole} ${whole === 1 ? 'run' : 'runs'}`,
    ...others.filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}${n === 1 ? '' : 's'}`),
  ].join(', ');
}

function notesOf({trafficLeftOut}: RunPage, {sinceMicros, untilMicros}: RunFilter): string[] {
  const notes: string[] = [];
  if (trafficLeftOut)
    notes.push(
      `${trafficLeftOut} HTTP ${trafficLeftOut === 1 ? 'request' : 'requests'} without a run not shown (--traffic)`,
    );
  if (sinceMicros !== null) notes.push(`since ${agnoTime(sinceMicros)}`);
  if (untilMicros !== null) notes.push(`until ${agnoTime(untilMicros)}`);
  return notes;
}

function nextOf({runs, next}: RunPage): string[] {
  const first = runs[0]?.record;
  if (!first) return [];
  const show = `next: agno-trace show ${first.runId?.slice(0, 8) ?? `~${first.traceId.slice(0, 7)}`}`;
  return next ? [`more: --cursor ${next}`, show] : [show];
}
