import {largest} from '../lists.ts';
import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {byteSize, type FactSection, renderFacts} from './doctor.ts';
import type {Look} from './states.ts';
import {duration} from './values.ts';

/** The parts of a step that are drawn; the JSON contract's keys. */
export interface DrawnStep {
  readonly kind: string;
  readonly object: string;
  readonly action: string;
  readonly why: string;
  readonly serves: string;
  readonly lock: string;
  readonly risk: string | null;
  readonly estimateMs: number | null;
  readonly query: string | null;
  readonly planBefore: readonly string[] | null;
  readonly blocked: string | null;
  readonly hint: string | null;
  readonly sql: readonly string[];
}

export interface DrawnObject {
  readonly kind: string;
  readonly object: string;
  readonly state: string;
  readonly bytes: number | null;
  readonly estimateMs: number | null;
}

export interface DrawnDone {
  readonly object: string;
  readonly action: string;
  readonly elapsedMs: number;
  readonly planAfter: readonly string[] | null;
}

interface Options extends Look {
  readonly columns: number | null;
}

/** Each step with its reasons, and below all of them the SQL in complete lines that can be copied. */
export function renderSteps(database: string, steps: readonly DrawnStep[], options: Options): Safe {
  const head = line`${paint(trusted('Plan'), 'bold')} for ${safe(database)}`;
  if (steps.length === 0) return line`${head}: nothing to do`;
  const sections = steps.map((step, i): FactSection => ({title: `${i + 1}. ${titleOf(step)}`, rows: rowsOf(step)}));
  const sql = joined([paint(trusted('SQL'), 'bold'), ...steps.flatMap(({sql}) => sql.map(statementLine))], '\n');
  return joined([head, renderFacts(sections, options), sql], '\n\n');
}

function titleOf({action, kind, object}: DrawnStep): string {
  return `${action} ${kind} ${safe(object)}`;
}

function rowsOf(step: DrawnStep): [string, Safe][] {
  const rows: [string, Safe][] = [
    ['why', safe(step.why)],
    ['serves', safe(step.serves)],
  ];
  if (step.planBefore) rows.push(['now', safe(firstOf(step.planBefore))]);
  rows.push(['lock', safe(step.lock)]);
  if (step.estimateMs !== null) rows.push(['takes', buildTime(step.estimateMs)]);
  if (step.risk) rows.push(['risk', safe(step.risk)]);
  if (step.blocked) rows.push(['not done', safe(`${step.blocked}. ${step.hint ?? ''}`)]);
  return rows;
}

function buildTime(estimateMs: number): Safe {
  return estimateMs < 1000 ? trusted('less than a second') : line`about ${duration(estimateMs)}`;
}

/** The line of a query plan that says what is read; on Postgres it contains the cost. */
function firstOf(plan: readonly string[]): string {
  return plan.find(text => /scan|search/i.test(text))?.replace(/^\s*(->)?\s*/, '') ?? plan[0] ?? '';
}

function statementLine(statement: string): Safe {
  return line`  ${safe(`${statement};`, {multiline: true})}`;
}

/** For a DBA: can be run as it is, with reasons as comments. */
export function sqlText(steps: readonly DrawnStep[]): string {
  if (steps.length === 0) return '-- nothing to do\n';
  return steps
    .map(step => {
      const comments = [`${step.action} ${step.kind} ${step.object}: ${step.why}`, `lock: ${step.lock}`];
      if (step.blocked) comments.push(`agno-trace does not do this: ${step.blocked}. ${step.hint ?? ''}`);
      return [
        ...comments.map(text => `-- ${text.replaceAll(/\s+/g, ' ')}`),
        ...step.sql.map(sql => `${sql};`),
        '',
      ].join('\n');
    })
    .join('\n');
}

export function renderObjects(objects: readonly DrawnObject[]): Safe {
  const width = largest(objects.map(({state}) => state.length));
  return joined(
    objects.map(({kind, object, state, bytes, estimateMs}) => {
      const shown = paint(trusted(state.padEnd(width)), state === 'there' ? 'green' : 'yellow');
      const size = bytes === null ? [] : [byteSize(bytes)];
      const build = estimateMs === null ? [] : [line`${buildTime(estimateMs)} to build`];
      const facts = [...size, ...build];
      const more = facts.length === 0 ? trusted('') : line`  ${paint(joined(facts, ', '), 'dim')}`;
      return line`${shown}  ${trusted(kind)} ${safe(object)}${more}`;
    }),
    '\n',
  );
}

export function renderDone(database: string, done: readonly DrawnDone[], left: readonly string[]): Safe {
  const lines = done.map(({action, object, elapsedMs, planAfter}) => {
    const now = planAfter ? line`; now ${safe(firstOf(planAfter))}` : trusted('');
    return line`${trusted(PAST[action] ?? action)} ${safe(object)} in ${duration(elapsedMs)}${now}`;
  });
  const rest = left.length > 0 ? [line`not done: ${safe(left.join(', '))}`] : [];
  if (lines.length === 0) lines.push(line`nothing was changed in ${safe(database)}`);
  return joined([...lines, ...rest], '\n');
}

const PAST: Readonly<Record<string, string>> = {
  create: 'created',
  repair: 'repaired',
  validate: 'validated',
  drop: 'dropped',
};
