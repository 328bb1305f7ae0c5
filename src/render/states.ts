import {type Safe, trusted} from '../text/safe.ts';
import {paint, type Style} from '../text/style.ts';
import type {State} from '../trace/states.ts';

/** Shape and word show the state first, colour second. */
const LOOKS: Readonly<Record<State, {glyph: string; ascii: string; style: Style}>> = {
  running: {glyph: '●', ascii: '*', style: 'cyan'},
  stalled: {glyph: '◌', ascii: '~', style: 'yellow'},
  lost: {glyph: '?', ascii: '?', style: 'yellow'},
  cancelled: {glyph: '⊘', ascii: '/', style: 'magenta'},
  error: {glyph: '✖', ascii: 'x', style: 'red'},
  paused: {glyph: '‖', ascii: '=', style: 'blue'},
  degraded: {glyph: '◐', ascii: '!', style: 'yellow'},
  ok: {glyph: '✔', ascii: '+', style: 'green'},
};

/** With `--ascii`, characters that some terminals and fonts lack are replaced. */
export interface Look {
  readonly ascii: boolean;
}

export function stateGlyph(state: State, {ascii}: Look): Safe {
  return trusted(ascii ? LOOKS[state].ascii : LOOKS[state].glyph);
}

export function stateText(state: State, look: Look): Safe {
  return trusted(`${stateGlyph(state, look)} ${state}`);
}

export function paintState(text: Safe, state: State): Safe {
  return paint(text, LOOKS[state].style);
}
