import {append} from '../../lists.ts';
import type {PageContents} from '../contents.ts';
import {type DrawnRun, readContent, type TreeRow} from './data.ts';
import {detailsOf} from './details.ts';
import {button, el} from './dom.ts';
import {KEYS, keyDialog} from './keys.ts';
import {Overview} from './overview.ts';
import {highlight, search} from './search.ts';
import {themeButton} from './theme.ts';
import {madeBy} from './top.ts';
import {Tree} from './tree.ts';

interface Place {
  readonly contents: PageContents;
  /** Number of the run in the page. */
  readonly at: number;
  readonly span: number | null;
  /** Goes to another run; null: to the list. */
  readonly go: (at: number | null) => void;
  readonly onSelect: (row: number) => void;
}

const PAUSE_MS = 150;

/** One run: its facts, its tree with the waterfall, and the selected span. */
export class RunView {
  readonly box: HTMLElement;
  private readonly tree: Tree;
  private readonly overview: Overview;
  private readonly panel = el('aside', {class: 'panel', id: 'details', tabindex: '-1', 'aria-label': 'Span details'});
  private readonly input = el('input', {
    type: 'search',
    id: 'search',
    placeholder: 'Search  /',
    autocomplete: 'off',
    spellcheck: 'false',
    'aria-label': 'Search names, messages, arguments, results, errors, attributes',
  });
  private readonly hits = el('output', {class: 'hits', for: 'search'});
  private readonly critical: HTMLButtonElement;
  private readonly keys = keyDialog();
  private readonly unlisten = new AbortController();
  private found: readonly TreeRow[] = [];
  private searched = '';
  private failures: readonly TreeRow[];

  constructor(
    private readonly run: DrawnRun,
    private readonly place: Place,
  ) {
    this.overview = new Overview(run, stretch => this.tree.zoom(stretch));
    this.tree = new Tree(run, {
      onSelect: row => void this.showSpan(row),
      onZoom: stretch => this.overview.show(stretch),
    });
    this.failures = run.rows.filter(isFailure);
    this.critical = button(
      '★ Critical path',
      {'aria-pressed': 'false', title: 'only spans that decided the duration  c'},
      () => this.toggleCritical(),
    );
    this.box = el(
      'div',
      {class: 'view', 'data-run': String(place.at)},
      this.header(),
      this.toolbar(),
      el(
        'div',
        {class: 'split'},
        el('div', {class: 'left'}, this.overview.box, this.tree.box),
        this.divider(),
        this.panel,
      ),
      this.keys,
    );
  }

  begin(): void {
    const {signal} = this.unlisten;
    addEventListener('resize', () => this.redraw(), {signal});
    addEventListener('themechange', () => this.overview.draw(), {signal});
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.overview.draw(), {signal});
    addEventListener('keydown', event => this.press(event), {signal});
    addEventListener('beforeprint', () => this.print(true), {signal});
    addEventListener('afterprint', () => this.print(false), {signal});
    const chosen = this.place.span === null ? null : this.run.rows[this.place.span];
    this.redraw();
    if (this.run.rows.length > 0) this.tree.select(chosen ?? this.tree.selected);
    this.tree.box.focus({preventScroll: true});
  }

  leave(): void {
    this.unlisten.abort();
    highlight(this.panel, '');
  }

  private redraw(): void {
    this.tree.redraw();
    this.overview.show(this.tree.stretch);
    this.overview.draw();
  }

  private header(): HTMLElement {
    const {record, title, glyph, facts, notes} = this.run;
    const {contents, at, go} = this.place;
    const {runs} = contents;
    const several =
      runs.length < 2
        ? []
        : [
            el(
              'nav',
              {'aria-label': 'Runs of this page'},
              button('‹ All runs', {class: 'plain'}, () => go(null)),
              at > 0 ? [button('‹', {class: 'plain', 'aria-label': 'Run before'}, () => go(at - 1))] : [],
              el('span', {}, `${at + 1} of ${runs.length}`),
              at + 1 < runs.length ? [button('›', {class: 'plain', 'aria-label': 'Run after'}, () => go(at + 1))] : [],
            ),
          ];
    return el(
      'header',
      {class: 'top'},
      several,
      el(
        'div',
        {class: 'title'},
        el('span', {class: `state is-${record.state}`}, `${glyph} ${record.state}`),
        el('h1', {}, title),
        record.kind === null ? null : el('span', {class: `kind k-${record.kind}`}, record.kind),
        el('span', {class: 'grow'}),
        themeButton(),
      ),
      record.stateReason ? el('p', {class: `why is-${record.state}`}, record.stateReason) : null,
      el(
        'dl',
        {class: 'facts'},
        facts.map(([label, text]) => el('div', {}, el('dt', {}, label), el('dd', {}, text))),
      ),
      [...notes, ...contents.notes].map(text => el('p', {class: 'note'}, text)),
      el('p', {class: 'made'}, madeBy(contents)),
    );
  }

  private toolbar(): HTMLElement {
    const {tree} = this;
    this.input.addEventListener('input', () => this.searchSoon());
    return el(
      'div',
      {class: 'tools', role: 'toolbar', 'aria-label': 'Tree'},
      el('span', {class: 'searching'}, this.input, this.hits),
      button('↑', {'aria-label': 'Match before', title: 'match before  N'}, () => this.nextFound(-1)),
      button('↓', {'aria-label': 'Next match', title: 'next match  n'}, () => this.nextFound(1)),
      el('span', {class: 'gap'}),
      this.failures.length === 0
        ? []
        : [
            button(
              `✖ ${this.failures.length} ${this.failures.length === 1 ? 'cause' : 'causes'}`,
              {class: 'bad', title: 'next span that failed by itself  e'},
              () => this.nextFailure(),
            ),
          ],
      this.run.rows.some(row => row.critical) ? this.critical : null,
      button('Fold', {title: 'fold all  Z'}, () => tree.foldAll(true)),
      button('Unfold', {title: 'unfold all  z'}, () => tree.foldAll(false)),
      el('span', {class: 'gap'}),
      button('−', {'aria-label': 'Zoom out', title: 'zoom out  s'}, () => tree.zoomBy(2)),
      button('+', {'aria-label': 'Zoom in', title: 'zoom in  w'}, () => tree.zoomBy(0.5)),
      button('Whole', {title: 'the whole run  0'}, () => tree.zoom(tree.whole)),
      el('span', {class: 'grow'}),
      button('? Keys', {class: 'plain'}, () => this.keys.showModal()),
    );
  }

  /** Between the tree and the details; can be moved with the mouse or the arrow keys. */
  private divider(): HTMLElement {
    const divider = el('div', {
      class: 'divider',
      role: 'separator',
      tabindex: '0',
      'aria-orientation': 'vertical',
      'aria-label': 'Width of the details',
      'aria-valuemin': '15',
      'aria-valuemax': '75',
      'aria-valuenow': '38',
    });
    let percent = 38;
    const set = (to: number) => {
      percent = Math.max(15, Math.min(75, to));
      this.box.style.setProperty('--panel', `${percent}%`);
      divider.setAttribute('aria-valuenow', String(Math.round(percent)));
      this.redraw();
    };
    divider.addEventListener('keydown', event => {
      const by = {ArrowLeft: 3, ArrowRight: -3}[event.key];
      if (by === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      set(percent + by);
    });
    divider.addEventListener('pointerdown', down => {
      down.preventDefault();
      const {width, right} = divider.parentElement!.getBoundingClientRect();
      const move = (event: PointerEvent) => set((100 * (right - event.clientX)) / width);
      const end = () => {
        removeEventListener('pointermove', move);
        removeEventListener('pointerup', end);
      };
      addEventListener('pointermove', move);
      addEventListener('pointerup', end);
    });
    return divider;
  }

  private async showSpan(row: TreeRow): Promise<void> {
    this.place.onSelect(row.at);
    const content = await readContent(this.run, row);
    if (this.tree.selected !== row) return;
    this.panel.replaceChildren(detailsOf(this.run, row, content));
    this.panel.scrollTop = 0;
    highlight(this.panel, this.searched);
  }

  private toggleCritical(): void {
    this.tree.showOnlyCritical(!this.tree.isOnlyCritical);
    this.critical.setAttribute('aria-pressed', String(this.tree.isOnlyCritical));
  }

  private timer: ReturnType<typeof setTimeout> | undefined;

  private searchSoon(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.searchNow(), PAUSE_MS);
  }

  private async searchNow(): Promise<void> {
    const text = this.input.value;
    if (text === this.searched) return;
    this.searched = text;
    const isWanted = () => this.searched === text;
    const found: TreeRow[] = [];
    if (text !== '') {
      this.hits.value = 'searching …';
      for await (const more of search(this.run, text, isWanted)) {
        append(found, more);
        if (!isWanted()) return;
      }
      if (!isWanted()) return;
    }
    this.found = found;
    this.hits.value = text === '' ? '' : `${found.length} of ${this.run.rows.length} spans`;
    this.tree.mark(new Set(found.map(({at}) => at)));
    if (found.length > 0 && !found.includes(this.tree.selected)) this.nextFound(1);
    else highlight(this.panel, text);
  }

  private nextFound(by: 1 | -1): void {
    this.toNext(this.found, by);
    if (this.found.length > 0)
      this.hits.value = `${this.found.indexOf(this.tree.selected) + 1} of ${this.found.length}`;
  }

  private nextFailure(): void {
    this.toNext(this.failures, 1);
  }

  /** The next such row below or above the selected one, wrapping around at the end. */
  private toNext(rows: readonly TreeRow[], by: 1 | -1): void {
    const {at} = this.tree.selected;
    const next =
      by === 1 ? (rows.find(row => row.at > at) ?? rows[0]) : (rows.findLast(row => row.at < at) ?? rows.at(-1));
    if (next) this.tree.select(next);
  }

  private press(event: KeyboardEvent): void {
    if (this.keys.open || event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target as HTMLElement;
    if (target === this.input) {
      if (event.key === 'Escape') {
        this.input.value = '';
        void this.searchNow();
        this.tree.box.focus();
      } else if (event.key === 'Enter') {
        clearTimeout(this.timer);
        if (this.input.value === this.searched) this.nextFound(event.shiftKey ? -1 : 1);
        else void this.searchNow();
      } else if (event.key === 'ArrowDown') this.tree.box.focus();
      else return;
      event.preventDefault();
      return;
    }
    const inTree = target === this.tree.box || target === document.body;
    const own = KEYS.find(({keys, anywhere}) => keys.includes(event.key) && (inTree || anywhere));
    if (!own) return;
    if (this.panel.contains(target) && event.key === 'Enter') return;
    event.preventDefault();
    this.act(own.does);
  }

  private act(does: (typeof KEYS)[number]['does']): void {
    const {tree} = this;
    const actions: Record<typeof does, () => void> = {
      down: () => tree.move(1),
      up: () => tree.move(-1),
      pageDown: () => tree.move(tree.rowsPerPage),
      pageUp: () => tree.move(-tree.rowsPerPage),
      first: () => tree.move(Number.NEGATIVE_INFINITY),
      last: () => tree.move(Number.POSITIVE_INFINITY),
      open: () => tree.open(),
      close: () => tree.close(),
      details: () => this.panel.focus(),
      tree: () => tree.box.focus(),
      search: () => {
        this.input.focus();
        this.input.select();
      },
      nextFound: () => this.nextFound(1),
      foundBefore: () => this.nextFound(-1),
      failure: () => this.nextFailure(),
      critical: () => this.toggleCritical(),
      foldAll: () => tree.foldAll(true),
      unfoldAll: () => tree.foldAll(false),
      zoomIn: () => tree.zoomBy(0.5),
      zoomOut: () => tree.zoomBy(2),
      panLeft: () => tree.pan(-0.2),
      panRight: () => tree.pan(0.2),
      whole: () => tree.zoom(tree.whole),
      keys: () => this.keys.showModal(),
    };
    actions[does]();
  }

  private print(isPrinting: boolean): void {
    const leftOut = this.tree.print(isPrinting);
    this.box.querySelector('.left-out')?.remove();
    if (leftOut > 0) this.tree.box.after(el('p', {class: 'note left-out'}, `${leftOut} more spans are not printed.`));
  }
}

/** A span that failed by itself; not one above it that only repeats it. */
function isFailure(row: TreeRow, _: number, rows: readonly TreeRow[]): boolean {
  const isBad = (other: TreeRow) => other.state === 'error' || other.state === 'cancelled';
  return isBad(row) && !row.plumbing && !rows.slice(row.at + 1, row.end).some(isBad);
}
