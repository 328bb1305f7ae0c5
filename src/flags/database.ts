import {existsSync, realpathSync} from 'node:fs';
import type {Context} from '../context.ts';
import {EXIT, UserError, usageError} from '../errors.ts';
import {append} from '../lists.ts';
import type {ConnectionFacts} from '../store/connection-info.ts';
import {openRunTables} from '../store/evidence.ts';
import {openStore} from '../store/open.ts';
import {patiently} from '../store/patient.ts';
import {type Source, secretsOf} from '../store/source.ts';
import {stoppable} from '../store/stoppable.ts';
import {type Evidence, type OpenOptions, replacing, type Store} from '../store/store.ts';
import {writable} from '../store/writable.ts';
import {line, safe} from '../text/safe.ts';
import {paint, setColour} from '../text/style.ts';
import {wrap} from '../text/width.ts';
import {type Connection, connectionOf} from './connection.ts';
import type {DatabaseFlags, ReadFlags} from './declare.ts';
import {columnsOf} from './output.ts';
import {type OutputFile, outputFileOf} from './output-file.ts';
import {type PrintSqlEpilogue, recording, writeStatements} from './print-sql.ts';
import {parseLength} from './values.ts';

/** Node's timers and Postgres' limits have 32 bits. */
const LONGEST_TIMEOUT_MS = 7 * 24 * 3_600_000;

export function timeoutMsOf({timeout}: DatabaseFlags): number {
  if (timeout === undefined) return 30_000;
  return Math.min(LONGEST_TIMEOUT_MS, Math.max(1, Math.round(parseLength('--timeout', timeout))));
}

/** How databases are read and where the answer goes: the values of the flags of every reading command. */
export interface ReadSettings {
  /** Longest time of one statement. */
  readonly timeoutMs: number;
  /** Print the statements instead of the answer. */
  readonly printSql: boolean;
  /** Write connections and statements to stderr. */
  readonly debug: boolean;
  /** Where the answer goes; null: stdout. */
  readonly output: OutputFile | null;
  /** `--color always` applies to files too. */
  readonly coloursFiles: boolean;
}

/** A database, and how it is read. */
export interface Access extends ReadSettings {
  readonly connection: Connection;
}

/** @throws UserError for flags that name no database, or a file that cannot be written */
export function accessOf(flags: ReadFlags, context: Context): Access {
  const connection = connectionOf(flags, context);
  return {connection, ...readSettingsOf(flags, context, sourcesIn(connection))};
}

/**
 * Like `accessOf`, for a command that needs transactions.
 * @param refused the error for a kind of database that has none
 * @throws UserError exit 2 also for such a database
 */
export function writableAccessOf(flags: ReadFlags, context: Context, refused?: () => UserError): Access {
  const access = accessOf(flags, context);
  writable(access.connection.source.dialect, refused);
  return access;
}

/** @param sources databases that are read: none of them may be the file of `--output` */
export function readSettingsOf(flags: ReadFlags, context: Context, sources: readonly Source[]): ReadSettings {
  const output = outputFileOf(flags, context);
  if (output) for (const source of sources) refuseDatabase(output.path, source);
  return {
    timeoutMs: timeoutMsOf(flags),
    printSql: flags.printSql ?? false,
    debug: flags.debug ?? false,
    output,
    coloursFiles: flags.color === 'always',
  };
}

export function sourcesIn({source, runs}: Connection): Source[] {
  return runs ? [source, runs] : [source];
}

/**
 * Opens the database, passes it to the work, and closes it. With `--print-sql` the command runs as always, but its
 * answer is replaced by the statements that were sent.
 * @param then what is computed after the statements, for `--print-sql`
 */
export async function withStore(
  access: Access,
  context: Context,
  then: PrintSqlEpilogue,
  use: (store: Store, context: Context) => Promise<void>,
  onConnect?: (facts: ConnectionFacts) => void,
): Promise<void> {
  await withOutput(access, context, out => withConnection(access, out, then, use, onConnect));
}

/** Like `withStore`, with the facts about the connection. A busy writer may prevent opening, so opening is retried. */
export async function withPatientStore(
  access: Access,
  context: Context,
  use: (store: Store, facts: ConnectionFacts) => Promise<void>,
): Promise<void> {
  let facts: ConnectionFacts | null = null;
  let isOpen = false;
  const open = () =>
    withStore(
      access,
      context,
      '',
      store => {
        isOpen = true;
        return use(store, facts!);
      },
      found => {
        facts = found;
      },
    );
  await patiently(open, error => {
    // Later errors have already been retried there.
    if (isOpen) throw error;
  });
}

/** With `--output` the answer is written to a file, which gets its final name when everything succeeded. */
export async function withOutput(
  {output, coloursFiles}: ReadSettings,
  context: Context,
  write: (context: Context) => Promise<void>,
): Promise<void> {
  if (!output) return write(context);
  if (!coloursFiles) await setColour(false);
  const out = {...context, stdout: output};
  try {
    await write(out);
  } catch (error) {
    await output.discard();
    throw error;
  }
  if (out.exitCode !== undefined) context.exitCode = out.exitCode;
  await output.save();
  // Scripts know from the exit code; on a terminal, silence could also mean that nothing happened.
  if (output.typed !== null && context.stderr.isTTY)
    context.stderr.write(line`${paint(line`wrote ${safe(output.typed)}`, 'dim')}\n`);
}

/** The answer would replace the database. */
function refuseDatabase(output: string, source: Source): void {
  if (source.dialect !== 'sqlite' || !existsSync(source.file)) return;
  const file = realpathSync(source.file);
  if (['', '-wal', '-shm', '-journal'].some(suffix => output === file + suffix))
    throw usageError(`-o "${output}" is the database itself.`, 'Name another file.');
}

/** Like `withStore`, with an answer to stdout. */
export async function withConnection(
  access: Access,
  context: Context,
  then: PrintSqlEpilogue,
  use: (store: Store, context: Context) => Promise<void>,
  onConnect?: (facts: ConnectionFacts) => void,
): Promise<void> {
  const statements: string[] = [];
  const store = await openConnection(
    access,
    context,
    onConnect &&
      (facts => {
        append(statements, facts.statements);
        onConnect(facts);
      }),
  );
  try {
    if (!access.printSql) {
      await use(store, context);
      sayNotes(context);
      return;
    }
    const silent = {...context, stdout: {write: () => undefined, isTTY: false, columns: undefined}};
    await use(recording(store, statements), silent);
    writeStatements(statements, then, context);
  } finally {
    await store.close();
  }
}

/** Prints the notes that no answer contains. */
export function sayNotes(context: Context): void {
  const columns = columnsOf(context);
  for (const note of context.notes.splice(0)) {
    const text = line`note: ${safe(note)}`;
    for (const part of columns === null ? [text] : wrap(text, columns)) context.stderr.write(line`${part}\n`);
  }
}

/** Opens the database and, if it is another one, the database of Agno's run table. */
export async function openConnection(
  access: Access,
  context: Context,
  onConnect?: (facts: ConnectionFacts) => void,
): Promise<Store> {
  const {source, tables, runs} = access.connection;
  const options = openOptionsOf(access, context);
  const main = {...options, tables, ...(onConnect ? {onConnect} : {})};
  const openMain = () => openStore(source, main).catch(error => Promise.reject(withOrigin(error, access.connection)));
  const {stop} = context;
  const ending = (store: Store) => (stop ? stoppable(store, stop) : store);
  if (!runs) return ending(await openMain());
  const opening = openRunTables(runs, {
    ...options,
    tables: {...tables, schema: runs.dialect === 'postgres' ? tables.schema : null},
  });
  const store = await openMain().catch(async error => {
    await (await opening).close();
    throw error;
  });
  return withEvidence(ending(store), await opening);
}

/** If a database cannot be reached, it may be the wrong one: says what named it, unless that was a flag. */
function withOrigin(error: unknown, {from}: Connection): unknown {
  if (error instanceof UserError && error.exitCode === EXIT.unreachable && from !== '--db')
    error.hint = `${error.hint ?? ''} The address came from ${from}.`.trim();
  return error;
}

export function openOptionsOf(
  {connection, timeoutMs, debug}: Access,
  context: Context,
): Pick<OpenOptions, 'nowMicros' | 'timeoutMs' | 'warn' | 'debug'> {
  const secrets = sourcesIn(connection).flatMap(secretsOf);
  return {
    nowMicros: context.nowMicros,
    timeoutMs,
    warn: text => void context.notes.push(text),
    debug: debug
      ? text => context.stderr.write(line`debug: ${safe(maskSecrets(text, [...secrets, ...context.secrets]))}\n`)
      : undefined,
  };
}

function withEvidence(store: Store, evidence: Evidence): Store {
  return replacing(store, {
    evidence,
    close: async () => {
      await Promise.all([store.close(), evidence.close()]);
    },
  });
}

/** A last protection: no secret of the connection in any text for people, whatever a driver put into it. */
export function maskSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .filter(secret => secret.length >= 3)
    .reduce((masked, secret) => masked.replaceAll(secret, '***'), text);
}
