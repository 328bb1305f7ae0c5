import type {CommandModule} from '../../flags/command.ts';
import {
  addOutputFlags,
  addPriceFlags,
  addWhatFlags,
  addWhoFlags,
  addWindowFlags,
  takesOneOf,
} from '../../flags/declare.ts';
import {columnsOfAnswer, type FactsQuestion} from '../../queries/facts-question.ts';
import type {Question} from '../../queries/question.ts';

/** Lengths that a shell offers; others are taken too. */
const EVERY = ['1h', '6h', '1d', '1w'];

/** Makes a subcommand of a canned question. */
export function questionCommand(question: Question | FactsQuestion): CommandModule {
  return 'groups' in question ? tableCommand(question) : factsCommand(question);
}

/** One over many runs, answered from the facts. */
function factsCommand(question: FactsQuestion): CommandModule {
  return {
    examples: question.examples,
    declare: (command, context) => {
      addWindowFlags(command);
      addWhoFlags(command);
      addWhatFlags(command);
      command.optionsGroup('Question:');
      if (question.by) {
        command.option('--by <what>', `rows are: ${question.by.join(', ')}`, question.by[0]);
        takesOneOf(command, question.by);
      }
      if (question.every) {
        command.option('--every <length>', 'a row for each stretch of time: 1h, 1d, 1w');
        takesOneOf(command, EVERY);
      }
      for (const {flag, description, default: value} of Object.values(question.flags ?? {}))
        command.option(flag, description, value);
      const columns = Object.keys(columnsOfAnswer(question, question.every === true));
      const first = question.every ? `${question.sort}, with --every time` : question.sort;
      command.option('--sort <column>', `${columns.join(', ')}; - in front: smallest first (default: ${first})`);
      takesOneOf(command, [...columns, ...columns.map(column => `-${column}`)]);
      const [rows, limit] = question.sections ? ['rows of each kind; 0: all', '5'] : ['rows; 0: all', '20'];
      command.option('-n, --limit <n>', rows, limit);
      addPriceFlags(command);
      addOutputFlags(command, ['table', 'json', 'jsonl', 'csv', 'md']);
      command.action(async (_, self) => {
        const {default: answer} = await import('./run.ts');
        await answer(command.name(), question, self.optsWithGlobals(), context);
      });
    },
  };
}

/** One that the tables answer by themselves. */
function tableCommand(question: Question): CommandModule {
  return {
    examples: question.examples,
    declare: (command, context) => {
      addWindowFlags(command);
      addWhoFlags(command);
      addWhatFlags(command);
      command.optionsGroup('Question:').option('--by <what>', `rows are: ${question.by.join(', ')}`, question.by[0]);
      takesOneOf(command, question.by);
      const columns = Object.keys(question.columns);
      command.option('--sort <column>', `${columns.join(', ')}; - in front: smallest first`, question.sort);
      takesOneOf(command, [...columns, ...columns.map(column => `-${column}`)]).option(
        '-n, --limit <n>',
        'rows; 0: all',
        '10',
      );
      addOutputFlags(command, ['table', 'json', 'jsonl', 'csv', 'md']);
      command.action(async (_, self) => {
        const {default: answer} = await import('./run-tables.ts');
        await answer(command.name(), question, self.optsWithGlobals(), context);
      });
    },
  };
}
