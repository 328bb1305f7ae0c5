import {parseLength} from './values.ts';

/** Flags of the commands that change a database. */
export interface WritingFlags {
  dryRun?: boolean;
  yes?: boolean;
  lockWait?: string;
}

export interface WritingOptions {
  /** The plan only. */
  readonly dryRun: boolean;
  /** Nobody is asked. */
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
