import type {Context} from '../../context.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {pick} from '../../flags/fields.ts';
import {columnsOf, type Format, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import type {FilterAt} from '../../flags/selection.ts';
import type {Prices} from '../../prices/prices.ts';
import {askQuestion} from '../../questions/ask-tables.ts';
import {askKept, type KeptAnswer} from '../../questions/kept.ts';
import type {Question, QuestionInput} from '../../questions/question.ts';
import {renderTable} from '../../render/table.ts';
import {inline} from '../../sql/sql.ts';

export interface TableQuestionOptions {
  /** Of the command. */
  readonly name: string;
  readonly question: Question;
  readonly format: Format;
  readonly fields: readonly string[];
  readonly input: Omit<QuestionInput, 'where'>;
  readonly filterAt: FilterAt;
  readonly prices: Prices;
  readonly access: Access;
}

const THEN = 'nothing: the answer is the rows of the last but one statement';
const THEN_OWNERS =
  'spans become trees, runs are judged and filtered, times given to their owners and summed up (src/questions/owners.ts)';

/** Answers a canned question. */
export default async function ask(options: TableQuestionOptions, context: Context): Promise<void> {
  const {name, question, format, fields, input, filterAt, prices, access} = options;
  let kept: KeptAnswer | null = null;
  const then = () =>
    kept
      ? `of the facts kept in ${kept.path} is asked:\n${inline(kept.statement, 'sqlite', {})};`
      : question.owners?.[input.by]
        ? THEN_OWNERS
        : THEN;
  await withStore(access, context, {text: then, eachShapeOnce: false}, async (store, out) => {
    const filter = filterAt(store.nowMicros());
    kept = await askKept(store, question, input, filter, {env: context.env, cwd: context.cwd, prices});
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
