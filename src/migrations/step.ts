import type {Changes} from '../store/changes.ts';
import type {MigrationSubject} from './subject.ts';

export const STEP_STATES = ['there', 'missing', 'invalid', 'different'] as const;

/** One object that should exist, its state, and the step that would create it. */
export interface Found {
  readonly kind: 'table' | 'index' | 'foreign key' | 'schema';
  /** Its name in the database. */
  readonly object: string;
  readonly state: (typeof STEP_STATES)[number];
  /** Null: nothing to do. */
  readonly step: MigrationStep | null;
}

/** A file here knows how to find its objects and how to create them. No state is kept: the catalogue has everything. */
export interface MigrationObject {
  inspect(subject: MigrationSubject): Promise<Found[]>;
}

export interface MigrationStep {
  readonly action: 'create' | 'repair' | 'validate' | 'drop';
  /** One sentence each. */
  readonly why: string;
  /** The commands that become faster or better. */
  readonly serves: string;
  readonly lock: string;
  /** What will be refused afterwards that was not before; null: nothing. */
  readonly risk: string | null;
  /** Null: not known. */
  readonly estimateMs: number | null;
  /** A statement that benefits, and how the database runs it now. */
  readonly explain: Explained | null;
  /** Why it is not done now; null: it is done. */
  readonly blocked: Blocked | null;
  /** The exact statements, in order; can be run as they are, one at a time. */
  readonly sql: readonly string[];
  /** Safe to repeat: checks first, and skips what is done. */
  readonly apply: (work: Work) => Promise<void>;
}

export interface Explained {
  readonly query: string;
  readonly plan: readonly string[];
  /** How it is run later. */
  readonly again: (subject: MigrationSubject) => Promise<string[]>;
}

export interface Blocked {
  readonly reason: string;
  readonly hint: string;
}

export interface Work {
  readonly changes: Changes;
  readonly subject: MigrationSubject;
  /** Receives the progress in words. */
  readonly report: (text: string) => void;
}
