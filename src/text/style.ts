import type {ChalkInstance} from 'chalk';
import {type Safe, trusted} from './safe.ts';

/**
 * Colours. They are added only to safe text that was already cut to its cell, so nothing has to be measured or sliced
 * through escape sequences. They are the terminal's own 16 colours, so that its theme applies; colour is never the
 * only signal.
 */
export const STYLES = ['bold', 'dim', 'inverse', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan'] as const;
export type Style = (typeof STYLES)[number];

export const COLOUR_CHOICES = ['auto', 'always', 'never'] as const;
export type ColourChoice = (typeof COLOUR_CHOICES)[number];

/** Null: no colour. Never loaded for a pipe. */
let chalk: ChalkInstance | null = null;

/** `text` in `style`; unchanged if colour is off (`setColour`). */
export function paint(text: Safe, ...styles: readonly Style[]): Safe {
  if (text === '' || chalk === null) return text;
  const colours = chalk;
  return trusted(styles.reduce<string>((out, style) => colours[style](out), text));
}

/** Text and background swapped: not a colour, so it is visible without colours too. */
export function highlight(text: Safe): Safe {
  return trusted(`\x1b[7m${text}\x1b[27m`);
}

/** Removes what `paint` or `highlight` added. */
export function withoutStyles(text: Safe): Safe {
  return trusted(text.replace(/\x1b\[[\d;]*m/g, ''));
}

/**
 * Decides about colour once for the process. chalk reads neither NO_COLOR nor our flags, so its level is set here.
 * Order: flag, NO_COLOR, FORCE_COLOR and CLICOLOR_FORCE, TERM=dumb, terminal.
 */
export function wantsColour(
  choice: ColourChoice,
  env: Readonly<Record<string, string | undefined>>,
  isTTY: boolean,
): boolean {
  if (choice !== 'auto') return choice === 'always';
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  if (env.CLICOLOR_FORCE && env.CLICOLOR_FORCE !== '0') return true;
  if (env.TERM === 'dumb') return false;
  return isTTY;
}

export async function setColour(on: boolean): Promise<void> {
  if (!on) {
    chalk = null;
    return;
  }
  const {Chalk} = await import('chalk');
  chalk = new Chalk({level: 1});
}
