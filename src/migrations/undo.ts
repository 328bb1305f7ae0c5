import {OWN_PREFIX} from '../runs/look-up.ts';
import {foreignKey} from '../sql/agno-tables.ts';
import {quoteIdentifier, raw, sql} from '../sql/sql.ts';
import {dropConcurrently} from './concurrent.ts';
import {forget, MADE_TABLE, type Made} from './made.ts';
import {briefly} from './patience.ts';
import {editTableText, replaceTableText, schemaVersion, tableText, withoutForeignKey} from './sqlite-schema.ts';
import type {Blocked, Found, MigrationStep, Work} from './step.ts';
import {type MigrationSubject, qualifiedName} from './subject.ts';

/**
 * Removes everything that this tool created and nothing else: objects with its prefix, and those that it recorded
 * under a name of Agno's. Tables are dropped only while they are empty.
 */
export async function inspectForUndo(subject: MigrationSubject): Promise<Found[]> {
  const found: Found[] = [];
  for (const table of [subject.spans, subject.traces])
    for (const {name} of table?.indexes ?? [])
      if (name.startsWith(OWN_PREFIX) && name !== MADE_TABLE)
        found.push(dropIndex(subject, {kind: 'index', object: name}, false));
  const made = [...subject.made].reverse();
  const tables = new Set(made.flatMap(({kind, object}) => (kind === 'table' ? [object] : [])));
  for (const one of made) {
    if (one.kind === 'index') found.push(dropIndex(subject, one, true));
    else if (one.kind === 'foreign key') found.push(await dropForeignKey(subject, one));
    else if (one.kind === 'table') found.push(await dropTable(subject, one, tables));
    else found.push(await dropSchema(subject, one));
  }
  return found;
}

interface Drop {
  readonly why: string;
  readonly lock: string;
  readonly sql: readonly string[];
  readonly blocked?: Blocked | null;
  readonly apply: MigrationStep['apply'];
}

function dropping({kind, object}: Made, {why, lock, sql: statements, blocked = null, apply}: Drop): Found {
  return {
    kind,
    object,
    state: 'there',
    step: {
      action: 'drop',
      why,
      serves: 'nothing',
      lock,
      risk: null,
      estimateMs: null,
      explain: null,
      blocked,
      sql: statements,
      apply,
    },
  };
}

const OURS = 'agno-trace migrate made it.';

function dropIndex(subject: MigrationSubject, made: Made, isRemembered: boolean): Found {
  const {dialect, schema} = subject;
  const isPostgres = dialect === 'postgres';
  const name = isPostgres
    ? `CONCURRENTLY IF EXISTS ${quoteIdentifier(schema)}.${quoteIdentifier(made.object)}`
    : `IF EXISTS ${quoteIdentifier(made.object)}`;
  return dropping(made, {
    why: OURS,
    lock: isPostgres ? 'none that blocks writers' : "the file's write lock for some milliseconds",
    sql: [`DROP INDEX ${name}`],
    apply: async work => {
      const {changes, report} = work;
      if (isPostgres) await dropConcurrently(work, {schema, name: made.object});
      if (isPostgres && !isRemembered) return;
      await briefly(changes, `index ${made.object}`, report, async transaction => {
        if (!isPostgres) await transaction.send(`DROP INDEX ${name}`);
        if (isRemembered) await forget(transaction, subject, made);
      });
    },
  });
}

async function dropForeignKey(subject: MigrationSubject, made: Made): Promise<Found> {
  const {dialect, schema, names, spans, offline} = subject;
  if (dialect === 'postgres') {
    const statement = `ALTER TABLE ${qualifiedName(subject, names.spans)} DROP CONSTRAINT IF EXISTS ${quoteIdentifier(`${names.spans}_trace_id_fkey`)}`;
    return dropping(made, {
      why: OURS,
      lock: 'both tables for some milliseconds, with tries of 500 ms',
      sql: [statement],
      apply: ({changes, report}) =>
        briefly(changes, `foreign key of ${made.object}`, report, async transaction => {
          if (spans) await transaction.send(statement);
          await forget(transaction, subject, made);
        }),
    });
  }
  const text = (await tableText(subject, names.spans)) ?? '';
  const without = withoutForeignKey(text, foreignKey({dialect, schema, names}));
  return dropping(made, {
    why: OURS,
    lock: 'the whole file for some milliseconds',
    sql: without === null ? [] : replaceTableText(names.spans, without, await schemaVersion(subject)),
    blocked: offline
      ? null
      : {
          reason: 'editing the table definition needs exclusive use of the file',
          hint: 'Stop the program that writes the file, then add --offline.',
        },
    apply: ({changes, report}) =>
      briefly(changes, `foreign key of ${made.object}`, report, async transaction => {
        if (without !== null) await editTableText(transaction, names.spans, without);
        await forget(transaction, subject, made);
      }),
  });
}

async function dropTable(subject: MigrationSubject, made: Made, going: ReadonlySet<string>): Promise<Found> {
  const name = qualifiedName(subject, made.object);
  const isThere = [subject.traces, subject.spans].some(table => table?.name === made.object);
  const rows = isThere ? await subject.all(sql`select 1 from ${raw(name)} limit 1`) : [];
  const drop = `DROP TABLE IF EXISTS ${name}`;
  const isReferred = made.object === subject.names.traces && subject.spans && !going.has(subject.names.spans);
  return dropping(made, {
    why: OURS,
    lock: 'the table for some milliseconds; it is empty',
    sql: [drop],
    blocked:
      rows.length > 0
        ? {
            reason: 'it has rows now: your traces',
            hint: 'Written rows are kept. To remove them, drop the table by hand.',
          }
        : isReferred
          ? {reason: 'the spans table refers to it', hint: 'migrate did not create that one, so both stay.'}
          : null,
    apply: ({changes, report}) =>
      briefly(changes, `table ${made.object}`, report, async transaction => {
        if (isThere) {
          if (subject.dialect === 'postgres') await transaction.send(`LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`);
          // A row may have been added since the plan was made.
          if ((await transaction.all(sql`select 1 from ${raw(name)} limit 1`)).length > 0) return;
          await transaction.send(drop);
        }
        await forget(transaction, subject, made);
      }),
  });
}

async function dropSchema(subject: MigrationSubject, made: Made): Promise<Found> {
  const drop = `DROP SCHEMA IF EXISTS ${quoteIdentifier(made.object)} RESTRICT`;
  const others = await subject.all<{name: string}>(sql`
select c.relname as name from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where n.nspname = ${made.object} and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
   and c.relname not in (${subject.names.traces}, ${subject.names.spans}, ${MADE_TABLE}, ${`${MADE_TABLE}_place_seq`}) limit 1`);
  const holds = others[0]?.name;
  return dropping(made, {
    why: OURS,
    lock: 'none that blocks anybody',
    sql: [drop],
    blocked: holds ? {reason: `it contains "${holds}"`, hint: 'It is dropped when it is empty.'} : null,
    apply: ({changes, report}: Work) =>
      briefly(changes, `schema ${made.object}`, report, async transaction => {
        await forget(transaction, subject, made);
        const left = await transaction.all(sql`
select 1 from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname = ${made.object} limit 1`);
        if (left.length === 0) await transaction.send(drop);
      }),
  });
}
