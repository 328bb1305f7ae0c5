import type {PageContents} from '../contents.ts';
import {el} from './dom.ts';
import {themeButton} from './theme.ts';

type Made = Pick<PageContents, 'version' | 'written'>;

/** What wrote the page, and when. */
export function madeBy({version, written}: Made): string {
  return `agno-trace ${version}${written === null ? '' : `, written ${written.slice(0, 19).replace('T', ' ')} UTC`}`;
}

/** The top of a page that is a list or tables: its title, what a reader must know, what wrote it. */
export function topOf(title: string, {notes, ...made}: Made & Pick<PageContents, 'notes'>): HTMLElement {
  return el(
    'header',
    {class: 'top'},
    el('div', {class: 'title'}, el('h1', {}, title), el('span', {class: 'grow'}), themeButton()),
    notes.map(text => el('p', {class: 'note'}, text)),
    el('p', {class: 'made'}, madeBy(made)),
  );
}
