import type {Changes} from '../store/changes.ts';
import type {MigrationSubject} from './subject.ts';

export const STEP_STATES = ['there', 'missing', 'invalid', 'different'] as const;

/** One thing that should be in the database, as it was found, and what would bring it about. */
export interface Found {
  readonly kind: 'table' | 'index' | 'foreign key' | 'schema';
  /** As it is called in the database. */
  readonly object: string;
  readonly state: (typeof STEP_STATES)[number];
  /** Null: nothing to do. */
  readonly step: MigrationStep | null;
}

/** What one file here knows: how to find its objects, and how to make them. Nothing is remembered: the catalogue says it all. */
export interface MigrationObject {
  inspect(subject: MigrationSubject): Promise<Found[]>;
}

export interface MigrationStep {
  readonly action: 'create' | 'repair' | 'validate' | 'drop';
  /** One sentence each. */
  readonly why: string;
  /** What people type that gets better by it. */
  readonly serves: string;
  readonly lock: string;
  /** What will be refused afterwards and was not before; null: nothing. */
  readonly risk: string | null;
  /** Null: not known. */
  readonly estimateMs: number | null;
  /** A statement that it serves, and how the database answers it now. */
  readonly explain: Explained | null;
  /** Why it is not done now; null: it is. */
  readonly blocked: Blocked | null;
  /** Exactly what is sent, in order; runs as it stands, one statement at a time. */
  readonly sql: readonly string[];
  /** Safe to run again: looks first, and leaves alone what is done. */
  readonly apply: (work: Work) => Promise<void>;
}

export interface Explained {
  readonly query: string;
  readonly plan: readonly string[];
  /** How it is answered later. */
  readonly again: (subject: MigrationSubject) => Promise<string[]>;
}

export interface Blocked {
  readonly reason: string;
  readonly hint: string;
}

export interface Work {
  readonly changes: Changes;
  readonly subject: MigrationSubject;
  /** Told in words how far it is. */
  readonly report: (text: string) => void;
}
