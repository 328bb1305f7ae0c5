import {escapeGlob} from '../sql/fragments.ts';
import type {Cell} from '../table/table.ts';
import {command, shellWord} from '../text/shell.ts';
import {attributeNameIn} from '../trace/asked-attributes.ts';
import type {Ask} from './question.ts';

type Row = Readonly<Record<string, Cell>>;

/** Row keys and `--by` values that are filters of `list`; for components it also finds runs inside other runs. */
const FILTERS: Readonly<Record<string, string>> = {
  tool: '--tool',
  model: '--model',
  user: '--user',
  agent: '--name',
  member: '--name',
  team: '--name',
  workflow: '--name',
  step: '--name',
  name: '--name',
  kind: '--kind',
};
/** Endings of column names, and the matching sort key of `list`. */
const SORTS: readonly (readonly [RegExp, string])[] = [
  [/Ms$/, '--sort duration'],
  [/^cost/, '--sort cost'],
  [/Tokens$/, '--sort tokens'],
];

/** The command line that leads from the first row of an answer to its runs; null: there is none. */
export function nextFrom(row: Row, {by, sort}: Pick<Ask, 'by' | 'sort'>): string | null {
  const run =
    textIn(row, 'spanId') ??
    textIn(row, 'sampleRunId') ??
    textIn(row, 'runId') ??
    textIn(row, 'sampleTraceId') ??
    textIn(row, 'traceId');
  if (run !== null) return command`agno-trace show ${shortened(run)}`;
  const text = textIn(row, 'name');
  // The items of a list are no value themselves.
  if (attributeNameIn(by) !== null && text !== null && !text.includes(', '))
    return command`agno-trace list -q ${`${by}:"${text.replace(/["\\]/g, '\\$&')}"`}`;
  const session = textIn(row, 'session') ?? (by === 'session' ? textIn(row, 'name') : null);
  if (session !== null) return command`agno-trace show ${session}`;
  const key = Object.keys(FILTERS).find(name => name !== 'name' && name !== 'kind' && textIn(row, name) !== null);
  const filter = key === undefined ? FILTERS[by] : FILTERS[key];
  const name = textIn(row, key ?? 'name');
  if (filter === undefined || name === null) return null;
  // The name of a step includes its workflow.
  const wanted = (key ?? by) === 'step' ? name.split(' / ').at(-1)! : name;
  const value = filter === '--user' || filter === '--kind' ? wanted : escapeGlob(wanted);
  const order = SORTS.find(([pattern]) => pattern.test(sort.column))?.[1];
  // A value with a leading dash would be read as another flag.
  const typed = `${filter}${value.startsWith('-') ? '=' : ' '}${shellWord(value)}`;
  return `agno-trace list ${typed}${order === undefined ? '' : ` ${order}`}`;
}

/** A generated id as lists show it: `show` takes a beginning. Other ids completely. */
function shortened(id: string): string {
  return /^[0-9a-f]{8}[0-9a-f-]{24,}$/i.test(id) ? id.slice(0, 8) : id;
}

function textIn(row: Row, key: string): string | null {
  const value = row[key];
  return typeof value === 'string' && value !== '' ? value : null;
}
