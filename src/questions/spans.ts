import {usageError} from '../errors.ts';
import {notKept} from '../facts/attributes.ts';
import {attributesNotKept, openFacts} from '../facts/facts.ts';
import {relationsOf} from '../facts/relations.ts';
import {SPAN_COST, SPAN_TOKENS, testsOfEachSpan} from '../facts/span-tests.ts';
import {append} from '../lists.ts';
import {loadRuns} from '../runs/load.ts';
import {EMPTY, join, raw, type Sql, sql} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell} from '../table/table.ts';
import {answerText} from '../trace/exchange.ts';
import {attributesIn, NO_FILTER, withQueryFlags} from '../trace/filter.ts';
import {PATIENCE} from '../trace/runs.ts';
import {isoTime} from '../trace/time.ts';
import {type Node, namesDownTo} from '../trace/tree.ts';
import {coverageOf, factsAsked} from './ask.ts';
import {type Answer, type Ask, type AskOptions, defineQuestion} from './question.ts';

/** Sort keys of rows, from which a cursor can continue. */
const SORTED_BY: Readonly<Record<string, Sql>> = {
  startTime: raw('s.start_micros'),
  durationMs: raw('s.duration_ms'),
  totalTokens: SPAN_TOKENS,
  costUsd: SPAN_COST,
};
const SORT_COLUMNS = Object.keys(SORTED_BY);

/** Traces read at once for values that facts do not keep. */
const TRACES_AT_ONCE = 20;

/** Single calls, steps and runs out of many runs. */
export default defineQuestion({
  examples: [
    {
      line: "spans -q 'tool:web_search duration:>5s' --sort duration",
      answer: 'the slowest searches, and what was asked',
    },
    {line: 'spans --kind llm --state error --last 7d', answer: 'model calls that failed this week'},
  ],
  flags: {
    cursor: {flag: '--cursor <text>', description: 'continue where the previous page ended'},
  },
  columns: {
    name: {label: 'NAME', least: 12, description: 'component, model or tool'},
    durationMs: {label: 'DURATION', unit: 'ms', description: 'end minus start'},
    state: {label: 'STATE', description: 'as computed'},
    startTime: {label: 'STARTED', unit: 'time', description: 'start'},
    arguments: {
      label: 'ARGUMENTS',
      least: 12,
      isLong: true,
      description: 'of a tool call; long texts are shortened in the middle',
    },
    result: {
      label: 'RESULT',
      least: 16,
      isLong: true,
      description: 'its result; long texts are shortened in the middle',
    },
    path: {label: 'PATH', least: 24, isLong: true, description: 'names from the run down to it'},
    totalTokens: {label: 'TOKENS', unit: 'count', description: 'its own, or of everything inside it'},
    costUsd: {label: 'COST', unit: 'usd', description: 'the same; null: unknown for some call'},
    kind: {label: 'KIND', description: 'agent, team, workflow, step, llm, tool, retrieval, …'},
    agent: {label: 'AGENT', description: 'innermost agent around it, or itself'},
    model: {label: 'MODEL', description: 'of a model call'},
    message: {label: 'ERROR', description: 'first line of the error, shortened; null unless it failed'},
    runId: {label: 'RUN', description: 'its run'},
    spanId: {label: 'SPAN', description: 'span id, for show'},
    traceId: {label: 'TRACE', description: 'trace id'},
    session: {label: 'SESSION', description: 'session of the run'},
    user: {label: 'USER', description: 'user of the run'},
  },
  areRowsSpans: true,
  sort: 'startTime',
  sortable: SORT_COLUMNS,
  note: 'keys of -q and filters apply to each span; ids, agent, team and workflow to its run',
  sql: ({eachSpan}) => eachSpan,
  answer,
});

interface Row {
  readonly span_id: string;
  readonly trace_id: string;
  readonly run_id: string | null;
  readonly name: string | null;
  readonly kind: string;
  readonly state: string | null;
  readonly start_micros: number | null;
  readonly duration_ms: number | null;
  readonly tokens: number | null;
  readonly cost_pusd: number | null;
  readonly agent: string | null;
  readonly model: string | null;
  readonly error: string | null;
  readonly session_id: string | null;
  readonly user_id: string | null;
  /** The value of the sort key; null: unknown, and last. */
  readonly sorted: number | null;
}

type Place = Pick<Row, 'sorted' | 'trace_id' | 'span_id'>;

async function answer(store: Store, ask: Ask, options: AskOptions): Promise<Answer> {
  const filter = withQueryFlags(ask.filter);
  const {sinceMicros, untilMicros} = filter;
  const after = typeof ask.flags.cursor === 'string' ? placeOf(ask.flags.cursor, ask.sort) : null;
  const beginMs = performance.now();
  const attributes = attributesIn(filter);
  for (const attribute of attributesNotKept(store, attributes, options)) notKept(attribute);
  const facts = await openFacts(store, {...options, sinceMicros, untilMicros, attributes});
  const currentMs = performance.now() - beginMs;
  try {
    const tests = testsOfEachSpan(filter, facts);
    const statements: Sql[] = [];
    const found: Row[] = [];
    // Known values first, then unknown ones: so each query uses an index.
    for (const isKnown of [true, false]) {
      const wanted = ask.limit === 0 ? 0 : ask.limit + 1 - found.length;
      if (ask.limit !== 0 && wanted <= 0) break;
      if (isKnown && after !== null && after.sorted === null) continue;
      const statement = rowsStatement(tests, {...ask, isKnown, after: found.length > 0 ? null : after, wanted});
      statements.push(statement);
      append(found, facts.all<Row>(statement));
    }
    const page = ask.limit === 0 ? found : found.slice(0, ask.limit);
    const contents = await contentsOf(store, page, options);
    const window = relationsOf({filter: {...NO_FILTER, sinceMicros, untilMicros}, isChosen: false, everyMicros: null});
    const cursors = page.map(row => cursorOf(row, ask.sort));
    return {
      rows: page.map((row, i) => cellsOf(row, contents[i]!)),
      series: null,
      notes: [
        ...facts.notices,
        coverageOf(facts, window).text,
        ...(facts.path === null && facts.notices.length === 0 ? ['facts computed in memory'] : []),
      ],
      facts: factsAsked(facts, statements, {beginMs, currentMs}),
      nowMicros: store.nowMicros(),
      next: found.length > page.length ? cursors.at(-1)! : null,
      nextAfter: taken => cursors[taken - 1] ?? null,
    };
  } finally {
    facts.close();
  }
}

interface Wanted extends Pick<Ask, 'sort'> {
  /** Whether the value of the sort key is known. */
  readonly isKnown: boolean;
  readonly after: Place | null;
  /** 0: all. */
  readonly wanted: number;
}

/** `cross` keeps the spans first; an index on them finds the newest. */
function rowsStatement(tests: readonly Sql[], {sort, isKnown, after, wanted}: Wanted): Sql {
  const by = SORTED_BY[sort.column]!;
  const isBehind =
    after && sql`(t.trace_id > ${after.trace_id} or (t.trace_id = ${after.trace_id} and s.span_id > ${after.span_id}))`;
  const beyond = raw(sort.descending ? '<' : '>');
  const order = sql`${by} ${raw(sort.descending ? 'desc' : 'asc')}`;
  const from =
    after === null
      ? []
      : isKnown
        ? [sql`${by} ${beyond}= ${after.sorted}`, sql`(${by} ${beyond} ${after.sorted} or ${isBehind!})`]
        : after.sorted === null
          ? [isBehind!]
          : [];
  return sql`
select s.span_id, t.trace_id, r.run_id, s.name, s.kind, s.state, s.start_micros, s.duration_ms, ${SPAN_TOKENS} as tokens, ${SPAN_COST} as cost_pusd,
       s.agent, s.model, s.error, r.session_id, r.user_id, ${by} as sorted
  from span_facts s
 cross join run_facts r on r.run_key = s.run_key
 cross join trace_facts t on t.trace_key = s.trace_key
 where ${join([...tests, sql`${by} is ${raw(isKnown ? 'not null' : 'null')}`, ...from], '\n   and ')}
 order by ${isKnown ? sql`${order}, ` : EMPTY}t.trace_id, s.span_id${wanted === 0 ? EMPTY : sql`\n limit ${wanted}`}`;
}

interface Content {
  readonly path: string | null;
  readonly arguments: string | null;
  readonly result: string | null;
}

/** Arguments and results, read from the tables by the traces of the shown rows: the facts do not have them. */
async function contentsOf(
  store: Store,
  rows: readonly Row[],
  {onProgress}: Pick<AskOptions, 'onProgress'>,
): Promise<Content[]> {
  const contents = new Map<string, Content>();
  const keyOf = (of: Pick<Row, 'trace_id' | 'span_id'>) => `${of.trace_id} ${of.span_id}`;
  const traceIds = [...new Set(rows.map(row => row.trace_id))];
  for (let at = 0; at < traceIds.length; at += TRACES_AT_ONCE) {
    const some = traceIds.slice(at, at + TRACES_AT_ONCE);
    const traces = await loadRuns(store, some, {patience: PATIENCE, seeksSequels: false});
    const nodes = new Map(traces.map(({trace}) => [trace.traceId, trace.nodes]));
    const ofThese = new Set(some);
    for (const row of rows)
      if (ofThese.has(row.trace_id)) contents.set(keyOf(row), contentOf(nodes.get(row.trace_id)?.get(row.span_id)));
    onProgress?.(at + some.length, traceIds.length);
  }
  return rows.map(row => contents.get(keyOf(row))!);
}

function contentOf(node: Node | undefined): Content {
  const span = node?.span ?? null;
  return {
    path: node && span ? namesDownTo(node).join(' > ') : null,
    arguments: span?.toolArguments ?? null,
    result: span?.kind === 'llm' && span.output !== null ? answerText(span.output) : (span?.output ?? null),
  };
}

function cellsOf(row: Row, content: Content): Record<string, Cell> {
  return {
    name: row.name,
    durationMs: row.duration_ms,
    state: row.state,
    startTime: isoTime(row.start_micros),
    arguments: content.arguments,
    result: content.result,
    path: content.path,
    totalTokens: row.tokens,
    costUsd: row.cost_pusd === null ? null : row.cost_pusd / 1e12,
    kind: row.kind,
    agent: row.agent,
    model: row.model,
    message: row.error,
    runId: row.run_id,
    spanId: row.span_id,
    traceId: row.trace_id,
    session: row.session_id,
    user: row.user_id,
  };
}

/** The order, its value (empty: unknown), and 24 bytes of ids in OpenTelemetry's form: some 50 characters. */
const PACKED = /^([sdtc])([\d.e+-]*)-([\w-]{32})$/i;

/** The column's first letter, a capital if the largest come first. */
function packed({sorted, trace_id, span_id}: Place, {column, descending}: Ask['sort']): string | null {
  if (!/^[0-9a-f]{32}$/.test(trace_id) || !/^[0-9a-f]{16}$/.test(span_id)) return null;
  const letter = descending ? column[0]!.toUpperCase() : column[0]!;
  const text = `${letter}${sorted ?? ''}-${Buffer.from(trace_id + span_id, 'hex').toString('base64url')}`;
  return PACKED.test(text) ? text : null;
}

/** What a cursor holds: 1, column, descending, value, trace id, span id. */
function unpacked(text: string): unknown {
  const [, letter, value, packedIds] = PACKED.exec(text) ?? [];
  if (letter === undefined) return JSON.parse(Buffer.from(text, 'base64url').toString());
  const column = SORT_COLUMNS.find(key => key[0] === letter.toLowerCase());
  const ids = Buffer.from(packedIds!, 'base64url').toString('hex');
  // A value that is no number becomes undefined, which no cursor has.
  const sorted = value === '' ? null : Number.isFinite(Number(value)) ? Number(value) : undefined;
  return [1, column, letter !== letter.toLowerCase(), sorted, ids.slice(0, 32), ids.slice(32)];
}

function cursorOf(place: Place, sort: Ask['sort']): string {
  const {sorted, trace_id, span_id} = place;
  return (
    packed(place, sort) ??
    Buffer.from(JSON.stringify([1, sort.column, sort.descending, sorted, trace_id, span_id])).toString('base64url')
  );
}

/** @throws UserError exit 2 for anything that is not a cursor of this order */
function placeOf(text: string, {column, descending}: Ask['sort']): Place {
  let parsed: unknown;
  try {
    parsed = unpacked(text);
  } catch {
    parsed = null;
  }
  const [version, sortedBy, isDescending, sorted, traceId, spanId] = Array.isArray(parsed) ? parsed : [];
  const isOurs =
    version === 1 &&
    (sorted === null || typeof sorted === 'number') &&
    typeof traceId === 'string' &&
    typeof spanId === 'string';
  if (!isOurs)
    throw usageError(
      `--cursor "${text}" is not a cursor that spans printed.`,
      'Pass page.next of the JSON output, or the text that spans printed.',
    );
  if (sortedBy !== column || isDescending !== descending)
    throw usageError(
      `--cursor belongs to a page in another order: --sort ${isDescending ? '' : '-'}${sortedBy}.`,
      'Pass the same --sort as for the page before.',
    );
  return {sorted, trace_id: traceId, span_id: spanId};
}
