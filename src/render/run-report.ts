import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import type {RunRecord} from '../trace/record.ts';
import type {SpanRecord} from '../trace/span-record.ts';
import {runCost} from './cost.ts';
import {guidesOf} from './layout.ts';
import {stateText} from './states.ts';
import {count, duration, moment, promptTokens} from './values.ts';

/** A row of the run, as far as a report shows it. */
export interface ReportedSpan {
  readonly record: SpanRecord;
  /** What a person calls it. */
  readonly name: string;
}

/** A run as a page of Markdown. */
export interface RunReport {
  readonly record: RunRecord;
  readonly spans: readonly ReportedSpan[];
  /** Number of rows that were left out of `spans`. */
  readonly moreSpans: number;
  readonly failures: readonly {readonly name: string; readonly message: string}[];
  /** The run's input and output; null: not stored, or left out. */
  readonly input: string | null;
  readonly output: string | null;
}

/** Texts of a run are cut after this many characters; the rest is counted. */
const LONGEST_TEXT = 4000;
const LOOK = {ascii: false};

/**
 * A report in GitHub's Markdown: name, state, time, tree, failures, input and output. All data from the tables is
 * formatted as code, where HTML, links and images have no effect.
 */
export function renderRunReport(report: RunReport): Safe {
  const {record, failures, input, output} = report;
  const name = record.name ?? 'A run whose own span is not written yet';
  return joined(
    [
      line`# ${stateText(record.state, LOOK)}: ${code(name)}`,
      factsOf(record),
      section('Spans', joined([treeOf(report), ...moreSpans(report)], '\n\n')),
      ...toolsOf(report),
      ...(failures.length === 0
        ? []
        : [
            section(
              'Errors',
              joined(
                failures.map(failure => line`- ${code(failure.name)}: ${code(cut(failure.message).text)}`),
                '\n',
              ),
            ),
          ]),
      ...(input === null ? [] : [section('Input', fenced(input))]),
      ...(output === null ? [] : [section('Output', fenced(output))]),
    ],
    '\n\n',
  );
}

function section(title: string, body: Safe): Safe {
  return line`## ${trusted(title)}\n\n${body}`;
}

function factsOf(record: RunRecord): Safe {
  const why: readonly [string, Safe] = ['Why', record.stateReason ? cell(record.stateReason) : trusted('')];
  const rows = [why, ...runFacts(record, cell)].flatMap(([label, value]) =>
    value === '' ? [] : [line`| ${trusted(label)} | ${value} |`],
  );
  return joined([trusted('| | |'), trusted('| --- | --- |'), ...rows], '\n');
}

/**
 * Facts about a run by their names, without its state; those that are not known are left out.
 * @param data how text from the tables is written
 */
export function runFacts(record: RunRecord, data: (text: string) => Safe): (readonly [string, Safe])[] {
  const ofData = (text: string | null) => (text === null ? null : data(text));
  const facts: (readonly [string, Safe | null])[] = [
    ['Kind', record.kind === null ? null : trusted(record.kind)],
    ['Run', ofData(record.runId)],
    ['Trace', data(record.traceId)],
    ['Started', moment(record.startTime)],
    ['Took', duration(record.durationMs)],
    [
      'Spans',
      trusted(`${count(record.spanCount)}${record.errorCount > 0 ? `, ${count(record.errorCount)} failed` : ''}`),
    ],
    [
      'Tokens',
      record.totalTokens === null ? null : line`${promptTokens(record)} in, ${count(record.completionTokens)} out`,
    ],
    ['Cost', record.totalTokens === null ? null : data(joined(runCost(record), ', '))],
    ['Models', record.models.length === 0 ? null : joined(record.models.map(data), ', ')],
    ['Session', ofData(record.sessionId)],
    ['User', ofData(record.userId)],
    ['Stored status', ofData(record.storedStatus)],
  ];
  return facts.flatMap(([label, value]) => (value === null || value === '' ? [] : [[label, value] as const]));
}

function treeOf({spans}: RunReport): Safe {
  // The row above may be in another report, or only its name may be known.
  const top = spans.reduce((least, {record}) => Math.min(least, record.depth), Number.POSITIVE_INFINITY);
  const depths = spans.map(({record}) => record.depth - top);
  const guides = guidesOf(
    depths,
    spans.map((_, i) => (depths[i + 1] ?? 0) > depths[i]!),
    LOOK,
  );
  const rows = spans.map(({record, name}, i) => {
    const state = record.state === null || record.state === 'ok' || record.surroundings ? null : record.state;
    const facts = [
      ...(record.kind === null ? [] : [record.kind]),
      ...(state === null ? [] : [state]),
      ...(record.durationMs === null ? [] : [duration(record.durationMs)]),
      ...(record.grossPromptTokens === null
        ? []
        : [`${promptTokens(record)} → ${count(record.completionTokens)} tokens`]),
    ];
    return line`${guides[i]!.first}${safe(name)}  ${trusted(facts.join(' · '))}`;
  });
  return block(joined(rows, '\n'));
}

function moreSpans({moreSpans: more}: RunReport): Safe[] {
  return more === 0 ? [] : [trusted(`${count(more)} more spans are not shown.`)];
}

/** Tools by calls, most called first. */
function toolsOf({spans}: RunReport): Safe[] {
  const tools = new Map<string, {calls: number; errors: number; ms: number}>();
  for (const {record} of spans) {
    if (record.toolName === null || record.surroundings) continue;
    const known = tools.get(record.toolName) ?? {calls: 0, errors: 0, ms: 0};
    tools.set(record.toolName, {
      calls: known.calls + 1,
      errors: known.errors + (record.spanStatus === 'ERROR' ? 1 : 0),
      ms: known.ms + (record.durationMs ?? 0),
    });
  }
  if (tools.size === 0) return [];
  const rows = [...tools]
    .sort(([, a], [, b]) => b.calls - a.calls)
    .map(
      ([name, {calls, errors, ms}]) => line`| ${cell(name)} | ${count(calls)} | ${count(errors)} | ${duration(ms)} |`,
    );
  return [
    section(
      'Tools',
      joined([trusted('| Tool | Calls | Errors | Time |'), trusted('| --- | ---: | ---: | ---: |'), ...rows], '\n'),
    ),
  ];
}

/** Data in one line: code, whose fence is longer than any backticks in it. */
function code(text: string): Safe {
  const plain = safe(text.trim());
  if (plain === '') return trusted('(empty)');
  const fence = '`'.repeat(longestRun(plain) + 1);
  const pad = /^`|`$/.test(plain) ? ' ' : '';
  return trusted(`${fence}${pad}${plain}${pad}${fence}`);
}

/** The same in a table, where a bar would end the cell even inside code. */
function cell(text: string): Safe {
  return trusted(code(text).replaceAll('|', '\\|'));
}

function fenced(text: string): Safe {
  const {text: shown, more} = cut(text);
  const body = block(safe(shown, {multiline: true}));
  return more === 0 ? body : line`${body}\n\n${count(more)} more characters are not shown.`;
}

function block(text: Safe): Safe {
  const fence = trusted('`'.repeat(Math.max(3, longestRun(text) + 1)));
  return line`${fence}text\n${text}\n${fence}`;
}

function longestRun(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((longest, run) => Math.max(longest, run.length), 0);
}

function cut(text: string): {text: string; more: number} {
  if (text.length <= LONGEST_TEXT) return {text, more: 0};
  const kept = Array.from(text.slice(0, LONGEST_TEXT + 1))
    .slice(0, -1)
    .join('');
  return {text: kept, more: text.length - kept.length};
}
