import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {type CommandModule, commandAction} from '../../flags/command.ts';
import {accessOf} from '../../flags/database.ts';
import {
  addFilterFlags,
  addOutputFlags,
  addPatienceFlags,
  addPriceFlags,
  addWindowFlags,
  type FilterFlags,
  type OutputFlags,
  type PatienceFlags,
  type PriceFlags,
  type ReadFlags,
  type WindowFlags,
} from '../../flags/declare.ts';
import {fieldsOf} from '../../flags/fields.ts';
import {fittingOf} from '../../flags/fitting.ts';
import {type Format, formatOf, RECORD_FORMATS} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {filterAtOf, patienceOf} from '../../flags/selection.ts';
import {severalProfilesOf} from '../../flags/several.ts';
import {parseChoice, parseCount} from '../../flags/values.ts';
import {SORT_KEYS, SORT_WORDS} from '../../runs/sort-keys.ts';
import {RUN_FIELDS} from '../../trace/record.ts';
import type {ListOptions} from './run.ts';

interface ListFlags extends ReadFlags, OutputFlags, WindowFlags, FilterFlags, PatienceFlags, PriceFlags {
  limit?: string;
  cursor?: string;
  sort?: string;
  traffic?: boolean;
  parts?: boolean;
  allProfiles?: boolean;
}

/** Runs, newest first; the unit is the run, wherever it is stored (docs/design.md, Runs). */
const list: CommandModule = {
  examples: [
    {line: 'list', answer: 'the newest runs'},
    {
      line: "list -q 'session:session-31 (error OR degraded)' --last 7d",
      answer: 'what went wrong in a conversation this week',
    },
  ],
  declare: (command, context) => {
    addWindowFlags(command);
    addFilterFlags(command);
    command
      .optionsGroup('Page:')
      .option('-n, --limit <n>', 'runs on a page; 0: all (default: 20, or one screen)')
      .option('--cursor <text>', 'continue where the previous page ended')
      .option(
        '--sort <figure>',
        'duration, tokens, cost, spans, errors or started, largest first; -cost: smallest first',
      )
      .option('--traffic', 'also HTTP requests without a run')
      .option('--parts', 'one row for each part of a run that paused')
      .option('--all-profiles', 'runs of all profiles; or repeat --profile');
    addPatienceFlags(command);
    addPriceFlags(command);
    addOutputFlags(command, RECORD_FORMATS, {isLong: true});
    command.action(commandAction(context, optionsOf, () => import('./run.ts')));
  },
};
export default list;

function optionsOf(flags: ListFlags, context: Context): ListOptions {
  const format = formatOf(flags, RECORD_FORMATS);
  const page = {
    limit: flags.limit === undefined ? pageOf(format, context) : parseCount('--limit', flags.limit),
    patience: patienceOf(flags),
    prices: pricesOf(flags, context),
    folds: !flags.parts,
  };
  const sort = flags.sort === undefined ? null : parseSort(flags.sort, flags.cursor);
  const filterAt = filterAtOf(flags, context);
  const several = severalProfilesOf(flags, context);
  if (several && sort)
    throw usageError('--sort is for one database.', 'Name one --profile; several are listed newest first.');
  return {
    format,
    fields: fieldsOf(flags, several ? ['profile', ...RUN_FIELDS] : RUN_FIELDS, format),
    fit: fittingOf(flags, format),
    ascii: flags.ascii,
    page,
    sort,
    cursor: flags.cursor ?? null,
    filterAt,
    access: several ?? accessOf(flags, context),
  };
}

const PAGE = 20;
/**
 * Lines around the rows: the typed command, the header, up to four lines of notes, the next command, and the prompt.
 */
const AROUND = 9;
const SHORTEST_PAGE = 5;

/** A page that fits on the terminal. */
function pageOf(format: Format, {stdout}: Context): number {
  if (format !== 'table' || !stdout.isTTY || !stdout.rows) return PAGE;
  return Math.max(SHORTEST_PAGE, stdout.rows - AROUND);
}

function parseSort(text: string, cursor: string | undefined): ListOptions['sort'] {
  const word = text.replace(/^-/, '');
  const key = SORT_WORDS.get(word.trim().toLowerCase()) ?? parseChoice('--sort', word, SORT_KEYS);
  if (cursor !== undefined)
    throw usageError('--cursor goes on newest first, --sort does not.', 'Leave one of them out; --limit 0 lists all.');
  return {key, descending: !text.startsWith('-')};
}
