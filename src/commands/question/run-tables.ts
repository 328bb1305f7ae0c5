import type {Context} from '../../context.ts';
import {askKept, type KeptAnswer} from '../../facts/kept.ts';
import {withStore} from '../../flags/database.ts';
import type {OutputFlags, ReadFlags, WhatFlags, WhoFlags, WindowFlags} from '../../flags/declare.ts';
import {fieldsOf, pick} from '../../flags/fields.ts';
import {columnsOf, formatOf, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {withProgress} from '../../flags/progress.ts';
import {queryNotes} from '../../flags/query.ts';
import {filterOf} from '../../flags/selection.ts';
import {parseSort} from '../../flags/sort.ts';
import {parseChoice, parseCount} from '../../flags/values.ts';
import {append} from '../../lists.ts';
import {askQuestion} from '../../queries/ask.ts';
import type {Question, QuestionInput} from '../../queries/question.ts';
import {renderTable} from '../../render/table.ts';
import {inline} from '../../sql/sql.ts';

export interface QuestionFlags extends ReadFlags, OutputFlags, WindowFlags, WhoFlags, WhatFlags {
  by: string;
  sort: string;
  limit: string;
}

const FORMATS = ['table', 'json', 'jsonl', 'csv', 'md'] as const;
const THEN = 'nothing: the answer is the rows of the last but one statement';
const THEN_OWNERS =
  'spans become trees, runs are judged and filtered, times given to their owners and summed up (src/queries/owners.ts)';

/** Answers a canned question. */
export default async function ask(
  name: string,
  question: Question,
  flags: QuestionFlags,
  context: Context,
): Promise<void> {
  const format = formatOf(flags, FORMATS);
  const fields = fieldsOf(flags, Object.keys(question.columns), format);
  const input: Omit<QuestionInput, 'where'> = {
    by: parseChoice('--by', flags.by, question.by),
    sort: parseSort(flags.sort, question.columns),
    limit: parseCount('--limit', flags.limit),
  };
  filterOf(flags, context.nowMicros());
  if (flags.query !== undefined) append(context.notes, queryNotes(flags.query));
  let kept: KeptAnswer | null = null;
  const then = () =>
    kept
      ? `of the facts kept in ${kept.path} is asked:\n${inline(kept.statement, 'sqlite', {})};`
      : question.owners?.[input.by]
        ? THEN_OWNERS
        : THEN;
  await withStore(flags, context, {text: then, eachShapeOnce: false}, async (store, out) => {
    const filter = filterOf(flags, store.nowMicros());
    kept = await askKept(store, question, input, filter, {
      env: context.env,
      cwd: context.cwd,
      prices: pricesOf({}, context),
    });
    const {rows, notes} =
      kept ??
      (await withProgress(out, 'finding the runs', onProgress =>
        askQuestion(store, question, input, filter, onProgress),
      ));
    const items = pick(rows, fields);
    if (writeMachine(out, format, {command: name, data: items, items, fields, notes})) return;
    const columns = {...question.columns, name: {...question.columns.name!, label: input.by.toUpperCase()}};
    if (rows.length > 0) writeLine(out, renderTable({columns, rows, sortedBy: input.sort.column}, columnsOf(out)));
    writeNote(out, [...(rows.length === 0 ? ['nothing matches'] : []), ...notes, 'SQL: --print-sql'].join(' · '));
  });
}
