import {attribute, isAnyOf, matchesGlob} from '../sql/fragments.ts';
import {join, raw, type Sql, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import type {Cell} from '../table/table.ts';
import {KEY} from '../trace/attributes.ts';
import {hoisted, NO_FILTER, type RunFilter} from '../trace/filter.ts';
import {spansOf} from '../trace/record.ts';
import {PATIENCE} from '../trace/runs.ts';
import {agnoTime, isoTime, parseTime} from '../trace/time.ts';
import {kindOfSpan} from './kind.ts';
import {tallyOwners} from './owners.ts';
import type {Question, QuestionInput} from './question.ts';
import {loadRunPage} from './run-pages.ts';

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
        coverageText(found.spans, isoTime(found.firstMicros), isoTime(found.lastMicros)),
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
  const rows = await store.all<Record<string, Cell>>(question.sql({...input, where}));
  return {rows, notes: [...notes, await coverage(store, where), question.note]};
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
    ...any(models.map(model => matchesGlob(attribute('s', KEY.model), model))),
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

async function coverage(store: Store, where: Sql): Promise<string> {
  const [row] = await store.all<{first: unknown; last: unknown; spans: unknown}>(sql`
select min(s.start_time) as first, max(s.start_time) as last, count(*) as spans
  from ${table('spans')} s
 where ${where}`);
  const [first, last] = [parseTime(row?.first), parseTime(row?.last)].map(isoTime);
  return coverageText(Number(row?.spans ?? 0), first ?? null, last ?? null);
}

function coverageText(spans: number, first: string | null, last: string | null): string {
  if (!first || !last || spans === 0) return `${spans} spans`;
  return `${spans} spans from ${first.slice(0, 19)}Z to ${last.slice(0, 19)}Z`;
}
