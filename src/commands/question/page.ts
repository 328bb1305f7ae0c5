import packageJson from '../../../package.json' with {type: 'json'};
import type {Context} from '../../context.ts';
import type {PagePlot, PageTable} from '../../page/contents.ts';
import type {Answer} from '../../questions/question.ts';
import {drawnColumns} from '../../render/table.ts';
import {figure, stretchStart} from '../../render/values.ts';
import type {Series, Table} from '../../table/table.ts';
import {isoTime} from '../../trace/time.ts';

interface AnsweredPage {
  readonly title: string;
  readonly notes: readonly string[];
  readonly tables: readonly Table[];
  readonly answer: Pick<Answer, 'series'>;
  /** Length of the periods that rows are split into; null: they are not. */
  readonly everyMicros: number | null;
  /** Keys of a row that tell which line of the series is its own; empty: the series is of the whole. */
  readonly trendKeys: readonly string[];
}

/** Writes the answer to a question as a page: its plot, and its tables with the cells that a pipe gets. */
export async function writeAnswerPage(page: AnsweredPage, out: Context): Promise<void> {
  const {title, notes, tables, answer, everyMicros, trendKeys} = page;
  const {series} = answer;
  const hasTrends = series !== null && everyMicros === null && trendKeys.length > 0;
  const {PageDocument} = await import('../../page/document.ts');
  await new PageDocument(out.stdout).answer({
    schema: 'agno-trace/answer-page/1',
    version: packageJson.version,
    written: isoTime(out.nowMicros()),
    title,
    notes,
    tables: tables.map(table => tableOf(table, everyMicros, hasTrends ? {series, keys: trendKeys} : null)),
    plot: series === null || hasTrends ? null : plotOf(series),
  });
}

function tableOf(
  table: Table,
  everyMicros: number | null,
  trend: {series: Series; keys: readonly string[]} | null,
): PageTable {
  const columns = drawnColumns(table, {everyMicros});
  const lines = new Map(trend?.series.lines.map(({keys, values}) => [JSON.stringify(keys), values]));
  return {
    columns: columns.map(({label, align}) => ({label, isNumber: align === 'right'})),
    rows: table.rows.map((_, row) => columns.map(({cells}) => cells[row]!)),
    trend: trend && {
      label: `${trend.series.column.label} over time`,
      lines: table.rows.map(row => lines.get(JSON.stringify(trend.keys.map(key => row[key] ?? null))) ?? []),
    },
  };
}

function plotOf({column, firstMicros, everyMicros, lines}: Series): PagePlot {
  const unit = column.unit ?? 'count';
  const count = lines.reduce((most, {values}) => Math.max(most, values.length), 0);
  return {
    label: column.label,
    periods: Array.from({length: count}, (_, i) => stretchStart(firstMicros + i * everyMicros, everyMicros)),
    lines: lines.map(({keys, values}) => ({
      name: keys.map(key => key ?? '–').join(' · '),
      values,
      texts: values.map(value => figure(value, unit)),
    })),
  };
}
