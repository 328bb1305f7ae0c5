import type {Context} from '../context.ts';
import {usageError} from '../errors.ts';
import type {Safe} from '../text/safe.ts';
import {parseLength} from './values.ts';

/** Flags of the commands that change a database. */
export interface WritingFlags {
  dryRun?: boolean;
  yes?: boolean;
  lockWait?: string;
}

export interface WritingOptions {
  /** Only show the plan. */
  readonly dryRun: boolean;
  /** Do not ask. */
  readonly yes: boolean;
  /** How long to wait for another writing command to end. */
  readonly lockWaitMs: number;
}

export function writingOf({dryRun, yes, lockWait}: WritingFlags): WritingOptions {
  return {
    dryRun: dryRun ?? false,
    yes: yes ?? false,
    lockWaitMs: lockWait === undefined ? 0 : parseLength('--lock-wait', lockWait),
  };
}

interface Consent {
  readonly question: Safe;
  /** The word to type. */
  readonly word?: string;
  /** What did not happen without it, such as `nothing was changed`. */
  readonly nothing: string;
  /** What the word permits, such as `change it`. */
  readonly effect: string;
}

/**
 * Asks before a database is changed. @throws UserError exit 2 if the word is not typed, or nobody is there to type it
 */
export async function askConsent({question, word = 'yes', nothing, effect}: Consent, {ask}: Context): Promise<void> {
  if (!ask) throw usageError(`${nothing}: --yes is required without a terminal.`, '--dry-run only prints the plan.');
  if ((await ask(question))?.trim() === word) return;
  throw usageError(`${nothing.charAt(0).toUpperCase()}${nothing.slice(1)}.`, `Type "${word}" in full to ${effect}.`);
}
