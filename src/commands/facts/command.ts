import type {Context} from '../../context.ts';
import {EXIT, UserError, usageError} from '../../errors.ts';
import {factsFolder} from '../../facts/place.ts';
import {type CommandModule, commandAction, type Example, subcommand} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {addOutputFlags, addPriceFlags, type OutputFlags, type PriceFlags, type ReadFlags} from '../../flags/declare.ts';
import {formatOf} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {attributePath} from '../../flags/query.ts';
import {attributeNameIn} from '../../trace/asked-attributes.ts';
import type {KeptFactsOptions} from './run.ts';

interface FactsFlags extends ReadFlags, OutputFlags, PriceFlags {
  all?: boolean;
  remove?: boolean;
}

const FORMATS = ['table', 'json'] as const;

type Verb = KeptFactsOptions['verb'];

/** The cached facts, which make questions over many runs fast. */
const facts: CommandModule = {
  examples: [
    {line: 'facts', answer: 'how much is cached, and for which days'},
    {line: 'facts clear', answer: 'delete it; the next question reads what it needs'},
  ],
  declare: (command, context) => {
    command.helpCommand(false);
    const sub = (verb: Verb, summary: string, examples: readonly Example[], isDefault = false) => {
      const made = subcommand(command, verb, summary, examples, isDefault);
      addPriceFlags(made);
      const optionsOfVerb = (flags: FactsFlags, _: Context, [names]: readonly [string[]?]) =>
        optionsOf(verb, flags, verb === 'keep' ? (names ?? []) : [], context);
      return made.action(commandAction(context, optionsOfVerb, () => import('./run.ts')));
    };
    addOutputFlags(
      sub(
        'status',
        'Show what is cached of this database',
        [
          {line: 'facts status', answer: 'file, size, spans, runs, days'},
          {line: 'facts status --json', answer: 'for scripts'},
        ],
        true,
      ),
      FORMATS,
      {printSql: false},
    );
    addOutputFlags(
      sub('rebuild', 'Compute all facts again, from the first span to the last', [
        {line: 'facts rebuild', answer: 'before a busy day, so that no question waits'},
        {line: 'facts rebuild --json', answer: 'and print what is cached then'},
      ]),
      FORMATS,
      {printSql: false},
    );
    sub('keep', 'Choose attributes that facts keep for each run, for -q and --by', [
      {
        line: 'facts keep attr.tenant attr.metadata.plan',
        answer: 'questions by tenant and plan; values lie in the facts',
      },
      {line: 'facts keep --remove attr.tenant', answer: 'and no longer, without what was kept of it'},
    ])
      .argument('[names...]', 'attr.NAME; none: print what is kept')
      .optionsGroup('Attributes:')
      .option('--remove', 'keep them no longer');
    sub('clear', 'Delete the facts of this database', [
      {line: 'facts clear', answer: 'of this database'},
      {line: 'facts clear --all', answer: 'of every database, reachable or not'},
    ]).option('--all', 'of every database');
    sub('path', 'Print the file with the facts (docs/facts.md describes it)', [
      {line: 'facts path', answer: 'one line'},
      {line: 'facts path --db agno.db', answer: 'of that database'},
    ]);
  },
};
export default facts;

function optionsOf(verb: Verb, flags: FactsFlags, names: readonly string[], context: Context): KeptFactsOptions {
  const format = formatOf(flags, FORMATS);
  const folder = factsFolder(context.env, context.cwd);
  if (folder === null)
    throw new UserError(EXIT.usage, 'there is no folder for facts: they are computed in memory for each question.', {
      hint: 'Set AGNO_TRACE_CACHE to a folder.',
    });
  const isOfAll = verb === 'clear' && flags.all === true;
  return {
    verb,
    format,
    folder,
    attributes: names.map(attributeOfName),
    removes: flags.remove ?? false,
    ascii: flags.ascii,
    of: isOfAll ? 'all' : {prices: pricesOf(flags, context), access: accessOf(flags, context)},
  };
}

/** @throws UserError exit 2 for anything but `attr.NAME` */
function attributeOfName(text: string): string {
  const name = attributeNameIn(text);
  if (name === null)
    throw usageError(`"${text}" is no attribute.`, `Write attr.${/^(?!attr\.)[\w.]+$/.test(text) ? text : 'tenant'}.`);
  return attributePath(name);
}
