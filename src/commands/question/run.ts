import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {askFacts, type FactsAnswer, type FactsAsk} from '../../facts/ask.ts';
import {withStore} from '../../flags/database.ts';
import type {OutputFlags, PriceFlags, ReadFlags, WhatFlags, WhoFlags, WindowFlags} from '../../flags/declare.ts';
import {fieldsOf, pick} from '../../flags/fields.ts';
import {columnsOf, formatOf, lookOf, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {withProgress} from '../../flags/progress.ts';
import {queryNotes} from '../../flags/query.ts';
import {filterOf} from '../../flags/selection.ts';
import {parseSort} from '../../flags/sort.ts';
import {parseChoice, parseCount, parseLength} from '../../flags/values.ts';
import {append} from '../../lists.ts';
import {columnsOfAnswer, type FactsQuestion} from '../../queries/facts-question.ts';
import {renderSeries, sparkline} from '../../render/series.ts';
import type {Look} from '../../render/states.ts';
import {type Drawing, renderTable} from '../../render/table.ts';
import {inline} from '../../sql/sql.ts';
import {joined, line, own, type Safe} from '../../text/safe.ts';
import {paint} from '../../text/style.ts';

export interface FactsQuestionFlags extends ReadFlags, OutputFlags, WindowFlags, WhoFlags, WhatFlags, PriceFlags {
  by?: string;
  every?: string;
  /** Absent: the question's own, or split by time that. */
  sort?: string;
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
  const columns = columnsOfAnswer(question, everyMicros !== null);
  const fields = fieldsOf(flags, Object.keys(columns), format);
  const ownFlags = flags as unknown as Readonly<Record<string, string | undefined>>;
  const asked: Omit<FactsAsk, 'filter' | 'isDrawn'> = {
    by: question.by ? parseChoice('--by', flags.by ?? question.by[0]!, question.by) : '',
    everyMicros,
    sort: parseSort(flags.sort ?? (everyMicros === null ? question.sort : '-time'), columns),
    limit: parseCount('--limit', flags.limit),
    flags: ownFlags,
    lengths: Object.fromEntries(
      Object.entries(question.flags ?? {}).flatMap(([key, {flag, isLength}]) => {
        const value = ownFlags[key];
        return isLength && value !== undefined ? [[key, 1000 * parseLength(flag.split(' ', 1)[0]!, value)]] : [];
      }),
    ),
  };
  filterOf(flags, context.nowMicros());
  if (flags.query !== undefined) append(context.notes, queryNotes(flags.query));
  const prices = pricesOf(flags, context);
  let answer: FactsAnswer | null = null;
  const then = {text: () => thenOf(answer), eachShapeOnce: true};
  await withStore(flags, context, then, async (store, out) => {
    const filter = filterOf(flags, store.nowMicros());
    const isDrawn = format === 'table' && columnsOf(out) !== null;
    answer = await withProgress(out, 'reading new spans', report =>
      askFacts(
        store,
        question,
        {...asked, filter, isDrawn},
        {env: context.env, cwd: context.cwd, prices, onProgress: report},
      ),
    );
    const {rows, notes, currentMs, answerMs} = answer;
    if (flags.debug)
      context.stderr.write(
        own(`debug: facts current in ${currentMs.toFixed(1)} ms, answered in ${answerMs.toFixed(1)} ms\n`),
      );
    const items = pick(rows, fields);
    if (writeMachine(out, format, {command: name, data: items, items, fields, notes})) return;
    if (rows.length > 0)
      writeLine(out, drawn(question, asked, answer, {columns: columnsOf(out), look: lookOf(flags, out)}));
    writeNote(out, [...(rows.length === 0 ? ['nothing matches'] : []), ...notes, 'SQL: --print-sql'].join(' · '));
  });
}

/** The answer as tables; on a terminal with what it draws over time. */
function drawn(
  question: FactsQuestion,
  {by, everyMicros, sort}: Omit<FactsAsk, 'filter' | 'isDrawn'>,
  {rows, series, nowMicros}: FactsAnswer,
  {columns, look}: {columns: number | null; look: Look},
): Safe {
  const {sections, trend} = question;
  const blocks: Safe[] = [];
  const drawing: Drawing = {nowMicros, everyMicros};
  if (series && columns !== null && everyMicros !== null) blocks.push(renderSeries(series, columns, look));
  const all = columnsOfAnswer(question, everyMicros !== null);
  // What rows are grouped by is the name of the column that says it.
  const named = by === '' || !all.name ? all : {...all, name: {...all.name, label: by.toUpperCase()}};
  if (!sections) {
    const ends = series && everyMicros === null ? trendOf(trend!.keys, series, rows, look) : {};
    blocks.push(renderTable({columns: named, rows, sortedBy: sort.column}, columns, {...drawing, ...ends}));
    return joined(blocks, '\n\n');
  }
  for (const [section, {label, columns: keys}] of Object.entries(sections)) {
    const of = rows.filter(row => row.section === section);
    if (of.length === 0) continue;
    const wanted = everyMicros === null ? keys : ['time', ...keys.filter(key => key !== 'name')];
    const shown = Object.fromEntries(
      wanted.map(key => [key, key === 'name' ? {...named.name!, label} : named[key]!] as const),
    );
    blocks.push(renderTable({columns: shown, rows: of, sortedBy: sort.column}, columns, drawing));
    if (series && everyMicros === null && section === Object.keys(sections)[0])
      blocks.push(line`${paint(own(`${series.column.label} `), 'dim')}${sparkline(series.lines[0]!.values, look)}`);
  }
  return joined(blocks, '\n\n');
}

function trendOf(
  keys: readonly string[],
  series: NonNullable<FactsAnswer['series']>,
  rows: FactsAnswer['rows'],
  look: Look,
): Pick<Drawing, 'trend'> {
  const lines = new Map(series.lines.map(of => [JSON.stringify(of.keys), sparkline(of.values, look)]));
  const cells = rows.map(row => lines.get(JSON.stringify(keys.map(key => row[key] ?? null))) ?? own(''));
  return {trend: {label: `${series.column.label} OVER TIME`, cells}};
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
  const statements = answer.statements.map(statement => `${inline(statement, 'sqlite', {})};`);
  return `spans become trees, runs are judged, and what was found is kept as facts ${where}; of these is asked:\n${statements.join('\n')}`;
}
