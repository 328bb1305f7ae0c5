import {existsSync, readFileSync} from 'node:fs';
import {loadRunPage} from '../../src/runs/page.ts';
import {loadShownRun} from '../../src/show/shown.ts';
import {sql, table} from '../../src/sql/sql.ts';
import type {Store} from '../../src/store/store.ts';
import {NO_FILTER} from '../../src/trace/filter.ts';
import type {RunRecord} from '../../src/trace/record.ts';
import {PATIENCE} from '../../src/trace/runs.ts';
import type {SpanRecord} from '../../src/trace/span-record.ts';
import {parseTime} from '../../src/trace/time.ts';
import {type Log, type LoggedRun, logOf} from './databases.ts';

/** All that this program says of one database, and what stands in it. */
export interface Told {
  readonly name: string;
  readonly log: Log;
  readonly hasRunTables: boolean;
  /** As `list --limit 0 --traffic` has them. */
  readonly listed: readonly RunRecord[];
  /** The rows of `show` for each of them, each row once. */
  readonly drawn: readonly SpanRecord[];
  readonly stored: readonly string[];
}

/** One thing in which the answer and the log differ. */
export interface Fault {
  /** The same in every run of the test; what `known-wrong/` lists. */
  readonly subject: string;
  readonly detail: string;
}

export async function tell(name: string, store: Store, hasRunTables: boolean): Promise<Told> {
  const filter = {...NO_FILTER, traffic: true};
  const page = await loadRunPage(store, {filter, limit: 0, cursor: null, patience: PATIENCE, folds: true});
  const listed = page.runs.map(({record}) => record);
  const drawn = new Map<string, SpanRecord>();
  for (const record of listed) {
    const shown = await loadShownRun(store, record, {patience: PATIENCE, sessionLimit: 0});
    for (const row of shown.runs.flatMap(run => run.rows))
      drawn.set(`${row.record.traceId} ${row.record.spanId}`, row.record);
  }
  const rows = await store.all<{trace_id: string; span_id: string}>(
    sql`select s.trace_id, s.span_id from ${table('spans')} s`,
  );
  return {
    name,
    log: logOf(name),
    hasRunTables,
    listed,
    drawn: [...drawn.values()],
    stored: rows.map(row => `${row.trace_id} ${row.span_id}`),
  };
}

export const CHECKS = {states, runs, tokens, owners, tools, steps, spans} as const satisfies Record<
  string,
  (told: Told) => Fault[]
>;

function labelOf({session, who, run_id}: LoggedRun): string {
  return session === null ? `${who ?? 'unnamed'} ${run_id ?? ''}`.trim() : shortened(session);
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text;
}

/** The row of a run: by its id and, as one id may have several runs, its session; by its session alone where no id is known. */
function rowOf({listed}: Told, {run_id, session}: LoggedRun): RunRecord | undefined {
  const runs = listed.filter(row => !row.part && !row.traffic);
  const byId = runs.filter(row => run_id !== null && row.runId === run_id);
  return (
    byId.find(row => row.sessionId === session) ??
    byId[0] ??
    runs.find(row => session !== null && row.sessionId === session)
  );
}

function states(told: Told): Fault[] {
  return told.log.runs.flatMap(run => {
    if (run.state === null || run.state.startsWith('?') || (run.run_id === null && run.session === null)) return [];
    const row = rowOf(told, run);
    if (row?.state === run.state) return [];
    return {subject: `${labelOf(run)} told ${row?.state ?? 'absent'}`, detail: `${run.state}; ${row?.stateReason}`};
  });
}

/** One row for each run of the log, and no row more. */
function runs(told: Told): Fault[] {
  const rest = new Set(told.listed.filter(row => !row.part && !row.traffic));
  const faults: Fault[] = [];
  const isNamed = ({run_id, session}: LoggedRun) => run_id !== null || session !== null;
  const named = told.log.runs.filter(isNamed);
  for (const run of [...named, ...told.log.runs.filter(run => !isNamed(run))]) {
    const row = isNamed(run)
      ? [rowOf(told, run)].find(found => found && rest.has(found))
      : [...rest].find(({name}) => name === run.who || run.who === null);
    if (row) rest.delete(row);
    else faults.push({subject: `${labelOf(run)} has no row`, detail: `${run.kind} ${run.who}`});
  }
  for (const {name, sessionId, kind, runId} of rest) {
    const subject = `a row more: ${kind} ${name} ${shortened(sessionId ?? '-')}`;
    faults.push({subject, detail: `run ${runId}`});
  }
  return faults;
}

/** Server and program run on one machine; the span begins before its request and ends after the answer. */
const CLOCK_SECONDS = 0.02;

/** Every model call with usage says what the server sent in that time, and what the server sent is said once. */
function tokens({log, drawn}: Told): Fault[] {
  const sent = log.model_calls.filter(call => call.status === 200 && call.complete);
  const free = new Set(sent);
  const faults: Fault[] = [];
  for (const span of outermostCalls(drawn)) {
    if (span.promptTokens === null) continue;
    const [start, end] = [seconds(span.startTime), seconds(span.endTime)];
    const inTime = [...free].filter(
      call => call.model === span.model && call.t0 >= start - CLOCK_SECONDS && call.t0 <= end + CLOCK_SECONDS,
    );
    const same = inTime.find(
      call => call.prompt === span.promptTokens && call.completion === (span.completionTokens ?? 0),
    );
    if (same) free.delete(same);
    else
      faults.push({
        subject: `span ${span.spanId} (${span.model})`,
        detail: `${span.promptTokens}/${span.completionTokens}, sent ${inTime.map(call => `${call.prompt}/${call.completion}`).join(' or ')}`,
      });
  }
  for (const call of free)
    faults.push({subject: `sent call ${call.n} (${call.model})`, detail: `${call.prompt}/${call.completion}`});
  return faults;
}

function outermostCalls(drawn: readonly SpanRecord[]): SpanRecord[] {
  const byId = new Map(drawn.map(span => [span.spanId, span]));
  return drawn.filter(span => {
    if (span.kind !== 'llm') return false;
    for (let up = parentOf(span, byId); up; up = parentOf(up, byId)) if (up.kind === 'llm') return false;
    return true;
  });
}

function parentOf(span: SpanRecord, byId: ReadonlyMap<string, SpanRecord>): SpanRecord | undefined {
  return span.drawnUnder === null ? undefined : byId.get(span.drawnUnder);
}

function seconds(time: string | null): number {
  return (parseTime(time) ?? Number.NaN) / 1e6;
}

const COMPONENTS: readonly (string | null)[] = ['agent', 'team', 'workflow', 'step', 'parallel'];
const CALLS: readonly (string | null)[] = ['llm', 'tool', 'retrieval', 'memory'];

/**
 * Whose each model and tool call is: the innermost component above it in what is drawn. Compared with a file for each
 * database that was written by hand, in which a line is
 *     <span id of the call> <span id of the owner, or - for none>  <what the call is> < <who the owner is>
 * The words behind the two ids are for the reader; lines that begin with # too.
 */
function owners({name, drawn}: Told): Fault[] {
  const file = new URL(`owners/${name}.txt`, import.meta.url);
  if (!existsSync(file)) return [{subject: 'no file says whose its calls are', detail: ownerLines(drawn).join('\n')}];
  const faults: Fault[] = [];
  const told = new Map(ownerLines(drawn).map(line => [line.split(' ')[0]!, line] as const));
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [call, owner] = line.split(' ') as [string, string];
    const drawnLine = told.get(call);
    told.delete(call);
    if (drawnLine?.split(' ')[1] !== owner)
      faults.push({subject: `call ${call}`, detail: `${line}\n  told ${drawnLine}`});
  }
  for (const [call, line] of told) faults.push({subject: `call ${call} is not in the file`, detail: line});
  return faults;
}

/** What is drawn, in the form of the files. */
export function ownerLines(drawn: readonly SpanRecord[]): string[] {
  const byId = new Map(drawn.map(span => [span.spanId, span]));
  return drawn
    .filter(span => CALLS.includes(span.kind))
    .map(span => {
      let owner = parentOf(span, byId);
      while (owner && !COMPONENTS.includes(owner.kind)) owner = parentOf(owner, byId);
      const call = span.toolName ?? span.model ?? span.name;
      return `${span.spanId} ${owner?.spanId ?? '-'}  ${span.kind} ${call} < ${owner ? `${owner.kind} ${owner.name}` : 'nobody'}`;
    });
}

interface UnloggedFailures {
  readonly database: string;
  readonly tool: string;
  /** More than logged; below zero where the log has failures that no row can tell. */
  readonly failures: number;
  readonly reason: string;
}

/**
 * Failed tool calls by tool. The log knows what a tool did once it was entered; calls that were refused before, and those
 * that no row can tell, are listed by hand in `tool-failures.json`.
 */
function tools({name, log, drawn}: Told): Fault[] {
  const wanted = new Map<string, number>();
  const add = (tool: string, count: number) => wanted.set(tool, (wanted.get(tool) ?? 0) + count);
  for (const {tool, ok} of log.tool_calls) if (!isStep(tool) && ok === false) add(tool, 1);
  for (const {database, tool, failures} of listOf<UnloggedFailures>('tool-failures.json'))
    if (database === name) add(tool, failures);
  const told = new Map<string, number>();
  for (const {kind, toolName, state} of drawn) {
    if (!['tool', 'retrieval', 'memory'].includes(kind ?? '') || state !== 'error') continue;
    const tool = toolName ?? '-';
    told.set(tool, (told.get(tool) ?? 0) + 1);
  }
  return [...new Set([...wanted.keys(), ...told.keys()])].flatMap(tool => {
    const [want, got] = [wanted.get(tool) ?? 0, told.get(tool) ?? 0];
    return want === got ? [] : {subject: `failures of ${tool}`, detail: `${want} in truth, ${got} told`};
  });
}

function isStep(tool: string): boolean {
  return tool.startsWith('STEP ');
}

/** Every function that a workflow ran as a step lies in a span of that step, whose name has no blanks and dashes. */
function steps({log, drawn}: Told): Fault[] {
  const spans = drawn.filter(({kind}) => kind === 'step' || kind === 'parallel');
  const counts = new Map<string, number>();
  for (const {tool, t0} of log.tool_calls) {
    if (!isStep(tool)) continue;
    const isDrawn = spans.some(
      ({name, startTime, endTime}) =>
        name?.startsWith(`${tool.slice('STEP '.length).replace(/[ -]/g, '_')}.`) &&
        t0 >= seconds(startTime) - CLOCK_SECONDS &&
        t0 <= seconds(endTime) + CLOCK_SECONDS,
    );
    if (!isDrawn) counts.set(tool, (counts.get(tool) ?? 0) + 1);
  }
  return [...counts].map(([tool, count]) => ({subject: tool, detail: `${count} times in no span of that name`}));
}

/** No stored span is left out of `show`. */
function spans({stored, drawn}: Told): Fault[] {
  const shown = new Set(drawn.map(({traceId, spanId}) => `${traceId} ${spanId}`));
  return stored.filter(span => !shown.has(span)).map(span => ({subject: `span ${span}`, detail: 'not shown'}));
}

/** What a log cannot say, and why. */
export interface Open {
  readonly check: keyof typeof CHECKS;
  readonly database: string;
  readonly subject: string;
  /** `without`: only where Agno's run tables are not there. */
  readonly runTables?: 'without';
  readonly reason: string;
}

export function listOf<Entry>(file: string): readonly Entry[] {
  return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8'));
}
