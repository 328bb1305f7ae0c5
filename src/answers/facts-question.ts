import type {Context} from '../context.ts';
import {usageError} from '../errors.ts';
import {askFacts, type FactsAnswer, type FactsAsk} from '../facts/ask.ts';
import {withStore} from '../flags/database.ts';
import type {OutputFlags, PriceFlags, ReadFlags, WhatFlags, WhoFlags, WindowFlags} from '../flags/declare.ts';
import {fieldsOf, pick} from '../flags/fields.ts';
import {columnsOf, formatOf, writeLine, writeMachine, writeNote} from '../flags/output.ts';
import {pricesOf} from '../flags/prices.ts';
import {withProgress} from '../flags/progress.ts';
import {queryNotes} from '../flags/query.ts';
import {filterOf} from '../flags/selection.ts';
import {parseSort} from '../flags/sort.ts';
import {parseChoice, parseCount, parseLength} from '../flags/values.ts';
import type {FactsQuestion} from '../queries/facts-question.ts';
import {renderTable} from '../render/table.ts';
import {inline} from '../sql/sql.ts';
import {own} from '../text/safe.ts';

export interface FactsQuestionFlags extends ReadFlags, OutputFlags, WindowFlags, WhoFlags, WhatFlags, PriceFlags {
  by?: string;
  every?: string;
  sort: string;
  limit: string;
}

const FORMATS = ['table', 'json', 'jsonl', 'csv', 'md'] as const;
const LEAST_EVERY_MS = 60_000;

/** Answers a canned question over many runs. */
export default async function ask(
  name: string,
  question: FactsQuestion,
  flags: FactsQuestionFlags,
  context: Context,
): Promise<void> {
  const format = formatOf(flags, FORMATS);
  const everyMicros = everyOf(flags);
  const {columns} = question;
  const isSplit = everyMicros !== null;
  const fields = fieldsOf(flags, Object.keys(columns), format);
  const asked: Omit<FactsAsk, 'filter'> = {
    by: question.by ? parseChoice('--by', flags.by ?? question.by[0]!, question.by) : '',
    everyMicros,
    sort: parseSort(isSplit && flags.sort === question.sort ? '-time' : flags.sort, columns),
    limit: parseCount('--limit', flags.limit),
    flags: flags as unknown as Readonly<Record<string, string | undefined>>,
  };
  filterOf(flags, context.nowMicros());
  if (flags.query !== undefined) context.notes.push(...queryNotes(flags.query));
  const prices = pricesOf(flags, context);
  let answer: FactsAnswer | null = null;
  await withStore(
    flags,
    context,
    () => thenOf(answer),
    async (store, out) => {
      const filter = filterOf(flags, store.nowMicros());
      answer = await withProgress(out, 'reading new spans', report =>
        askFacts(store, question, {...asked, filter}, {env: context.env, cwd: context.cwd, prices, onProgress: report}),
      );
      const {rows, notes, currentMs, answerMs} = answer;
      if (flags.debug)
        context.stderr.write(
          own(`debug: facts current in ${currentMs.toFixed(1)} ms, answered in ${answerMs.toFixed(1)} ms\n`),
        );
      const items = pick(rows, fields);
      if (writeMachine(out, format, {command: name, data: items, items, fields, notes})) return;
      const drawn = Object.fromEntries(Object.entries(columns).filter(([key]) => isSplit || key !== 'time'));
      if (rows.length > 0)
        writeLine(out, renderTable({columns: drawn, rows, sortedBy: asked.sort.column}, columnsOf(out)));
      writeNote(out, [...(rows.length === 0 ? ['nothing matches'] : []), ...notes, 'SQL: --print-sql'].join(' · '));
    },
  );
}

function everyOf({every}: FactsQuestionFlags): number | null {
  if (every === undefined) return null;
  const ms = parseLength('--every', every);
  if (ms < LEAST_EVERY_MS) throw usageError(`--every "${every}" is too short.`, 'At least 1m, such as 1h or 1d.');
  return Math.round(ms * 1000);
}

function thenOf(answer: FactsAnswer | null): string {
  if (!answer) return 'nothing';
  const where = answer.path === null ? 'in memory' : `in ${answer.path}`;
  return `spans become trees, runs are judged, and what was found is kept as facts ${where}; of these is asked:\n${inline(answer.statement, 'sqlite', {})}`;
}
