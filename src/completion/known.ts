import type {Context} from '../context.ts';
import {connectionOf} from '../flags/connection.ts';
import type {DatabaseFlags} from '../flags/declare.ts';
import {readDotenv} from '../flags/dotenv.ts';
import {append} from '../lists.ts';
import {loadRunPage} from '../runs/page.ts';
import {loadSpans} from '../runs/spans.ts';
import {openStore} from '../store/open.ts';
import {replacing, type Store} from '../store/store.ts';
import {attributeKey, namesIn as namesOf} from '../trace/asked-attributes.ts';
import {NO_FILTER, type RunFilter} from '../trace/filter.ts';
import type {JudgedRun, RunRecord} from '../trace/record.ts';
import {PATIENCE} from '../trace/runs.ts';
import type {Candidate} from './candidates.ts';

/** Runs examined per step, and in total. */
const STEP = 25;
const MOST = 100;
/** Spans per statement: about 3 ms, because a read of SQLite cannot be ended from outside. */
const SPANS_PER_STATEMENT = 2000;
/** Share of the time that may have passed when a statement begins. */
const SHARE_FOR_READING = 0.8;
const LARGEST_COPY_BYTES = 20 * 1024 ** 2;
/** Only runs, without requests and loose parts. */
const WHOLE_RUNS: RunFilter = {...NO_FILTER, kinds: ['agent', 'team', 'workflow']};

type Offer = (beginning: string) => readonly Candidate[];

/** Names in the newest runs, newest first, by the flag that accepts them. */
export interface Known {
  readonly agents: Offer;
  readonly teams: Offer;
  readonly workflows: Offer;
  readonly users: Offer;
  readonly sessions: Offer;
  readonly models: Offer;
  readonly runs: Offer;
  readonly traces: Offer;
  /** Arguments for `show`. */
  readonly ways: Offer;
}

/**
 * Reads the newest runs of the database that the flags and the environment name, as `list` does, as many as there is
 * time for. Read-only; no statement may take longer than `leftMs`.
 * @throws UserError for anything that a command would complain about
 */
export async function knownIn(flags: DatabaseFlags, context: Context, leftMs: number): Promise<Known> {
  return namesIn((await newestRunsIn(flags, context, leftMs, MOST)) ?? []);
}

/** Names of attributes that applications added to the newest runs, as `attr.NAME`. */
export async function attributesIn(flags: DatabaseFlags, context: Context, leftMs: number): Promise<Offer> {
  const names = new Set<string>();
  await newestRunsIn(flags, context, leftMs, STEP, async (store, runs) => {
    const ids = runs.flatMap(({run}) => run.root.span?.spanId ?? []);
    const traceIds = [...new Set(runs.map(({run}) => run.traceId))];
    for (const {attributes} of await loadSpans(store, ids, {quick: true, traceIds}))
      for (const name of namesOf(attributes ?? {})) names.add(attributeKey(name));
  });
  return beginning =>
    distinct(
      [...names].sort().map(value => ({value})),
      beginning,
    );
}

/**
 * The newest run in one line, if it is found in so short a time.
 * @param whileOpen called with the database, if there is still time
 * @returns null: the time was too short
 * @throws UserError as above
 */
export async function newestIn(
  flags: DatabaseFlags,
  context: Context,
  leftMs: number,
  whileOpen: (store: Store) => Promise<void>,
): Promise<string | null> {
  const runs = await newestRunsIn(flags, context, leftMs, 1, whileOpen);
  if (runs === null) return null;
  const [newest] = runs;
  return newest === undefined
    ? 'no run yet'
    : `${(newest.record.runId ?? newest.record.traceId).slice(0, 8)}  ${aboutRun(newest.record)}`;
}

/** Null if there was no time, or if a password would need a command of the user's, which a key press must not run. */
async function newestRunsIn(
  flags: DatabaseFlags,
  context: Context,
  leftMs: number,
  most: number,
  whileOpen?: (store: Store, runs: readonly JudgedRun[]) => Promise<void>,
): Promise<JudgedRun[] | null> {
  const start = performance.now();
  if (flags.dotenv !== undefined) readDotenv(flags.dotenv, context);
  const {source, tables} = connectionOf(flags, context);
  if (source.dialect !== 'sqlite' && source.askPassword) return null;
  const store = await openStore(source, {
    tables,
    nowMicros: context.nowMicros,
    timeoutMs: Math.max(1, Math.floor(leftMs)),
    largestCopyBytes: LARGEST_COPY_BYTES,
  });
  try {
    const runs = await newestRuns(hurried(store, start + leftMs * SHARE_FOR_READING), most);
    if (runs !== null && performance.now() < start + leftMs * SHARE_FOR_READING) await whileOpen?.(store, runs);
    return runs;
  } finally {
    await store.close();
  }
}

/** As many as there is time for. */
async function newestRuns(store: Store, most: number): Promise<JudgedRun[] | null> {
  const runs: JudgedRun[] = [];
  let cursor: string | null = null;
  try {
    do {
      const page = await loadRunPage(store, {
        filter: WHOLE_RUNS,
        limit: Math.min(STEP, most),
        cursor,
        patience: PATIENCE,
      });
      append(runs, page.runs);
      cursor = page.next;
    } while (cursor && runs.length < most);
  } catch (error) {
    if (!(error instanceof OutOfTime)) throw error;
    if (runs.length === 0) return null;
  }
  return runs;
}

class OutOfTime extends Error {}

/** The store, with only short statements, and none that begins after `end` (of `performance.now`). */
function hurried(store: Store, end: number): Store {
  return replacing(store, {
    spansPerStatement: Math.min(store.spansPerStatement, SPANS_PER_STATEMENT),
    all: async query => {
      if (performance.now() > end) throw new OutOfTime();
      return store.all(query);
    },
  });
}

function aboutRun({state, name, startTime}: RunRecord): string {
  return [state, name, startTime?.slice(0, 16).replace('T', ' ')].filter(Boolean).join('  ');
}

function namesIn(runs: readonly JudgedRun[]): Known {
  const records = runs.map(({record}) => record);
  const offer =
    (entries: readonly {id: string | null; name?: string | null; about?: string}[]): Offer =>
    beginning => {
      const byId = entries.map(({id, name, about}) => ({value: id ?? name ?? '', about: about ?? name ?? undefined}));
      const found = distinct(byId, beginning);
      // Flags that accept an id also accept a name; names are offered if the typed beginning fits no id.
      const byName = entries.map(({id, name}) => ({value: name ?? '', about: id ?? undefined}));
      return found.length > 0 ? found : distinct(byName, beginning);
    };
  const component = (kind: string, key: 'agentId' | 'teamId' | 'workflowId') =>
    offer(records.filter(record => record.kind === kind).map(record => ({id: record[key], name: record.name})));
  const plain = (ids: readonly (string | null)[]) => offer(ids.map(id => ({id})));
  const runIds = offer(records.map(record => ({id: record.runId, about: aboutRun(record)})));
  const sessions = plain(records.map(({sessionId}) => sessionId));
  const latest = {value: 'latest', about: 'the newest run'};
  return {
    agents: component('agent', 'agentId'),
    teams: component('team', 'teamId'),
    workflows: component('workflow', 'workflowId'),
    users: plain(records.map(({userId}) => userId)),
    sessions,
    models: plain(records.flatMap(({models}) => models)),
    runs: runIds,
    traces: plain(records.map(({traceId}) => traceId)),
    ways: beginning => [
      ...distinct([latest], beginning),
      ...runIds(beginning).slice(0, NEWEST),
      // All sessions at once would hide the runs.
      ...(beginning === '' ? [] : sessions(beginning)),
    ],
  };
}
const NEWEST = 20;

function distinct(candidates: readonly Candidate[], beginning: string): Candidate[] {
  const seen = new Set<string>();
  return candidates.filter(({value}) => {
    if (value === '' || seen.has(value) || !value.startsWith(beginning)) return false;
    seen.add(value);
    return true;
  });
}
