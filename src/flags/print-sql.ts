import type {Context} from '../context.ts';
import {inline, schemaOf} from '../sql/sql.ts';
import {type Evidence, replacing, type Store} from '../store/store.ts';
import {type Safe, safe, trusted} from '../text/safe.ts';

/**
 * What is computed after the statements; a function is called at the end. `eachShapeOnce`: of statements that differ
 * only in their values, print the first.
 */
export type PrintSqlEpilogue = string | {readonly text: () => string; readonly eachShapeOnce: () => boolean};

/** `store`, with each statement also added to `statements`, in a form that can be run. */
export function recording(store: Store, statements: string[]): Store {
  const record = (from: Evidence, where: string): Store['all'] => {
    return query => {
      statements.push(`${where}${inline(query, from.dialect, from.tables)}`);
      return from.all(query);
    };
  };
  const {evidence} = store;
  return replacing(store, {
    all: record(store, ''),
    adHoc: (statement, limits) => {
      const {dialect, tables} = store;
      // With this search path, Agno's tables are found without their schema.
      if (dialect === 'postgres') statements.push(`set search_path = ${schemaOf(tables.traces!)}, public`);
      statements.push(statement.printed);
      return store.adHoc(statement, limits);
    },
    evidence: evidence && {
      dialect: evidence.dialect,
      label: evidence.label,
      // Read each time: after a failed read they are gone.
      get tables() {
        return evidence.tables;
      },
      all: record(evidence, `-- in ${comment(evidence.label)}:\n`),
      close: () => evidence.close(),
    },
  });
}

/** Prints the recorded statements, and what the program does after them. */
export function writeStatements(statements: readonly string[], then: PrintSqlEpilogue, context: Context): void {
  const printed = typeof then !== 'string' && then.eachShapeOnce() ? eachShapeOnce(statements) : statements;
  for (const statement of printed) context.stdout.write(printable(`${statement};\n\n`, context));
  const text = typeof then === 'string' ? then : then.text();
  context.stdout.write(trusted('-- then, in agno-trace: '));
  context.stdout.write(printable(`${text.split('\n').map(comment).join('\n--   ')}\n`, context));
}

/** The first of the statements that differ only in their values, and the number of the others. */
function eachShapeOnce(statements: readonly string[]): string[] {
  const shapes = new Map<string, {first: string; more: number}>();
  for (const statement of statements) {
    const shape = statement
      .replace(/E?'(?:[^']|'')*'(?:, )?/g, "'…'")
      .replace(/\b\d+\b/g, '0')
      .replace(/('…')+/g, "'…'");
    const known = shapes.get(shape);
    if (known) known.more++;
    else shapes.set(shape, {first: statement, more: 0});
  }
  return [...shapes.values()].map(({first, more}) =>
    more === 0 ? first : `-- and ${more} more that differ only in their values\n${first}`,
  );
}

/** Text for a one-line comment: a line break in a path would end the comment, and the rest would be run. */
const comment = (text: string): Safe => safe(text);

/** In a pipe statements stay exact, so that they run; on a terminal their values are escaped like all data. */
function printable(text: string, {stdout}: Context): Safe {
  return stdout.isTTY ? safe(text, {multiline: true}) : trusted(text);
}
