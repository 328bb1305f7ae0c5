import type {PageAnswer, PagePlot, PageTable} from '../contents.ts';
import {readBlock} from './data.ts';
import {byId, el, nameWindow, svg} from './dom.ts';
import {topOf} from './top.ts';

/*
 * The page of a question: its plot and its tables. A script of its own, as it needs little of what runs need.
 */

const WIDTH = 1000;
const HEIGHT = 180;
const WIDEST_BAR = 48;
const TREND = {width: 120, height: 20};
/** Lines of a plot that can be told apart. */
const MOST_LINES = 8;
/** Characters: a longer text breaks anywhere, and so that its column can be read. An id of a trace has 32. */
const LONG = 40;

async function begin(): Promise<void> {
  const page = byId('page');
  try {
    const answer = await readBlock<PageAnswer>('last');
    nameWindow(answer.title);
    page.replaceChildren(drawn(answer));
  } catch (error) {
    page.replaceChildren(el('p', {class: 'failure', role: 'alert'}, `This page could not be read: ${String(error)}`));
  }
}

function drawn({title, tables, plot, ...about}: PageAnswer): HTMLElement {
  return el('div', {class: 'list'}, topOf(title, about), plot === null ? null : figureOf(plot), tables.map(tableOf));
}

function tableOf({columns, rows, trend}: PageTable): HTMLElement {
  const marks = (isNumber: boolean) => ({class: isNumber ? 'number' : ''});
  return el(
    'table',
    {class: 'answer'},
    el(
      'thead',
      {},
      el(
        'tr',
        {},
        columns.map(({label, isNumber}) => el('th', {scope: 'col', ...marks(isNumber)}, label)),
        trend === null ? null : el('th', {scope: 'col'}, trend.label),
      ),
    ),
    el(
      'tbody',
      {},
      rows.map((cells, i) =>
        el(
          'tr',
          {},
          cells.map((text, at) =>
            el(
              'td',
              columns[at]!.isNumber || text.length <= LONG ? marks(columns[at]!.isNumber) : {class: 'long'},
              text,
            ),
          ),
          trend === null ? null : el('td', {}, line(trend.lines[i] ?? [])),
        ),
      ),
    ),
  );
}

/** A small line of figures, from zero to the largest. */
function line(values: readonly (number | null)[]): Node {
  const most = values.reduce<number>((max, value) => Math.max(max, value ?? 0), 0);
  const {width, height} = TREND;
  return svg(
    'svg',
    {viewBox: `0 0 ${width} ${height}`, width, height, class: 'trend', 'aria-hidden': 'true'},
    svg('path', {d: pathOf(values, most, width, height)}),
  );
}

/** Half the length of the dash for a figure with a gap on both sides. */
const ALONE = 3;

/** A missing figure leaves a gap. */
function pathOf(values: readonly (number | null)[], most: number, width: number, height: number): string {
  let isDrawing = false;
  const parts = values.map((value, i) => {
    if (value === null) {
      isDrawing = false;
      return '';
    }
    const x = values.length < 2 ? width / 2 : (i / (values.length - 1)) * width;
    const y = height - 1 - (most <= 0 ? 0 : (Math.max(0, value) / most) * (height - 2));
    const command = isDrawing ? 'L' : 'M';
    isDrawing = true;
    const isAlone = command === 'M' && (values[i + 1] ?? null) === null;
    // Nothing is drawn beyond the edges.
    if (isAlone)
      return `M${Math.max(0, x - ALONE).toFixed(1)} ${y.toFixed(1)}H${Math.min(width, x + ALONE).toFixed(1)}`;
    return `${command}${x.toFixed(1)} ${y.toFixed(1)}`;
  });
  return parts.join('');
}

function figureOf({label, periods, lines}: PagePlot): HTMLElement {
  const totals = lines.map(({values}) => values.reduce<number>((sum, value) => sum + (value ?? 0), 0));
  const order = lines.map((_, i) => i).sort((a, b) => totals[b]! - totals[a]!);
  const shown = order.slice(0, MOST_LINES).map(i => lines[i]!);
  const all = shown.flatMap(({values, texts}) => values.map((value, i) => ({value: value ?? 0, text: texts[i]!})));
  const top = all.reduce((max, item) => (item.value > max.value ? item : max), {value: 0, text: '0'});
  const more = order.length > shown.length ? `, ${shown.length} of ${order.length}` : '';
  const bars = shown.length === 1;
  const step = WIDTH / Math.max(1, periods.length);
  const drawing = svg('svg', {
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    preserveAspectRatio: 'none',
    class: 'plot',
    role: 'img',
    'aria-label': `${label} over time`,
  });
  const width = Math.min(step * 0.8, WIDEST_BAR);
  for (const [i, {values, texts}] of shown.entries()) {
    if (!bars) drawing.append(svg('path', {d: pathOf(values, top.value, WIDTH, HEIGHT), class: `l${i}`}));
    for (const [at, value] of bars ? values.entries() : []) {
      const height = top.value <= 0 ? 0 : (Math.max(0, value ?? 0) / top.value) * (HEIGHT - 2);
      const bar = svg('rect', {x: (at + 0.5) * step - width / 2, y: HEIGHT - height, width, height});
      bar.append(svg('title', {}, `${periods[at]!}: ${texts[at]!}`));
      drawing.append(bar);
    }
  }
  return el(
    'figure',
    {},
    el('figcaption', {}, `${label} over time${more}, at most ${top.text}`),
    drawing,
    el(
      'div',
      {class: 'ends', 'aria-hidden': 'true'},
      el('span', {}, periods[0] ?? ''),
      periods.length > 1 ? el('span', {}, periods.at(-1)!) : null,
    ),
    bars
      ? null
      : el(
          'ul',
          {class: 'legend'},
          shown.map(({name}, i) => el('li', {class: `l${i}`}, name)),
        ),
  );
}

void begin();
