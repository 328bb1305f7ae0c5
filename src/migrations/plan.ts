import {append} from '../lists.ts';
import agnoIndexes from './agno-indexes.ts';
import agnoTables from './agno-tables.ts';
import foreignKey from './foreign-key.ts';
import lookUpIndexes from './look-up-indexes.ts';
import type {Found, MigrationStep} from './step.ts';
import type {MigrationSubject} from './subject.ts';
import {inspectForUndo} from './undo.ts';

/** In the order of creation. */
const OBJECTS = [agnoTables, agnoIndexes, foreignKey, lookUpIndexes];

export interface Planned {
  readonly found: readonly Found[];
  /** The steps to do, including blocked ones. */
  readonly steps: readonly (Found & {readonly step: MigrationStep})[];
}

/** Reads the catalogue and plans the changes. Changes nothing. */
export async function inspect(subject: MigrationSubject, {undo = false} = {}): Promise<Planned> {
  const found: Found[] = [];
  if (undo) append(found, await inspectForUndo(subject));
  else for (const object of OBJECTS) append(found, await object.inspect(subject));
  return {found, steps: found.flatMap(one => (one.step ? [{...one, step: one.step}] : []))};
}
