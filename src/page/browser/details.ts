import {costOrigins} from '../../render/cost.ts';
import {MESSAGE_TITLES, REST_TITLE, type Section, spanSections} from '../../render/span-sections.ts';
import {count, duration, promptTokens, usd} from '../../render/values.ts';
import {exchangeOf, type Media, type Said} from '../../trace/exchange.ts';
import {formatJson, parseJson} from '../../trace/json.ts';
import type {PageContent} from '../contents.ts';
import type {DrawnRun, TreeRow} from './data.ts';
import {button, el, pre} from './dom.ts';

/** Everything about a span: computed facts, inputs and outputs, and all stored data. */
export function detailsOf(run: DrawnRun, row: TreeRow, content: PageContent | null): HTMLElement {
  return el(
    'div',
    {class: 'details', 'data-span': String(row.at)},
    el(
      'h2',
      {},
      row.state && row.glyph ? [el('span', {class: `state is-${row.state}`}, `${row.glyph} ${row.state}`)] : [],
      el('span', {class: `kind k-${row.kind ?? 'other'}`}, row.kind ?? '?'),
      row.label,
    ),
    row.stateReason === null || row.state === 'ok' ? null : el('p', {class: `why is-${row.state}`}, row.stateReason),
    row.missing
      ? el(
          'p',
          {class: 'note'},
          row.fromMessages
            ? 'This call left no span: messages of model calls tell of it.'
            : 'This span is not stored: others only name it as their parent.',
        )
      : null,
    factsOf(run, row),
    row.told?.arguments ? [el('section', {}, el('h3', {}, 'Arguments'), value(row.told.arguments))] : [],
    row.told?.result ? [el('section', {}, el('h3', {}, 'Result'), words(row.told.result))] : [],
    content === null
      ? row.missing
        ? []
        : [el('p', {class: 'note'}, 'Its contents are not in this page.')]
      : contentsOf(row, content),
  );
}

function factsOf(run: DrawnRun, row: TreeRow): HTMLElement {
  const facts: [string, string | null][] = [
    ['Started', row.startTime],
    ['After', row.barFrom === null ? null : duration(row.barFrom / 1000)],
    ['Ended', row.endTime],
    ['Took', row.durationMs === null ? null : duration(row.durationMs)],
    ['Itself', row.selfMs === null || row.selfMs === row.durationMs ? null : duration(row.selfMs)],
    [
      'Critical path',
      row.criticalMs === null || !row.critical
        ? null
        : `${duration(row.criticalMs)} of its own${share(row.criticalMs, run.record.durationMs)}`,
    ],
    ['Model', row.model === null ? null : `${row.model}${row.provider ? ` (${row.provider})` : ''}`],
    [
      'Tokens',
      row.totalTokens === null
        ? null
        : `${promptTokens(row)} → ${count(row.completionTokens)}${row.cachedTokens ? `, ${count(row.cachedTokens)} cached` : ''}`,
    ],
    ['Cost', row.costUsd === null ? null : `${usd(row.costUsd)} (${costOrigins([row]).join(', ')})`],
    ['Purpose', row.purpose],
    ['Status', row.spanStatus],
    ['Name', row.name],
    ['Run', row.runId],
    ['Span', row.spanId],
    ['Parent', row.parentSpanId],
    ['Trace', row.traceId],
    ['Step of', row.containers.map(({type, name}) => `${type} ${name}`).join(', ') || null],
    ['Not taken', row.conditionsNotTaken.join(', ') || null],
    ['Iteration', row.iteration === null ? null : String(row.iteration)],
  ];
  return el(
    'dl',
    {class: 'facts'},
    facts.flatMap(([label, text]) => (text === null ? [] : [el('div', {}, el('dt', {}, label), el('dd', {}, text))])),
  );
}

function share(ms: number, of: number | null): string {
  return of === null || of <= 0 ? '' : `, ${Math.round((100 * ms) / of)} % of the run`;
}

function contentsOf(row: TreeRow, content: PageContent): HTMLElement[] {
  const {attributes, statusMessage, problems, openInferenceKind} = content;
  const {spanStatus, kind} = row;
  const isModel = kind === 'llm';
  const sections = spanSections({
    attributes,
    statusMessage,
    problems,
    openInferenceKind,
    spanStatus: spanStatus ?? '',
    kind: kind ?? 'other',
  });
  const isElsewhere = ({title}: Section) =>
    title === REST_TITLE || (isModel && Object.values(MESSAGE_TITLES).some(words => title.startsWith(words)));
  const drawn: HTMLElement[][] = sections
    .filter(section => !isElsewhere(section))
    .map(section => [drawnSection(section)]);
  // The conversation of a model call comes after its error and before its settings.
  if (isModel) drawn.splice(statusMessage === null ? 0 : 1, 0, conversationOf(content));
  return [...drawn.flat(), stored(content)];
}

function drawnSection({title, body}: Section): HTMLElement {
  return el(
    'section',
    {class: title === 'Exception' ? 'failed' : ''},
    el('h3', {}, title),
    body.flatMap(({type, text, rest = ''}): HTMLElement[] => {
      if (type === 'head') return [el('p', {class: 'head'}, el('b', {}, text), rest)];
      if (type === 'note') return [el('p', {class: 'note'}, text)];
      return [type === 'value' ? value(text) : words(text)];
    }),
  );
}

function conversationOf({attributes}: PageContent): HTMLElement[] {
  const {sent, answered, lost, notes} = exchangeOf(attributes);
  const sections: HTMLElement[] = [];
  const gone =
    lost === null
      ? ['messages before these are lost: the span has a limit of attributes']
      : lost > 0
        ? [`${lost} messages before these are lost: the span has a limit of attributes`]
        : [];
  if (sent.length > 0)
    sections.push(
      el(
        'section',
        {},
        el('h3', {}, `Messages (${sent.length})`),
        [...gone, ...notes].map(text => el('p', {class: 'note'}, text)),
        sent.map(message),
      ),
    );
  if (answered.length > 0)
    sections.push(el('section', {}, el('h3', {}, `Answer (${answered.length})`), answered.map(message)));
  return sections;
}

function message(said: Said): HTMLElement {
  const known = ['system', 'user', 'assistant', 'tool', 'input', 'output', 'developer'].includes(said.role);
  return el(
    'article',
    {class: `said r-${known ? said.role : 'other'}${said.failed ? ' failed' : ''}`},
    el(
      'header',
      {},
      el('b', {}, said.role),
      said.fromHistory ? ' from an earlier run' : null,
      said.toolCallId === null ? null : ` answers call ${said.toolCallId}`,
      said.failed ? ' failed' : null,
    ),
    said.reasoning === null ? [] : [el('p', {class: 'head'}, 'Reasoning'), pre(said.reasoning, 'text reasoning')],
    said.text === '' ? null : words(said.text),
    said.media.map(media => el('p', {class: 'note'}, mediaText(media))),
    said.toolCalls.flatMap(call => [
      el('p', {class: 'head'}, 'calls ', el('b', {}, call.name), call.callId === null ? '' : ` (${call.callId})`),
      call.arguments === null ? [] : [value(call.arguments)],
    ]),
  );
}

function mediaText({type, mimeType, bytes, url}: Media): string {
  return [type, mimeType, bytes === null ? null : `${count(bytes)} bytes`, url].filter(Boolean).join(', ');
}

/** All attributes as stored, whether a section above shows them or not. */
function stored({attributes, otelKind, createdTime, unreadAttributes}: PageContent): HTMLElement {
  const keys = Object.keys(attributes).sort();
  const table = el(
    'dl',
    {class: 'attributes'},
    el('div', {}, el('dt', {}, '(kind of OpenTelemetry)'), el('dd', {}, otelKind)),
    createdTime === null ? null : el('div', {}, el('dt', {}, '(written)'), el('dd', {}, createdTime)),
    keys.map(key => {
      const item = attributes[key]!;
      return el(
        'div',
        {},
        el('dt', {}, key),
        el('dd', {}, words(typeof item === 'string' ? item : formatJson(item, 0))),
      );
    }),
  );
  return el(
    'details',
    {class: 'stored'},
    el('summary', {}, `All attributes as stored (${keys.length})`),
    table,
    unreadAttributes === null
      ? []
      : [el('p', {class: 'head'}, 'Their text, which could not be read completely'), words(unreadAttributes)],
  );
}

/** Longer texts are drawn on request. */
const LONG = 100_000;

function words(text: string): HTMLElement {
  return shown(text, text);
}

/** A text that may be JSON and is then formatted. Copying gives the stored text. */
function value(text: string): HTMLElement {
  if (!/^\s*[[{]/.test(text)) return words(text);
  const parsed = parseJson(text);
  return shown(parsed && parsed.problems.length === 0 ? formatJson(parsed.value) : text, text);
}

function shown(text: string, copied: string): HTMLElement {
  const box = el('div', {class: 'value'});
  const body = pre(text.slice(0, LONG));
  box.append(body);
  if (text.length > LONG)
    box.append(
      button(`Show all ${count(text.length)} characters`, {class: 'more'}, () => {
        body.replaceWith(pre(text));
        box.querySelector('.more')?.remove();
      }),
    );
  if (copied.length > 1)
    box.append(
      button('Copy', {class: 'copy', 'aria-label': 'Copy this text as it is stored'}, () => void copy(copied, box)),
    );
  return box;
}

async function copy(text: string, box: HTMLElement): Promise<void> {
  const done = await navigator.clipboard.writeText(text).then(
    () => 'Copied',
    () => 'Not allowed',
  );
  const label = box.querySelector('.copy');
  if (!label) return;
  label.textContent = done;
  setTimeout(() => (label.textContent = 'Copy'), 1200);
}
