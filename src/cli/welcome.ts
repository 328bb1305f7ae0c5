import {newestIn} from '../completion/known.ts';
import type {Context} from '../context.ts';
import {UserError} from '../errors.ts';
import {factsFile, factsFilesIn, factsFolder} from '../facts/place.ts';
import {type Connection, connectionOf, passedOver} from '../flags/connection.ts';
import {largest} from '../lists.ts';
import {count, moment} from '../render/values.ts';
import {labelOf} from '../store/source.ts';
import type {Store} from '../store/store.ts';
import {line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';

/** How long to look for the newest run; nobody waits for a greeting. */
const MOST_MS = 250;
/** Variables that other programs set too: the databases they name are not opened without being asked. */
const GENERIC = /^(DATABASE_URL|PG)/;

const NEXT = [
  ['agno-trace list', 'the newest runs, with how they ended'],
  ['agno-trace show latest', 'the newest run as a tree: time, tokens, errors'],
  ['agno-trace tail', 'runs as they happen'],
] as const;
const WITHOUT = [
  ['agno-trace list --db <url>', 'the URL from your code, or a SQLite file'],
  ['agno-trace profile add prod --db <url>', 'give it a name'],
  ['agno-trace demo', 'make a demo database of real runs'],
] as const;

/** Shown on a terminal if no command was typed: the database found here, and the next commands to type. */
export async function welcome(context: Context, mostMs = MOST_MS): Promise<void> {
  const write = (text: Safe) => context.stdout.write(line`${text}\n`);
  write(paint(trusted('See what your Agno agents did, in your terminal, straight from your database.'), 'bold'));
  write(trusted(''));
  const found = connectionHere(context);
  for (const [label, text] of await factsOf(found, context, mostMs))
    write(line`  ${paint(trusted(label.padEnd(9)), 'dim')} ${text}`);
  write(trusted(''));
  const next = found instanceof UserError ? WITHOUT : NEXT;
  const longest = largest(next.map(([typed]) => typed.length));
  for (const [typed, answer] of next) write(trusted(`  ${typed.padEnd(longest)}  ${answer}`));
  write(trusted('\nagno-trace --help lists all commands; agno-trace help <command> explains one.'));
}

function connectionHere(context: Context): Connection | UserError {
  try {
    return connectionOf({}, context);
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
}

async function factsOf(
  found: Connection | UserError,
  context: Context,
  mostMs: number,
): Promise<(readonly [string, Safe])[]> {
  if (found instanceof UserError) return [['database', safe(found.message)]];
  const {source, from} = found;
  const passed = passedOver(found, context);
  const facts: (readonly [string, Safe])[] = [['database', line`${safe(labelOf(source))} (${safe(from)})`]];
  if (passed !== null) facts.push(['beside', line`${safe(passed)} exists too, but is not read`]);
  if (GENERIC.test(from)) return facts;
  let kept: Awaited<ReturnType<typeof keptRunsOf>> = null;
  const countThem = async (store: Store) => {
    kept = await keptRunsOf(store, context);
  };
  const newest = await newestIn({}, context, mostMs, countThem).catch((error: unknown) => {
    if (error instanceof UserError) return error;
    throw error;
  });
  if (newest instanceof UserError) facts.push(['error', safe(newest.message)]);
  else if (newest !== null) facts.push(['newest', safe(newest)]);
  if (kept !== null) facts.push(['runs', kept]);
  return facts;
}

/** The number of runs is shown only if facts are kept; nobody waits for a count. */
async function keptRunsOf(store: Store, context: Context): Promise<Safe | null> {
  const folder = factsFolder(context.env, context.cwd);
  if (folder === null || factsFilesIn(folder).length === 0) return null;
  const [{keptRuns}, {pricesOf}] = await Promise.all([import('../facts/facts.ts'), import('../flags/prices.ts')]);
  const kept = await keptRuns(factsFile(folder, store, pricesOf({}, context)));
  return kept && line`${count(kept.runs)} on ${moment(kept.takenInAt)}`;
}
