import type {Context} from '../context.ts';
import {withStore} from '../flags/database.ts';
import type {OutputFlags, PatienceFlags, ReadFlags, WhatFlags, WhoFlags, WindowFlags} from '../flags/declare.ts';
import {fieldsOf, pick} from '../flags/fields.ts';
import {columnsOf, formatOf, lookOf, writeLine, writeMachine, writeNext, writeNote} from '../flags/output.ts';
import {withProgress} from '../flags/progress.ts';
import {filterOf, patienceOf} from '../flags/selection.ts';
import {parseCount} from '../flags/values.ts';
import {loadRunPage, type RunPage} from '../queries/run-pages.ts';
import {renderRunList} from '../render/run-list.ts';
import type {RunFilter} from '../trace/filter.ts';
import {RUN_FIELDS} from '../trace/record.ts';
import {agnoTime} from '../trace/time.ts';

export interface ListFlags extends ReadFlags, OutputFlags, WindowFlags, WhoFlags, WhatFlags, PatienceFlags {
  limit: string;
  cursor?: string;
  traffic?: boolean;
}

export const LIST_FORMATS = ['table', 'json', 'jsonl', 'csv', 'md'] as const;
const THEN = 'spans become trees, runs are found and judged, filters applied, the page cut (src/trace)';

/** Answers `list`: one page of runs. */
export default async function list(flags: ListFlags, context: Context): Promise<void> {
  const format = formatOf(flags, LIST_FORMATS);
  const fields = fieldsOf(flags, RUN_FIELDS, format);
  const limit = parseCount('--limit', flags.limit);
  const patience = patienceOf(flags);
  filterOf(flags, context.nowMicros());
  await withStore(flags, context, THEN, async (store, out) => {
    const filter = filterOf(flags, store.nowMicros());
    const page = await withProgress(out, 'looking through spans', onProgress =>
      loadRunPage(store, {filter, limit, cursor: flags.cursor ?? null, patience, onProgress}),
    );
    const notes = notesOf(page, filter);
    const records = pick(
      page.runs.map(({record}) => record),
      fields,
    );
    const answer = {command: 'list', data: records, items: records, fields, next: page.next, notes};
    if (writeMachine(out, format, answer)) return;
    if (page.runs.length > 0)
      writeLine(
        out,
        renderRunList(page.runs, {...lookOf(flags, out), nowMicros: store.nowMicros(), columns: columnsOf(out)}),
      );
    writeNote(out, [countOf(page), ...notes].join(' · '));
    for (const text of nextOf(page)) writeNext(out, text);
  });
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
