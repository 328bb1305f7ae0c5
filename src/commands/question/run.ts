import type {Context} from '../../context.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {pick} from '../../flags/fields.ts';
import {columnsOf, type Format, lookOf, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import type {FilterAt} from '../../flags/selection.ts';
import type {Prices} from '../../prices/prices.ts';
import {askFacts, type FactsAnswer, type FactsAsk} from '../../questions/ask.ts';
import {columnsOfAnswer, type FactsQuestion} from '../../questions/facts-question.ts';
import {renderSeries, sparkline} from '../../render/series.ts';
import type {Look} from '../../render/states.ts';
import {type Drawing, renderTable} from '../../render/table.ts';
import {inline} from '../../sql/sql.ts';
import {joined, line, own, type Safe} from '../../text/safe.ts';
import {paint} from '../../text/style.ts';

export interface FactsQuestionOptions {
  /** Of the command. */
  readonly name: string;
  readonly question: FactsQuestion;
  readonly format: Format;
  readonly fields: readonly string[];
  readonly ascii: boolean | undefined;
  readonly asked: Omit<FactsAsk, 'filter' | 'isDrawn'>;
  readonly filterAt: FilterAt;
  readonly prices: Prices;
  readonly access: Access;
}

/** Answers a canned question over many runs. */
export default async function ask(options: FactsQuestionOptions, context: Context): Promise<void> {
  const {name, question, format, fields, asked, filterAt, prices, access} = options;
  let answer: FactsAnswer | null = null;
  const then = {text: () => thenOf(answer), eachShapeOnce: true};
  await withStore(access, context, then, async (store, out) => {
    const filter = filterAt(store.nowMicros());
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
    if (access.debug)
      context.stderr.write(
        own(`debug: facts current in ${currentMs.toFixed(1)} ms, answered in ${answerMs.toFixed(1)} ms\n`),
      );
    const items = pick(rows, fields);
    if (writeMachine(out, format, {command: name, data: items, items, fields, notes})) return;
    if (rows.length > 0)
      writeLine(out, drawn(question, asked, answer, {columns: columnsOf(out), look: lookOf(options, out)}));
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

function thenOf(answer: FactsAnswer | null): string {
  if (!answer) return 'nothing';
  const where = answer.path === null ? 'in memory' : `in ${answer.path}`;
  const statements = answer.statements.map(statement => `${inline(statement, 'sqlite', {})};`);
  return `spans become trees, runs are judged, and what was found is kept as facts ${where}; of these is asked:\n${statements.join('\n')}`;
}
