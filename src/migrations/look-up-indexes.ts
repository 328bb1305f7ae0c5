import {hasValue, IS_RUN_NAME, type LookedUp, type LookUpIndex, lookUpIndexes, mayBeIndexed} from '../runs/look-up.ts';
import {type Sql, sql, table} from '../sql/sql.ts';
import {NO_LOCK} from './agno-indexes.ts';
import {tableBlocked} from './agno-tables.ts';
import {buildConcurrently} from './concurrent.ts';
import {attributesScanOf, scanOf} from './estimate.ts';
import {takenNames} from './names.ts';
import type {Found, MigrationObject} from './step.ts';
import {explained, type MigrationSubject, qualifiedName} from './subject.ts';

const SERVES = {
  run_id: 'show <run id>, list --run',
  session_id: 'list --session',
  user_id: 'list --user',
  opaque: 'all of these: finds the spans whose attributes Postgres cannot read',
} as const;

/**
 * Our own: behind HTTP only the spans have run, session and user, not the trace row. They cover the beginning of each
 * value, so that none is too long to insert. None on SQLite, where malformed JSON would make the insert fail.
 */
const ownIndexes: MigrationObject = {
  inspect: async subject => {
    const {dialect, store, spans, schema, names} = subject;
    if (store ? !mayBeIndexed(store) : dialect === 'sqlite') return [];
    // Nor on a table that cannot be created now.
    if (!spans && (await tableBlocked('spans', subject))) return [];
    const table = spans ?? {schema, name: names.spans, qualifiedName: qualifiedName(subject, names.spans), indexes: []};
    const found: Found[] = [];
    for (const index of lookUpIndexes(table)) found.push(await find(index, table.qualifiedName, subject));
    return found;
  },
};
export default ownIndexes;

async function find(index: LookUpIndex, on: string, subject: MigrationSubject): Promise<Found> {
  const {name, of, found, create, drop, isMade} = index;
  if (isMade) return {kind: 'index', object: name, state: 'there', step: null};
  const {schema} = subject;
  const query = queryOf(of);
  const estimateMs = of === 'opaque' ? await attributesScanOf(subject) : await scanOf(subject, 'spans');
  return {
    kind: 'index',
    object: name,
    state: found ? (found.isValid ? 'different' : 'invalid') : 'missing',
    step: {
      action: found ? 'repair' : 'create',
      why: !found
        ? 'For AgentOS runs this id is only in the spans; without this index each lookup scans them all.'
        : found.foreign.length > 0
          ? `It uses ${found.foreign.join(', ')}, which is not part of Postgres: its owner's code runs with every insert.`
          : found.isValid
            ? 'It exists with the definition of an older agno-trace.'
            : 'An earlier build failed: it slows every insert and helps no query.',
      serves: SERVES[of],
      lock: NO_LOCK,
      risk: null,
      estimateMs,
      // There are no plans for a table that does not exist yet.
      explain: subject.store ? await explained(subject, query) : null,
      blocked: found ? null : await takenNames(subject, subject.names.spans, [name]),
      sql: [...(found ? [drop] : []), create],
      apply: work => buildConcurrently(work, {schema, table: on, name, create}),
    },
  };
}

/** The lookup of `list` and `show`, with a placeholder value. */
function queryOf(of: LookUpIndex['of']): Sql {
  const test = of === 'opaque' ? sql`jsonb_typeof(s.attributes) = 'string'` : valueTest(of);
  return sql`select s.trace_id, s.span_id from ${table('spans')} s where ${test}`;
}

function valueTest(of: LookedUp): Sql {
  return sql`${IS_RUN_NAME} and ${hasValue(of, ['x'])}`;
}
