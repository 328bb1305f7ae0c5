import type {NamedFinding} from '../../doctor/checkup.ts';
import type {RowCount, TimeRange} from '../../doctor/sizes.ts';
import type {DescribedTables} from '../../doctor/subject.ts';
import type {AgnoVersion} from '../../doctor/version.ts';
import type {ConnectionFacts, TableFacts} from '../../store/connection-info.ts';
import {shellWord} from '../../text/shell.ts';

/** The complete answer of `doctor`. Null if the tables could not be read. */
export interface Checkup {
  readonly facts: ConnectionFacts;
  readonly tables: DescribedTables | null;
  readonly version: AgnoVersion | null;
  readonly range: TimeRange | null;
  readonly sizes: {readonly traces: RowCount; readonly spans: RowCount} | null;
  readonly findings: readonly NamedFinding[];
  readonly notes: readonly string[];
}

/** `data` of the JSON contract. */
export function checkupRecord({facts, tables, version, range, sizes, findings}: Checkup): object {
  const {tables: found, statements: _, isSuperuser, isStandby, label, ...rest} = facts;
  const size = (role: 'traces' | 'spans') => ({
    rows: sizes?.[role].rows ?? null,
    estimate: sizes?.[role].isEstimate ?? null,
    totalBytes: tables?.[role].totalBytes ?? null,
    indexBytes: tables?.[role].indexBytes ?? null,
  });
  return {
    connection: {database: label, ...rest, superuser: isSuperuser, standby: isStandby},
    agno: {version: version?.label ?? null, derived: version?.isDerived ?? null},
    tables: tables
      ? (['traces', 'spans', 'runs', 'sessions', 'versions'] as const).map(role => tableRecord(role, tables[role]))
      : found.map(table => tableRecord(null, table)),
    sizes: {traces: size('traces'), spans: size('spans')},
    range: {first: range?.first ?? null, last: range?.last ?? null},
    findings: findings.map(findingRecord),
  };
}

function tableRecord(role: string | null, table: TableFacts | null): object {
  return {
    role,
    found: table !== null,
    schema: table?.schema ?? null,
    name: table?.name ?? null,
    mayRead: table?.mayRead ?? null,
    columns: table?.columns ?? null,
    foreignKeys:
      table?.foreignKeys.map(({column, references, isValid}) => ({column, references, valid: isValid})) ?? null,
    indexes: table?.indexes.map(({name, columns, isValid}) => ({name, columns, valid: isValid})) ?? null,
  };
}

/** A finding in the form of the JSON contract. */
export function findingRecord({
  id,
  severity,
  count,
  isComplete,
  covered,
  sample,
  text,
  command,
  repair,
}: NamedFinding): object {
  return {
    id,
    severity,
    count,
    complete: isComplete,
    covered,
    sample,
    text,
    command: command && commandLine(command),
    repair,
  };
}

/** A command line of this program, quoted for a shell. */
export function commandLine(args: readonly string[]): string {
  return `agno-trace ${args.map(shellWord).join(' ')}`;
}
