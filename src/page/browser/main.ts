import type {PageContents} from '../contents.ts';
import {readBlock, readRun} from './data.ts';
import {byId, el, nameWindow} from './dom.ts';
import {drawRunList} from './run-list.ts';
import {RunView} from './run-view.ts';

/** The part of the address after `#`: a run if there are several, and one of its spans, by number. */
const PLACE = /^#(?:r(\d+))?(?:s(\d+))?$/;

const main = byId('page');
let view: RunView | null = null;

async function show(contents: PageContents): Promise<void> {
  const {runs} = contents;
  const [, run, span] = PLACE.exec(location.hash) ?? [];
  const at = run === undefined ? (runs.length === 1 ? 0 : null) : Number(run);
  const entry = at === null ? undefined : runs[at];
  view?.leave();
  view = null;
  if (!entry) {
    nameWindow(`${runs.length} runs`);
    main.replaceChildren(drawRunList(contents, i => go(`#r${i}`)));
    return;
  }
  const drawn = await readRun(entry.block);
  nameWindow(`${drawn.title} · ${drawn.record.state}`);
  view = new RunView(drawn, {
    contents,
    at: at!,
    span: span === undefined ? null : Number(span),
    go: i => go(i === null ? '#' : `#r${i}`),
    onSelect: row => remember(`#${runs.length === 1 ? '' : `r${at}`}s${row}`),
  });
  main.replaceChildren(view.box);
  view.begin();
}

function go(place: string): void {
  location.hash = place;
}

/** The address leads back to the span; it adds no step to the history. */
function remember(place: string): void {
  history.replaceState(null, '', place);
}

async function begin(): Promise<void> {
  try {
    const contents = await readBlock<PageContents>('last');
    addEventListener('hashchange', () => void show(contents));
    await show(contents);
  } catch (error) {
    main.replaceChildren(
      el(
        'p',
        {class: 'failure', role: 'alert'},
        'This page could not be read: the file is not whole, or this browser is older than 2023.',
      ),
      el('p', {class: 'note'}, String(error)),
    );
  }
}

void begin();
