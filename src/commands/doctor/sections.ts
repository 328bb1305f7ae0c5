import type {RowCount} from '../../doctor/sizes.ts';
import {byteSize, type FactSection} from '../../render/doctor.ts';
import {count, duration, moment} from '../../render/values.ts';
import {TRAITS} from '../../sql/traits.ts';
import type {ConnectionFacts, TableFacts} from '../../store/connection-info.ts';
import {joined, line, type Safe, safe, trusted} from '../../text/safe.ts';
import type {Checkup} from './checkup.ts';

type Row = readonly [string, Safe];

/** The database, and how it is connected. */
export function connectionSection({facts}: Checkup): FactSection {
  return {title: 'Connection', rows: facts.dialect === 'sqlite' ? fileRows(facts) : serverRows(facts)};
}

function serverRows(facts: ConnectionFacts): Row[] {
  const rights = [
    facts.isSuperuser === null ? null : facts.isSuperuser ? 'superuser' : 'not a superuser',
    facts.mayWrite === null ? null : facts.mayWrite ? 'may write; SELECT is enough for agno-trace' : 'reads only',
  ].filter(word => word !== null);
  const pooler = facts.pooler === null ? 'unknown' : facts.pooler ? 'yes' : 'none seen';
  const clock = facts.clockAheadMs ?? 0;
  const agrees = Math.abs(clock) < 1000;
  return [
    ['database', safe(facts.label)],
    [
      'server',
      safe(
        `${facts.dialect === 'postgres' ? 'PostgreSQL' : TRAITS[facts.dialect].name} ${facts.serverVersion}${facts.isStandby ? ', a standby' : ''}`,
      ),
    ],
    ['TLS', safe(facts.tls ?? '–')],
    ['pooler', trusted(pooler)],
    ['role', safe(rights.length === 0 ? facts.role! : `${facts.role} (${rights.join(', ')})`)],
    [
      'time limit',
      facts.statementTimeoutMs === null
        ? trusted('none set')
        : line`${duration(facts.statementTimeoutMs)} per statement`,
    ],
    [
      'clock',
      agrees
        ? trusted("same as this machine's")
        : line`${duration(Math.abs(clock))} ${trusted(clock > 0 ? 'ahead of' : 'behind')} ours`,
    ],
  ];
}

function fileRows(facts: ConnectionFacts): Row[] {
  const wal = facts.walBytes ? line`, ${byteSize(facts.walBytes)} in its WAL` : trusted('');
  return [
    ['file', safe(facts.label)],
    ['size', line`${byteSize(facts.fileBytes)}${wal}, pages of ${count(facts.pageBytes)} bytes`],
    ['journal', trusted(facts.journalMode === 'wal' ? 'WAL' : `rollback journal (${safe(facts.journalMode ?? '')})`)],
    ['owner', safe(`${facts.owner ?? 'unknown'}, ${facts.mayWrite ? 'may write' : 'may not write'}`)],
    ['read', safe(facts.copyReason === null ? 'in place' : `from a private copy: ${facts.copyReason}`)],
    ['SQLite', safe(`${facts.serverVersion}, by ${facts.driver}`)],
  ];
}

/** The tables, their columns, and the data in them. */
export function tableSection(checkup: Checkup): FactSection {
  const {facts, tables, version, range, sizes} = checkup;
  if (!tables || !sizes) {
    const found = facts.tables.map((table): Row => [table.name, tableText(table, null)]);
    return {title: 'Tables', rows: found.length > 0 ? found : [['found', trusted('none')]]};
  }
  const {traces, spans, runs, sessions} = tables;
  const hasKey = spans.foreignKeys.some(({column}) => column === 'trace_id');
  const shape = `${spans.columns.length} and ${traces.columns.length} columns, ${hasKey ? 'with' : 'without'} foreign key, attributes ${typeOf(spans, 'attributes')}`;
  const others = [runs, sessions].map((table, i) => {
    const name = ['agno_runs', 'agno_sessions'][i]!;
    return !table ? `no ${name}` : table.mayRead ? name : `${name} (no permission to read)`;
  });
  return {
    title: 'Tables',
    rows: [
      ['traces', tableText(traces, sizes.traces)],
      ['spans', tableText(spans, sizes.spans)],
      ['shape', safe(shape)],
      ['beside', safe(others.join(', '))],
      [
        'Agno',
        safe(
          version!.isDerived
            ? `${version!.label} (derived from the tables)`
            : `${version!.label}${version!.means ? `, ${version!.means}` : ''}`,
        ),
      ],
      ['time', range?.first ? line`${moment(range.first)} to ${moment(range.last)}` : trusted('no span')],
    ],
  };
}

function tableText(table: TableFacts, size: RowCount | null): Safe {
  const parts: Safe[] = [safe(table.schema === null ? table.name : `${table.schema}.${table.name}`)];
  if (!table.mayRead) parts.push(trusted('no permission to read'));
  if (size) {
    const rows = size.rows === null ? trusted('rows not counted in time') : line`${count(size.rows)} rows`;
    parts.push(size.isEstimate ? line`about ${rows} (estimate)` : rows);
  }
  if (table.totalBytes !== null)
    parts.push(
      table.indexBytes === null
        ? byteSize(table.totalBytes)
        : line`${byteSize(table.totalBytes)}, ${byteSize(table.indexBytes)} of it indexes`,
    );
  return joined(parts, ', ');
}

function typeOf(table: TableFacts, column: string): string {
  return table.columns.find(({name}) => name === column)?.type ?? 'missing';
}
