import {existsSync, statSync} from 'node:fs';
import path from 'node:path';
import {EXIT, FileRefused, fileReason, UserError} from '../errors.ts';
import type {Prices} from '../prices/prices.ts';
import {time} from '../sql/fragments.ts';
import {raw, type Sql, sql, table} from '../sql/sql.ts';
import {TRAITS} from '../sql/traits.ts';
import type {Env} from '../store/source.ts';
import {asking, type Store} from '../store/store.ts';
import {agnoTime, isoTime} from '../trace/time.ts';
import {ALL_DAYS, type DayRange, dayAfter, without} from './days.ts';
import {FactsFile, Overtaken} from './file.ts';
import {factsFile, factsFolder, factsParts, keptAttributes, keptFactsOf, removeFacts, removeUnused} from './place.ts';
import {FACTS_VERSION} from './schema.ts';
import {FactsUpdater} from './updater.ts';

export interface FactsOptions {
  readonly env: Env;
  readonly cwd: string;
  readonly prices: Prices;
  /** The time range of the question; microseconds, null: no bound. */
  readonly sinceMicros: number | null;
  readonly untilMicros: number | null;
  /** Attributes that the question needs: facts that are made for it alone have them. */
  readonly attributes?: readonly string[];
  readonly onProgress?: (spans: number, total: number | null) => void;
}

/** Facts that are complete and current for the question. */
export interface Facts {
  all<Row>(query: Sql): Row[];
  run(query: Sql): number;
  /** Null: they are in memory, for this question only. */
  readonly path: string | null;
  /** The attributes in `run_attributes`. */
  readonly attributes: readonly string[];
  /** Spans that had to be read for the question. */
  readonly spansRead: number;
  /** What a reader of the answer must know, one line each. */
  readonly notices: readonly string[];
  close(): void;
}

/** How long a write waits for another process, ms; after that the question computes its own facts. */
const BUSY_MS = 2000;

/** The facts of a source: kept in a file and brought up to date, or, if the file cannot be used, computed in memory. */
export async function openFacts(store: Store, options: FactsOptions): Promise<Facts> {
  const folder = factsFolder(options.env, options.cwd);
  const range = daysOf(options);
  const notices: string[] = [];
  const {name, keepsFacts} = TRAITS[store.dialect];
  if (!keepsFacts) notices.push(`facts are made for this question alone: of ${name} none are kept yet`);
  else if (folder !== null && !store.label.startsWith('archive:')) {
    try {
      const kept = asking(store, keptAttributes(folder, store));
      return await keptFacts(kept, factsFile(folder, store, options.prices), range, options, notices);
    } catch (error) {
      const why = reasonOf(error);
      if (why === null) throw error;
      notices.push(`facts are computed in memory for this question: ${why}`);
    }
  }
  const file = await FactsFile.open(null, BUSY_MS);
  try {
    const asked = asking(store, options.attributes ?? []);
    const updater = new FactsUpdater(asked, file, options);
    await updater.fill(range);
    return factsIn(file, updater, notices, null, asked.asks);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** Up to this many new spans are read before an answer that the tables themselves could also give. */
const FEW_SPANS = 5000;

/**
 * The facts of a source if they are kept, cover these days and need little to become current.
 * @returns null otherwise; then nothing was read for them
 */
export async function openKeptFacts(store: Store, options: FactsOptions): Promise<Facts | null> {
  const place = keptFactsOf(store, options);
  if (place === null) return null;
  const range = daysOf(options);
  try {
    const file = await FactsFile.open(place, BUSY_MS);
    try {
      const updater = new FactsUpdater(asking(store, keptAttributes(path.dirname(place), store)), file, options);
      if (without(range, updater.ranges()).length === 0 && (await hasFewNewSpans(store, file))) {
        await updater.bring(range);
        return factsIn(file, updater, [], mostBytesOf(options.env));
      }
    } catch (error) {
      file.close();
      throw error;
    }
    file.close();
    return null;
  } catch (error) {
    if (reasonOf(error) === null) throw error;
    return null;
  }
}

/**
 * Reads a file of facts as it was left, without a look at the database: what is usual does not change with the newest run.
 * @returns null where it cannot be read now
 */
export async function readFactsAsKept<T>(place: string, read: (facts: Pick<Facts, 'all'>) => T): Promise<T | null> {
  try {
    const file = await FactsFile.open(place, 0);
    try {
      return read(file);
    } finally {
      file.close();
    }
  } catch (error) {
    if (reasonOf(error) === null) throw error;
    return null;
  }
}

async function hasFewNewSpans(store: Store, file: FactsFile): Promise<boolean> {
  const [newest] = file.all<{start: number | null}>(sql`select max(start_micros) as start from span_facts`);
  if (newest?.start == null) return false;
  const rows = await store.all(
    sql`select s.span_id from ${table('spans')} s where s.start_time > ${time(agnoTime(newest.start))} limit ${FEW_SPANS}`,
  );
  return rows.length < FEW_SPANS;
}

async function keptFacts(
  store: Store,
  place: string,
  range: DayRange,
  options: FactsOptions,
  notices: string[],
): Promise<Facts> {
  let file: FactsFile;
  try {
    file = await FactsFile.open(place, BUSY_MS);
  } catch (error) {
    if (!/SQLITE_(CORRUPT|NOTADB)/.test(codeOf(error))) throw error;
    removeFacts(place);
    notices.push('the facts file was damaged; rebuilding it');
    file = await FactsFile.open(place, BUSY_MS);
  }
  try {
    const updater = new FactsUpdater(store, file, options);
    await updater.bring(range);
    if (updater.spansRead > 0) removeUnused(place, Date.now());
    return factsIn(file, updater, notices, mostBytesOf(options.env), store.asks);
  } catch (error) {
    file.close();
    throw error;
  }
}

/** 2 GiB hold about 5 million spans. */
const MOST_BYTES = 2 * 1024 ** 3;

/** AGNO_TRACE_CACHE_MB limits the facts of one source. */
function mostBytesOf({AGNO_TRACE_CACHE_MB: megabytes}: Env): number {
  const bytes = Number(megabytes ?? Number.NaN) * 1024 ** 2;
  return Number.isFinite(bytes) && bytes > 0 ? bytes : MOST_BYTES;
}

/** Which of these attributes facts would not have, because they are kept without them. */
export function attributesNotKept(
  store: Store,
  attributes: readonly string[],
  {env, cwd}: Pick<FactsOptions, 'env' | 'cwd'>,
): string[] {
  const folder = factsFolder(env, cwd);
  if (folder === null || store.label.startsWith('archive:') || !TRAITS[store.dialect].keepsFacts) return [];
  const kept = attributes.length === 0 ? [] : keptAttributes(folder, store);
  return attributes.filter(attribute => !kept.includes(attribute));
}

function factsIn(
  file: FactsFile,
  updater: FactsUpdater,
  notices: readonly string[],
  mostBytes: number | null,
  attributes: readonly string[] = [],
): Facts {
  return {
    all: query => file.all(query),
    run: query => file.run(query),
    path: file.path,
    attributes,
    spansRead: updater.spansRead,
    notices: [...notices, ...updater.notices],
    close: () => {
      try {
        if (mostBytes !== null) updater.trim(mostBytes);
      } catch (error) {
        // The answer is already there; the next question will find them too large again.
        if (reasonOf(error) === null) throw error;
      } finally {
        file.close();
      }
    },
  };
}

function codeOf(error: unknown): string {
  return String((error as {code?: unknown}).code ?? '');
}

/** Why the file cannot be used, in words; null: the error has another cause. */
function reasonOf(error: unknown): string | null {
  if (error instanceof Overtaken) return 'other processes keep writing them';
  const code = codeOf(error);
  if (/^SQLITE_(BUSY|LOCKED)/.test(code)) return 'another process is writing them';
  if (/^SQLITE_FULL|^ENOSPC|^EDQUOT/.test(code)) return 'the disk is full';
  if (/^SQLITE_(READONLY|CANTOPEN|PERM|IOERR|CORRUPT|NOTADB)/.test(code)) return `their file cannot be used (${code})`;
  if (error instanceof FileRefused || (error as NodeJS.ErrnoException).syscall !== undefined)
    return `their file cannot be used: ${fileReason(error)}`;
  return null;
}

function daysOf({sinceMicros, untilMicros}: FactsOptions): DayRange {
  const day = (micros: number) => new Date(Math.floor(micros / 1000)).toISOString().slice(0, 10);
  return {
    from: sinceMicros === null ? ALL_DAYS.from : day(sinceMicros),
    until: untilMicros === null ? ALL_DAYS.until : dayAfter(day(untilMicros - 1)),
  };
}

/** Counting larger facts takes too long. */
const QUICKLY_COUNTED_BYTES = 100 * 1024 ** 2;

/**
 * The number of runs when facts of all days were last updated.
 * @returns null if they are not kept, do not cover all days, or are too many to be counted at once
 */
export async function keptRuns(place: string): Promise<{runs: number; takenInAt: string} | null> {
  if (!existsSync(place) || statSync(place).size > QUICKLY_COUNTED_BYTES) return null;
  try {
    const file = await FactsFile.open(place, 0);
    try {
      const [range, ...others] = file.all<DayRange>(sql`select from_day as "from", until_day as until from ranges`);
      const takenInAt = isoTime(Number(file.about('asked') ?? Number.NaN));
      const isWhole = range?.from === ALL_DAYS.from && range.until === ALL_DAYS.until && others.length === 0;
      if (!isWhole || takenInAt === null) return null;
      const [counted] = file.all<{runs: number}>(sql`select count(*) as runs from run_facts where ${WHOLE_RUN}`);
      return {runs: counted!.runs, takenInAt};
    } finally {
      file.close();
    }
  } catch (error) {
    if (reasonOf(error) === null) throw error;
    return null;
  }
}

const WHOLE_RUN = raw('part = 0 and traffic = 0 and sequel = 0');

/** Describes a file of facts, without the database; figures are null if there is no file. */
export async function factsStatus(place: string, source: string) {
  const nothing = {bytes: null, spans: null, runs: null, traces: null, days: [], takenInAt: null, version: null};
  if (!existsSync(place)) return {source, path: place, ...nothing};
  const file = await FactsFile.open(place, BUSY_MS).catch(error => {
    const why = reasonOf(error);
    if (why === null) throw error;
    throw new UserError(EXIT.unreachable, `the facts in "${place}" cannot be read: ${why}.`, {
      hint: 'agno-trace facts clear removes the file; AGNO_TRACE_CACHE sets another folder.',
      cause: error,
    });
  });
  try {
    const [counts] = file.all<{spans: number; runs: number; traces: number}>(sql`
select (select count(*) from span_facts) as spans, (select count(*) from trace_facts) as traces,
       (select count(*) from run_facts where ${WHOLE_RUN}) as runs`);
    const ranges = file.all<{from: string | null; until: string | null}>(
      sql`select nullif(from_day, '') as "from", nullif(until_day, '~') as "until" from ranges order by from_day`,
    );
    const asked = file.about('asked');
    return {
      source,
      path: place,
      bytes: factsParts(place).reduce((sum, part) => sum + statSync(part).size, 0),
      ...counts!,
      days: ranges,
      takenInAt: asked === null ? null : isoTime(Number(asked)),
      version: FACTS_VERSION,
    };
  } finally {
    file.close();
  }
}
