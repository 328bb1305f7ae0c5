import type {ArchiveColumn} from '../archive/format.ts';
import {type ArchivedRow, type ArchivedValue, fromPostgres} from '../archive/value.ts';
import {isAnyOf, time} from '../sql/fragments.ts';
import {join, quoteIdentifier, raw, type Sql, sql} from '../sql/sql.ts';
import {bareType} from '../store/clickhouse/values.ts';
import type {Store} from '../store/store.ts';
import type {Columns} from './ground.ts';
import {ALIAS, from, IDENTITY, type Piece, type PiecedTrace, plus, type Role} from './month-pieces.ts';

/** The hash of a row with all its columns. */
export function contentHash(role: Role, columns: readonly ArchiveColumn[]): Sql {
  const parts = columns.map(({name, type}) => {
    const column = named(role, name);
    return /Nullable\(/.test(type)
      ? `isNull(${column}), ifNull(toString(${column}), '')`
      : /^DateTime64|^U?Int/.test(type)
        ? column
        : `toString(${column})`;
  });
  return raw(`cityHash64(${parts.join(', ')})`);
}

function named(role: Role, name: string): string {
  return `${ALIAS[role]}.${quoteIdentifier(name)}`;
}

type Pieces = Pick<PiecedTrace, 'traceId' | 'pieces'>;

interface StoredRow {
  readonly traceId: string;
  readonly partition: string;
  readonly identity: bigint;
  readonly content: bigint;
  readonly archived: ArchivedRow;
}

/** The rows of some traces in one table, exactly, with the hashes of what was read. */
export async function readRows(
  store: Store,
  role: Role,
  traces: readonly Pieces[],
  columns: Columns,
): Promise<StoredRow[]> {
  const own = columns[role];
  const values = own.map((column, i) => `${exactly(role, column)} as "agno-trace ${i}"`);
  const rows = await store.all<Record<string, string | null>>(sql`
select ${raw(`${named(role, 'trace_id')} as "agno-trace id", _partition_id as "agno-trace partition"`)},
       toString(${IDENTITY[role]}) as "agno-trace identity", toString(${contentHash(role, own)}) as "agno-trace content",
       ${raw(values.join(',\n       '))}
  from ${from(role)}
 where ${ofTraces(role, traces)}
 order by ${raw(`${named(role, 'start_time')}, ${named(role, 'trace_id')}`)}`);
  return rows.map(row => ({
    traceId: row['agno-trace id']!,
    partition: row['agno-trace partition']!,
    identity: BigInt(row['agno-trace identity']!),
    content: BigInt(row['agno-trace content']!),
    archived: Object.fromEntries(own.map((column, i) => [column.name, archivedValue(row[`agno-trace ${i}`]!, column)])),
  }));
}

/** The rows of the pieces of some traces, in one table. */
export function ofTraces(role: Role, traces: readonly Pieces[]): Sql {
  const pieces = traces.flatMap(trace => trace.pieces.filter(piece => piece.role === role));
  return sql`${isAnyOf(
    raw(named(role, 'trace_id')),
    traces.map(({traceId}) => traceId),
  )} and ${withinPieces(role, pieces)}`;
}

/** Bounds that keep ClickHouse from reading other months. */
export function withinPieces(role: Role, pieces: readonly Piece[]): Sql {
  if (pieces.length === 0) return raw('true');
  const first = pieces.reduce((min, piece) => (piece.first < min ? piece.first : min), pieces[0]!.first);
  const last = pieces.reduce((max, piece) => (piece.last > max ? piece.last : max), pieces[0]!.last);
  const column = raw(named(role, 'start_time'));
  return join([sql`${column} >= ${time(first)}`, sql`${column} <= ${time(last)}`], ' and ');
}

const isText = (type: string) => /^(Fixed)?String\b/.test(bareType(type));
const isTime = (type: string) => /^DateTime64\(6, '(Etc\/)?(UTC|GMT)'\)$/.test(bareType(type));

/** A text that is not UTF-8 comes as base64; a letter before it says which. */
function exactly(role: Role, {name, type}: ArchiveColumn): string {
  const column = named(role, name);
  if (isText(type)) return `if(isValidUTF8(${column}), concat('t', ${column}), concat('b', base64Encode(${column})))`;
  return isTime(type) ? column : `toString(${column})`;
}

function archivedValue(value: string | null, {type}: ArchiveColumn): ArchivedValue {
  if (value === null) return null;
  if (isText(type)) return value.startsWith('t') ? value.slice(1) : {text: value.slice(1)};
  return /^U?Int\d+$/.test(bareType(type)) ? fromPostgres(value, 'bigint') : value;
}

/** The pieces that these rows are, with the sums of this hash. */
export function piecesOf(
  rows: readonly StoredRow[],
  role: Role,
  {first, last}: Pick<Piece, 'first' | 'last'>,
  hash: 'identity' | 'content',
): Piece[] {
  const pieces = new Map<string, Piece>();
  for (const row of rows) {
    const known = pieces.get(row.partition);
    const digest = plus(known?.digest ?? 0n, row[hash]);
    pieces.set(row.partition, {role, partition: row.partition, rows: (known?.rows ?? 0) + 1, digest, first, last});
  }
  return [...pieces.values()];
}
