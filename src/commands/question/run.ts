import type {Context} from '../../context.ts';
import {EXIT} from '../../errors.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {pick} from '../../flags/fields.ts';
import type {Fitting} from '../../flags/fitting.ts';
import {columnsOf, type Format, lookOf, writeLine, writeMachine, writeNext, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import type {FilterAt} from '../../flags/selection.ts';
import type {Prices} from '../../prices/prices.ts';
import {askFacts} from '../../questions/ask.ts';
import {nextFrom} from '../../questions/next.ts';
import {type Answer, type Ask, columnsOfAnswer, type Question} from '../../questions/question.ts';
import {renderSeries, sparkline} from '../../render/series.ts';
import type {Look} from '../../render/states.ts';
import {type Drawing, renderTable} from '../../render/table.ts';
import {readByName} from '../../runs/names.ts';
import {inline} from '../../sql/sql.ts';
import type {Table} from '../../table/table.ts';
import {joined, line, type Safe, trusted} from '../../text/safe.ts';
import {paint} from '../../text/style.ts';
import type {RunFilter} from '../../trace/filter.ts';

type Asked = Omit<Ask, 'filter' | 'isDrawn' | 'numbers'>;

export interface QuestionOptions {
  /** Of the command. */
  readonly name: string;
  readonly question: Question;
  readonly format: Format;
  readonly fields: readonly string[];
  readonly fit: Fitting;
  readonly ascii: boolean | undefined;
  readonly asked: Asked;
  /** Numeric values of flags, by the clock of the database. */
  readonly numbersAt: (nowMicros: number) => Ask['numbers'];
  readonly filterAt: FilterAt;
  readonly prices: Prices;
  readonly access: Access;
}

/** Answers a question. */
export default async function runQuestion(options: QuestionOptions, context: Context): Promise<void> {
  const {name, question, format, fields, fit, asked, numbersAt, filterAt, prices, access} = options;
  let answer: Answer | null = null;
  const then = {text: () => thenOf(answer), eachShapeOnce: () => answer?.facts !== null};
  await withStore(access, context, then, async (store, out) => {
    const isDrawn = format === 'html' || (format === 'table' && columnsOf(out) !== null);
    const isEmpty = (of: Answer) => of.isEmpty ?? question.isEmpty?.(of.rows) ?? of.rows.length === 0;
    const found = await withProgress(out, 'reading spans', onProgress => {
      const reading = {env: context.env, cwd: context.cwd, prices, onProgress};
      const numbers = numbersAt(store.nowMicros());
      const read = async (filter: RunFilter) => {
        const ask = {...asked, numbers, filter, isDrawn};
        return (await question.answer?.(store, ask, reading)) ?? askFacts(store, question, ask, reading);
      };
      const filter = filterAt(store.nowMicros());
      const asksIn = question.window?.(filter, numbers, store.nowMicros()) ?? filter;
      return readByName(store, asksIn, {read, isEmpty});
    });
    answer = found.answer;
    const {rows, facts} = answer;
    const notes = [...found.notes, ...answer.notes];
    if (access.debug && facts)
      context.stderr.write(
        trusted(
          `debug: facts current in ${facts.currentMs.toFixed(1)} ms, answered in ${facts.answerMs.toFixed(1)} ms\n`,
        ),
      );
    if (answer.differs) out.exitCode = EXIT.different;
    const items = pick(rows, fields);
    const {next: cursor, nextAfter} = answer;
    const machine = {
      command: name,
      data: items,
      items,
      fields,
      fit,
      notes,
      ...(cursor === undefined ? {} : {next: cursor}),
    };
    if (writeMachine(out, format, {...machine, ...(nextAfter && fit.skip === 0 ? {nextAfter} : {})})) return;
    if (format === 'html') {
      const {writeAnswerPage} = await import('./page.ts');
      await writeAnswerPage(
        {
          title: name,
          notes: [...(isEmpty(answer) ? ['nothing matches'] : []), ...out.notes.splice(0), ...notes],
          tables: tablesOf(question, asked, answer),
          answer,
          everyMicros: asked.everyMicros,
          trendKeys: question.sections ? [] : (question.trend?.keys ?? []),
        },
        out,
      );
      return;
    }
    if (rows.length > 0)
      writeLine(out, drawn(question, asked, answer, {columns: columnsOf(out), look: lookOf(options, out)}));
    writeNote(out, [...(isEmpty(answer) ? ['nothing matches'] : []), ...notes, 'SQL: --print-sql'].join(' · '));
    if (cursor) writeNext(out, `more: --cursor ${cursor}`);
    const next = rows[0] && nextFrom(rows[0], asked);
    if (next) writeNext(out, `next: ${next}`);
  });
}

/** The tables of an answer: one, or one for each section that has rows. */
function tablesOf(question: Question, {by, everyMicros, sort}: Asked, {rows}: Pick<Answer, 'rows'>): Table[] {
  const {sections} = question;
  const all = columnsOfAnswer(question, everyMicros !== null);
  // The name column gets the grouping as its label; `all` is no useful label.
  const named = by === '' || by === 'all' || !all.name ? all : {...all, name: {...all.name, label: by.toUpperCase()}};
  if (!sections) return [{columns: named, rows, sortedBy: sort.column}];
  return Object.entries(sections).flatMap(([section, {label, columns: keys}]) => {
    const of = rows.filter(row => row.section === section);
    if (of.length === 0) return [];
    const wanted = everyMicros === null ? keys : ['time', ...keys.filter(key => key !== 'name')];
    const columns = Object.fromEntries(
      wanted.map(key => [key, key === 'name' ? {...named.name!, label} : named[key]!] as const),
    );
    return [{columns, rows: of, sortedBy: sort.column}];
  });
}

/** The answer as tables; on a terminal with its drawing over time. */
function drawn(
  question: Question,
  asked: Asked,
  {rows, series, nowMicros}: Answer,
  {columns, look}: {columns: number | null; look: Look},
): Safe {
  const {sections, trend} = question;
  const {everyMicros} = asked;
  const blocks: Safe[] = [];
  const drawing: Drawing = {nowMicros, everyMicros};
  if (series && columns !== null && everyMicros !== null) blocks.push(renderSeries(series, columns, look));
  const ends = !sections && series && everyMicros === null ? trendOf(trend!.keys, series, rows, look) : {};
  const first = sections && Object.keys(sections)[0];
  for (const table of tablesOf(question, asked, {rows})) {
    blocks.push(renderTable(table, columns, {...drawing, ...ends}));
    if (series && everyMicros === null && first !== undefined && table.rows[0]?.section === first)
      blocks.push(line`${paint(trusted(`${series.column.label} `), 'dim')}${sparkline(series.lines[0]!.values, look)}`);
  }
  return joined(blocks, '\n\n');
}

function trendOf(
  keys: readonly string[],
  series: NonNullable<Answer['series']>,
  rows: Answer['rows'],
  look: Look,
): Pick<Drawing, 'trend'> {
  const lines = new Map(series.lines.map(of => [JSON.stringify(of.keys), sparkline(of.values, look)]));
  const cells = rows.map(row => lines.get(JSON.stringify(keys.map(key => row[key] ?? null))) ?? trusted(''));
  return {trend: {label: `${series.column.label} OVER TIME`, cells}};
}

function thenOf(answer: Answer | null): string {
  if (!answer) return 'nothing';
  if (!answer.facts) return 'nothing: the answer is the rows of the statement before the last';
  const {path, statements} = answer.facts;
  const asked = statements.map(statement => `${inline(statement, 'sqlite', {})};`).join('\n');
  const how = answer.facts.isOfCalls
    ? 'calls are counted and priced, and kept as'
    : 'spans become trees, runs are judged, and the results are kept as';
  return `${how} facts ${path === null ? 'in memory' : `in ${path}`}, which this queries:\n${asked}`;
}
