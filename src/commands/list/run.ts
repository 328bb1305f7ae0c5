import type {Context} from '../../context.ts';
import {EXIT} from '../../errors.ts';
import {type Connection, passedOver} from '../../flags/connection.ts';
import {type Access, sayNotes, withOutput, withStore} from '../../flags/database.ts';
import {pick} from '../../flags/fields.ts';
import type {Fitting} from '../../flags/fitting.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNext, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import type {FilterAt} from '../../flags/selection.ts';
import {type SeveralProfiles, withEachProfile} from '../../flags/several.ts';
import {append} from '../../lists.ts';
import {costOrigins, unpricedCalls} from '../../render/cost.ts';
import {renderRunList} from '../../render/run-list.ts';
import {isHex} from '../../render/values.ts';
import {wantsIndex} from '../../runs/candidates.ts';
import {INDEX_HINT, MANY_SPANS} from '../../runs/look-up.ts';
import {listPlacesOf, type MergedPage, mergePages, refuseMergedCursor} from '../../runs/merge.ts';
import {readByName, readWidened} from '../../runs/names.ts';
import {cursorAfter, loadRunPage, type PageOptions, type RunPage} from '../../runs/page.ts';
import {loadSortedRuns, type SortedOptions} from '../../runs/sort.ts';
import {labelOf} from '../../store/source.ts';
import type {Store} from '../../store/store.ts';
import {command} from '../../text/shell.ts';
import {type RunFilter, withQueryFlags} from '../../trace/filter.ts';
import {agnoTime} from '../../trace/time.ts';

export interface ListOptions {
  readonly format: Format;
  readonly fields: readonly string[];
  readonly fit: Fitting;
  readonly ascii: boolean | undefined;
  readonly page: Pick<PageOptions, 'limit' | 'patience' | 'prices' | 'folds'>;
  /** Null: newest first. */
  readonly sort: Pick<SortedOptions, 'key' | 'descending'> | null;
  readonly cursor: string | null;
  readonly filterAt: FilterAt;
  readonly access: Access | SeveralProfiles;
}

const LOOKED_THROUGH = 'scanned all spans, because trace rows lack these ids; --last 7d scans fewer';
const THEN = 'spans become trees, runs are found and judged, filters applied, the page cut (src/trace)';

/** Prints one page of runs. */
export default async function list(options: ListOptions, context: Context): Promise<void> {
  const {access} = options;
  if ('profiles' in access) return withOutput(access, context, out => listSeveral(access, options, out));
  await listOne(access, options, context);
}

async function listOne(access: Access, options: ListOptions, context: Context): Promise<void> {
  const {sort, cursor, filterAt} = options;
  refuseMergedCursor(cursor);
  await withStore(access, context, THEN, async (store, out) => {
    const filter = withQueryFlags(filterAt(store.nowMicros()));
    let looked = 0;
    const found = await withProgress(out, 'reading spans', report => {
      const onProgress = (spans: number) => {
        looked = spans;
        report(spans);
      };
      const read = (wanted: RunFilter): Promise<SortedPage> =>
        sort
          ? sortedPage(store, {...options.page, ...sort, filter: wanted, onProgress})
          : loadRunPage(store, {...options.page, filter: wanted, cursor, countsTraffic: true, onProgress});
      const isEmpty = ({runs}: SortedPage) => runs.length === 0;
      // If names were taken as parts, later pages do the same.
      return cursor === null ? readByName(store, filter, {read, isEmpty}) : readWidened(store, filter, {read, isEmpty});
    });
    const page = found.answer;
    const order = page.matched === undefined ? [] : [sortedNote(page, sort!)];
    const notes = [...found.notes, ...order, ...notesOf(page, filter)];
    const isSearch = page.trafficLeftOut === null && !filter.traffic && filter.sinceMicros === null;
    if (isSearch && looked >= MANY_SPANS) {
      notes.push(LOOKED_THROUGH);
      if (await wantsIndex(store, filter)) notes.push(INDEX_HINT);
    }
    if (out.stdout.isTTY) append(notes, whatIsRead(access, context));
    const records = page.runs.map(({record}) => record);
    const nowMicros = store.nowMicros();
    const nextAfter = sort ? undefined : (taken: number) => cursorAfter(page, taken, cursor);
    write(page, {records, nowMicros, notes, next: nextOf(page), sortedBy: sort?.key, nextAfter}, options, out);
  });
}

/** For people, who may have forgotten a variable or a profile. */
function whatIsRead({connection}: Access, context: Context): string[] {
  const passed = passedOver(connection, context);
  return [
    ...(connection.from === '--db' ? [] : [whichOf(connection)]),
    ...(passed === null ? [] : [`${passed} is not read`]),
  ];
}

function whichOf({source, from}: Connection): string {
  // The default file is named by where it is looked for.
  return from.startsWith('./') ? from : `${labelOf(source)} (${from})`;
}

interface SortedPage extends RunPage {
  readonly matched?: number;
}

async function sortedPage(store: Store, options: SortedOptions): Promise<SortedPage> {
  return {...(await loadSortedRuns(store, options)), next: null, left: [], trafficLeftOut: null};
}

/** The note on what the order is based on. */
function sortedNote({matched}: SortedPage, {key, descending}: Pick<SortedOptions, 'key' | 'descending'>): string {
  const order =
    key === 'started' ? (descending ? 'newest' : 'oldest') : `${descending ? 'largest' : 'smallest'} ${key}`;
  return `${order} first, of ${matched} ${matched === 1 ? 'row' : 'rows'}`;
}

/**
 * One page out of several databases. Databases that fail are named, and the exit code shows that the answer is
 * incomplete.
 */
async function listSeveral(access: SeveralProfiles, options: ListOptions, context: Context): Promise<void> {
  const {cursor, filterAt} = options;
  const names = access.profiles.map(({name}) => name);
  const places = listPlacesOf(cursor, names);
  const filter = filterAt(context.nowMicros());
  const profiles = access.profiles.filter(({name}) => places.get(name) !== false);
  const results = await withEachProfile({...access, profiles}, context, THEN, async (store, out, name) =>
    withProgress(out, `reading spans of ${name}`, async onProgress => {
      const own = {...options.page, cursor: places.get(name) || null, countsTraffic: true, onProgress};
      const found = await readWidened(store, withQueryFlags(filterAt(store.nowMicros())), {
        read: wanted => loadRunPage(store, {...own, filter: wanted}),
        isEmpty: ({runs}) => runs.length === 0,
      });
      append(out.notes, found.notes);
      return found.answer;
    }),
  );
  const pageOf = new Map(results.map(({profile, answer}) => [profile, answer]));
  const own = names.map(profile => ({profile, before: places.get(profile)!, page: pageOf.get(profile) ?? null}));
  const page = mergePages(own, options.page.limit);
  const failures = results.flatMap(({failure}) => failure ?? []);
  if (failures.length > 0) context.exitCode = EXIT.unreachable;
  if (access.printSql) {
    append(context.notes, failures);
    return sayNotes(context);
  }
  const judged = {...page, runs: page.runs.map(run => run.judged)};
  const notes = [...notesOf(page, filter), ...failures];
  const records = page.runs.map(({profile, judged: {record}}) => ({profile, ...record}));
  const of = page.runs.map(({profile}) => profile);
  const next = nextOf(judged, of[0]);
  const nextAfter = (taken: number) => mergePages(own, taken).next;
  write(judged, {records, nowMicros: context.nowMicros(), notes, next, profiles: of, nextAfter}, options, context);
  sayNotes(context);
}

interface Written {
  readonly records: readonly object[];
  readonly nowMicros: number;
  readonly notes: readonly string[];
  readonly next: readonly string[];
  readonly profiles?: readonly string[];
  readonly sortedBy?: string;
  /** The cursor after this many of them; absent: this order has none. */
  readonly nextAfter?: ((taken: number) => string | null) | undefined;
}

function write(
  page: Pick<RunPage, 'runs' | 'next'>,
  {records, nowMicros, notes, next, profiles, sortedBy, nextAfter}: Written,
  options: ListOptions,
  out: Context,
): void {
  const {format, fields, fit} = options;
  const items = pick(records, fields);
  const answer = {command: 'list', data: items, items, fields, next: page.next, notes, fit};
  if (writeMachine(out, format, {...answer, ...(nextAfter && fit.skip === 0 ? {nextAfter} : {})})) return;
  if (page.runs.length > 0)
    writeLine(out, renderRunList(page.runs, {...drawingOf(options, out), nowMicros, profiles, sortedBy}));
  writeNote(out, [countOf(page), ...notes, ...costNotesOf(page)].join(' · '));
  for (const text of next) writeNext(out, text);
}

function countOf({runs}: Pick<RunPage, 'runs'>): string {
  if (runs.length === 0) return 'no run matches';
  const whole = runs.filter(({record}) => !record.part && !record.traffic).length;
  const others = [
    [runs.filter(({record}) => record.part).length, 'loose part'],
    [runs.filter(({record}) => record.traffic).length, 'request'],
  ] as const;
  return [
    `${whole} ${whole === 1 ? 'run' : 'runs'}`,
    ...others.filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}${n === 1 ? '' : 's'}`),
  ].join(', ');
}

function notesOf(
  {trafficLeftOut}: Pick<MergedPage, 'trafficLeftOut'>,
  {sinceMicros, untilMicros}: RunFilter,
): string[] {
  const notes: string[] = [];
  if (trafficLeftOut === 'some') notes.push('HTTP requests without a run not shown (--traffic)');
  else if (trafficLeftOut)
    notes.push(
      `${trafficLeftOut} HTTP ${trafficLeftOut === 1 ? 'request' : 'requests'} without a run not shown (--traffic)`,
    );
  if (sinceMicros !== null) notes.push(`since ${agnoTime(sinceMicros)}`);
  if (untilMicros !== null) notes.push(`until ${agnoTime(untilMicros)}`);
  return notes;
}

/** For people; in JSON each run has it. */
function costNotesOf({runs}: Pick<RunPage, 'runs'>): string[] {
  const costs = runs.flatMap(({record}) => record.costs);
  const origins = costOrigins(costs);
  const unpriced = unpricedCalls(costs);
  return [...(unpriced === null ? [] : [unpriced]), ...(origins.length === 0 ? [] : [`cost: ${origins.join(', ')}`])];
}

function nextOf({runs, next}: Pick<RunPage, 'runs' | 'next'>, profile?: string): string[] {
  const first = runs[0]?.record;
  if (!first) return [];
  const {runId} = first;
  // A caller's own id may be used again; for a generated one, its beginning is enough.
  const isOfOne = runId !== null && isHex(runId) && runs.filter(({record}) => record.runId === runId).length === 1;
  const id = isOfOne ? runId.slice(0, 8) : first.traceId.slice(0, 8);
  const show =
    profile === undefined ? command`agno-trace show ${id}` : command`agno-trace show ${id} --profile ${profile}`;
  return [...(next ? [`more: --cursor ${next}`] : []), `next: ${show}`];
}
