import {closest} from '../closest.ts';
import type {Store} from '../store/store.ts';
import {NO_FILTER, type Query, type RunFilter, takesEveryRun} from '../trace/filter.ts';
import {type JudgedRun, spansOfParts} from '../trace/record.ts';
import {PATIENCE} from '../trace/runs.ts';
import {isoTime} from '../trace/time.ts';
import {displayName} from '../trace/tree.ts';
import {loadRunPage} from './page.ts';

/** How many of the newest runs provide known names without a search. */
export const NEWEST = 100;
/** How many names a note lists. */
const MOST_NAMED = 5;

interface Names {
  /** The word for it in a note. */
  readonly word: string;
  readonly of: (judged: JudgedRun) => readonly (string | null)[];
  readonly idOf?: (judged: JudgedRun) => string | null;
}

const component = (kind: 'agent' | 'team' | 'workflow', id: 'agentId' | 'teamId' | 'workflowId'): Names => ({
  word: kind,
  of: ({record}) => (record.kind === kind ? [record.name] : []),
  idOf: ({record}) => (record.kind === kind ? record[id] : null),
});

/** Fields of a filter that hold names. */
const NAMED = {
  agents: component('agent', 'agentId'),
  teams: component('team', 'teamId'),
  workflows: component('workflow', 'workflowId'),
  models: {word: 'model', of: ({record}) => record.models},
  tools: {
    word: 'tool',
    of: judged => spansOfParts(judged).map(span => (span.kind === 'tool' ? (span.toolName ?? span.name) : null)),
  },
  names: {word: 'span', of: judged => spansOfParts(judged).flatMap(span => [span.name, displayName(span)])},
} as const satisfies Readonly<Record<string, Names>>;
type Named = keyof typeof NAMED;
const FIELDS = Object.keys(NAMED) as readonly Named[];

/** The answer to a filter, and what the reader must know about it. */
interface Found<T> {
  readonly answer: T;
  readonly notes: readonly string[];
}

/**
 * Reads what a filter selects. If that is nothing, a name that no run has is taken as part of a name (docs/design.md,
 * Interface), and notes say so, or say where the data is.
 * @param read called a second time if names were taken as parts
 */
export async function readByName<T>(
  store: Store,
  filter: RunFilter,
  {read, isEmpty}: {read: (filter: RunFilter) => Promise<T>; isEmpty: (answer: T) => boolean},
): Promise<Found<T>> {
  const answer = await read(filter);
  if (!isEmpty(answer)) return {answer, notes: []};
  const words = wordsIn(filter);
  if (words.length > 0) {
    const known = await newestRuns(store, NEWEST);
    const unknown = words.filter(word => !isKnown(word, known));
    if (unknown.length > 0) {
      const wide = await read(widened(filter, unknown));
      return isEmpty(wide)
        ? {
            answer,
            notes:
              known.length === 0 ? [`no traces yet. ${NO_TRACES}`] : notesAbout(unknown, word => nearMiss(word, known)),
          }
        : {answer: wide, notes: notesAbout(unknown, word => takenAsPart(word, known))};
    }
  }
  return {answer, notes: await whereTheDataIs(store, filter)};
}

/**
 * Like `readByName`, for callers whose empty answer needs no note: a later page, one of several databases, the
 * screens. Also returns the filter that gave the answer, for the pages after it.
 */
export async function readWidened<T>(
  store: Store,
  filter: RunFilter,
  {read, isEmpty}: {read: (filter: RunFilter) => Promise<T>; isEmpty: (answer: T) => boolean},
): Promise<Found<T> & {readonly filter: RunFilter}> {
  const answer = await read(filter);
  const asItStands = {answer, filter, notes: []};
  if (!isEmpty(answer) || !asksForNames(filter)) return asItStands;
  const {widen, notes, isWider} = await takeNames(store, filter);
  if (!isWider) return asItStands;
  const wide = await read(widen(filter));
  return isEmpty(wide) ? asItStands : {answer: wide, filter: widen(filter), notes};
}

/** Like `takeNames`, for a command that has only `-q`. */
export async function takeQuery(
  store: Store,
  query: Query | null,
): Promise<{readonly query: Query | null; readonly notes: readonly string[]}> {
  const {widen, notes} = await takeNames(store, {...NO_FILTER, query});
  return {query: widen({...NO_FILTER, query}).query, notes};
}

/** How names are taken when the answer cannot be read a second time. */
export interface TakenNames {
  readonly widen: (filter: RunFilter) => RunFilter;
  /** Some names were taken as parts. */
  readonly isWider: boolean;
  readonly notes: readonly string[];
}

/**
 * Takes a name in a filter as part of a name if none of the newest runs has that name but some runs have a name that
 * contains it.
 */
export async function takeNames(store: Store, filter: RunFilter): Promise<TakenNames> {
  const words = wordsIn(filter);
  const known = words.length === 0 ? [] : await newestRuns(store, NEWEST);
  const unknown = words.filter(word => !isKnown(word, known));
  const taken = unknown.filter(word => namesWith(word, known).length > 0);
  const missing = unknown.filter(word => !taken.includes(word));
  return {
    widen: wanted => widened(wanted, taken),
    isWider: taken.length > 0,
    notes: [
      ...notesAbout(taken, word => takenAsPart(word, known)),
      ...notesAbout(missing, word => nearMiss(word, known)),
    ],
  };
}

export function asksForNames(filter: RunFilter): boolean {
  return wordsIn(filter).length > 0;
}

export const NO_TRACES =
  'Turn on tracing (AgentOS(tracing=True) or setup_tracing(db=…)) and run an agent; agno-trace doctor checks the rest.';

export async function newestRuns(store: Store, limit: number): Promise<readonly JudgedRun[]> {
  return (await loadRunPage(store, {filter: NO_FILTER, limit, cursor: null, patience: PATIENCE})).runs;
}

interface Word {
  readonly field: Named;
  readonly text: string;
}

/** The complete names in a filter. Patterns and negated names are taken exactly as written. */
function wordsIn(filter: RunFilter): Word[] {
  const ofFlags = FIELDS.flatMap(field => filter[field].filter(isWhole).map(text => ({field, text})));
  return [...ofFlags, ...(filter.query ? wordsOfQuery(filter.query) : [])];
}

function wordsOfQuery(query: Query): Word[] {
  if (query.type === 'and' || query.type === 'or') return query.parts.flatMap(wordsOfQuery);
  return query.type === 'flag' ? wordsIn(query.filter) : [];
}

const isWhole = (glob: string) => !/[*?]/.test(glob.replace(/\\./g, ''));
/** As typed; and in lower case, as names are compared. */
const typedOf = (glob: string) => glob.replace(/\\([*?\\])/g, '$1');
const textOf = (glob: string) => typedOf(glob).toLowerCase();

function widened(filter: RunFilter, words: readonly Word[]): RunFilter {
  const lists = FIELDS.map(field => [
    field,
    filter[field].map(text => (words.some(word => word.field === field && word.text === text) ? `*${text}*` : text)),
  ]);
  return {...filter, ...Object.fromEntries(lists), query: filter.query && widenedQuery(filter.query, words)};
}

function widenedQuery(query: Query, words: readonly Word[]): Query {
  if (query.type === 'and' || query.type === 'or')
    return {...query, parts: query.parts.map(part => widenedQuery(part, words))};
  return query.type === 'flag' ? {...query, filter: widened(query.filter, words)} : query;
}

function namesOf(field: Named, known: readonly JudgedRun[]): string[] {
  return [...new Set(known.flatMap((judged): readonly (string | null)[] => NAMED[field].of(judged)))].filter(
    name => name !== null,
  );
}

function isKnown({field, text}: Word, known: readonly JudgedRun[]): boolean {
  const {idOf}: Names = NAMED[field];
  const ids = idOf ? known.map(idOf) : [];
  return [...namesOf(field, known), ...ids].some(name => name?.toLowerCase() === textOf(text));
}

function namesWith({field, text}: Word, known: readonly JudgedRun[]): string[] {
  return namesOf(field, known).filter(name => name.toLowerCase().includes(textOf(text)));
}

function takenAsPart(word: Word, known: readonly JudgedRun[]): string {
  return `${isCalled(word)}; using it as a part of the name${listed(namesWith(word, known))}`;
}

function nearMiss(word: Word, known: readonly JudgedRun[]): string {
  const names = namesOf(word.field, known);
  const holding = namesWith(word, known);
  if (holding.length > 0) return `${isCalled(word)}, and no run of ${holding.slice(0, MOST_NAMED).join(', ')} matches`;
  const near = closest(textOf(word.text), [...names, ...names.flatMap(name => name.split(/[\s_./-]+/))]);
  const meant = near === null ? undefined : names.find(name => name.includes(near));
  return `${isCalled(word)}${meant === undefined ? listed(names) : `; did you mean "${meant}"?`}`;
}

/** A note on each of the first words; a command line may have a thousand. */
function notesAbout(words: readonly Word[], noteOf: (word: Word) => string): string[] {
  const more = words.length - MOST_NAMED;
  const notes = words.slice(0, MOST_NAMED).map(noteOf);
  return more > 0 ? [...notes, `the same for ${more} more ${more === 1 ? 'name' : 'names'}`] : notes;
}

/** Only the newest runs are known here. */
function isCalled({field, text}: Word): string {
  return `no ${NAMED[field].word} of the newest runs is called "${typedOf(text)}"`;
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return '';
  const more = names.length - MOST_NAMED;
  return `: ${names.slice(0, MOST_NAMED).join(', ')}${more > 0 ? `, and ${more} more` : ''}`;
}

/** Says that a window, or the whole database, has no runs. A filter with further conditions gets no such note. */
async function whereTheDataIs(store: Store, filter: RunFilter): Promise<string[]> {
  if (!takesEveryRun(filter, ['sinceMicros', 'untilMicros', 'traffic'])) return [];
  const [newest] = await newestRuns(store, 1);
  if (!newest) return [`no traces yet. ${NO_TRACES}`];
  const {startMicros} = newest.run;
  if (filter.sinceMicros === null || startMicros === null || startMicros >= filter.sinceMicros) return [];
  const days = Math.ceil((store.nowMicros() - startMicros) / 86_400_000_000);
  return [`the newest run began at ${isoTime(startMicros)!.slice(0, 16)}Z: --last ${days}d includes it`];
}
