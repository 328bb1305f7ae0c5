import {append} from '../../lists.ts';
import {candidatesOf} from '../../runs/candidates.ts';
import {loadSpans} from '../../runs/spans.ts';
import {anyTime} from '../../runs/stretches.ts';
import {walkRuns} from '../../runs/walk.ts';
import {holdsAscii, time} from '../../sql/fragments.ts';
import {anyOf, join, raw, type Sql, sql, table} from '../../sql/sql.ts';
import {replacing, type Store} from '../../store/store.ts';
import {digest} from '../../trace/exchange.ts';
import {matchesSpan, type RunFilter} from '../../trace/filter.ts';
import {parseJson, printable} from '../../trace/json.ts';
import type {SearchPlace} from '../../trace/places.ts';
import {readableJson} from '../../trace/readable.ts';
import {type JudgedRun, nodesOf} from '../../trace/record.ts';
import type {Patience} from '../../trace/runs.ts';
import type {Span} from '../../trace/span.ts';
import {type SpanText, textsOf} from '../../trace/texts.ts';
import {agnoTime, parseTime} from '../../trace/time.ts';
import {type Node, namesDownTo} from '../../trace/tree.ts';
import type {Pattern, Range} from './pattern.ts';

/** One line with matches in it. */
export interface Hit {
  readonly node: Node;
  /** What a person calls the spans from the run down to this one. */
  readonly path: readonly string[];
  readonly place: SearchPlace;
  readonly where: string | null;
  /** Line number in its text, from 1; for JSON, as it is displayed: one value per line. */
  readonly line: number;
  readonly text: string;
  readonly matches: readonly Range[];
  readonly before: readonly string[];
  readonly after: readonly string[];
}

export interface RunHits {
  readonly judged: JudgedRun;
  /** In the order of the run's tree. */
  readonly hits: readonly Hit[];
}

export interface GrepOptions {
  readonly pattern: Pattern;
  /** Which runs. */
  readonly filter: RunFilter;
  /** Which of their spans: by kinds, models, tools and names. */
  readonly spans: RunFilter;
  readonly places: ReadonlySet<SearchPlace>;
  /** Lines before and after each hit. */
  readonly context: number;
  /** Also report a text that occurs again in the same run. */
  readonly repeats: boolean;
  /** The first hit of each run is enough. */
  readonly firstOnly: boolean;
  readonly patience: Patience;
  readonly signal: AbortSignal;
  readonly onProgress?: (spans: number) => void;
}

/** What was searched; up to date whenever hits are returned. */
export interface Searched {
  /** Spans whose texts were read; if the database searched first, `countSearched` knows how many it examined. */
  spans: number;
  runs: number;
  /** The database searched all spans down to `firstMicros`. */
  isWalked: () => boolean;
  /** Earliest start of a searched run, latest start of an examined span. */
  firstMicros: number | null;
  lastMicros: number | null;
}

/** Complete rows that one statement searches: a payload has kilobytes, and a writer may wait. */
const SPANS_PER_STATEMENT = 2000;
const FIRST_STRETCH = 500;
/** Complete spans read at once; model calls contain their whole history. */
const WHOLE_AT_ONCE = 50;
const CALLS_AT_ONCE = 20;

/**
 * Runs with a match, newest first, each as soon as it is found. If every match must contain a text, the database
 * searches for that first, if this finds single spans; the texts themselves are matched here.
 */
export async function* grepRuns(from: Store, options: GrepOptions, searched: Searched): AsyncGenerator<RunHits> {
  const {pattern, filter, signal} = options;
  const store = interruptible(from, signal);
  const test = pattern.literal === null ? undefined : mayHold(pattern.literal, pattern.ignoresCase);
  const isSharp = !candidatesOf(filter).takesEverySpan || filter.traces.length > 0;
  const isWalked = test !== undefined && !isSharp;
  const narrow = replacing(store, {spansPerStatement: Math.min(store.spansPerStatement, SPANS_PER_STATEMENT)});
  searched.lastMicros = await newestStart(store, filter);
  /** An upper bound, because the last stretch may be shorter than requested. */
  let walkedSpans = 0;
  searched.isWalked = () => walkedSpans > 0;
  const walked = walkRuns(isWalked ? narrow : store, {
    filter,
    patience: options.patience,
    from: null,
    firstStretch: FIRST_STRETCH,
    ...(isWalked ? {test} : {}),
    onProgress: spans => {
      if (isWalked) walkedSpans = spans;
      options.onProgress?.(Math.max(spans, searched.spans));
    },
  });
  for await (const judged of walked) {
    if (signal.aborted || pattern.isExhausted) return;
    const nodes = nodesOf(judged.run).filter(({span}) => span !== null);
    const wanted = nodes.filter(({span}) => matchesSpan(span!, options.spans));
    const hits = await searchRun(store, wanted, test, options);
    searched.runs++;
    searched.spans += wanted.length;
    searched.firstMicros = judged.run.startMicros ?? searched.firstMicros;
    options.onProgress?.(searched.spans);
    if (hits.length > 0) yield {judged, hits: inOrder(hits, nodes)};
  }
  if (isWalked && !signal.aborted) searched.firstMicros = (await oldestStart(store, filter)) ?? searched.firstMicros;
}

/**
 * Reads of SQLite never wait, so no signal would be handled before the end: each statement first gives others a turn.
 * A statement in a separate process is not interrupted; it ends when the store is closed.
 */
function interruptible(store: Store, signal: AbortSignal): Store {
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), {once: true});
  });
  aborted.catch(() => undefined);
  return replacing(store, {
    all: async <Row>(query: Sql) => {
      await new Promise(setImmediate);
      signal.throwIfAborted();
      const rows = store.all<Row>(query);
      rows.catch(() => undefined);
      return Promise.race([rows, aborted]);
    },
  });
}

function inOrder(hits: readonly Hit[], nodes: readonly Node[]): Hit[] {
  const place = new Map(nodes.map((node, i) => [node, i]));
  return [...hits].sort((a, b) => place.get(a.node)! - place.get(b.node)!);
}

function mayHold(literal: string, ignoresCase: boolean): Sql {
  const columns = ['s.name', 's.status_message', 's.attributes'].map(column =>
    holdsAscii(raw(column), literal, ignoresCase),
  );
  return sql`(${anyOf(columns)})`;
}

async function searchRun(
  store: Store,
  nodes: readonly Node[],
  test: Sql | undefined,
  options: GrepOptions,
): Promise<Hit[]> {
  const told = new Set<string>();
  const hits: Hit[] = [];
  // The text of a tool or an agent itself comes before model calls that only repeat it.
  for (const isCall of [false, true]) {
    const part = nodes.filter(({span}) => (span!.kind === 'llm') === isCall);
    const atOnce = isCall ? CALLS_AT_ONCE : WHOLE_AT_ONCE;
    for (let at = 0; at < part.length; at += atOnce) {
      if (options.signal.aborted || options.pattern.isExhausted) return hits;
      const some = part.slice(at, at + atOnce);
      const ids = some.map(({id}) => id);
      const traceIds = [...new Set(some.map(({traceId}) => traceId))];
      const spans = new Map(
        (await loadSpans(store, ids, {quick: true, traceIds, ...(test ? {test} : {})})).map(span => [
          span.spanId,
          span,
        ]),
      );
      for (const node of some) {
        const span = spans.get(node.id);
        if (span) append(hits, searchSpan(node, span, told, options));
        if (options.firstOnly && hits.length > 0) return hits;
      }
    }
  }
  return hits;
}

function searchSpan(
  node: Node,
  span: Span,
  told: Set<string>,
  {pattern, places, context, repeats}: GrepOptions,
): Hit[] {
  const texts = textsOf(span, places).filter(({text}) => !pattern.excludes(text) && (repeats || isNew(told, text)));
  if (texts.length === 0) return [];
  const readable = texts.map(({text}) => readableJson(text) ?? text);
  const found = pattern.search(readable);
  // A match across several JSON values is found in the text as stored.
  const rest = texts.flatMap(({text}, i) => (found[i]!.length === 0 && text !== readable[i] ? [i] : []));
  const raws = pattern.search(rest.map(i => texts[i]!.text));
  for (const [k, i] of rest.entries()) {
    if (raws[k]!.length === 0) continue;
    found[i] = raws[k]!;
    readable[i] = texts[i]!.text;
  }
  const path = namesDownTo(node);
  return texts.flatMap((text, i) =>
    hitLines(readable[i]!, found[i]!, context).map(hit => ({...hit, ...ofText(text), node, path})),
  );
}

function ofText({place, where}: SpanText): Pick<Hit, 'place' | 'where'> {
  return {place, where};
}

/** A model may write the arguments of a call with other escapes and blanks than the tool's span has. */
const LONGEST_COMPARED = 100_000;

function isNew(told: Set<string>, text: string): boolean {
  const isJson = text.length <= LONGEST_COMPARED && /^\s*[[{]/.test(text);
  const parsed = isJson ? parseJson(text) : null;
  const isClean = parsed !== null && parsed.problems.length === 0 && printable(parsed.value) === parsed.value;
  const key = digest(isClean ? JSON.stringify(parsed.value) : text.trim());
  if (told.has(key)) return false;
  told.add(key);
  return true;
}

type HitLine = Pick<Hit, 'line' | 'text' | 'matches' | 'before' | 'after'>;

/** The lines of a text that contain matches, each once; a match across a line end is reported at its first line. */
export function hitLines(text: string, ranges: readonly Range[], context: number): HitLine[] {
  const hits: {start: number; end: number; line: number; matches: Range[]}[] = [];
  let line = 1;
  let counted = 0;
  for (const [from, to] of ranges) {
    const start = from === 0 ? 0 : text.lastIndexOf('\n', from - 1) + 1;
    const last = hits.at(-1);
    const at = text.indexOf('\n', from);
    const end = at < 0 ? text.length : at;
    const match: Range = [from - start, Math.max(from - start, Math.min(to, end) - start)];
    if (last?.start === start) {
      last.matches.push(match);
      continue;
    }
    for (let next = text.indexOf('\n', counted); next >= 0 && next < start; next = text.indexOf('\n', next + 1)) line++;
    counted = start;
    hits.push({start, end, line, matches: [match]});
  }
  return hits.map(({start, end, line: number, matches}) => ({
    line: number,
    text: text.slice(start, end),
    matches,
    before: linesBefore(text, start, context),
    after: linesAfter(text, end, context),
  }));
}

function linesBefore(text: string, start: number, most: number): string[] {
  const lines: string[] = [];
  for (let end = start - 1; end >= 0 && lines.length < most; ) {
    const from = end === 0 ? 0 : text.lastIndexOf('\n', end - 1) + 1;
    lines.unshift(text.slice(from, end));
    end = from - 1;
  }
  return lines;
}

function linesAfter(text: string, end: number, most: number): string[] {
  const lines: string[] = [];
  for (let start = end + 1; start <= text.length && lines.length < most; ) {
    const at = text.indexOf('\n', start);
    const to = at < 0 ? text.length : at;
    lines.push(text.slice(start, to));
    start = to + 1;
  }
  return lines;
}

/** Spans that were examined, by the database or here. */
export async function countSearched(store: Store, {untilMicros}: RunFilter, searched: Searched): Promise<number> {
  if (!searched.isWalked() || searched.firstMicros === null) return searched.spans;
  const [row] = await store.all<{spans: unknown}>(sql`
select count(*) as spans
  from ${table('spans')} s
 where s.start_time >= ${time(agnoTime(searched.firstMicros))}${untilMicros === null ? raw('') : sql` and s.start_time < ${time(agnoTime(untilMicros))}`}`);
  return Math.max(searched.spans, Number(row?.spans ?? 0));
}

function newestStart(store: Store, {untilMicros}: RunFilter): Promise<number | null> {
  return startOf(store, untilMicros === null ? [] : [sql`s.start_time < ${time(agnoTime(untilMicros))}`], 'desc');
}

function oldestStart(store: Store, {sinceMicros}: RunFilter): Promise<number | null> {
  return startOf(store, sinceMicros === null ? [] : [sql`s.start_time >= ${time(agnoTime(sinceMicros))}`], 'asc');
}

/** From the index on the column alone. */
async function startOf(store: Store, bounds: readonly Sql[], order: 'asc' | 'desc'): Promise<number | null> {
  const [row] = await store.all<{start_time: unknown}>(sql`
select s.start_time
  from ${table('spans')} s
 where ${join(bounds, ' and ', anyTime('s'))} and s.start_time is not null
 order by s.start_time ${raw(order)}
 limit 1`);
  return parseTime(row?.start_time);
}
