import {type Safe, safe, trusted} from '../text/safe.ts';
import type {ScreenState} from './state.ts';
import type {Shown} from './world.ts';

export interface Note {
  readonly text: Safe;
  readonly isBad: boolean;
}

export const NO_MATCH = trusted('no match');

/** Older runs are being read for a search, or to reach the last one. */
export function readingOn(ascii: boolean): Safe {
  return trusted(ascii ? 'reading on ...' : 'reading on …');
}

/** The line above the footer, if there is something to say. */
export function noteOf({message, noticesRead, prompt, runs}: ScreenState, {snapshot, ascii}: Shown): Note | null {
  if (prompt) return null;
  if (message !== null) return {text: message, isBad: false};
  const {failure, connection, notices, opened} = snapshot;
  if (connection.state !== 'live') return {text: safe(connection.reason), isBad: connection.state === 'reconnecting'};
  const failed = failure ?? opened?.failure;
  if (failed)
    return {text: safe(failed.hint === null ? failed.message : `${failed.message} ${failed.hint}`), isBad: true};
  if (runs.seeking !== null) return {text: readingOn(ascii), isBad: false};
  const notice = notices.length > noticesRead ? notices.at(-1)! : null;
  return notice === null ? null : {text: trusted(`${safe(notice)} (Esc)`), isBad: false};
}
