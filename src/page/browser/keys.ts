import {button, el} from './dom.ts';

interface Key {
  readonly keys: readonly string[];
  readonly does:
    | 'down'
    | 'up'
    | 'pageDown'
    | 'pageUp'
    | 'first'
    | 'last'
    | 'open'
    | 'close'
    | 'details'
    | 'tree'
    | 'search'
    | 'nextFound'
    | 'foundBefore'
    | 'failure'
    | 'critical'
    | 'foldAll'
    | 'unfoldAll'
    | 'zoomIn'
    | 'zoomOut'
    | 'panLeft'
    | 'panRight'
    | 'whole'
    | 'keys';
  readonly label: string;
  /** Also works if the tree does not have the focus. */
  readonly anywhere?: true;
}

export const KEYS: readonly Key[] = [
  {keys: ['ArrowDown', 'j'], does: 'down', label: '↓ j'},
  {keys: ['ArrowUp', 'k'], does: 'up', label: '↑ k'},
  {keys: ['ArrowRight', 'l'], does: 'open', label: '→ l'},
  {keys: ['ArrowLeft', 'h'], does: 'close', label: '← h'},
  {keys: ['PageDown'], does: 'pageDown', label: 'Page Down'},
  {keys: ['PageUp'], does: 'pageUp', label: 'Page Up'},
  {keys: ['Home', 'g'], does: 'first', label: 'Home g'},
  {keys: ['End', 'G'], does: 'last', label: 'End G'},
  {keys: ['Enter', ' '], does: 'details', label: 'Enter'},
  {keys: ['Escape'], does: 'tree', label: 'Esc', anywhere: true},
  {keys: ['/'], does: 'search', label: '/', anywhere: true},
  {keys: ['n'], does: 'nextFound', label: 'n', anywhere: true},
  {keys: ['N'], does: 'foundBefore', label: 'N', anywhere: true},
  {keys: ['e'], does: 'failure', label: 'e', anywhere: true},
  {keys: ['c'], does: 'critical', label: 'c', anywhere: true},
  {keys: ['Z'], does: 'foldAll', label: 'Z', anywhere: true},
  {keys: ['z', '*'], does: 'unfoldAll', label: 'z', anywhere: true},
  {keys: ['w', '+'], does: 'zoomIn', label: 'w +', anywhere: true},
  {keys: ['s', '-'], does: 'zoomOut', label: 's -', anywhere: true},
  {keys: ['a'], does: 'panLeft', label: 'a', anywhere: true},
  {keys: ['d'], does: 'panRight', label: 'd', anywhere: true},
  {keys: ['0'], does: 'whole', label: '0', anywhere: true},
  {keys: ['?'], does: 'keys', label: '?', anywhere: true},
];

const WORDS: Record<Key['does'], string> = {
  down: 'next span',
  up: 'span before',
  open: 'unfold, or first span below',
  close: 'fold, or the span above',
  pageDown: 'a page down',
  pageUp: 'a page up',
  first: 'first span',
  last: 'last span',
  details: 'to the details of the span',
  tree: 'back to the tree',
  search: 'search',
  nextFound: 'next match',
  foundBefore: 'match before',
  failure: 'next span that failed by itself',
  critical: 'only the critical path',
  foldAll: 'fold all',
  unfoldAll: 'unfold all',
  zoomIn: 'zoom in',
  zoomOut: 'zoom out',
  panLeft: 'earlier',
  panRight: 'later',
  whole: 'the whole run',
  keys: 'these keys',
};

/** All keys and mouse actions. */
export function keyDialog(): HTMLDialogElement {
  const dialog = el(
    'dialog',
    {'aria-label': 'Keys'},
    el('h2', {}, 'Keys'),
    el(
      'dl',
      {class: 'keys'},
      KEYS.map(({label, does}) => el('div', {}, el('dt', {}, label), el('dd', {}, WORDS[does]))),
    ),
    el(
      'p',
      {class: 'note'},
      'Mouse: drag over the waterfall to zoom, double-click it for the whole run; Ctrl and wheel zoom, Shift and wheel move.',
    ),
    button('Close', {}, () => dialog.close()),
  );
  return dialog;
}
