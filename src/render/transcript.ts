import {largest} from '../lists.ts';
import {joined, line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint, type Style, withoutStyles} from '../text/style.ts';
import {truncate, width, wrap} from '../text/width.ts';
import type {Media} from '../trace/exchange.ts';
import {formatJson} from '../trace/json.ts';
import type {RunRecord} from '../trace/record.ts';
import {argumentsByName} from '../trace/tool-calls.ts';
import type {Entry, TranscriptEvent} from '../trace/transcript.ts';
import {shortRunId} from './run-list.ts';
import {indented, unredacted} from './span-content.ts';
import {type Look, paintState, stateText} from './states.ts';
import type {ToolLevel} from './tool-levels.ts';
import {count, duration, moment} from './values.ts';

interface TranscriptLook extends Look {
  /** Columns of the terminal; null: a pipe, where nothing is cut. */
  readonly columns: number | null;
  readonly tools: ToolLevel;
}

const SHORT_LINES = 6;
const SHORT_ARGUMENTS = 100;
const DEEPEST_GUIDE = 8;

/** One event of a transcript as text for a terminal or a pipe; an empty list if it has no text. */
export function transcriptLines(event: TranscriptEvent, look: TranscriptLook): Safe[] {
  const {entry} = event;
  const isTool = entry.type === 'tool';
  const lead = guides(entry.depth, look);
  const room = look.columns === null ? null : Math.max(20, look.columns - width(lead) - 2);
  const below = (text: string) => block(text, room).map(part => line`${lead}  ${part}`);
  if (event.type === 'returned') {
    if (look.tools === 'none' || entry.result === null) return [];
    return resultLines(entry, lead, room, look);
  }
  if (entry.type === 'run') return event.isTop ? [] : [trusted(lead.trimEnd()), ...runLines(entry, lead, look)];
  if (entry.type === 'step')
    return [trusted(lead.trimEnd()), cut(line`${lead}${paint(stepHead(entry, look), 'bold')}`, look)];
  if (entry.type === 'note')
    return below(entry.text ?? '').map((part, i) => {
      const text = trusted(i === 0 ? `${lead}! ${part.slice(lead.length + 2)}` : part);
      return entry.state ? paintState(text, entry.state) : paint(text, 'yellow');
    });
  if (isTool) {
    if (look.tools === 'none') return [];
    return [...callLines(entry, lead, room, look), ...(event.hasInner ? [] : resultLines(entry, lead, room, look))];
  }
  return [
    lead,
    cut(line`${lead}${roleHead(entry)}`, look),
    ...(entry.reasoning === null
      ? []
      : [
          line`${lead}  ${paint(trusted('(reasoning)'), 'dim')}`,
          ...below(entry.reasoning).map(part => paint(part, 'dim')),
          line`${lead}  ${paint(trusted('(end of reasoning)'), 'dim')}`,
        ]),
    ...((entry.text ?? '') === '' ? [] : below(unredacted(entry.text!))),
    ...entry.media.map(media => line`${lead}  ${paint(mediaText(media), 'magenta')}`),
  ].map(text => trusted(text.trimEnd()));
}

/**
 * The line between the parts of a run that continued after a pause.
 * @param isBeside not a continuation: what Agno did for the run meanwhile
 */
export function continuedLine(record: RunRecord, {ascii}: Look, isBeside: boolean): Safe {
  const rule = trusted(ascii ? '--' : '──');
  return paint(
    line`${rule} ${trusted(isBeside ? 'beside the run,' : 'continued')} ${moment(record.startTime)} · trace ${safe(record.traceId)} ${rule}`,
    'dim',
  );
}

function guides(depth: number, {ascii}: Look): Safe {
  const bar = ascii ? '| ' : '│ ';
  return trusted(depth > DEEPEST_GUIDE ? `${bar.repeat(DEEPEST_GUIDE)}…${depth - DEEPEST_GUIDE} ` : bar.repeat(depth));
}

function runLines(entry: Entry, lead: Safe, look: TranscriptLook): Safe[] {
  const head = [
    ...(entry.state === null ? [] : [paintState(stateText(entry.state, look), entry.state)]),
    paint(safe(entry.who ?? '(run span not written)'), 'bold'),
    ...(entry.kind === null ? [] : [paint(trusted(entry.kind), 'dim')]),
    paint(duration(entry.durationMs), 'dim'),
  ];
  return [line`${lead}${joined(head, '  ')}`];
}

function stepHead(entry: Entry, look: TranscriptLook): Safe {
  const state = entry.state === null || entry.state === 'ok' ? trusted('') : line`${stateText(entry.state, look)}  `;
  return line`${state}${trusted(entry.kind ?? 'step')} ${safe(entry.who ?? '')}  ${duration(entry.durationMs)}`;
}

const ROLE_STYLES: Readonly<Record<string, readonly Style[]>> = {
  system: ['dim'],
  user: ['cyan', 'bold'],
  input: ['cyan', 'bold'],
  assistant: ['green', 'bold'],
  output: ['green', 'bold'],
  tool: ['magenta'],
};

/** Labels of roles that are not those of messages. */
const ROLE_WORDS: Readonly<Record<string, string>> = {
  input: 'input (not in any message)',
  output: 'output (not in any message)',
  tool: 'tool result as sent to the model',
};

function roleHead(entry: Entry): Safe {
  const role = entry.role ?? '';
  const word = Object.hasOwn(ROLE_WORDS, role) ? trusted(ROLE_WORDS[role]!) : safe(role);
  const styles = Object.hasOwn(ROLE_STYLES, role) ? ROLE_STYLES[role]! : [];
  const facts = [
    ...(entry.fromHistory ? [trusted('from an earlier run')] : []),
    ...(entry.purpose === null ? [] : [trusted(entry.purpose)]),
    ...(entry.model === null ? [] : [safe(entry.model)]),
    ...(entry.model === null || entry.durationMs === null ? [] : [duration(entry.durationMs)]),
  ];
  const rest = facts.length === 0 ? trusted('') : line`  ${paint(joined(facts, ' · '), 'dim')}`;
  return line`${paint(word, ...styles)}${rest}`;
}

const DECISIONS = {rejected: 'rejected', answered: 'answered from outside'} as const;

function callLines(entry: Entry, lead: Safe, room: number | null, look: TranscriptLook): Safe[] {
  const arrow = trusted(look.ascii ? '> ' : '▸ ');
  const name = safe(entry.toolName ?? '');
  const facts = [...withoutSpan(entry), ...(entry.durationMs === null ? [] : [duration(entry.durationMs)])];
  const after = facts.length === 0 ? trusted('') : line`  ${paint(joined(facts, ' · '), 'dim')}`;
  if (look.tools === 'full' && callArguments(entry.arguments).length > SHORT_ARGUMENTS) {
    const text = entry.arguments === null || isNothing(entry.arguments) ? null : indented(unredacted(entry.arguments));
    return [
      cut(line`${lead}${arrow}${paint(name, 'bold')}${after}`, look),
      ...(text === null ? [] : block(text, room).map(part => line`${lead}    ${part}`)),
    ];
  }
  const longest = room === null ? SHORT_ARGUMENTS : Math.max(8, Math.min(SHORT_ARGUMENTS, room - width(name) - 12));
  return [
    cut(
      line`${lead}${arrow}${paint(name, 'bold')}(${truncate(callArguments(entry.arguments), longest)})${after}`,
      look,
    ),
  ];
}

/** The note on a call without a span. */
function withoutSpan({decided, ran, result, state}: Entry): Safe[] {
  if (decided !== null) return [trusted(DECISIONS[decided])];
  if (state === 'cancelled' && ran === null) return [trusted('interrupted, no result')];
  if (ran !== false) return [];
  return [trusted(result === null ? 'no span, no result' : 'no span')];
}

function isNothing(text: string): boolean {
  return text === 'null' || text === '{}' || text === '';
}

/** Arguments in the form of a call: `order_id="4417", amount=89.5`. */
export function callArguments(text: string | null): Safe {
  if (text === null || isNothing(text)) return trusted('');
  const entries = argumentsByName(text);
  if (entries === null) return safe(unredacted(text));
  return safe(entries.map(([key, item]) => `${key}=${formatJson(item, 0)}`).join(', '));
}

function resultLines(entry: Entry, lead: Safe, room: number | null, look: TranscriptLook): Safe[] {
  const {result} = entry;
  if (result === null) return [];
  const isFailed = entry.state === 'error';
  const mark = trusted(isFailed ? (look.ascii ? 'x ' : '✖ ') : look.ascii ? '-> ' : '→ ');
  const whole = block(
    look.tools === 'full' ? indented(unredacted(result)) : unredacted(result),
    room === null ? null : room - 4,
  );
  const shown = look.tools === 'full' ? whole : whole.slice(0, SHORT_LINES);
  const more = whole.length - shown.length;
  const lines = shown.map((part, i) => line`${lead}  ${i === 0 ? mark : trusted(' '.repeat(width(mark)))}${part}`);
  return [
    ...(isFailed ? lines.map(part => paintState(part, 'error')) : lines),
    ...(more > 0 ? [line`${lead}    ${paint(line`… ${count(more)} more lines (--tools full)`, 'dim')}`] : []),
  ];
}

export function mediaText({type, mimeType, bytes, url}: Media): Safe {
  const facts = [
    ...(mimeType === null ? [] : [safe(mimeType)]),
    ...(bytes === null ? [] : [size(bytes)]),
    ...(url === null ? [] : [safe(url.length > 200 ? `${url.slice(0, 199)}…` : url)]),
  ];
  return line`[${joined([trusted(type), ...facts], ' ')}]`;
}

function size(bytes: number): Safe {
  if (bytes < 1000) return trusted(`${bytes} B`);
  return trusted(bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
}

function block(text: string, room: number | null): Safe[] {
  const whole = safe(text, {multiline: true});
  return room === null ? (whole.split('\n') as Safe[]) : wrap(whole, Math.max(16, room));
}

/** One line of ours that a name in it may have made too long; it contains colours, so it is cut only if it has none. */
function cut(text: Safe, {columns}: TranscriptLook): Safe {
  if (columns === null) return text;
  const plain = withoutStyles(text);
  return width(plain) <= columns ? text : truncate(plain, columns);
}

/** One event as Markdown: texts are in fences, so that nothing in them is markup; inner entries are quoted. */
export function transcriptMarkdown(event: TranscriptEvent, tools: ToolLevel): Safe {
  const {entry} = event;
  const quote = '> '.repeat(entry.depth);
  const write = (lines: readonly string[]): Safe =>
    trusted(`${lines.map(part => `${quote}${part}`.trimEnd()).join('\n')}\n`);
  if (event.type === 'returned')
    return tools === 'none' || entry.result === null ? trusted('') : write(['returned:', ...fenced(entry.result), '']);
  if (entry.type === 'run' || entry.type === 'step') {
    if (entry.type === 'run' && event.isTop) return trusted('');
    return write([
      `**${plain(entry.who ?? '')}** (${[entry.kind, entry.state, duration(entry.durationMs)].filter(Boolean).join(', ')})`,
      '',
    ]);
  }
  if (entry.type === 'note') return write([`*${plain(entry.text ?? '')}*`, '']);
  if (entry.type === 'tool') {
    if (tools === 'none') return trusted('');
    const took = entry.durationMs === null ? '' : ` (${duration(entry.durationMs)})`;
    const facts = entry.state === 'error' ? [trusted('failed')] : withoutSpan(entry);
    const end = joined(
      (entry.decided === null ? facts : withoutSpan(entry)).map(fact => line`, ${fact}`),
      '',
    );
    return write([
      `calls **${plain(entry.toolName ?? '')}**${took}${end}`,
      '',
      ...(entry.arguments === null || isNothing(entry.arguments) ? [] : [...fenced(indented(entry.arguments)), '']),
      ...(event.hasInner || entry.result === null ? [] : [...fenced(entry.result), '']),
    ]);
  }
  const facts = [entry.fromHistory ? 'from an earlier run' : null, entry.purpose, entry.model].filter(
    fact => fact !== null,
  );
  return write([
    `**${plain(entry.role ?? '')}**${facts.length > 0 ? ` (${plain(facts.join(', '))})` : ''}`,
    '',
    ...(entry.reasoning === null ? [] : ['reasoning:', '', ...fenced(entry.reasoning), '']),
    ...((entry.text ?? '') === '' ? [] : [...fenced(entry.text!), '']),
    ...entry.media.flatMap(media => [plain(mediaText(media)), '']),
  ]);
}

/** A title of a run in Markdown. */
export function runTitle(record: RunRecord): Safe {
  const facts = [record.state, moment(record.startTime), duration(record.durationMs), `run ${shortRunId(record)}`];
  return trusted(`## ${plain(record.name ?? '(run span not written)')}\n\n${plain(facts.join(' · '))}\n`);
}

function plain(text: string): Safe {
  return trusted(safe(text).replace(/[\\`*~|<>[\]&_#]/g, '\\$&'));
}

/** Text between fences longer than any in it. */
function fenced(text: string): string[] {
  const whole = safe(unredacted(text), {multiline: true});
  const longest = Math.max(2, largest([...whole.matchAll(/`+/g)].map(([ticks]) => ticks.length)));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}text`, ...whole.split('\n'), fence];
}
