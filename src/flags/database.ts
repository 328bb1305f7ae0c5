import {existsSync, realpathSync} from 'node:fs';
import type {Context} from '../context.ts';
import {usageError} from '../errors.ts';
import {append} from '../lists.ts';
import {inline, schemaOf} from '../sql/sql.ts';
import {openRunTables} from '../store/evidence.ts';
import type {ConnectionFacts} from '../store/facts.ts';
import {openStore} from '../store/open.ts';
import {type Source, secretsOf} from '../store/source.ts';
import {type Evidence, replacing, type Store} from '../store/store.ts';
import {line, own, type Safe, safe} from '../text/safe.ts';
import {setColour} from '../text/style.ts';
import {type Connection, connectionOf} from './connection.ts';
import type {DatabaseFlags, ReadFlags} from './declare.ts';
import {outputFileOf} from './output-file.ts';
import {parseLength} from './values.ts';

export {sourceOf, tableChoiceOf} from './connection.ts';

/** Node's timers and Postgres' limits hold 32 bits. */
const LONGEST_TIMEOUT_MS = 7 * 24 * 3_600_000;

export function timeoutMsOf({timeout}: DatabaseFlags): number {
  if (timeout === undefined) return 30_000;
  return Math.min(LONGEST_TIMEOUT_MS, Math.max(1, Math.round(parseLength('--timeout', timeout))));
}

/**
 * What is computed after the statements; a function is asked when all is done. `eachShapeOnce`: of statements that differ in
 * their values alone the first is printed.
 */
export type Then = string | {readonly text: () => string; readonly eachShapeOnce: boolean};

/**
 * Opens the database that the flags name, lends it, and closes it. With `--print-sql` the command runs as always, but its
 * answer is replaced by the statements that were sent.
 * @param then what is computed after the statements, for `--print-sql`
 */
export async function withStore(
  flags: ReadFlags,
  context: Context,
  then: Then,
  use: (store: Store, context: Context) => Promise<void>,
  onConnect?: (facts: ConnectionFacts) => void,
): Promise<void> {
  const connection = connectionOf(flags, context);
  const sources = [connection.source, connection.runs].filter(source => source !== null);
  await withOutput(flags, context, sources, out => withConnection(connection, flags, out, then, use, onConnect));
}

/**
 * With `--output` what is written goes to a file, which is put in place when all has gone well.
 * @param sources databases that are read: none of them may be that file
 */
export async function withOutput(
  flags: ReadFlags,
  context: Context,
  sources: readonly Source[],
  write: (context: Context) => Promise<void>,
): Promise<void> {
  const file = outputFileOf(flags, context);
  if (!file) return write(context);
  for (const source of sources) refuseDatabase(file.path, source);
  if (flags.color !== 'always') await setColour(false);
  const out = {...context, stdout: file};
  try {
    await write(out);
  } catch (error) {
    await file.discard();
    throw error;
  }
  if (out.exitCode !== undefined) context.exitCode = out.exitCode;
  await file.save();
}

/** The answer would take the place of what was asked. */
function refuseDatabase(output: string, source: Source): void {
  if (source.dialect !== 'sqlite' || !existsSync(source.file)) return;
  const file = realpathSync(source.file);
  if (['', '-wal', '-shm', '-journal'].some(suffix => output === file + suffix))
    throw usageError(`-o "${output}" is the database itself.`, 'Name another file.');
}

/** As `withStore`, for a connection that is known already. */
export async function withConnection(
  connection: Connection,
  flags: ReadFlags,
  context: Context,
  then: Then,
  use: (store: Store, context: Context) => Promise<void>,
  onConnect?: (facts: ConnectionFacts) => void,
): Promise<void> {
  const statements: string[] = [];
  const store = await openConnection(
    connection,
    flags,
    context,
    onConnect &&
      (facts => {
        append(statements, facts.statements);
        onConnect(facts);
      }),
  );
  try {
    if (!flags.printSql) {
      await use(store, context);
      sayNotes(context);
      return;
    }
    const silent = {...context, stdout: {...SILENT, isTTY: false, columns: undefined}};
    await use(recording(store, statements), silent);
    const printed = typeof then !== 'string' && then.eachShapeOnce ? eachShapeOnce(statements) : statements;
    for (const statement of printed) context.stdout.write(printable(`${statement};\n\n`, context));
    const text = typeof then === 'string' ? then : then.text();
    context.stdout.write(own('-- then, in this program: '));
    context.stdout.write(printable(`${text.split('\n').map(comment).join('\n--   ')}\n`, context));
  } finally {
    await store.close();
  }
}

/** The first of the statements that differ in their values alone, and how many more there were. */
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
    more === 0 ? first : `-- and ${more} more that differ in their values alone\n${first}`,
  );
}

/** Says what no answer has said. */
export function sayNotes({notes, stderr}: Context): void {
  for (const note of notes.splice(0)) stderr.write(line`note: ${safe(note)}\n`);
}

const SILENT = {write: () => undefined};

/** Opens the database, and beside it the one of Agno's run table where that is another one. */
export async function openConnection(
  {source, tables, runs}: Connection,
  flags: ReadFlags,
  context: Context,
  onConnect?: (facts: ConnectionFacts) => void,
): Promise<Store> {
  const secrets = [source, runs].flatMap(one => (one ? secretsOf(one) : []));
  const options = {
    nowMicros: context.nowMicros,
    timeoutMs: timeoutMsOf(flags),
    warn: (text: string) => void context.notes.push(text),
    debug: flags.debug
      ? (text: string) =>
          context.stderr.write(line`debug: ${safe(maskSecrets(text, [...secrets, ...context.secrets]))}\n`)
      : undefined,
  };
  const main = {...options, tables, ...(onConnect ? {onConnect} : {})};
  if (!runs) return openStore(source, main);
  const opening = openRunTables(runs, {
    ...options,
    tables: {...tables, schema: runs.dialect === 'sqlite' ? null : tables.schema},
  });
  const store = await openStore(source, main).catch(async error => {
    await (await opening).close();
    throw error;
  });
  return withEvidence(store, await opening);
}

function withEvidence(store: Store, evidence: Evidence): Store {
  return replacing(store, {
    evidence,
    close: async () => {
      await Promise.all([store.close(), evidence.close()]);
    },
  });
}

/** `store`, with each statement also put into `statements`, runnable as it stands. */
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
      // Agno's tables are found there without their schema.
      if (dialect === 'postgres') statements.push(`set search_path = ${schemaOf(tables.traces!)}, public`);
      statements.push(statement.printed);
      return store.adHoc(statement, limits);
    },
    evidence: evidence && {
      dialect: evidence.dialect,
      label: evidence.label,
      // Asked anew each time: they are gone once a read has failed.
      get tables() {
        return evidence.tables;
      },
      all: record(evidence, `-- in ${comment(evidence.label)}:\n`),
      close: () => evidence.close(),
    },
  });
}

/** What a comment of one line may hold: a line break of a path would end it, and the rest would be run. */
const comment = (text: string): Safe => safe(text);

/** Into a pipe statements stay exact, so that they run; on a terminal their values are escaped like all data. */
function printable(text: string, {stdout}: Context): Safe {
  return stdout.isTTY ? safe(text, {multiline: true}) : own(text);
}

/** A last belt: no secret of the connection in any text for people, whatever a driver put into it. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter(secret => secret.length >= 3)
    .reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
}
