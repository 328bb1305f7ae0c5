import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint, withoutStyles} from '../text/style.ts';
import {width, wrap} from '../text/width.ts';
import {isBegunBeside} from '../trace/begun-beside.ts';
import {isStoredStatusWrong} from '../trace/judge.ts';
import {isBeside} from '../trace/loose-parts.ts';
import type {JudgedRun, RunRecord} from '../trace/record.ts';
import {seenMs} from '../trace/timing.ts';
import {modelsWithCost, runCost} from './cost.ts';
import {titleOf} from './run-list.ts';
import {type Look, paintState, stateText} from './states.ts';
import {count, duration, moment, promptTokens} from './values.ts';

interface HeaderOptions extends Look {
  readonly columns: number | null;
  readonly isTied: boolean;
}

/** Name, state and reason, time, duration, cost: everything about a run except its spans. */
export function renderRunHeader(judged: JudgedRun, options: HeaderOptions): Safe {
  const {run, record} = judged;
  const title = [
    paintState(stateText(record.state, options), record.state),
    paint(titleOf(judged), 'bold'),
    ...(record.kind ? [paint(trusted(record.kind), 'dim')] : []),
    record.runId === null ? line`trace ${safe(record.traceId)}` : line`run ${safe(record.runId)}`,
  ];
  const facts = headerFacts(
    {record},
    moment(record.startTime),
    run.isMissing ? line`>${duration(seenMs(run))}` : duration(record.durationMs),
  );
  return joined(
    [
      ...flow(title, trusted('  '), options.columns),
      ...indented(safe(record.stateReason), options.columns),
      ...flow(facts, trusted(' · '), options.columns === null ? null : options.columns - 2).map(
        text => line`  ${paint(text, 'dim')}`,
      ),
      ...notesOf(run, options.isTied).flatMap(note => indented(note, options.columns).map(text => paint(text, 'dim'))),
    ],
    '\n',
  );
}

/**
 * Time, duration, tokens, cost and ids of a run, and the stored status: short facts, the most important first.
 * @param started in the form of this screen's times
 * @param took how long it took, or has been running
 * @param contradictsFirst a wrong stored status comes before facts that may not fit
 */
export function headerFacts(
  {record}: Pick<JudgedRun, 'record'>,
  started: Safe,
  took: Safe,
  {contradictsFirst = false} = {},
): Safe[] {
  const isWrong = isStoredStatusWrong(record.state, record.storedStatus);
  const status = line`stored status: ${safe(record.storedStatus ?? 'no trace row')}${trusted(isWrong ? ' (incorrect)' : '')}`;
  return [
    started,
    took,
    ...(contradictsFirst && isWrong ? [status] : []),
    ...tokenFacts(record),
    ...(record.models.length > 0 ? [modelsWithCost(record)] : []),
    ...(record.agentId && record.agentId !== record.name ? [line`agent ${safe(record.agentId)}`] : []),
    ...(record.teamId && record.teamId !== record.name ? [line`team ${safe(record.teamId)}`] : []),
    ...(record.workflowId && record.workflowId !== record.name ? [line`workflow ${safe(record.workflowId)}`] : []),
    ...(record.userId ? [line`user ${safe(record.userId)}`] : []),
    ...(record.sessionId ? [line`session ${safe(record.sessionId)}`] : []),
    ...(contradictsFirst && isWrong ? [] : [status]),
    ...(record.runId === null ? [] : [line`trace ${safe(record.traceId)}`]),
  ];
}

function tokenFacts(record: RunRecord): Safe[] {
  if (record.totalTokens === null) return [];
  const cached = record.cachedTokens ? line` (${count(record.cachedTokens)} cached)` : trusted('');
  const tokens =
    record.grossPromptTokens === null
      ? line`${count(record.totalTokens)} tokens`
      : line`${promptTokens(record)}${cached} → ${count(record.completionTokens)} tokens`;
  return [tokens, ...runCost(record)];
}

/** Things that a reader might otherwise wonder about. */
export function notesOf(run: JudgedRun['run'], isTied: boolean): Safe[] {
  const notes: Safe[] = [];
  if (run.isDetached)
    notes.push(
      isBegunBeside(run.root)
        ? trusted('It is stored under another run whose stream was read in turn with it, but it is a separate run.')
        : trusted('It is stored under a run that had already ended: its context leaked, and it is a separate run.'),
    );
  if (run.surroundings === 'elsewhere')
    notes.push(trusted('Its caller is not in this database: the request came through a traced gateway.'));
  if (run.surroundings === 'request-open') notes.push(trusted('The HTTP request around it is not written yet.'));
  if (isTied)
    notes.push(
      trusted(
        `It has no run id, and was matched by ${isBeside(run) ? 'its time and input' : 'the call, result or step that it continues'}.`,
      ),
      trusted("Its time and tokens are not included in the run's."),
    );
  else if (run.isPart) notes.push(trusted('It has no run id: Agno did this work outside a run.'));
  return notes;
}

function indented(text: Safe, columns: number | null): Safe[] {
  if (text === '') return [];
  return (columns === null ? [text] : wrap(text, columns - 2)).map(part => line`  ${part}`);
}

/** Items in a row, wrapped between items if the line is full. */
export function flow(items: readonly Safe[], separator: Safe, columns: number | null): Safe[] {
  if (columns === null) return [joined(items, separator)];
  const lines: Safe[] = [];
  let current: Safe[] = [];
  let used = 0;
  for (const item of items) {
    const size = plainWidth(item);
    if (current.length > 0 && used + separator.length + size > columns) {
      lines.push(joined(current, separator));
      current = [];
      used = 0;
    }
    used += (current.length > 0 ? separator.length : 0) + size;
    current.push(item);
  }
  return [...lines, joined(current, separator)];
}

/** Colours have no width. */
function plainWidth(text: Safe): number {
  return width(withoutStyles(text));
}
