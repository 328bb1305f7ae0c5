import type {Command} from 'commander';
import type {Context} from '../context.ts';
import {usageError} from '../errors.ts';
import {type ReadFlags, withStore} from '../flags/database.ts';
import {addExamples} from '../flags/examples.ts';
import {
  addOutputFlags,
  columnsOf,
  formatOf,
  type OutputFlags,
  writeLine,
  writeMachine,
  writeNote,
} from '../flags/output.ts';
import {withProgress} from '../flags/progress.ts';
import {
  addWhatFlags,
  addWhoFlags,
  addWindowFlags,
  filterOf,
  type WhatFlags,
  type WhoFlags,
  type WindowFlags,
} from '../flags/selection.ts';
import {closest, parseChoice, parseCount} from '../flags/values.ts';
import type {Question, QuestionInput} from '../queries/question.ts';

interface QuestionFlags extends ReadFlags, OutputFlags, WindowFlags, WhoFlags, WhatFlags {
  by: string;
  sort: string;
  limit: string;
}

const FORMATS = ['table', 'json', 'jsonl'] as const;
const THEN = 'nothing: the answer is the rows of the last statement';

/** Makes a subcommand of a canned question. */
export function registerQuestion(program: Command, name: string, question: Question, context: Context): void {
  const command = program.command(name).description(question.summary);
  addWindowFlags(command);
  addWhoFlags(command);
  addWhatFlags(command);
  command
    .optionsGroup('Question:')
    .option('--by <what>', `rows are: ${question.by.join(', ')}`, question.by[0])
    .option('--sort <column>', `${Object.keys(question.columns).join(', ')}; - in front: smallest first`, question.sort)
    .option('-n, --limit <n>', 'rows; 0: all', '10');
  addOutputFlags(command, FORMATS);
  addExamples(command, question.examples);
  command.action((_, self: Command) => ask(name, question, self.optsWithGlobals<QuestionFlags>(), context));
}

async function ask(name: string, question: Question, flags: QuestionFlags, context: Context): Promise<void> {
  const format = formatOf(flags, FORMATS);
  const input: Omit<QuestionInput, 'where'> = {
    by: parseChoice('--by', flags.by, question.by),
    sort: parseSort(flags.sort, question),
    limit: parseCount('--limit', flags.limit),
  };
  filterOf(flags, context.nowMicros());
  await withStore(flags, context, THEN, async (store, out) => {
    const {askQuestion} = await import('../queries/ask.ts');
    const filter = filterOf(flags, store.nowMicros());
    const {rows, notes} = await withProgress(out, 'finding the runs', onProgress =>
      askQuestion(store, question, input, filter, onProgress),
    );
    if (writeMachine(out, format, {command: name, data: rows, items: rows, notes})) return;
    const {renderTable} = await import('../render/table.ts');
    const columns = {...question.columns, name: {...question.columns.name!, label: input.by.toUpperCase()}};
    if (rows.length > 0) writeLine(out, renderTable({columns, rows}, columnsOf(out)));
    writeNote(out, [...(rows.length === 0 ? ['nothing matches'] : []), ...notes, 'SQL: --print-sql'].join(' · '));
  });
}

function parseSort(text: string, question: Question): QuestionInput['sort'] {
  const column = text.replace(/^[-+]/, '');
  const known = Object.keys(question.columns);
  const found = known.find(key => key.toLowerCase() === column.toLowerCase());
  if (!found) {
    const near = closest(column, known);
    throw usageError(
      `--sort "${text}" is no column.`,
      near ? `Did you mean ${near}? Columns: ${known.join(', ')}.` : `Columns: ${known.join(', ')}.`,
    );
  }
  const isText = (question.columns[found]!.unit ?? 'text') === 'text';
  return {column: found, descending: text.startsWith('-') === isText};
}
