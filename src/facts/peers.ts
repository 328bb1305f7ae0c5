import {raw, type Sql, sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {ShownRun} from '../trace/drawn-spans.ts';
import {CHILD_KINDS, type ChildSums, hasPeers, type Peers, peersOf} from '../trace/peers.ts';
import type {JudgedRun} from '../trace/record.ts';
import type {Facts, FactsOptions} from './facts.ts';
import {keptFactsOf} from './place.ts';

/** Written here, as the file that has it holds what only facts need, and every `show` would load that. */
const DAY_MICROS = 86_400_000_000;

interface PeersOptions extends Pick<FactsOptions, 'env' | 'cwd' | 'prices' | 'onProgress'> {
  /** Bring the facts of the days before the run up to date; otherwise use them as they are. */
  readonly brings: boolean;
}

/** The newest ones are enough to show what is usual now. */
const MOST_PEERS = 500;
const DAYS_READ = 7;

/** Adds to a single run how it compares with other runs of its component. */
export async function withPeers(
  store: Store,
  shown: readonly ShownRun[],
  options: PeersOptions,
): Promise<readonly ShownRun[]> {
  const [run, ...others] = shown;
  if (!run || others.length > 0 || run.within !== null || !hasPeers(run.judged)) return shown;
  return [{...run, peers: await peers(store, run.judged, options)}];
}

async function peers(store: Store, judged: JudgedRun, {brings, ...options}: PeersOptions): Promise<Peers | null> {
  const {env, cwd, prices} = options;
  const place = keptFactsOf(store, {env, cwd, prices});
  if (!brings && place === null) return null;
  // Loaded only if facts are kept.
  const {openFacts, readFactsAsKept} = await import('./facts.ts');
  if (!brings) return readFactsAsKept(place!, facts => peersIn(facts, judged, null));
  const sinceMicros = (judged.run.startMicros ?? store.nowMicros()) - DAYS_READ * DAY_MICROS;
  const facts = await openFacts(store, {...options, sinceMicros, untilMicros: null});
  try {
    return peersIn(facts, judged, sinceMicros);
  } finally {
    facts.close();
  }
}

/** @param sinceMicros null: everything in the facts */
function peersIn(facts: Pick<Facts, 'all'>, judged: JudgedRun, sinceMicros: number | null): Peers | null {
  const found = facts.all<Found>(peersStatement(judged, sinceMicros));
  const runs = found.map(({start, durationMs, totalTokens, cost}) => ({
    startMicros: start,
    durationMs,
    totalTokens,
    costUsd: cost === null ? null : cost / 1e12,
  }));
  const children = facts.all<ChildSums>(childrenStatement(found.map(({key}) => String(key))));
  return peersOf(judged, {runs, children, source: sinceMicros === null ? 'kept' : 'read'});
}

interface Found {
  readonly key: number;
  readonly start: number;
  readonly durationMs: number | null;
  readonly totalTokens: number | null;
  readonly cost: number | null;
}

function peersStatement({record: {kind, name, traceId, spanId}}: JudgedRun, sinceMicros: number | null): Sql {
  return sql`
select run_key as key, start_micros as start, duration_ms as "durationMs", total_tokens as "totalTokens", cost_pusd as cost
  from run_facts
 where part = 0 and traffic = 0 and sequel = 0 and missing = 0 and state <> 'paused' and kind = ${kind} and name = ${name}
   and not (trace_id = ${traceId} and span_id = ${spanId}) and start_micros >= ${sinceMicros ?? 0}
 order by start_micros desc
 limit ${MOST_PEERS}`;
}

function childrenStatement(runKeys: readonly string[]): Sql {
  return sql`
select s.kind, s.name, sum(s.duration_ms) as "durationMs", count(*) as calls, sum(coalesce(s.total_tokens, s.within_tokens)) as "totalTokens"
  from json_each(${runKeys}) j
 cross join run_facts r on r.run_key = cast(j.value as integer)
 cross join trace_facts t on t.trace_key = r.trace_key
 cross join span_facts s on s.span_key >= t.first_span_key and s.span_key < t.first_span_key + t.spans and +s.run_key = r.run_key
 where +s.kind in (${raw(CHILD_KINDS.map(kind => `'${kind}'`).join(', '))}) and s.span_id <> r.span_id and s.from_messages = 0
 group by r.run_key, s.kind, s.name`;
}
