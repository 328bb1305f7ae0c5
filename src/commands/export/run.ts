import type {Context} from '../../context.ts';
import {EXIT, fileReason, UserError} from '../../errors.ts';
import {type Access, maskSecrets, withStore} from '../../flags/database.ts';
import {Ending} from '../../flags/ending.ts';
import {writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import {append} from '../../lists.ts';
import {shownUrl} from '../../otlp/endpoint.ts';
import type {Origin} from '../../otlp/request.ts';
import {OtlpSender, type SenderOptions} from '../../otlp/sender.ts';
import type {Prices} from '../../prices/prices.ts';
import {writePrivateFile} from '../../private-file.ts';
import {Cleaner} from '../../redaction/cleaner.ts';
import {ContentFilter} from '../../redaction/content.ts';
import type {Redaction} from '../../redaction/kinds.ts';
import {redactorOf} from '../../redaction/load.ts';
import {Pseudonyms, randomKey} from '../../redaction/pseudonyms.ts';
import {OUT_OF_REACH, RedactionReport} from '../../redaction/report.ts';
import {renderJsonLines} from '../../render/json.ts';
import {takeNames} from '../../runs/names.ts';
import {patient} from '../../store/patient.ts';
import type {Store} from '../../store/store.ts';
import {line} from '../../text/safe.ts';
import {NO_FILTER} from '../../trace/filter.ts';
import type {Patience} from '../../trace/runs.ts';
import {displayName} from '../../trace/tree.ts';
import {type ExportSelection, exportedRuns, wholeRows} from './exported.ts';
import {JsonLinesWriter} from './json-lines.ts';
import type {EXPORT_FORMATS} from './options.ts';
import {lineSink, OtlpWriter} from './otlp.ts';
import {ReportWriter} from './report.ts';
import type {ExportWriter} from './writer.ts';

export interface ExportOptions {
  readonly format: (typeof EXPORT_FORMATS)[number];
  readonly selectionAt: (nowMicros: number) => ExportSelection;
  readonly patience: Patience;
  readonly prices: Prices;
  readonly cleaning: CleaningOptions;
  /** Only check whether something would be replaced. */
  readonly check: boolean;
  /** Where to report what was replaced. */
  readonly reportTo: 'stdout' | {readonly path: string; readonly said: string} | null;
  readonly origin: Origin;
  /** Null: nothing is sent, everything is written. */
  readonly sending: SendingOptions | null;
  readonly access: Access;
}

export interface CleaningOptions {
  readonly redaction: Redaction | null;
  readonly keepsContent: boolean;
  /** For pseudonyms; null: a random one each time. */
  readonly key: Buffer | null;
}

export interface SendingOptions
  extends Pick<SenderOptions, 'endpoint' | 'protocol' | 'compress' | 'timeoutMs' | 'retries' | 'dryRun'> {
  /** Values of headers: no output may contain them. */
  readonly secrets: readonly string[];
}

const THEN =
  'spans become trees, runs are judged and selected, their complete rows are read, cleaned and written (src/trace, src/otlp)';
const SPANS_PER_REPORT = 50;

/** Exports runs. */
export default async function exportRuns(options: ExportOptions, context: Context): Promise<void> {
  const work: Work = {options, cleaning: await cleaningOf(options.cleaning), sender: senderOf(options, context)};
  try {
    await withStore(options.access, context, THEN, (store, out) =>
      // A long read among many commits should not fail for one busy moment.
      exportFrom(patient(store), work, context, out),
    );
  } finally {
    work.sender?.ending.dispose();
  }
}

interface Work {
  readonly options: ExportOptions;
  readonly cleaning: Cleaning;
  readonly sender: Sending | null;
}

interface Counts {
  runs: number;
  spans: number;
  /** Number of spans that could not be read completely. */
  bad: number;
  /** Number of spans that were deleted meanwhile. */
  gone: number;
}

/** Takes names that no run has as parts of names; a note says which. */
async function byName(store: Store, selection: ExportSelection, notes: string[]): Promise<ExportSelection> {
  const filter = 'ids' in selection ? {...NO_FILTER, query: selection.query} : selection.filter;
  const {widen, notes: taken} = await takeNames(store, filter);
  append(notes, taken);
  return 'ids' in selection ? {...selection, query: widen(filter).query} : {...selection, filter: widen(filter)};
}

async function exportFrom(store: Store, work: Work, context: Context, out: Context): Promise<void> {
  const {options, cleaning, sender} = work;
  const {cleaner} = cleaning;
  const {selectionAt, patience, prices, check} = options;
  const {printSql} = options.access;
  const writer = await writerOf(work, out);
  const counts: Counts = {runs: 0, spans: 0, bad: 0, gone: 0};
  const notes: string[] = [];
  const isTalking = out.stdout.isTTY && !check && !sender;
  const shown = isTalking ? {...context, stderr: {...context.stderr, isTTY: false}} : context;
  try {
    await withProgress(shown, 'exporting', async report => {
      const selection = await byName(store, selectionAt(store.nowMicros()), notes);
      const groups = exportedRuns(store, selection, {
        patience,
        prices,
        isWhole: options.format === 'html' || options.format === 'cases',
        note: text => notes.push(text),
      });
      for await (const {run, row, span} of wholeRows(store, groups)) {
        if (sender?.ending.signal.aborted) break;
        if (!row) {
          // The statements repeat for later runs.
          if (printSql && counts.runs > 0) break;
          counts.runs++;
          await writer.run({shown: run, record: cleaner.run(run.judged.record)});
          continue;
        }
        if (!span) {
          counts.gone++;
          continue;
        }
        counts.spans++;
        if (span.problems.length > 0) counts.bad++;
        const {node} = row;
        await writer.span({
          row,
          stored: cleaner.span(span),
          record: () => cleaner.spanRecord(row.record),
          name: () => cleaner.text(displayName(node.span!), 'name'),
        });
        if (counts.spans % SPANS_PER_REPORT === 0) report(counts.spans);
      }
      await writer.end();
    });
  } catch (error) {
    if (sender && error instanceof UserError) throw withSent(error, sender);
    throw error;
  }
  if (printSql) return;
  if (counts.runs === 0) notes.push('no run matches');
  const losses = writer instanceof OtlpWriter ? writer.losses : new Map<string, number>();
  append(notes, notesOf(counts, losses, work));
  for (const note of [...out.notes.splice(0), ...notes]) writeNote(out, note);
  if (options.reportTo) writeReport(options.reportTo, {counts, losses, cleaning}, context);
  conclude(work, out, context);
}

function conclude({options, sender, cleaning}: Work, out: Context, context: Context): void {
  const exit = (code: NonNullable<Context['exitCode']>) => {
    out.exitCode = code;
    context.exitCode = code;
  };
  if (sender?.ending.signalCode) exit(sender.ending.signalCode);
  else if (sender && sender.sender.sent.rejected > 0) exit(EXIT.failed);
  else if (options.check && cleaning.found() > 0) exit(EXIT.different);
}

interface Cleaning {
  readonly cleaner: Cleaner;
  readonly redaction: Redaction | null;
  /** Names of what was looked for. */
  readonly lookedFor: readonly string[];
  readonly report: RedactionReport;
  readonly content: ContentFilter | null;
  /** What detectors found; pseudonyms do not count. */
  found(): number;
}

async function cleaningOf({redaction, keepsContent, key}: CleaningOptions): Promise<Cleaning> {
  const report = new RedactionReport();
  const content = keepsContent ? null : new ContentFilter();
  const redactor = redaction && (await redactorOf(redaction, new Pseudonyms(key ?? randomKey()), report));
  return {
    cleaner: new Cleaner(content, redactor),
    redaction,
    lookedFor: redactor?.lookedFor ?? [],
    report,
    content,
    found: () => [...report.totals].reduce((sum, [name, n]) => (PSEUDONYMS.includes(name) ? sum : sum + n), 0),
  };
}
const PSEUDONYMS: readonly string[] = ['user-id', 'session-id'];

interface Sending {
  readonly sender: OtlpSender;
  readonly ending: Ending;
  readonly url: string;
  /** Values of headers: no output may contain them. */
  readonly secrets: readonly string[];
}

function senderOf({sending, origin, access}: ExportOptions, context: Context): Sending | null {
  if (!sending) return null;
  const {secrets, ...settings} = sending;
  const ending = new Ending(null);
  const sender = new OtlpSender({
    ...settings,
    origin,
    dryRun: settings.dryRun || access.printSql,
    signal: ending.signal,
    onWait: text => writeNote(context, maskSecrets(text, secrets)),
  });
  return {sender, ending, url: shownUrl(settings.endpoint.url), secrets};
}

/** Adds what had been sent before the failure. */
function withSent(error: UserError, {sender}: Sending): UserError {
  const {spans, requests} = sender.sent;
  const sent = spans === 0 ? 'Nothing was sent.' : `${spans} spans in ${requests} requests had been accepted before.`;
  return new UserError(error.exitCode, `${error.message} ${sent}`, {hint: error.hint, cause: error.cause});
}

async function writerOf(
  {options: {format, origin, check}, cleaning, sender}: Work,
  out: Context,
): Promise<ExportWriter> {
  if (check) return NOTHING;
  if (sender) return new OtlpWriter(spans => sender.sender.send(spans));
  if (format === 'jsonl') return new JsonLinesWriter(out.stdout);
  if (format === 'html') {
    const {PageWriter} = await import('./page.ts');
    return PageWriter.open(out, cleaning);
  }
  if (format === 'cases') {
    const {CasesWriter} = await import('./cases.ts');
    return new CasesWriter(out, cleaning);
  }
  return format === 'md' ? new ReportWriter(out) : new OtlpWriter(lineSink(out.stdout, origin));
}

/** `--check` examines everything that would be written. */
const NOTHING: ExportWriter = {
  run: async () => undefined,
  span: async ({record, name}) => {
    record();
    name();
  },
  end: async () => undefined,
};

function notesOf(
  {runs, spans, bad, gone}: Counts,
  losses: ReadonlyMap<string, number>,
  {options: {check, sending}, cleaning: {report, content, redaction}, sender}: Work,
): string[] {
  const notes: string[] = [];
  const what = `${plural(runs, 'run')}, ${plural(spans, 'span')}`;
  if (sender) {
    const {sent} = sender.sender;
    const to = `${plural(sent.requests, 'request')}, ${sent.bytes} bytes, ${sender.url}`;
    notes.push(
      sending?.dryRun ? `would send ${what}: ${to}` : `sent ${sent.spans} spans of ${plural(runs, 'run')}: ${to}`,
    );
    if (sender.ending.signalCode) notes.push('stopped: nothing else was sent');
    const said = [...sent.said].map(text => maskSecrets(text, sender.secrets));
    if (sent.rejected > 0) notes.push(`the receiver rejected ${plural(sent.rejected, 'span')}`);
    if (said.length > 0) notes.push(`the receiver says: ${said.join('; ')}`);
  } else notes.push(check ? `looked at ${what}` : `exported ${what}`);
  for (const [loss, count] of losses) notes.push(`${plural(count, 'span')}: ${loss}`);
  if (gone > 0) notes.push(`${plural(gone, 'span')} deleted during the export, and left out`);
  if (bad > 0) notes.push(`${plural(bad, 'span')} could not be read completely; "problems" says why`);
  if (content) notes.push(`left out: ${plural(content.leftOut, 'attribute')}, and all error texts`);
  if (redaction) append(notes, findingNotes(report, redaction, check));
  return notes;
}

const SHOWN_PLACES = 5;

function findingNotes(report: RedactionReport, redaction: Redaction, check: boolean): string[] {
  const done = check ? 'found' : 'replaced';
  const notes = [...report.totals].map(([detector, count]) => {
    const places = report.findings.filter(finding => finding.detector === detector);
    const shown = places.slice(0, SHOWN_PLACES).map(finding => `${finding.place} ${finding.count}`);
    const more = places.length > SHOWN_PLACES ? `, and ${places.length - SHOWN_PLACES} more places` : '';
    return `${done}: ${detector} ${count}× (${shown.join(', ')}${more})`;
  });
  if (report.takenOut > 0)
    notes.push(`removed before they were stored (__REDACTED__): ${plural(report.takenOut, 'value')}`);
  const nothing = notes.length === 0 ? `nothing ${done}; ` : '';
  notes.push(
    `${nothing}${redaction} is best effort: patterns find known forms, not names, postal addresses or birth dates`,
  );
  return notes;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

interface Reported {
  readonly counts: Counts;
  readonly losses: ReadonlyMap<string, number>;
  readonly cleaning: Cleaning;
}

function writeReport(
  file: NonNullable<ExportOptions['reportTo']>,
  {counts, losses, cleaning}: Reported,
  {stdout}: Context,
): void {
  const {report, content, redaction, lookedFor} = cleaning;
  const data = {
    schema: 'agno-trace/export-report/1',
    redact: redaction,
    lookedFor,
    outOfReach: redaction === null ? [] : OUT_OF_REACH[redaction],
    runs: counts.runs,
    spans: counts.spans,
    findings: report.findings,
    takenOut: report.takenOut,
    leftOutAttributes: content?.leftOut ?? null,
    unreadSpans: counts.bad,
    losses: [...losses].map(([text, spans]) => ({text, spans})),
  };
  if (file === 'stdout') {
    for (const text of renderJsonLines([data], stdout.isTTY)) stdout.write(line`${text}\n`);
    return;
  }
  try {
    writePrivateFile(file.path, `${JSON.stringify(data)}\n`);
  } catch (error) {
    throw new UserError(EXIT.failed, `the report "${file.said}" could not be written: ${fileReason(error)}.`, {
      hint: 'Check the permissions of its folder. What was exported stays.',
      cause: error,
    });
  }
}
