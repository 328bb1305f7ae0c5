import {own, type Safe, safe} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {truncate} from '../text/width.ts';
import type {ScreenState} from './state.ts';
import type {Shown, World} from './world.ts';

interface Note {
  readonly text: Safe;
  readonly isBad: boolean;
}

/** The one line above the footer, while there is something to say. */
export function noteOf({message, noticesRead, prompt}: ScreenState, {snapshot}: Shown): Note | null {
  if (prompt) return null;
  if (message !== null) return {text: message, isBad: false};
  const {failure, connection, notices, opened} = snapshot;
  if (connection.state !== 'live') return {text: safe(connection.reason), isBad: connection.state === 'reconnecting'};
  const failed = failure ?? opened?.failure;
  if (failed)
    return {text: safe(failed.hint === null ? failed.message : `${failed.message} ${failed.hint}`), isBad: true};
  const notice = notices.length > noticesRead ? notices.at(-1)! : null;
  return notice === null ? null : {text: own(`${safe(notice)} (Esc)`), isBad: false};
}

export function noteLines(state: ScreenState, world: World): Safe[] {
  const note = noteOf(state, world);
  if (note === null) return [];
  const text = truncate(own(` ${note.isBad ? '! ' : ''}${note.text}`), world.size.columns);
  return [note.isBad ? paint(text, 'yellow') : text];
}
