import {kindOfSpan} from '../runs/kind.ts';
import {loadRunPage} from '../runs/page.ts';
import {between, firstLength, nextLength, type Position, stretchEnd} from '../runs/stretches.ts';
import {attribute, attributeLike, isAnyOf, matchesGlob} from '../sql/fragments.ts';
import {join, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell} from '../table/table.ts';
import {KEY} from '../trace/attributes.ts';
import {hoisted, NO_FILTER, type RunFilter} from '../trace/filter.ts';
import {spansOf} from '../trace/record.ts';
import {PATIENCE} from '../trace/runs.ts';
import {agnoTime, isoTime, parseTime} from '../trace/time.ts';
import {tallyOwners} from './owners.ts';
import type {Question, QuestionInput} from './question.ts';

export interface Answer {
  readonly rows: readonly Readonly<Record<string, Cell>>[];
  /** What the answer covers, and how to read it. */
  readonly notes: readonly string[];
}

/**
 * Answers a canned question straight from the tables. Filters on spans become part of the statement; filters on runs
 * first find the runs, and the question is asked of their spans.
 */
export async function askQuestion(
  store: Store,
  question: Question,
  input: Omit<QuestionInput, 'where'>,
  filter: RunFilter,
  onProgress: (spans: number) => void,
): Promise<Answer> {
  const {runFilter, spanTests} = split(filter);
  const owner = question.owners?.[input.by];
  if (owner) {
    const found = await tallyOwners(store, {
      owner,
      spanFilter: filter,
      runFilter: runFilter && hoisted(runFilter),
      onProgress,
    });
    return {
      rows: found.tally.rows(input),
      notes: [
        describe({first: found.firstMicros, last: found.lastMicros, spans: found.spans}),
        'unfinished ones, whose time is not known, left out',
        question.note,
      ],
    };
  }
  const tests = [...spanTests];
  const notes: string[] = [];
  if (runFilter) {
    const page = await loadRunPage(store, {filter: runFilter, limit: 0, cursor: null, patience: PATIENCE, onProgress});
    tests.push(
      isAnyOf(
        raw('s.span_id'),
        page.runs.flatMap(({run}) => spansOf(run).map(span => span.spanId)),
      ),
    );
    notes.push(`${page.runs.length} ${page.runs.length === 1 ? 'run' : 'runs'}`);
  }
  const where = join(tests, '\n           and ', raw('true'));
  const {groups, covered} = store.blocksWriter
    ? await countInStretches(store, question, {...input, where}, filter, onProgress)
    : {groups: question.groups.sql({...input, where}), covered: await coverage(store, [where])};
  const rows = await store.all<Record<string, Cell>>(question.sql(input, groups));
  return {rows, notes: [...notes, describe(covered), question.note]};
}

/** The groups of a question as a relation that reads no table, gathered in short statements. */
async function countInStretches(
  store: Store,
  question: Question,
  input: QuestionInput,
  {sinceMicros, untilMicros}: RunFilter,
  onProgress: (spans: number) => void,
): Promise<{groups: Sql; covered: Coverage}> {
  const {keys, sums} = question.groups;
  const bounds = [
    ...(sinceMicros === null ? [] : [sql`s.start_time >= ${agnoTime(sinceMicros)}`]),
    ...(untilMicros === null ? [] : [sql`s.start_time < ${agnoTime(untilMicros)}`]),
  ];
  const found = new Map<string, Cell[]>();
  let covered: Coverage = {first: null, last: null, spans: 0};
  let from: Position | null = null;
  let length = firstLength(store, store.spansPerStatement);
  for (let looked = 0; ; ) {
    const end: Position | null = await stretchEnd(store, {from, length, bounds});
    const tests = [...between(from, end), input.where];
    const rows = await store.all<Record<string, Cell>>(
      question.groups.sql({...input, where: join(tests, '\n           and ')}),
    );
    const {lastStatementMs} = store;
    for (const row of rows) {
      const key = JSON.stringify(keys.map(name => row[name]));
      const known = found.get(key);
      if (!known)
        found.set(
          key,
          [...keys, ...sums].map(name => row[name] ?? null),
        );
      else
        for (const [i, name] of sums.entries())
          known[keys.length + i] = Number(known[keys.length + i]) + Number(row[name]);
    }
    covered = joined(covered, await coverage(store, tests));
    looked += length;
    onProgress(looked);
    if (!end) break;
    from = end;
    length = nextLength(store, {length, elapsedMs: lastStatementMs, longest: store.spansPerStatement});
  }
  const columns = [...keys, ...sums].map((name, i) => `value ->> ${i} as ${name}`).join(', ');
  const values = JSON.stringify([...found.values()]);
  return {groups: sql`select ${raw(columns)} from json_each(${values})`, covered};
}

/** What the statement itself can test on a span, and what only the run of a span can tell. */
function split(filter: RunFilter): {runFilter: RunFilter | null; spanTests: Sql[]} {
  const {
    sinceMicros,
    untilMicros,
    kinds,
    models,
    tools,
    names,
    statuses,
    errors,
    minDurationMs,
    maxDurationMs,
    ...rest
  } = filter;
  const any = (tests: readonly Sql[]): Sql[] => (tests.length === 0 ? [] : [sql`(${join(tests, ' or ')})`]);
  const spanTests = [
    ...(sinceMicros === null ? [] : [sql`s.start_time >= ${agnoTime(sinceMicros)}`]),
    ...(untilMicros === null ? [] : [sql`s.start_time < ${agnoTime(untilMicros)}`]),
    ...(kinds.length === 0 ? [] : [isAnyOf(kindOfSpan(), kinds)]),
    ...any(models.map(model => matchesGlob(attributeLike('s', KEY.model, [model]), model))),
    ...any(
      tools.map(
        tool => sql`(${attribute('s', KEY.openInferenceKind)} = 'TOOL' and ${matchesGlob(raw('s.name'), tool)})`,
      ),
    ),
    ...any(names.map(name => matchesGlob(raw('s.name'), name))),
    ...any(statuses.map(status => sql`upper(s.status_code) = ${status}`)),
    ...any(
      errors.map(
        text => sql`(upper(s.status_code) = 'ERROR' and ${matchesGlob(raw('s.status_message'), `*${text}*`)})`,
      ),
    ),
    ...(minDurationMs === null ? [] : [sql`s.duration_ms >= ${minDurationMs}`]),
    ...(maxDurationMs === null ? [] : [sql`s.duration_ms <= ${maxDurationMs}`]),
  ];
  const asksRuns = Object.values(rest).some(
    value => value !== null && value !== false && (!Array.isArray(value) || value.length > 0),
  );
  return {runFilter: asksRuns ? {...NO_FILTER, ...rest, sinceMicros, untilMicros} : null, spanTests};
}

/** Which spans an answer is made of. */
interface Coverage {
  readonly first: number | null;
  readonly last: number | null;
  readonly spans: number;
}

async function coverage(store: Store, tests: readonly Sql[]): Promise<Coverage> {
  const [row] = await store.all<{first: unknown; last: unknown; spans: unknown}>(sql`
select min(s.start_time) as first, max(s.start_time) as last, count(*) as spans
  from ${table('spans')} s
 where ${join(tests, '\n   and ')}`);
  return {first: parseTime(row?.first), last: parseTime(row?.last), spans: Number(row?.spans ?? 0)};
}

/** A stretch that lies before what was covered so far. */
function joined(covered: Coverage, before: Coverage): Coverage {
  return {
    first: before.first ?? covered.first,
    last: covered.last ?? before.last,
    spans: covered.spans + before.spans,
  };
}

function describe({first: firstMicros, last: lastMicros, spans}: Coverage): string {
  const [first, last] = [firstMicros, lastMicros].map(isoTime);
  if (!first || !last || spans === 0) return `${spans} spans`;
  return `${spans} spans from ${first.slice(0, 19)}Z to ${last.slice(0, 19)}Z`;
}
