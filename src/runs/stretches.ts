import {andOnClickhouse, time} from '../sql/fragments.ts';
import {EMPTY, either, join, raw, type Sql, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import {damaged} from '../store/damaged.ts';
import type {Store} from '../store/store.ts';
import {agnoTime, parseTime} from '../trace/time.ts';

/*
 * Splits long reads into short statements. A table is walked along an indexed column in stretches of rows; the time
 * of the last stretch sizes the next one.
 */

/** A place in the order of a walk: by its column, then by span id. */
export interface WalkPlace {
  readonly value: string | number;
  /** Empty: the lowest place with that value, so that the test uses only the index. */
  readonly id: string;
}

export interface Walk {
  /** Default: spans. */
  readonly over?: 'spans' | 'traces';
  /** An indexed column; default: the start, which both tables have an index on. */
  readonly column?: string;
  /** Smallest values first; default: largest. */
  readonly ascending?: boolean;
  /** Name of the table in the statements; default: `s` for spans, `t` for traces. */
  readonly alias?: string;
  /** Tests that every row of the walk passes. */
  readonly bounds?: readonly Sql[];
  /** Begin below this place; default: at the end of the table. */
  readonly from?: WalkPlace | null;
  /** Read everything that is left in one stretch, because an index answers the test or no writer waits. */
  readonly inOne?: boolean;
  /** Rows in the first stretch. */
  readonly first?: number;
  /** Maximum rows in a stretch; default: set by the store. */
  readonly longest?: number;
  /** How long a statement may take, ms; default: as long as a writer may wait; unlimited if no writer waits. */
  readonly fittingMs?: number;
}

/**
 * How long a statement may take while a writer waits for it, ms: half of what the writer would notice
 * (docs/design.md, Reading without harm).
 */
const FITTING_MS = 25;
const SHORTEST_STRETCH = 50;
/** Used before the speed of this machine is known: cold pages take a hundred times as long as warm ones. */
const FIRST_STRETCH = 1000;

/** Rows of a walk between two places. */
export class Stretch {
  /** Total time of the statements that read it, ms. */
  elapsedMs = 0;
  /**
   * Set by the reader if it found nothing: the next one may be much longer, because a statement costs as much as a
   * thousand spans.
   */
  isEmpty = false;
  /** Its reader chose the row where it ends, so it may be shorter than planned. */
  isCut = false;

  constructor(
    private readonly store: Store,
    private readonly walk: Walk,
    readonly from: WalkPlace | null,
    /** Null: the walk ends with this stretch. */
    public end: WalkPlace | null,
    /** Its number of rows; for the last stretch, the maximum. */
    readonly length: number,
  ) {}

  get isLast(): boolean {
    return this.end === null;
  }

  /** Tests that a row lies in the stretch. */
  get where(): Sql {
    const tests = [...between(this.from, this.end, this.walk), ...(this.walk.bounds ?? [])];
    return join(tests, '\n   and ', anyValue(columnOf(this.walk)));
  }

  /** Runs a statement that reads the stretch; its time sizes the next one. */
  async all<Row>(query: Sql): Promise<Row[]> {
    const rows = await this.store.all<Row>(query);
    this.elapsedMs += this.store.lastStatementMs;
    return rows;
  }

  /** Ends this stretch at this place; the next one begins below it. */
  cutAt(place: WalkPlace): void {
    this.end = place;
    this.isCut = true;
  }
}

/** Walks a table. Read each stretch with its `all` before asking for the next one. */
export async function* stretches(store: Store, walk: Walk): AsyncGenerator<Stretch> {
  const {longest = store.spansPerStatement, first = longest, inOne = false} = walk;
  const fittingMs = walk.fittingMs ?? (store.blocksWriter ? FITTING_MS : Number.POSITIVE_INFINITY);
  let from = walk.from ?? null;
  const {leastRowsPerStatement} = TRAITS[store.dialect];
  let length = Math.min(Math.max(first, leastRowsPerStatement), longest, store.blocksWriter ? FIRST_STRETCH : longest);
  const ends = isTime(walk) && TRAITS[store.dialect].walksByWindows ? new Windows(store, walk) : null;
  for (;;) {
    const end = inOne ? null : await (ends ? ends.endOf(from, length) : endOf(store, walk, from, length));
    const stretch = new Stretch(store, walk, from, end, length);
    yield stretch;
    if (stretch.isLast) return;
    from = stretch.end;
    if (stretch.isCut) continue;
    const grown = Math.min(length * (stretch.isEmpty ? 8 : 2), longest);
    const fitting = Math.floor((length * fittingMs) / Math.max(stretch.elapsedMs, 1));
    length = Math.min(grown, Math.max(SHORTEST_STRETCH, fitting));
  }
}

/**
 * True for text, numbers and bytes (SQLite sorts them in the order numbers, text, bytes). Without a range, SQLite
 * would sort the whole table instead of walking its index.
 */
export const anyTime = (alias: string): Sql => anyValue(raw(`${alias}.start_time`));

const anyValue = (column: Sql): Sql =>
  either({
    sqlite: sql`${column} < x'ff'`,
    postgres: sql`${column} is not null`,
    clickhouse: sql`${column} is not null`,
  });

/** The place where the next `length` rows end, from the index alone; null: the table ends before. */
async function endOf(store: Store, walk: Walk, from: WalkPlace | null, length: number): Promise<WalkPlace | null> {
  const [last] = await store.all<{value: unknown; goes_on?: unknown}>(endStatement(walk, from, length));
  // The pages of a forged file lead back again and again to rows that were already walked.
  if (last?.goes_on === 0) throw damaged(store.label);
  return placeOf(last?.value, walk.ascending ?? false);
}

function endStatement(walk: Walk, from: WalkPlace | null, length: number): Sql {
  const {over = 'spans', ascending = false, bounds = []} = walk;
  const column = columnOf(walk);
  const tests = [...between(from, null, walk), ...bounds];
  const compared = `${ascending ? '>' : '<'}${from?.id === '' ? '' : '='}`;
  const goesOn = from ? sql`, ${column} ${raw(compared)} ${placed(walk, from.value)} as goes_on` : EMPTY;
  return sql`
select ${column} as value${goesOn}
  from ${table(over)} ${raw(aliasOf(walk))}
 where ${join(tests, '\n   and ', anyValue(column))}
 order by ${column} ${raw(ascending ? 'asc' : 'desc')}
 limit 1 offset ${length - 1}`;
}

/**
 * SQLite allows bytes in a text column and sorts them last. No text comes after them, so they end an upward walk; in
 * a downward walk, every text is below them.
 */
function placeOf(value: unknown, ascending: boolean): WalkPlace | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'number') return {value, id: ''};
  return ascending ? null : {value: String(value), id: ''};
}

const DAY_MICROS = 86_400_000_000;
const WINDOWS_MICROS = [DAY_MICROS, 31 * DAY_MICROS, 366 * DAY_MICROS];

/**
 * Finds where the stretches of a walk by time end if no index tells: it looks at the rows of a day, and if there are
 * too few, at those of a month, a year, everything. The next call begins with the width that was enough last.
 */
class Windows {
  private width = 0;

  constructor(
    private readonly store: Store,
    private readonly walk: Walk,
  ) {}

  async endOf(from: WalkPlace | null, length: number): Promise<WalkPlace | null> {
    const {store, walk} = this;
    const start = parseTime(from?.value);
    for (; this.width < WINDOWS_MICROS.length; this.width++) {
      const micros = WINDOWS_MICROS[this.width]!;
      if (start === null) {
        const {end, isAll} = await this.firstEnd(micros, length);
        if (end || isAll) return end;
        continue;
      }
      const far = time(agnoTime(start + (walk.ascending ? 1 : -1) * micros));
      const end = await endOf(store, this.within(far), from, length);
      if (end) return end;
    }
    return endOf(store, walk, from, length);
  }

  private within(far: Sql): Walk {
    const {walk} = this;
    const bound = sql`${columnOf(walk)} ${raw(walk.ascending ? '<=' : '>=')} ${far}`;
    return {...walk, bounds: [...(walk.bounds ?? []), bound]};
  }

  /** Of the first stretch, at the table's end: how many rows there are is known without reading them. */
  private async firstEnd(micros: number, length: number): Promise<{end: WalkPlace | null; isAll: boolean}> {
    const {over = 'spans', ascending = false, bounds = []} = this.walk;
    const rows = sql`from ${table(over)} ${raw(aliasOf(this.walk))}${bounds.length > 0 ? sql` where ${join(bounds, ' and ')}` : EMPTY}`;
    const outermost = sql`(select ${raw(ascending ? 'min' : 'max')}(${columnOf(this.walk)}) ${rows})`;
    const far = sql`${outermost} ${raw(ascending ? '+' : '-')} toIntervalMicrosecond(${micros})`;
    const [found] = await this.store.all<{value: unknown; total: unknown}>(sql`
select (${endStatement(this.within(far), null, length)}) as value, (select count(*) ${rows}) as total`);
    return {end: placeOf(found?.value, ascending), isAll: Number(found?.total ?? 0) < length};
  }
}

const aliasOf = ({alias, over}: Walk): string => alias ?? (over === 'traces' ? 't' : 's');

function isTime({column = 'start_time'}: Walk): boolean {
  return column === 'start_time' || column === 'created_at';
}

/** A value of the walk's column, in the form it is compared with. */
function placed(walk: Walk, value: string | number): Sql {
  return isTime(walk) ? time(value) : sql`${value}`;
}

function columnOf(walk: Walk): Sql {
  return raw(`${aliasOf(walk)}.${walk.column ?? 'start_time'}`);
}

/** Tests on rows after one place of the walk and up to another, in the table's order. */
export function between(from: WalkPlace | null, end: WalkPlace | null, walk: Walk = {}): Sql[] {
  const column = columnOf(walk);
  const [beyond, upTo] = walk.ascending ? ['>', '<='] : ['<', '>='];
  const at = ({value, id}: WalkPlace, compared: string) =>
    id === ''
      ? sql`${column} ${raw(compared)} ${placed(walk, value)}`
      : sql`(${column}, s.span_id) ${raw(compared)} (${placed(walk, value)}, ${id})${andOnClickhouse(sql`${column} ${raw(compared.replace(/=?$/, '='))} ${placed(walk, value)}`)}`;
  return [...(from ? [at(from, beyond)] : []), ...(end ? [at(end, upTo)] : [])];
}

export interface PassedSpans {
  readonly stretch: Stretch;
  /** Spans that pass the test, newest first. */
  readonly rows: readonly {readonly traceId: string; readonly spanId: string}[];
  /** Spans examined so far. */
  readonly looked: number;
}

/**
 * Walks the spans backwards by start time, over Agno's own index, and returns the ids of those that pass. Each
 * stretch takes two plain range reads: numbering the rows in one statement took four times as long (SQLite, 1.1
 * million spans: 6.2 s for the whole table).
 * @param test on one span, `s`
 * @param most rows that may pass in the first stretch, which is cut there; the next one may have twice as many
 */
export async function* spansThatPass(
  store: Store,
  test: Sql,
  {
    most = Number.POSITIVE_INFINITY,
    ...walk
  }: Pick<Walk, 'bounds' | 'from' | 'inOne' | 'first' | 'fittingMs'> & {most?: number},
): AsyncGenerator<PassedSpans> {
  // Without this order Postgres would use the index of the test instead of walking by the column.
  const order = walk.inOne
    ? either({sqlite: raw("s.start_time || ''"), postgres: raw("s.start_time || ''"), clickhouse: raw('s.start_time')})
    : raw('s.start_time');
  let mostRows = most;
  let looked = 0;
  for await (const stretch of stretches(store, walk)) {
    const rows = await stretch.all<{trace_id: unknown; span_id: unknown; start_time: unknown}>(sql`
select s.trace_id, s.span_id, s.start_time
  from ${table('spans')} s
 where ${stretch.where}
   and (${test})
 order by ${order} desc, s.span_id desc${raw(Number.isFinite(mostRows) ? `\n limit ${mostRows}` : '')}`);
    if (rows.length === mostRows) {
      const last = rows.at(-1)!;
      stretch.cutAt({value: String(last.start_time), id: String(last.span_id)});
      mostRows *= 2;
    }
    stretch.isEmpty = rows.length === 0;
    looked += stretch.isCut || walk.inOne ? rows.length : stretch.length;
    yield {
      stretch,
      rows: rows.map(row => ({traceId: String(row.trace_id), spanId: String(row.span_id)})),
      looked,
    };
  }
}
