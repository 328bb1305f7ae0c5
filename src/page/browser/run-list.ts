import {shortCount} from '../../render/values.ts';
import type {PageContents, PageEntry} from '../contents.ts';
import {button, el} from './dom.ts';
import {topOf} from './top.ts';

/** Rows drawn at once; the others are drawn on request. */
const MOST_ROWS = 500;

/** The runs of a page, one per row. */
export function drawRunList({runs, ...about}: PageContents, open: (run: number) => void): HTMLElement {
  const body = el('tbody');
  const input = el('input', {
    type: 'search',
    id: 'search',
    placeholder: 'Filter',
    'aria-label': 'Filter runs',
    autocomplete: 'off',
  });
  const hits = el('output', {class: 'hits', for: 'search'});
  const more = button('', {class: 'more'}, () => draw(Number.POSITIVE_INFINITY));
  const longest = runs.reduce((most, {record}) => Math.max(most, record.durationMs ?? 0), 0);
  const draw = (most = MOST_ROWS) => {
    const wanted = input.value.toLowerCase();
    const found = runs
      .map((entry, at) => ({entry, at}))
      .filter(({entry}) => wanted === '' || textOf(entry).includes(wanted));
    body.replaceChildren();
    for (const {entry, at} of found.slice(0, most)) body.append(rowOf(entry, longest, () => open(at)));
    more.hidden = found.length <= most;
    more.textContent = `Show all ${found.length}`;
    hits.value = wanted === '' ? '' : `${found.length} of ${runs.length} runs`;
  };
  input.addEventListener('input', () => draw());
  draw();
  return el(
    'div',
    {class: 'list'},
    topOf(`${runs.length} runs`, about),
    el('div', {class: 'tools'}, el('span', {class: 'searching'}, input, hits)),
    el(
      'table',
      {},
      el(
        'thead',
        {},
        el(
          'tr',
          {},
          HEADS.map(head => el('th', {scope: 'col', class: NUMBERS.has(head) ? 'number' : ''}, head)),
        ),
      ),
      body,
    ),
    more,
  );
}

const HEADS = ['State', 'Started', 'Who', 'User', 'Session', 'Took', 'Tokens', 'Cost', 'Why'];
const NUMBERS = new Set(['Took', 'Tokens', 'Cost']);

function rowOf({record, title, started, took, cost}: PageEntry, longest: number, open: () => void): HTMLElement {
  const {state, userId, sessionId, totalTokens, stateReason, durationMs} = record;
  const length = el('span', {class: 'length', 'aria-hidden': 'true'});
  length.style.width = `${longest === 0 ? 0 : (100 * (durationMs ?? 0)) / longest}%`;
  return el(
    'tr',
    {},
    el('td', {}, el('span', {class: `state is-${state}`}, state)),
    el('td', {}, started),
    el('td', {}, button(title, {class: 'link'}, open)),
    el('td', {}, userId ?? '–'),
    el('td', {}, sessionId ?? '–'),
    el('td', {class: 'number took'}, length, took),
    el('td', {class: 'number'}, shortCount(totalTokens)),
    el('td', {class: 'number'}, cost),
    el('td', {class: 'last'}, stateReason ?? ''),
  );
}

function textOf({record, title}: PageEntry): string {
  const {state, userId, sessionId, stateReason, runId, traceId, models} = record;
  return [state, title, userId, sessionId, stateReason, runId, traceId, ...models].join('\n').toLowerCase();
}
