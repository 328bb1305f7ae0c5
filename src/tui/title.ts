import {type Look, paintState, stateText} from '../render/states.ts';
import {joined, type Safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {truncate, width} from '../text/width.ts';
import type {State} from '../trace/states.ts';

interface Titled {
  readonly state: State | null;
  readonly name: Safe;
  readonly kind: Safe;
  /** Complete if there is room for it beside everything else, otherwise short. */
  readonly id: {readonly whole: Safe; readonly short: Safe};
}

const GAP = '  ';
const SHORTEST_NAME = 8;

/** The subject of a pane in one line: state first, then name; the id comes last and is shortened first. */
export function titleLine({state, name, kind, id}: Titled, columns: number, look: Look): Safe {
  const word = state === null ? trusted('') : stateText(state, look);
  const roomBeside = (others: readonly Safe[]) =>
    columns - others.reduce((sum, text) => sum + (text === '' ? 0 : width(text) + GAP.length), 0);
  const shownId = roomBeside([word, kind, id.whole]) >= width(name) ? id.whole : id.short;
  const cut = truncate(name, Math.max(SHORTEST_NAME, roomBeside([word, kind, shownId])));
  const parts = [
    {text: word, painted: state === null ? word : paintState(word, state)},
    {text: cut, painted: paint(cut, 'bold')},
    {text: kind, painted: paint(kind, 'dim')},
    {text: shownId, painted: shownId},
  ].filter(({text}) => text !== '');
  let used = -GAP.length;
  const kept = parts.filter(({text}) => {
    used += GAP.length + width(text);
    return used <= columns;
  });
  return joined(
    kept.map(({painted}) => painted),
    GAP,
  );
}
