import {EXIT, UserError} from '../errors.ts';
import {foreignKey as foreignKeyText} from '../sql/agno-tables.ts';
import {quoteIdentifier, raw, sql} from '../sql/sql.ts';
import type {TableFacts} from '../store/connection-info.ts';
import {scanOf} from './estimate.ts';
import {remember} from './made.ts';
import {briefly, lengthily} from './patience.ts';
import {editTableText, replaceTableText, schemaVersion, tableText, withForeignKey} from './sqlite-schema.ts';
import type {Blocked, Found, MigrationObject, MigrationStep, Work} from './step.ts';
import type {MigrationSubject} from './subject.ts';

/** Rows per statement that looks for spans without a trace row in a SQLite file. */
const SLICE_ROWS = 20_000;

/**
 * From spans to trace rows. Async adapters of Agno 2.3.5 to 2.3.22 created the tables without it (docs/agno.md, The
 * tables).
 */
const foreignKey: MigrationObject = {
  inspect: async subject => {
    const {traces, spans, names} = subject;
    if (!traces || !spans) return [];
    const object = `${names.spans}.trace_id`;
    const key = spans.foreignKeys.find(({column}) => column === 'trace_id');
    if (key?.isValid) return [{kind: 'foreign key', object, state: 'there', step: null}];
    return [await missing(subject, object, traces, spans, key !== undefined)];
  },
};
export default foreignKey;

async function missing(
  subject: MigrationSubject,
  object: string,
  traces: TableFacts,
  spans: TableFacts,
  isThere: boolean,
): Promise<Found> {
  const {dialect, schema, names} = subject;
  const orphans = await countOrphans(subject, traces, spans);
  const isPostgres = dialect === 'postgres';
  const constraint = quoteIdentifier(`${names.spans}_trace_id_fkey`);
  const key = foreignKeyText({dialect, schema, names});
  const add = `ALTER TABLE ${spans.qualifiedName} ADD CONSTRAINT ${constraint} ${key} NOT VALID`;
  const validate = `ALTER TABLE ${spans.qualifiedName} VALIDATE CONSTRAINT ${constraint}`;
  const text = isPostgres ? null : await tableText(subject, names.spans);
  const changed = text === null ? null : withForeignKey(text, key);
  const step: MigrationStep = {
    action: isThere ? 'validate' : 'create',
    why: isThere
      ? 'It was never validated: old spans may lack a trace row.'
      : 'This is the older table shape: it lacks the foreign key that Agno has created since 2.3.23.',
    serves: 'every span has its trace row; newer Agno versions create the same',
    lock: isPostgres
      ? 'both tables for some milliseconds, with tries of 500 ms; the validation blocks nobody'
      : 'the whole file, while every span is checked',
    risk: isThere ? null : 'spans whose trace row was lost are refused, as in every table that Agno made',
    estimateMs: await scanOf(subject, 'spans'),
    explain: null,
    blocked: blockedBy(subject, orphans, traces, !isPostgres && changed === null),
    sql: isPostgres
      ? [...(isThere ? [] : [add]), validate]
      : changed === null
        ? []
        : replaceTableText(names.spans, changed, await schemaVersion(subject)),
    apply: work =>
      isPostgres
        ? applyOnPostgres(work, {object, add: isThere ? null : add, validate})
        : applyOnSqlite(work, object, changed!),
  };
  return {kind: 'foreign key', object, state: isThere ? 'invalid' : 'missing', step};
}

function blockedBy(
  {dialect, offline}: MigrationSubject,
  orphans: number,
  traces: TableFacts,
  isForeign: boolean,
): Blocked | null {
  if (orphans > 0)
    return {
      reason: `${orphans} ${orphans === 1 ? 'span has' : 'spans have'} no trace row`,
      hint: 'agno-trace prune --orphans --older-than 1h deletes them; --archive FILE keeps a copy.',
    };
  const hasKey =
    dialect === 'sqlite' || traces.indexes.some(({columns, isValid}) => isValid && columns.join() === 'trace_id');
  if (!hasKey || isForeign)
    return {reason: 'no Agno version makes tables like these', hint: 'agno-trace doctor shows what they have.'};
  if (dialect === 'sqlite' && !offline)
    return {
      reason: 'editing the table definition needs exclusive use of the file',
      hint: 'Stop the program that writes the file, then add --offline.',
    };
  return null;
}

async function applyOnPostgres(
  {changes, subject, report}: Work,
  {object, add, validate}: {object: string; add: string | null; validate: string},
): Promise<void> {
  const what = `foreign key of ${object}`;
  if (add !== null)
    await briefly(changes, what, report, async transaction => {
      await remember(transaction, subject, {kind: 'foreign key', object});
      await transaction.send(add);
    });
  report(`${what}: checking the trace row of every span`);
  try {
    await lengthily(changes, what, report, transaction => transaction.send(validate));
  } catch (error) {
    if ((error as {code?: string}).code !== '23503') throw error;
    throw new UserError(EXIT.failed, 'a span without a trace row was written in the meantime.', {
      hint: 'agno-trace prune --orphans --older-than 1h deletes it; then rerun this command.',
      cause: error,
    });
  }
}

/**
 * A foreign key does not change stored data, so the text of the table is edited and no row is copied (the shorter
 * procedure of sqlite.org/lang_altertable.html); all rows are checked before the commit.
 */
async function applyOnSqlite({changes, subject, report}: Work, object: string, text: string): Promise<void> {
  const {spans} = subject.names;
  await lengthily(changes, `foreign key of ${object}`, report, async transaction => {
    await remember(transaction, subject, {kind: 'foreign key', object});
    await editTableText(transaction, spans, text);
    const wrong = await transaction.all(sql`select * from pragma_foreign_key_check(${spans}) limit 1`);
    const keys = await transaction.all<{from: string}>(sql`select "from" from pragma_foreign_key_list(${spans})`);
    if (wrong.length > 0 || !keys.some(({from}) => from === 'trace_id'))
      throw new UserError(EXIT.failed, 'existing rows violate the foreign key.', {
        hint: 'Nothing was changed. agno-trace doctor --all counts spans without a trace row.',
      });
  });
}

async function countOrphans(subject: MigrationSubject, traces: TableFacts, spans: TableFacts): Promise<number> {
  const {dialect, store} = subject;
  const [t, s] = [raw(traces.qualifiedName), raw(spans.qualifiedName)];
  const isLonely = sql`not exists (select 1 from ${t} t where t.trace_id = s.trace_id)`;
  const one = async (range = raw('true')) => {
    const [row] = await store!.all<{n: number}>(sql`select count(*) as n from ${s} s where ${range} and ${isLonely}`);
    return Number(row!.n);
  };
  if (dialect === 'postgres') return one();
  const [ends] = await store!.all<{first: number | null; last: number | null}>(
    sql`select min(rowid) as first, max(rowid) as last from ${s}`,
  );
  let count = 0;
  for (let at = ends!.first ?? 1; at <= (ends!.last ?? 0); at += SLICE_ROWS)
    count += await one(raw(`s.rowid between ${at} and ${at + SLICE_ROWS - 1}`));
  return count;
}
