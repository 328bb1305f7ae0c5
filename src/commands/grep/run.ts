import {setTimeout as sleep} from 'node:timers/promises';
import type {Context} from '../../context.ts';
import {EXIT} from '../../errors.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {Ending} from '../../flags/ending.ts';
import {pick} from '../../flags/fields.ts';
import {type Fitting, Room} from '../../flags/fitting.ts';
import {columnsOf, type Format, lookOf, writeLine, writeMachine, writeNext, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import type {FilterAt} from '../../flags/selection.ts';
import {append} from '../../lists.ts';
import {type DrawnHit, hitLine, renderCounts, renderRunHits, wholeRunId} from '../../render/grep.ts';
import {renderJsonLines} from '../../render/json.ts';
import {count} from '../../render/values.ts';
import {takeNames} from '../../runs/names.ts';
import type {Store} from '../../store/store.ts';
import {trusted} from '../../text/safe.ts';
import {command} from '../../text/shell.ts';
import {NO_FILTER, type RunFilter, withQueryFlags} from '../../trace/filter.ts';
import type {SearchPlace} from '../../trace/places.ts';
import type {JudgedRun} from '../../trace/record.ts';
import type {Patience} from '../../trace/runs.ts';
import {isoTime} from '../../trace/time.ts';
import {displayName} from '../../trace/tree.ts';
import {LONGEST_TEXT, type Pattern} from './pattern.ts';
import {countSearched, grepRuns, type Hit, type RunHits, type Searched} from './search.ts';

const THEN =
  'runs are found and judged (src/trace), and the texts of their spans matched line by line; spans that cannot match are not read';
/** The line of a hit is cut to this many characters around its first match. */
const LONGEST_LINE = 10_000;

export interface GrepCommandOptions {
  readonly format: Format;
  readonly shape: 'hits' | 'count' | 'runs';
  readonly fields: readonly string[];
  readonly fit: Fitting;
  /** Hits, or runs; 0: all. */
  readonly limit: number;
  readonly pattern: Pattern;
  /** The pattern as it was typed. */
  readonly text: string;
  readonly places: readonly SearchPlace[];
  /** Number of lines before and after each hit. */
  readonly linesAround: number;
  /** Also report a text that occurs again in a run. */
  readonly repeats: boolean;
  readonly ascii: boolean | undefined;
  readonly patience: Patience;
  readonly filterAt: FilterAt;
  readonly access: Access;
}

/** Prints matching lines, run by run, as they are found. */
export default async function grep(options: GrepCommandOptions, context: Context): Promise<void> {
  const {shape, pattern, text, places, patience, repeats} = options;
  const ending = new Ending(null);
  try {
    await withStore(options.access, context, THEN, async (store, out) => {
      const typed = options.filterAt(store.nowMicros());
      const {widen, notes} = await takeNames(store, typed);
      append(context.notes, notes);
      const {runs, spans: wanted} = split(widen(typed));
      const searched: Searched = {
        spans: 0,
        runs: 0,
        isWalked: () => false,
        firstMicros: null,
        lastMicros: null,
      };
      const told = new Told(options, lookOf(options, out), out, store);
      await withProgress(out, 'searching', async (onProgress, clear) => {
        const found = grepRuns(
          store,
          {
            pattern,
            filter: withQueryFlags(runs),
            spans: wanted,
            places: new Set(places),
            context: options.linesAround,
            repeats,
            firstOnly: shape === 'runs',
            patience,
            signal: ending.signal,
            onProgress,
          },
          searched,
        );
        try {
          for await (const hits of found) {
            clear();
            told.tell(hits);
            await out.stdout.drained?.();
            if (told.isFull || told.hasNoRoom) break;
          }
        } catch (error) {
          // Results so far stay; the walk ended because it was asked to stop.
          if (!ending.signal.aborted) throw error;
        }
      });
      const spans = await Promise.race([countSearched(store, runs, searched), lately(ending.signal, searched)]);
      const isWhole = !ending.signal.aborted && !pattern.isExhausted;
      told.end(
        notesOf({...searched, spans}, pattern, told, ending.signal.aborted),
        isWhole ? `nothing matches "${text}"` : 'nothing found',
      );
      if (pattern.isExhausted) out.exitCode = EXIT.stopped;
      if (ending.signalCode !== null) out.exitCode = ending.signalCode;
    });
  } finally {
    ending.dispose();
  }
}

/** How long stopping may wait for a count. */
const COUNTED_IN_MS = 300;

/** When asked to stop: the number of spans known by then. */
async function lately(signal: AbortSignal, searched: Searched): Promise<number> {
  if (!signal.aborted) await new Promise(resolve => signal.addEventListener('abort', resolve, {once: true}));
  await sleep(COUNTED_IN_MS, undefined, {ref: false});
  return searched.spans;
}

/** Separates the filters for the searched spans from those for their runs. */
function split({kinds, models, tools, names, ...rest}: RunFilter): {runs: RunFilter; spans: RunFilter} {
  return {
    runs: {...rest, kinds: [], models: [], tools: [], names: []},
    spans: {...NO_FILTER, kinds, models, tools, names},
  };
}

/** Prints results as they are found, and counts them. */
class Told {
  hits = 0;
  runs = 0;
  /** There are more than requested. */
  isFull = false;
  private first: JudgedRun | null = null;
  private readonly items: Record<string, unknown>[] = [];
  private readonly room: Room;
  private readonly counts: {judged: JudgedRun; hits: number}[] = [];

  constructor(
    private readonly view: Pick<GrepCommandOptions, 'format' | 'shape' | 'fields' | 'fit' | 'limit'>,
    private readonly look: {readonly ascii: boolean},
    private readonly out: Context,
    private readonly store: Store,
  ) {
    this.room = new Room(view.fit);
  }

  tell({judged, hits}: RunHits): void {
    const {shape, limit, format} = this.view;
    const left = limit === 0 ? Number.POSITIVE_INFINITY : limit - (shape === 'hits' ? this.hits : this.runs);
    if (left <= 0) {
      this.isFull = true;
      return;
    }
    const shown = shape === 'hits' ? hits.slice(0, left) : hits;
    if (shown.length < hits.length) this.isFull = true;
    this.first ??= judged;
    this.hits += shown.length;
    this.runs++;
    if (format !== 'table') this.keep(judged, shown);
    else if (shape === 'count') this.counts.push({judged, hits: shown.length});
    else if (shape === 'runs') writeLine(this.out, wholeRunId(judged.record));
    else this.print(judged, shown);
  }

  private print(judged: JudgedRun, hits: readonly Hit[]): void {
    const columns = columnsOf(this.out);
    const drawn = hits.map(hit => ({...cut(hit), spanId: hit.node.id}));
    if (columns === null) for (const hit of drawn) writeLine(this.out, hitLine(judged, hit));
    else {
      if (this.runs > 1) writeLine(this.out, trusted(''));
      writeLine(this.out, renderRunHits(judged, drawn, {...this.look, columns, nowMicros: this.store.nowMicros()}));
    }
  }

  private keep(judged: JudgedRun, hits: readonly Hit[]): void {
    const {shape, format, fields} = this.view;
    const records = shape === 'hits' ? hits.map(hit => hitRecord(judged, hit)) : [runRecord(judged, hits.length)];
    const items = pick(records, fields);
    if (format !== 'jsonl') {
      append(this.items, items);
      return;
    }
    const taken = items.flatMap(item => this.room.take(item) ?? []);
    for (const text of renderJsonLines(taken, this.out.stdout.isTTY)) writeLine(this.out, text);
  }

  /** The output has no room for more. */
  get hasNoRoom(): boolean {
    return this.room.isFull;
  }

  /** @param nothing the message if there was no hit */
  end(notes: readonly string[], nothing: string): void {
    const {format, fields, fit, shape} = this.view;
    const {out} = this;
    if (format !== 'table' && format !== 'jsonl') {
      writeMachine(out, format, {command: 'grep', data: this.items, items: this.items, fields, fit, notes});
      return;
    }
    const columns = columnsOf(out);
    if (shape === 'count' && this.counts.length > 0)
      writeLine(out, renderCounts(this.counts, {...this.look, columns, nowMicros: this.store.nowMicros()}));
    const cut = this.room.note();
    const all = [...out.notes.splice(0), ...notes, ...(cut ? [cut] : [])];
    if (format === 'jsonl') for (const note of all) writeNote(out, note);
    else {
      if (columns !== null && this.hits > 0 && shape === 'hits') writeLine(out, trusted(''));
      writeNote(out, [this.countText(nothing), ...all].join(' · '));
      const record = this.first?.record;
      if (record && shape === 'hits')
        writeNext(
          out,
          `next: ${command`agno-trace show ${record.runId?.slice(0, 8) ?? `~${record.traceId.slice(0, 7)}`}`}`,
        );
    }
  }

  private countText(nothing: string): string {
    if (this.runs === 0) return nothing;
    const runs = `${count(this.runs)} ${this.runs === 1 ? 'run' : 'runs'}`;
    if (this.view.shape === 'runs') return runs;
    return `${count(this.hits)} ${this.hits === 1 ? 'hit' : 'hits'} in ${runs}`;
  }
}

function notesOf(
  {spans, firstMicros, lastMicros}: Searched,
  pattern: Pattern,
  told: Told,
  isStopped: boolean,
): string[] {
  const [first, last] = [firstMicros, lastMicros].map(micros => isoTime(micros)?.slice(0, 19));
  const range = first && last && spans > 0 ? ` from ${first}Z to ${last}Z` : '';
  const notes = [`searched ${count(spans)} ${spans === 1 ? 'span' : 'spans'}${range}`];
  if (told.isFull) notes.push('there are more: --limit 0 for all');
  if (isStopped) notes.push('stopped early');
  if (pattern.isExhausted) notes.push('given up: the pattern takes too long on these texts; use a simpler one, or -F');
  else if (pattern.givenUp > 0)
    notes.push(
      `${pattern.givenUp} ${pattern.givenUp === 1 ? 'text' : 'texts'} not searched: the pattern takes too long on them`,
    );
  if (pattern.shortened > 0)
    notes.push(
      `${pattern.shortened} ${pattern.shortened === 1 ? 'text' : 'texts'} longer than ${LONGEST_TEXT / 1e6} MB: only their beginning was searched`,
    );
  return notes;
}

function runRecord({record}: JudgedRun, hits: number): object {
  const {runId, traceId, spanId, name, kind, state, startTime} = record;
  return {runId, traceId, spanId, name, kind, state, startTime, hits};
}

function hitRecord({record}: JudgedRun, hit: Hit): object {
  const span = hit.node.span!;
  const {path, place, where, line, text, matches, before, after} = cut(hit);
  return {
    runId: record.runId,
    traceId: record.traceId,
    spanId: span.spanId,
    runName: record.name,
    runState: record.state,
    runStartTime: record.startTime,
    kind: span.kind,
    name: displayName(span),
    path,
    place,
    where,
    line,
    text,
    matches,
    before,
    after,
  };
}

/** Lines may have megabytes: only the part around the first match is kept. */
function cut(hit: Hit): Omit<DrawnHit, 'spanId'> {
  const short = (text: string) => (text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE - 1)}…` : text);
  const before = hit.before.map(short);
  const after = hit.after.map(short);
  if (hit.text.length <= LONGEST_LINE) return {...hit, before, after};
  const from = Math.max(0, hit.matches[0]![0] - Math.floor(LONGEST_LINE / 3));
  const lead = from > 0 ? '…' : '';
  const text = hit.text.slice(from, from + LONGEST_LINE);
  const end = text.length;
  const matches = hit.matches
    .map(([start, to]) => [start - from, Math.min(to - from, end)] as const)
    .filter(([start]) => start < end)
    .map(([start, to]) => [start + lead.length, to + lead.length] as const);
  return {...hit, before, after, text: `${lead}${text}${from + LONGEST_LINE < hit.text.length ? '…' : ''}`, matches};
}
