import {existsSync, realpathSync} from 'node:fs';
import path from 'node:path';
import type {Context} from '../context.ts';
import {EXIT, UserError, usageError} from '../errors.ts';
import {inline, schemaOf} from '../sql/sql.ts';
import {openStore} from '../store/open.ts';
import {parseSource, type Source, secretsOf, sourceFromEnvironment} from '../store/source.ts';
import {DEFAULT_TABLES, type Store, type TableChoice} from '../store/store.ts';
import {line, own, type Safe, safe} from '../text/safe.ts';
import {setColour} from '../text/style.ts';
import type {DatabaseFlags, ReadFlags} from './declare.ts';
import {outputFileOf} from './output-file.ts';
import {parseLength} from './values.ts';

const DEFAULT_FILE = 'agno.db';

/** Which database: `--db`, AGNO_TRACE_DB, DATABASE_URL, libpq's PG*, `./agno.db` (design section 4). */
export function sourceOf({db}: DatabaseFlags, {env, cwd}: Context): Source {
  if (db !== undefined) return parseSource(db, '--db', env, cwd);
  if (env.AGNO_TRACE_DB) return parseSource(env.AGNO_TRACE_DB, 'AGNO_TRACE_DB', env, cwd);
  if (env.DATABASE_URL) return parseSource(env.DATABASE_URL, 'DATABASE_URL', env, cwd);
  const fromEnvironment = sourceFromEnvironment(env);
  if (fromEnvironment) return fromEnvironment;
  if (existsSync(path.join(cwd, DEFAULT_FILE))) return parseSource(DEFAULT_FILE, 'the default', env, cwd);
  throw new UserError(EXIT.usage, `no database given, and there is no "./${DEFAULT_FILE}" here.`, {
    hint: 'Pass --db with the URL from your Python code, or set AGNO_TRACE_DB; agno-trace demo shows how it looks.',
  });
}

export function tableChoiceOf(flags: DatabaseFlags): TableChoice {
  return {
    schema: flags.schema ?? null,
    tracesTable: flags.tracesTable ?? DEFAULT_TABLES.traces,
    spansTable: flags.spansTable ?? DEFAULT_TABLES.spans,
  };
}

/** Node's timers and Postgres' limits hold 32 bits. */
const LONGEST_TIMEOUT_MS = 7 * 24 * 3_600_000;

export function timeoutMsOf({timeout}: DatabaseFlags): number {
  if (timeout === undefined) return 30_000;
  return Math.min(LONGEST_TIMEOUT_MS, Math.max(1, Math.round(parseLength('--timeout', timeout))));
}

/**
 * Opens the database that the flags name, lends it, and closes it. With `--output` what is written goes to a file, which
 * is put in place when all has gone well. With `--print-sql` the command runs as always, but its
 * answer is replaced by the statements that were sent.
 * @param then what is computed after the statements, for `--print-sql`
 */
export async function withStore(
  flags: ReadFlags,
  context: Context,
  then: string,
  use: (store: Store, context: Context) => Promise<void>,
): Promise<void> {
  const file = outputFileOf(flags, context);
  if (!file) return withOpenStore(flags, context, then, use);
  refuseDatabase(file.path, sourceOf(flags, context));
  if (flags.color !== 'always') await setColour(false);
  await withOpenStore(flags, {...context, stdout: file}, then, use);
  await file.save();
}

/** The answer would take the place of what was asked. */
function refuseDatabase(output: string, source: Source): void {
  if (source.dialect !== 'sqlite' || !existsSync(source.file)) return;
  const file = realpathSync(source.file);
  if (['', '-wal', '-shm', '-journal'].some(suffix => output === file + suffix))
    throw usageError(`-o "${output}" is the database itself.`, 'Name another file.');
}

async function withOpenStore(
  flags: ReadFlags,
  context: Context,
  then: string,
  use: (store: Store, context: Context) => Promise<void>,
): Promise<void> {
  const source = sourceOf(flags, context);
  const debug = flags.debug
    ? (text: string) => context.stderr.write(line`debug: ${safe(maskSecrets(text, secretsOf(source)))}\n`)
    : undefined;
  const store = await openStore(source, {
    tables: tableChoiceOf(flags),
    nowMicros: context.nowMicros,
    timeoutMs: timeoutMsOf(flags),
    warn: text => context.notes.push(text),
    debug,
  });
  try {
    if (!flags.printSql) {
      await use(store, context);
      for (const note of context.notes.splice(0)) context.stderr.write(line`note: ${safe(note)}\n`);
      return;
    }
    const statements: string[] = [];
    const silent = {...context, stdout: {...SILENT, isTTY: false, columns: undefined}};
    await use(recording(store, statements), silent);
    for (const statement of statements) context.stdout.write(printable(`${statement};\n\n`, context));
    context.stdout.write(own(`-- then, in this program: ${then}\n`));
  } finally {
    await store.close();
  }
}

const SILENT = {write: () => undefined};

function recording(store: Store, statements: string[]): Store {
  return {
    dialect: store.dialect,
    label: store.label,
    tables: store.tables,
    spansPerStatement: store.spansPerStatement,
    all: query => {
      statements.push(inline(query, store.dialect, store.tables));
      return store.all(query);
    },
    adHoc: (statement, limits) => {
      const {dialect, tables} = store;
      // Agno's tables are found there without their schema.
      if (dialect === 'postgres') statements.push(`set search_path = ${schemaOf(tables.traces!)}, public`);
      statements.push(statement.printed);
      return store.adHoc(statement, limits);
    },
    nowMicros: () => store.nowMicros(),
    close: () => store.close(),
  };
}

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
