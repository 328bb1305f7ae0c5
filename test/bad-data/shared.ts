import type {Backend} from '../databases.ts';
import {IS_LONG} from '../long.ts';
import {ATTRIBUTES} from './attributes.ts';
import type {Case} from './case.ts';
import {GOOD, type Row, type Rows, rows, run} from './rows.ts';
import {SHAPES} from './shapes.ts';
import {TIMES} from './times.ts';
import {TYPES} from './types.ts';

const CHAPTERS: Readonly<Record<string, readonly Case[]>> = {
  'attributes (A)': ATTRIBUTES,
  'types (B)': TYPES,
  'times (C)': TIMES,
  'shapes (D)': SHAPES,
};

/** The words that tell the runs of one case apart, with which all their ids begin. */
const WORDS = ['bad0', '07e2', '10aa', '10bb', '7b1d', '5a01', '5a02', '5a03'];

/** A case in a database that it may share: its words are written and read back as words that only it has there. */
export interface Placed {
  readonly bad: Case;
  readonly rows: Rows;
  readonly toDatabase: (text: string) => string;
  readonly fromDatabase: (text: string) => string;
}

export interface BadDatabase {
  readonly name: string;
  readonly cases: readonly Placed[];
  readonly tables: Case['tables'];
  readonly after: Case['after'];
  readonly flags: readonly string[];
}

/**
 * The catalogue on a database, in as few databases as it can be: as real tables hold what is bad, many kinds of it beside
 * each other. By itself is what changes the tables or spoils the whole; in the long suite every case.
 */
export function badDatabases(backend: Backend, areAllAlone = IS_LONG): BadDatabase[] {
  const databases: BadDatabase[] = [];
  for (const [chapter, all] of Object.entries(CHAPTERS)) {
    const cases = all.filter(({on}) => on?.includes(backend) ?? true);
    const isAlone = ({after, flags, refused, mayRefuse, isLarge}: Case) =>
      Boolean(areAllAlone || after || flags || refused || mayRefuse || isLarge);
    for (const bad of cases.filter(isAlone)) databases.push(databaseOf(bad.name, [bad]));
    const together = cases.filter(bad => !isAlone(bad));
    for (const tables of new Set(together.map(bad => bad.tables))) {
      const some = together.filter(bad => bad.tables === tables);
      databases.push(databaseOf(tables ? some.map(({name}) => name).join(', ') : chapter, some));
    }
  }
  return databases;
}

function databaseOf(name: string, cases: readonly Case[]): BadDatabase {
  const [{tables, after, flags = []}] = cases as [Case];
  return {name, cases: cases.map((bad, i) => placed(bad, cases.length === 1 ? null : i)), tables, after, flags};
}

/** @param place null: nothing else is there, so its ids are those of the catalogue */
function placed(bad: Case, place: number | null): Placed {
  const others = WORDS.map((word, i) =>
    place === null ? word : `f${(place * WORDS.length + i).toString(16).padStart(3, '0')}`,
  );
  const toDatabase = replacing(WORDS, others);
  return {bad, rows: renamed(bad.bad, toDatabase), toDatabase, fromDatabase: replacing(others, WORDS)};
}

function replacing(from: readonly string[], to: readonly string[]): (text: string) => string {
  const pattern = new RegExp(from.join('|'), 'gi');
  return text =>
    text.replace(pattern, found => {
      const other = to[from.indexOf(found.toLowerCase())]!;
      return found === found.toLowerCase() ? other : other.toUpperCase();
    });
}

function renamed({traces, spans}: Rows, name: (text: string) => string): Rows {
  const row = (cells: Row): Row =>
    Object.fromEntries(
      Object.entries(cells).map(([column, cell]) => {
        if (typeof cell === 'string') return [column, name(cell)];
        if (Buffer.isBuffer(cell)) return [column, Buffer.from(name(cell.toString('latin1')), 'latin1')];
        if (typeof cell === 'object' && cell !== null) return [column, {sql: name(cell.sql)}];
        return [column, cell];
      }),
    );
  return {traces: traces.map(row), spans: spans.map(row)};
}

/** The good run first; the order of writing decides nothing. */
export function rowsOf({cases}: BadDatabase): Rows {
  return rows(run({ids: GOOD}), ...cases.map(placed => placed.rows));
}
