import type {Context} from '../context.ts';
import {usageError} from '../errors.ts';
import {type FlatRecord, renderCsv} from '../render/csv.ts';
import {renderJson, renderJsonLines} from '../render/json.ts';
import {renderJunit} from '../render/junit.ts';
import {renderMarkdown} from '../render/markdown.ts';
import type {Look} from '../render/states.ts';
import {line, type Safe, safe, trusted} from '../text/safe.ts';
import {paint} from '../text/style.ts';
import {wrap} from '../text/width.ts';
import type {OutputFlags} from './declare.ts';
import {ALL, type Fitting, Room} from './fitting.ts';
import {parseChoice} from './values.ts';

const FORMATS = ['table', 'tree', 'text', 'json', 'jsonl', 'csv', 'md', 'junit', 'html'] as const;
export type Format = (typeof FORMATS)[number];
/** The formats of commands whose answer is a list of records. */
export const RECORD_FORMATS = ['table', 'json', 'jsonl', 'csv', 'md'] as const;

/** The requested format: by a flag, or else by the extension of the output's name. */
export function formatOf(flags: OutputFlags, formats: readonly Format[]): Format {
  if (flags.format !== undefined) return parseChoice('--format', flags.format, formats);
  if (flags.json) return 'json';
  if (flags.jsonl) return 'jsonl';
  const ending = /\.(json|jsonl|csv|md|html)$/i.exec(flags.output ?? '')?.[1]?.toLowerCase();
  const named = FORMATS.find(format => format === ending);
  if (/\.xml$/i.test(flags.output ?? '') && formats.includes('junit')) return 'junit';
  if (named === undefined) return formats[0]!;
  if (!formats.includes(named))
    throw usageError(
      `-o "${flags.output}" asks for ${named}, which this command cannot write.`,
      `It can write ${formats.join(', ')}; choose with --format.`,
    );
  return named;
}

/** Terminals that can only show ASCII get only ASCII. */
export function lookOf(options: Pick<OutputFlags, 'ascii'>, {env, stdout}: Context): Look {
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  const isPlainLocale = stdout.isTTY && /^(C|POSIX)$/.test(locale);
  return {ascii: options.ascii ?? (isPlainLocale || (stdout.isTTY && env.TERM === 'dumb'))};
}

/** Columns for drawing: the terminal's, or null for a pipe, where nothing is cut. */
export function columnsOf({stdout}: Context): number | null {
  if (!stdout.isTTY) return null;
  // A terminal that reports no size (script, odd ptys) gets the usual one.
  return stdout.columns && stdout.columns > 0 ? stdout.columns : 80;
}

/** The settings for drawing a text: characters, and columns. */
export function drawingOf(
  options: Pick<OutputFlags, 'ascii'>,
  context: Context,
): Look & {readonly columns: number | null} {
  return {...lookOf(options, context), columns: columnsOf(context)};
}

interface Answer {
  readonly command: string;
  /** Computed from the items if not all of them fit (`fit`). */
  readonly data: unknown | ((items: readonly object[]) => unknown);
  /** The lines of `jsonl`; the data's items. */
  readonly items: readonly object[];
  /** Keys of the items in order, for formats with a header. */
  readonly fields?: readonly string[];
  readonly next?: string | null;
  readonly notes?: readonly string[];
  /** How much of it its reader accepts; absent: all. */
  readonly fit?: Fitting;
  /** The cursor after this many items; absent: `--skip` omits them. */
  readonly nextAfter?: (items: number) => string | null;
}

/** Writes the machine formats; returns true if `format` is one of them. */
export function writeMachine(context: Context, format: Format, uncleaned: Answer): boolean {
  if (format === 'table' || format === 'tree' || format === 'text' || format === 'html') return false;
  const answer = context.clean ? cleaned(uncleaned, context.clean) : uncleaned;
  const said = [...context.notes.splice(0), ...(answer.notes ?? [])];
  const notes = context.clean ? said.map(note => context.clean!(note)) : said;
  if (format === 'json') {
    context.stdout.write(line`${renderJson(fitted({...answer, notes}), context.stdout.isTTY)}\n`);
    return true;
  }
  const items = answer.items as readonly FlatRecord[];
  const fields = answer.fields ?? Object.keys(items[0] ?? {});
  if (format === 'csv') context.stdout.write(renderCsv(items, fields, context.stdout.isTTY));
  else if (format === 'md') context.stdout.write(renderMarkdown(items, fields));
  else if (format === 'junit') context.stdout.write(renderJunit(items, notes));
  else {
    const room = new Room(answer.fit ?? ALL);
    const taken = items.flatMap(item => room.take(item) ?? []);
    for (const text of renderJsonLines(taken, context.stdout.isTTY)) context.stdout.write(line`${text}\n`);
    const cut = cutNote(room, answer);
    if (cut) {
      for (const note of [...notes, cut]) writeNote(context, note);
      return true;
    }
  }
  // The lines are only items; notes about the whole answer go where they cannot be mistaken for one.
  for (const note of notes) writeNote(context, note);
  if (answer.next) writeNext(context, `next page: --cursor ${answer.next}`);
  return true;
}

/** Cleans before anything is cut: half a secret is no longer recognized. */
function cleaned(answer: Answer, clean: <T>(value: T) => T): Answer {
  const {data, items} = answer;
  // The whole first, which tells the users and sessions that it mentions.
  const whole = clean(typeof data === 'function' ? data(items) : data);
  return {
    ...answer,
    items: items.map(item => clean(item)),
    data: typeof data === 'function' ? (some: readonly object[]) => clean(data(some)) : whole,
  };
}

/** Bytes that a cut answer has in addition: `truncated`, a note, a cursor. */
const ABOUT_A_CUT = 400;

/** As many items as fit, with a way to get the others. */
function fitted(answer: Answer & {readonly notes: readonly string[]}): Parameters<typeof renderJson>[0] {
  const {fit = ALL, data, items, notes} = answer;
  const dataOf = (some: readonly object[]) => (typeof data === 'function' ? data(some) : some);
  const left = items.slice(fit.skip);
  const whole = {...answer, data: typeof data === 'function' || fit.skip > 0 ? dataOf(left) : data};
  if (fit.maxBytes === null || bytesOf(whole) <= fit.maxBytes) return whole;
  const room = new Room(fit, bytesOf({...answer, data: dataOf([])}) + ABOUT_A_CUT);
  const taken = items.flatMap(item => room.take(item) ?? []);
  const cut = cutNote(room, answer);
  return {
    ...answer,
    data: dataOf(taken),
    next: cut && answer.nextAfter ? answer.nextAfter(room.taken) : answer.next,
    notes: cut ? [...notes, cut] : notes,
    truncated: true,
  };
}

function bytesOf(envelope: Parameters<typeof renderJson>[0]): number {
  return Buffer.byteLength(renderJson(envelope, false)) + 1;
}

function cutNote(room: Room, {nextAfter}: Answer): string | null {
  return room.note(nextAfter && `--cursor ${nextAfter(room.taken)} has the rest`);
}

/** Notes are messages: below the answer on a terminal, otherwise on stderr. */
export function writeNote(context: Context, text: string): void {
  const columns = columnsOf(context);
  for (const part of columns === null ? [safe(text)] : wrap(safe(text), columns)) talk(context, part);
}

/** The next command to type; only the terminal may wrap the line, so that it can be copied completely. */
export function writeNext(context: Context, text: string): void {
  talk(context, safe(text));
}

function talk({stdout, stderr}: Context, text: Safe): void {
  (stdout.isTTY ? stdout : stderr).write(line`${paint(text, 'dim')}\n`);
}

export function writeLine(context: Context, text: Safe): void {
  context.stdout.write(trusted(`${text}\n`));
}
