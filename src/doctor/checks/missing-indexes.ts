import {SPAN_INDEXES, TRACE_INDEXES} from '../../sql/agno-tables.ts';
import {quoteIdentifier} from '../../sql/sql.ts';
import {TRAITS} from '../../sql/traits.ts';
import type {TableFacts} from '../../store/connection-info.ts';
import {defineCheck} from '../checkup.ts';
import {counted, FROM_CATALOGUE} from '../finding.ts';
import {isIndexed} from '../subject.ts';

/** What this tool reads by: without it `list` or `show` reads the whole table. */
const READ_BY: Readonly<Record<string, string>> = {
  'spans.start_time': 'list walks spans by it',
  'spans.trace_id': 'every tree is read by it',
  'spans.parent_span_id': 'show finds missing parents by it',
  'spans.created_at': 'list --state running reads by it',
  'traces.run_id': 'show finds runs by it',
  'traces.session_id': 'show finds sessions by it',
};

export default defineCheck(({tables, facts}) => {
  if (!TRAITS[facts.dialect].mayBeWritten) return null;
  const missing = [
    ...missingOf(tables.traces, 'traces', ['trace_id', ...TRACE_INDEXES]),
    ...missingOf(tables.spans, 'spans', ['span_id', ...SPAN_INDEXES]),
  ];
  const first = missing[0];
  const uses = missing.flatMap(({place}) => (READ_BY[place] ? [`${place} (${READ_BY[place]})`] : []));
  return {
    ...FROM_CATALOGUE,
    severity: first ? 'warning' : 'ok',
    count: missing.length,
    sample: first?.index ?? null,
    text: first
      ? `${counted(missing.length, "of Agno's own indexes is", "of Agno's own indexes are")} missing or invalid: ${missing.map(({index}) => index).join(', ')}${uses.length > 0 ? `; ${uses.join(', ')}` : ''}.`
      : "Agno's own indexes are all there.",
    command: null,
    repair: first ? missing.map(item => createIndex(item, facts.dialect === 'postgres')).join(' ') : null,
  };
});

interface MissingIndex {
  readonly place: string;
  readonly index: string;
  readonly column: string;
  readonly table: TableFacts;
  /** An invalid one has the name. */
  readonly isInvalid: boolean;
}

function missingOf(table: TableFacts, role: string, columns: readonly string[]): MissingIndex[] {
  if (table.isView) return [];
  return columns
    .filter(column => !isIndexed(table, column))
    .map(column => {
      const index = `idx_${table.name}_${column}`;
      const isInvalid = table.indexes.some(({name, isValid}) => name === index && !isValid);
      return {place: `${role}.${column}`, index, column, table, isInvalid};
    });
}

/** On Postgres without a lock that would make Agno wait; SQLite has no such way, but takes seconds only. */
function createIndex({index, column, table, isInvalid}: MissingIndex, isPostgres: boolean): string {
  const schema = table.schema === null ? '' : `${quoteIdentifier(table.schema)}.`;
  const concurrently = isPostgres ? ' CONCURRENTLY' : '';
  const drop = isInvalid ? `DROP INDEX${concurrently} ${schema}${quoteIdentifier(index)}; ` : '';
  return `${drop}CREATE INDEX${concurrently} ${quoteIdentifier(index)} ON ${table.qualifiedName} (${column});`;
}
