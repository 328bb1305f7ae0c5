import {count, duration, promptTokens, usd} from '../../render/values.ts';
import type {DrawnRun, TreeRow} from './data.ts';
import {el} from './dom.ts';
import {axisTicks, type Stretch} from './stretch.ts';

/** Height of a row; must equal the value in the style sheet. */
export const ROW = 26;
/** Rows drawn above and below the visible ones. */
const BEYOND = 8;
/** Rows that are printed; a note counts the rest. */
const MOST_PRINTED = 3000;
/** Maximum movement of a press that still counts as a click, pixels. */
const CLICK = 4;

interface TreeEvents {
  onSelect(row: TreeRow): void;
  onZoom(stretch: Stretch): void;
}

/** The rows of a run with their waterfall. Only visible rows are in the document. */
export class Tree {
  readonly box = el('div', {class: 'tree', role: 'tree', tabindex: '0', 'aria-label': 'Spans of the run'});
  private readonly space = el('div', {class: 'space', role: 'presentation'});
  private readonly axis: HTMLElement;
  private readonly drawn = new Map<number, HTMLElement>();
  private readonly folded = new Set<number>();
  private shown: readonly TreeRow[] = [];
  private placeOf = new Map<number, number>();
  private found: ReadonlySet<number> = new Set();
  private onlyCritical = false;
  private isPrinting = false;
  stretch: Stretch;
  selected: TreeRow;

  constructor(
    private readonly run: DrawnRun,
    private readonly events: TreeEvents,
  ) {
    this.stretch = this.whole;
    this.selected = run.rows.find(row => row.isRun && !row.surroundings) ?? run.rows[0]!;
    this.axis = el('div', {class: 'axis', 'aria-hidden': 'true'});
    const head = el(
      'div',
      {class: 'heads', 'aria-hidden': 'true'},
      el('span', {class: 'name'}, 'Span'),
      el('span', {class: 'took'}, 'Took'),
      this.axis,
    );
    this.box.append(head, this.space);
    this.box.addEventListener('scroll', () => this.drawSeen(), {passive: true});
    this.zoomByDragging();
    this.refold();
  }

  get whole(): Stretch {
    return {from: 0, to: this.run.to - this.run.from};
  }

  /** Draws everything again, after a change of size, zoom or filter. */
  redraw(): void {
    for (const row of this.drawn.values()) row.remove();
    this.drawn.clear();
    this.drawAxis();
    this.drawSeen();
  }

  select(row: TreeRow, {scrolls = true} = {}): void {
    let isHidden = false;
    for (let up = row.up; up >= 0; up = this.run.rows[up]!.up) isHidden = this.folded.delete(up) || isHidden;
    if (this.onlyCritical && !this.placeOf.has(row.at)) {
      this.onlyCritical = false;
      isHidden = true;
    }
    this.selected = row;
    if (isHidden) this.refold();
    if (scrolls) this.scrollTo(row);
    this.redraw();
    this.events.onSelect(row);
  }

  /** Moves among the rows that are not folded. */
  move(by: number): void {
    const at = this.placeOf.get(this.selected.at) ?? 0;
    const row = this.shown[Math.max(0, Math.min(this.shown.length - 1, at + by))];
    if (row) this.select(row);
  }

  /** Unfolds the row, or goes to the first one below it. */
  open(): void {
    const row = this.selected;
    if (row.end === row.at + 1) return;
    if (this.folded.has(row.at)) this.fold(row, false);
    else this.move(1);
  }

  /** Folds the row, or goes to the one above it. */
  close(): void {
    const row = this.selected;
    if (row.end > row.at + 1 && !this.folded.has(row.at)) this.fold(row, true);
    else if (row.up >= 0) this.select(this.run.rows[row.up]!);
  }

  fold(row: TreeRow, isFolded: boolean): void {
    if (isFolded) this.folded.add(row.at);
    else this.folded.delete(row.at);
    this.refold();
    this.redraw();
  }

  /** Folds everything below the runs, or nothing. */
  foldAll(isFolded: boolean): void {
    this.folded.clear();
    if (isFolded) for (const row of this.run.rows) if (row.end > row.at + 1 && row.level > 0) this.folded.add(row.at);
    this.refold();
    if (!this.placeOf.has(this.selected.at)) this.selected = this.shown[0]!;
    this.scrollTo(this.selected);
    this.redraw();
  }

  get isOnlyCritical(): boolean {
    return this.onlyCritical;
  }

  showOnlyCritical(only: boolean): void {
    this.onlyCritical = only;
    this.refold();
    this.scrollTo(this.selected);
    this.redraw();
  }

  mark(found: ReadonlySet<number>): void {
    this.found = found;
    this.redraw();
  }

  zoom(stretch: Stretch): void {
    const {to: end} = this.whole;
    const length = Math.min(end, Math.max(1, stretch.to - stretch.from));
    const from = Math.max(0, Math.min(end - length, stretch.from));
    this.stretch = {from, to: from + length};
    this.redraw();
    this.events.onZoom(this.stretch);
  }

  /** @param factor below 1: closer. @param at the time that keeps its place, as a fraction of the period */
  zoomBy(factor: number, at = 0.5): void {
    const {from, to} = this.stretch;
    const length = (to - from) * factor;
    const fixed = from + (to - from) * at;
    this.zoom({from: fixed - length * at, to: fixed + length * (1 - at)});
  }

  pan(part: number): void {
    const {from, to} = this.stretch;
    const by = (to - from) * part;
    this.zoom({from: from + by, to: to + by});
  }

  get rowsPerPage(): number {
    return Math.max(1, Math.floor(this.box.clientHeight / ROW) - 2);
  }

  /** Draws all rows at once, for printing. @returns number of rows that were left out */
  print(isPrinting: boolean): number {
    this.isPrinting = isPrinting;
    this.redraw();
    return isPrinting ? Math.max(0, this.shown.length - MOST_PRINTED) : 0;
  }

  private refold(): void {
    const wanted = this.onlyCritical ? withAncestors(this.run.rows) : null;
    const shown: TreeRow[] = [];
    for (let at = 0; at < this.run.rows.length; ) {
      const row = this.run.rows[at]!;
      if (!wanted || wanted.has(at)) shown.push(row);
      at = this.folded.has(at) ? row.end : at + 1;
    }
    this.shown = shown;
    this.placeOf = new Map(shown.map((row, place) => [row.at, place]));
    this.space.style.height = `${shown.length * ROW}px`;
  }

  private scrollTo(row: TreeRow): void {
    const top = (this.placeOf.get(row.at) ?? 0) * ROW;
    const {scrollTop, clientHeight} = this.box;
    const height = clientHeight - ROW - 4;
    if (top < scrollTop) this.box.scrollTop = top;
    else if (top + ROW > scrollTop + height) this.box.scrollTop = top + ROW - height;
  }

  private drawSeen(): void {
    const {scrollTop, clientHeight} = this.box;
    const [first, last] = this.isPrinting
      ? [0, Math.min(MOST_PRINTED, this.shown.length)]
      : [
          Math.max(0, Math.floor(scrollTop / ROW) - BEYOND),
          Math.min(this.shown.length, Math.ceil((scrollTop + clientHeight) / ROW) + BEYOND),
        ];
    for (const [place, row] of this.drawn) {
      if (place >= first && place < last) continue;
      row.remove();
      this.drawn.delete(place);
    }
    for (let place = first; place < last; place++) {
      if (this.drawn.has(place)) continue;
      const row = this.rowOf(this.shown[place]!);
      row.style.top = `${place * ROW}px`;
      this.drawn.set(place, row);
      this.space.append(row);
    }
    const own = this.drawn.get(this.placeOf.get(this.selected.at) ?? -1);
    if (own) this.box.setAttribute('aria-activedescendant', own.id);
    else this.box.removeAttribute('aria-activedescendant');
  }

  private rowOf(row: TreeRow): HTMLElement {
    const {at, level, up} = row;
    const isParent = row.end > at + 1;
    const isFolded = this.folded.has(at);
    const isBad = row.state !== null && row.state !== 'ok' && !row.surroundings;
    const isDim = row.surroundings || row.plumbing || row.missing;
    const names = [
      'row',
      at === this.selected.at ? 'selected' : '',
      this.found.has(at) ? 'found' : '',
      isDim ? 'dim' : '',
      row.isRun ? 'run' : '',
    ];
    const name = el(
      'span',
      {class: 'name'},
      el('span', {class: 'fold', 'aria-hidden': 'true'}, isParent ? (isFolded ? '▸' : '▾') : ''),
      isBad || row.isRun ? [glyphOf(row)] : [],
      row.critical && up >= 0 && !row.isRun ? el('span', {class: 'star', title: 'on the critical path'}, '★') : null,
      el('span', {class: `kind k-${row.kind ?? 'other'}`}, row.kind ?? '?'),
      el('span', {class: 'label'}, row.label),
      previewOf(row),
    );
    const {siblings, place} = this.familyOf(row);
    const element = el(
      'div',
      {
        class: names.filter(Boolean).join(' '),
        id: `s${at}`,
        role: 'treeitem',
        'aria-level': String(level + 1),
        'aria-selected': String(at === this.selected.at),
        'aria-posinset': String(place),
        'aria-setsize': String(siblings),
        ...(isParent ? {'aria-expanded': String(!isFolded)} : {}),
        title: [row.label, row.preview, row.stateReason].filter(Boolean).join('\n'),
      },
      name,
      el('span', {class: 'took'}, duration(row.durationMs)),
      this.barOf(row),
    );
    name.style.paddingLeft = `${level * 14 + 4}px`;
    name.style.setProperty('--level', String(level));
    element.addEventListener('click', event => {
      if (isParent && (event.target as Element).classList.contains('fold')) this.fold(row, !isFolded);
      else this.select(row, {scrolls: false});
    });
    element.addEventListener('dblclick', event => {
      if (isParent && (event.target as Element).closest('.name')) this.fold(row, !isFolded);
    });
    return element;
  }

  /** The position of a row among its siblings; cached, so that it is not counted again for each. */
  private familyOf(row: TreeRow): {siblings: number; place: number} {
    let known = this.families.get(row.up);
    if (!known) {
      known = new Map();
      const end = row.up < 0 ? this.run.rows.length : this.run.rows[row.up]!.end;
      for (let at = row.up + 1; at < end; at = this.run.rows[at]!.end) known.set(at, known.size + 1);
      this.families.set(row.up, known);
    }
    return {siblings: known.size, place: known.get(row.at) ?? 1};
  }
  private readonly families = new Map<number, Map<number, number>>();

  private barOf(row: TreeRow): HTMLElement {
    const wave = el('span', {class: 'wave', 'aria-hidden': 'true'});
    const {barFrom, barTo} = row;
    if (barFrom === null) return wave;
    const place = (micros: number) => (100 * (micros - this.stretch.from)) / (this.stretch.to - this.stretch.from);
    const end = row.open ? this.whole.to : (barTo ?? barFrom);
    const [left, right] = [place(barFrom), place(Math.max(barFrom, end))];
    if (right < 0 || left > 100) {
      wave.append(el('span', {class: right < 0 ? 'before' : 'after'}, right < 0 ? '‹' : '›'));
      return wave;
    }
    const isBad = row.state === 'error' || row.state === 'cancelled';
    const bar = el('span', {
      class: [
        'bar',
        `k-${row.kind ?? 'other'}`,
        row.critical ? 'critical' : '',
        isBad ? 'bad' : '',
        row.open ? 'open' : '',
      ]
        .filter(Boolean)
        .join(' '),
    });
    bar.style.left = `${Math.max(left, -1)}%`;
    bar.style.width = `${Math.min(right, 101) - Math.max(left, -1)}%`;
    wave.append(bar);
    return wave;
  }

  private drawAxis(): void {
    const ticks = axisTicks(this.stretch);
    this.axis.replaceChildren();
    for (const {part, text} of ticks) {
      const tick = el('span', {class: 'tick'}, text);
      tick.style.left = `${part * 100}%`;
      this.axis.append(tick);
    }
    const [first, second] = ticks;
    const step = first && second ? second.part - first.part : 1;
    this.space.style.setProperty('--grid', `${100 * step}%`);
    // A position in percent does not include the width of the placed element.
    this.space.style.setProperty('--grid-from', `${step < 1 && first ? (100 * first.part) / (1 - step) : 0}%`);
  }

  /** Zooms into the period that is dragged over in the waterfall. */
  private zoomByDragging(): void {
    const mark = el('div', {class: 'drag', hidden: ''});
    this.box.append(mark);
    this.box.addEventListener('pointerdown', down => {
      const wave = (down.target as Element).closest<HTMLElement>('.wave, .axis');
      if (!wave || down.button !== 0) return;
      const {left, width} = wave.getBoundingClientRect();
      const part = (x: number) => Math.max(0, Math.min(1, (x - left) / width));
      const draw = (move: PointerEvent) => {
        if (Math.abs(move.clientX - down.clientX) < CLICK) return;
        move.preventDefault();
        mark.hidden = false;
        const [a, b] = [part(down.clientX), part(move.clientX)].sort((x, y) => x - y) as [number, number];
        const box = this.box.getBoundingClientRect();
        mark.style.left = `${left - box.left + a * width}px`;
        mark.style.width = `${(b - a) * width}px`;
        mark.style.top = `${this.box.scrollTop}px`;
        mark.style.height = `${this.box.clientHeight}px`;
      };
      const end = (up: PointerEvent) => {
        removeEventListener('pointermove', draw);
        removeEventListener('pointerup', end);
        removeEventListener('pointercancel', end);
        if (mark.hidden) return;
        mark.hidden = true;
        // The following event is not a click on a row.
        addEventListener('click', event => event.stopPropagation(), {capture: true, once: true});
        if (up.type === 'pointercancel') return;
        const [a, b] = [part(down.clientX), part(up.clientX)].sort((x, y) => x - y) as [number, number];
        const {from, to} = this.stretch;
        this.zoom({from: from + a * (to - from), to: from + b * (to - from)});
      };
      addEventListener('pointermove', draw);
      addEventListener('pointerup', end);
      addEventListener('pointercancel', end);
    });
    this.box.addEventListener('dblclick', event => {
      if ((event.target as Element).closest('.wave, .axis')) this.zoom(this.whole);
    });
    this.box.addEventListener(
      'wheel',
      event => {
        const wave = (event.target as Element).closest<HTMLElement>('.wave, .axis');
        if (!wave) return;
        const {left, width} = wave.getBoundingClientRect();
        if (event.ctrlKey || event.metaKey) this.zoomBy(1.002 ** event.deltaY, (event.clientX - left) / width);
        else if (event.shiftKey) this.pan((event.deltaX || event.deltaY) / width);
        else return;
        event.preventDefault();
      },
      {passive: false},
    );
  }
}

function withAncestors(rows: readonly TreeRow[]): ReadonlySet<number> {
  const wanted = new Set<number>();
  for (const row of rows) {
    if (!row.critical) continue;
    for (let at = row.at; at >= 0 && !wanted.has(at); at = rows[at]!.up) wanted.add(at);
  }
  return wanted;
}

function glyphOf({state, glyph}: TreeRow): HTMLElement | null {
  if (state === null || glyph === null) return null;
  return el('span', {class: `glyph is-${state}`, title: state}, glyph);
}

/** For a call its arguments, for a model its usage, for a failure its message. */
function previewOf(row: TreeRow): HTMLElement | null {
  const isFailure = row.state === 'error' || row.state === 'cancelled';
  const tokens =
    row.kind === 'llm' && row.grossPromptTokens !== null
      ? `${promptTokens(row)} → ${count(row.completionTokens)}${row.costUsd === null ? '' : ` · ${usd(row.costUsd)}`}`
      : null;
  const text = row.preview ?? tokens ?? (row.fromMessages ? 'no span' : row.purpose);
  return text === null ? null : el('span', {class: isFailure ? 'preview bad' : 'preview'}, text);
}
