import {inspectIndexes} from '../migrations/indexes.ts';
import type {Found, MigrationStep} from '../migrations/step.ts';
import type {Subject} from './subject.ts';

type Missing = readonly {readonly object: string; readonly step: MigrationStep}[];

/** The catalogue is read once for all checks. */
const looked = new WeakMap<Subject, ReturnType<typeof inspectIndexes>>();

/** The indexes that should exist, as `migrate` judges them. */
export function indexesOf(
  subject: Subject,
): Promise<{readonly agno: readonly Found[]; readonly lookUp: readonly Found[]}> {
  const {store, facts, tables} = subject;
  const before = looked.get(subject);
  if (before) return before;
  const found = inspectIndexes(store, facts, tables);
  looked.set(subject, found);
  return found;
}

export function buildText({estimateMs}: MigrationStep): string {
  if (estimateMs === null) return 'build time not known';
  return estimateMs < 1000 ? 'less than a second to build' : `about ${Math.ceil(estimateMs / 1000)} s to build`;
}

/** The statements that create them. */
export function repairOf(missing: Missing): string | null {
  return missing.length === 0 ? null : missing.flatMap(({step}) => step.sql.map(text => `${text};`)).join(' ');
}
