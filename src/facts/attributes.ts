import {existsSync} from 'node:fs';
import path from 'node:path';
import {usageError} from '../errors.ts';
import {makeOwnFolder, readOwn, writePrivateFile} from '../private-file.ts';
import {isAnyOf} from '../sql/fragments.ts';
import {join, raw, type Sql, sql} from '../sql/sql.ts';
import {command} from '../text/shell.ts';
import {attributeKey} from '../trace/asked-attributes.ts';
import {matchesAttribute} from '../trace/attribute-test.ts';
import type {Query} from '../trace/filter.ts';

/* Attributes by their own names that facts keep for each run: which, and tests on them. */

/** Each is looked for in every span when facts are made. */
export const MOST_KEPT = 20;
const LARGEST_LIST_BYTES = 64 * 1024;

/** The paths in the list of a source, sorted; none for a list that is damaged. */
export function readKept(file: string): string[] {
  if (!existsSync(file)) return [];
  const text = readOwn(file, LARGEST_LIST_BYTES);
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.filter(item => typeof item === 'string').slice(0, MOST_KEPT) : [];
  } catch {
    return [];
  }
}

export function writeKept(file: string, paths: readonly string[]): void {
  if (paths.length > MOST_KEPT)
    throw usageError(
      `facts keep ${MOST_KEPT} attributes at most, and ${paths.length} would be kept.`,
      'agno-trace facts keep --remove attr.NAME makes room.',
    );
  makeOwnFolder(path.dirname(file));
  writePrivateFile(file, `${JSON.stringify([...paths].sort())}\n`);
}

/** What the facts have, and what is asked of them. */
interface Kept {
  readonly attributes: readonly string[];
  all<Row>(query: Sql): Row[];
}

/**
 * A test on the run whose key is `runKey`; true or false, never unknown. The program judges the values that occur, so
 * the answer is that of the spans.
 * @returns null: the facts do not have the attribute
 */
export function attributeTest(
  facts: Kept,
  {path: attribute, test}: Extract<Query, {type: 'attribute'}>,
  runKey: Sql,
): Sql | null {
  if (!facts.attributes.includes(attribute)) return null;
  const values = facts
    .all<{value: string}>(sql`select distinct value from run_attributes where attribute = ${attribute}`)
    .map(({value}) => value)
    .filter(value => matchesAttribute(JSON.parse(value), test));
  return sql`coalesce(${runKey} in (select run_key from run_attributes where attribute = ${attribute} and ${isAnyOf(raw('value'), values)}), false)`;
}

/**
 * A test on a run `r` for a query of attributes alone.
 * @returns null: the query asks for something else too, or for attributes that the facts do not have
 */
export function attributesTest(facts: Kept, query: Query): Sql | null {
  switch (query.type) {
    case 'and':
    case 'or': {
      const parts = query.parts.map(part => attributesTest(facts, part));
      const known = parts.filter(part => part !== null);
      return known.length < parts.length ? null : sql`(${join(known, ` ${query.type} `)})`;
    }
    case 'not': {
      const part = attributesTest(facts, query.part);
      return part && sql`not ${part}`;
    }
    case 'attribute':
      return attributeTest(facts, query, raw('r.run_key'));
    default:
      return null;
  }
}

/** The value of a run as text; of a part without one, that of the run it belongs to. Keys are of an outer relation. */
export function attributeText(attribute: string, runKeys: readonly string[]): Sql {
  const texts = runKeys.map(
    key => sql`(select text from run_attributes where run_key = ${raw(key)} and attribute = ${attribute})`,
  );
  return texts.length === 1 ? texts[0]! : sql`coalesce(${join(texts, ', ')})`;
}

/** @throws UserError exit 2 naming what keeps it */
export function notKept(attribute: string): never {
  const name = attributeKey(attribute);
  throw usageError(`the facts do not keep ${name}.`, `${command`agno-trace facts keep ${name}`}, then ask again.`);
}
