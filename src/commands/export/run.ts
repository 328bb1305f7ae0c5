import path from 'node:path';
import packageJson from '../../../package.json' with {type: 'json'};
import type {Context} from '../../context.ts';
import {EXIT, fileReason, shownVariable, UserError, usageError} from '../../errors.ts';
import {readDotenv} from '../../flags/connection.ts';
import {maskSecrets, withStore} from '../../flags/database.ts';
import type {PatienceFlags, PriceFlags, ReadFlags, WhatFlags, WhoFlags, WindowFlags} from '../../flags/declare.ts';
import {Ending} from '../../flags/ending.ts';
import {writeNote} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {withProgress} from '../../flags/progress.ts';
import {parseQuery, queryNotes} from '../../flags/query.ts';
import {filterOf, patienceOf} from '../../flags/selection.ts';
import {parseChoice, parseCount, parseLength} from '../../flags/values.ts';
import {append} from '../../lists.ts';
import {endpointOf, FROM_ENVIRONMENT, PROTOCOLS, protocolIn, shownUrl} from '../../otlp/endpoint.ts';
import type {Origin} from '../../otlp/request.ts';
import {OtlpSender} from '../../otlp/sender.ts';
import {writePrivateFile} from '../../private-file.ts';
import {type ExportSelection, exportedRuns, wholeRows} from '../../queries/exported.ts';
import {Cleaner} from '../../redaction/cleaner.ts';
import {ContentFilter} from '../../redaction/content.ts';
import {REDACTIONS, type Redaction} from '../../redaction/detectors.ts';
import {Pseudonyms, randomKey} from '../../redaction/pseudonyms.ts';
import {Redactor} from '../../redaction/redactor.ts';
import {RedactionReport} from '../../redaction/report.ts';
import {patient} from '../../store/patient.ts';
import type {Store} from '../../store/store.ts';
import {hoisted, NO_FILTER} from '../../trace/filter.ts';
import {displayName} from '../../trace/tree.ts';
import {JsonLinesWriter} from './json-lines.ts';
import {lineSink, OtlpWriter} from './otlp.ts';
import {ReportWriter} from './report.ts';
import type {Writer} from './writer.ts';

export interface ExportFlags extends ReadFlags, WindowFlags, WhoFlags, WhatFlags, PatienceFlags, PriceFlags {
  traffic?: boolean;
  limit?: string;
  all?: boolean;
  content: boolean;
  redact?: string;
  redactKey?: string;
  report?: string;
  check?: boolean;
  to?: string;
  header?: string[];
  resource?: string[];
  protocol?: string;
  gzip: boolean;
  sendTimeout: string;
  retries: string;
  dryRun?: boolean;
  format?: string;
  jsonl?: boolean;
}

export const EXPORT_FORMATS = ['otlp', 'jsonl', 'md'] as const;
type ExportFormat = (typeof EXPORT_FORMATS)[number];
const THEN =
  'spans become trees, runs are judged and selected, their rows read whole, cleaned and written (src/trace, src/otlp)';
const SPANS_PER_REPORT = 50;
/** Shorter keys can be tried out. */
const SHORTEST_KEY = 16;

/** Answers `export`: runs, handed on. */
export default async function exportRuns(ids: readonly string[], flags: ExportFlags, context: Context): Promise<void> {
  const format = formatOf(flags);
  const selectionAt = (nowMicros: number) => selectionOf(ids, flags, nowMicros);
  selectionAt(context.nowMicros());
  if (flags.query !== undefined) append(context.notes, queryNotes(flags.query));
  const settings = {
    format,
    selectionAt,
    patience: patienceOf(flags),
    prices: pricesOf(flags, context),
    cleaning: cleaningOf(flags, context),
    origin: originOf(flags),
  };
  const sender = senderOf(flags, settings.origin, context);
  try {
    await withStore(flags, context, THEN, (store, out) =>
      // A long read among many commits should not fail for one busy moment.
      exportFrom(patient(store), {...settings, sender}, flags, context, out),
    );
  } finally {
    sender?.ending.dispose();
  }
}

interface Settings {
  readonly format: ExportFormat;
  readonly selectionAt: (nowMicros: number) => ExportSelection;
  readonly patience: ReturnType<typeof patienceOf>;
  readonly prices: ReturnType<typeof pricesOf>;
  readonly cleaning: Cleaning;
  readonly origin: Origin;
  readonly sender: Sending | null;
}

interface Counts {
  runs: number;
  spans: number;
  /** Spans of which something could not be read. */
  bad: number;
  /** Spans that were deleted while it went on. */
  gone: number;
}

async function exportFrom(
  store: Store,
  settings: Settings,
  flags: ExportFlags,
  context: Context,
  out: Context,
): Promise<void> {
  const {cleaning, sender} = settings;
  const {cleaner} = cleaning;
  const writer = writerOf(settings, flags, out);
  const counts: Counts = {runs: 0, spans: 0, bad: 0, gone: 0};
  const notes: string[] = [];
  const isTalking = out.stdout.isTTY && !flags.check && !sender;
  const shown = isTalking ? {...context, stderr: {...context.stderr, isTTY: false}} : context;
  try {
    await withProgress(shown, 'exporting', async report => {
      const groups = exportedRuns(store, settings.selectionAt(store.nowMicros()), {
        ...settings,
        note: text => notes.push(text),
      });
      for await (const {run, row, span} of wholeRows(store, groups)) {
        if (sender?.ending.signal.aborted) break;
        if (!row) {
          // The statements are the same again for what comes next.
          if (flags.printSql && counts.runs > 0) break;
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
  if (flags.printSql) return;
  if (counts.runs === 0) notes.push('no run matches');
  const losses = writer instanceof OtlpWriter ? writer.losses : new Map<string, number>();
  append(notes, notesOf(counts, losses, cleaning, settings, flags));
  for (const note of [...out.notes.splice(0), ...notes]) writeNote(out, note);
  if (flags.report !== undefined) writeReport(flags.report, {counts, losses, cleaning, settings}, context);
  conclude(settings, flags, out, context);
}

function conclude({sender, cleaning}: Settings, flags: ExportFlags, out: Context, context: Context): void {
  const exit = (code: NonNullable<Context['exitCode']>) => {
    out.exitCode = code;
    context.exitCode = code;
  };
  if (sender?.ending.signalCode) exit(sender.ending.signalCode);
  else if (sender && sender.sender.sent.rejected > 0) exit(EXIT.failed);
  else if (flags.check && cleaning.found() > 0) exit(EXIT.different);
}

function formatOf(flags: ExportFlags): ExportFormat {
  const ending = /\.(jsonl|md|csv)$/i.exec(flags.output ?? '')?.[1]?.toLowerCase();
  const named = EXPORT_FORMATS.find(known => known === ending);
  const format =
    flags.format !== undefined
      ? parseChoice('--format', flags.format, EXPORT_FORMATS)
      : flags.jsonl
        ? 'jsonl'
        : flags.to !== undefined
          ? 'otlp'
          : (named ?? 'otlp');
  if (flags.format === undefined && ending === 'csv')
    throw usageError(`-o "${flags.output}" asks for csv, which export does not write.`, 'It writes otlp, jsonl, md.');
  if (flags.to !== undefined && format !== 'otlp')
    throw usageError(`--to sends otlp, not ${format}.`, 'Leave --format out, or write into a file with -o.');
  if (flags.to !== undefined && flags.output !== undefined)
    throw usageError('--to and -o both say where to.', 'Pass one of them.');
  return format;
}

function selectionOf(ids: readonly string[], flags: ExportFlags, nowMicros: number): ExportSelection {
  const limit = flags.limit === undefined ? null : parseCount('--limit', flags.limit);
  const filter = hoisted(filterOf(flags, nowMicros));
  const {query, ...others} = filterOf(flags, nowMicros);
  const {query: _, ...nothing} = {...NO_FILTER, traffic: others.traffic};
  const isPlain = JSON.stringify(others) === JSON.stringify(nothing);
  if (ids.length > 0) {
    if (!isPlain || limit !== null || flags.all || flags.traffic)
      throw usageError(
        'ids say which runs, and so do filters.',
        'Pass one or the other; with a session id or latest -q selects.',
      );
    return {ids, query: flags.query === undefined ? null : parseQuery(flags.query, nowMicros)};
  }
  if (isPlain && query === null && limit === null && !flags.all)
    throw usageError(
      'nothing says which runs to export.',
      'Pass ids or latest, a filter such as --last 24h, -n 20, or --all for everything.',
    );
  return {filter, limit: limit ?? 0};
}

interface Cleaning {
  readonly cleaner: Cleaner;
  readonly redaction: Redaction | null;
  readonly report: RedactionReport;
  readonly content: ContentFilter | null;
  /** What detectors found; a pseudonym is no finding. */
  found(): number;
}

function cleaningOf(flags: ExportFlags, context: Context): Cleaning {
  const asked = flags.redact === undefined ? null : parseChoice('--redact', flags.redact, REDACTIONS);
  const redaction = asked ?? (flags.check ? 'all' : null);
  if (flags.redactKey !== undefined && redaction === null)
    throw usageError('--redact-key is the key of pseudonyms, and nothing is redacted.', 'Add --redact pii or all.');
  if (flags.report !== undefined && redaction === null && flags.content)
    throw usageError('--report tells what was replaced, and nothing is.', 'Add --redact or --no-content.');
  if (flags.check && (flags.to !== undefined || flags.output !== undefined))
    throw usageError('--check only looks, and writes nothing.', 'Leave --to and -o out.');
  const report = new RedactionReport();
  const content = flags.content ? null : new ContentFilter();
  const redactor = redaction && new Redactor(redaction, new Pseudonyms(keyOf(flags, context)), report);
  return {
    cleaner: new Cleaner(content, redactor),
    redaction,
    report,
    content,
    found: () => [...report.totals].reduce((sum, [name, n]) => (PSEUDONYMS.includes(name) ? sum : sum + n), 0),
  };
}
const PSEUDONYMS: readonly string[] = ['user-id', 'session-id'];

function keyOf({redactKey, ...flags}: ExportFlags, context: Context): Buffer {
  if (redactKey === undefined) return randomKey();
  const value = readDotenv(flags, context)[redactKey];
  const hint = 'Make one: export NAME=$(openssl rand -hex 32), and pass --redact-key NAME.';
  if (!value)
    throw usageError(`--redact-key: there is no variable "${shownVariable(redactKey)}", or it is empty.`, hint);
  context.secrets.push(value);
  if (value.length < SHORTEST_KEY)
    throw usageError(
      `--redact-key: the key in "${shownVariable(redactKey)}" is shorter than ${SHORTEST_KEY} characters.`,
      hint,
    );
  return Buffer.from(value);
}

function originOf({resource = []}: ExportFlags): Origin {
  // What the traced program called itself is not stored.
  const attributes = new Map([['service.name', 'agno']]);
  for (const text of resource) {
    const at = text.indexOf('=');
    if (at <= 0) throw usageError(`--resource "${text}" is no attribute.`, 'Write --resource service.name=my-app.');
    attributes.set(text.slice(0, at), text.slice(at + 1));
  }
  return {
    resource: [...attributes].map(([key, stringValue]) => ({key, value: {stringValue}})),
    // Which instrumentation wrote a span is not stored either: this is who says it now.
    scope: {name: 'agno-trace', version: packageJson.version},
  };
}

interface Sending {
  readonly sender: OtlpSender;
  readonly ending: Ending;
  readonly url: string;
  /** Values of headers: nothing that is printed may hold them. */
  readonly secrets: readonly string[];
}

const FOR_SENDING = ['header', 'protocol', 'dryRun'] as const;

function senderOf(flags: ExportFlags, origin: Origin, context: Context): Sending | null {
  if (flags.to === undefined) {
    const stray = FOR_SENDING.find(name => flags[name] !== undefined) ?? (flags.gzip ? undefined : 'no-gzip');
    if (stray !== undefined)
      throw usageError(
        `--${stray === 'dryRun' ? 'dry-run' : stray} is for sending, and nothing says where to.`,
        'Add --to http://localhost:4318.',
      );
    return null;
  }
  const env = readDotenv(flags, context);
  const endpoint = endpointOf({to: flags.to, headers: flags.header ?? [], env});
  const secrets = [...endpoint.headers.values()].flatMap(value => [value, value.replace(/^\S+\s+/, '')]);
  append(context.secrets, secrets);
  const fromEnv = flags.to === FROM_ENVIRONMENT ? protocolIn(env) : undefined;
  const protocol = parseChoice('--protocol', flags.protocol ?? fromEnv ?? PROTOCOLS[0], PROTOCOLS);
  const ending = new Ending(null);
  const sender = new OtlpSender({
    endpoint,
    protocol,
    compress: flags.gzip,
    timeoutMs: Math.max(1, Math.round(parseLength('--send-timeout', flags.sendTimeout))),
    retries: parseCount('--retries', flags.retries),
    origin,
    dryRun: (flags.dryRun ?? false) || (flags.printSql ?? false),
    signal: ending.signal,
    onWait: text => writeNote(context, maskSecrets(text, secrets)),
  });
  return {sender, ending, url: shownUrl(endpoint.url), secrets};
}

/** What had gone before it failed. */
function withSent(error: UserError, {sender}: Sending): UserError {
  const {spans, requests} = sender.sent;
  const sent = spans === 0 ? 'Nothing was sent.' : `${spans} spans in ${requests} requests had been taken before.`;
  return new UserError(error.exitCode, `${error.message} ${sent}`, {hint: error.hint, cause: error.cause});
}

function writerOf({format, origin, sender}: Settings, flags: ExportFlags, out: Context): Writer {
  if (flags.check) return NOTHING;
  if (sender) return new OtlpWriter(spans => sender.sender.send(spans));
  if (format === 'jsonl') return new JsonLinesWriter(out.stdout);
  return format === 'md' ? new ReportWriter(out) : new OtlpWriter(lineSink(out.stdout, origin));
}

/** `--check` looks at everything that would be written. */
const NOTHING: Writer = {
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
  {report, content, redaction}: Cleaning,
  {sender}: Settings,
  flags: ExportFlags,
): string[] {
  const notes: string[] = [];
  const what = `${plural(runs, 'run')}, ${plural(spans, 'span')}`;
  if (sender) {
    const {sent} = sender.sender;
    const to = `${plural(sent.requests, 'request')}, ${sent.bytes} bytes, ${sender.url}`;
    notes.push(
      flags.dryRun ? `would send ${what}: ${to}` : `sent ${sent.spans} spans of ${plural(runs, 'run')}: ${to}`,
    );
    if (sender.ending.signalCode) notes.push('stopped: what is not counted here was not sent');
    const said = [...sent.said].map(text => maskSecrets(text, sender.secrets));
    if (sent.rejected > 0) notes.push(`the receiver rejected ${plural(sent.rejected, 'span')}`);
    if (said.length > 0) notes.push(`the receiver says: ${said.join('; ')}`);
  } else notes.push(flags.check ? `looked at ${what}` : `exported ${what}`);
  for (const [loss, count] of losses) notes.push(`${plural(count, 'span')}: ${loss}`);
  if (gone > 0) notes.push(`${plural(gone, 'span')} deleted while it went on, and left out`);
  if (bad > 0)
    notes.push(`${plural(bad, 'span')} of which something could not be read; what is wrong stands in problems`);
  if (content) notes.push(`left out: ${plural(content.leftOut, 'attribute')}, and all error texts`);
  if (redaction) append(notes, findingNotes(report, flags));
  return notes;
}

const SHOWN_PLACES = 5;

function findingNotes(report: RedactionReport, {check, redact}: ExportFlags): string[] {
  const done = check ? 'found' : 'replaced';
  const notes = [...report.totals].map(([detector, count]) => {
    const places = report.findings.filter(finding => finding.detector === detector);
    const shown = places.slice(0, SHOWN_PLACES).map(finding => `${finding.place} ${finding.count}`);
    const more = places.length > SHOWN_PLACES ? `, and ${places.length - SHOWN_PLACES} more places` : '';
    return `${done}: ${detector} ${count}× (${shown.join(', ')}${more})`;
  });
  if (report.takenOut > 0)
    notes.push(`taken out before they were stored (__REDACTED__): ${plural(report.takenOut, 'value')}`);
  const nothing = notes.length === 0 ? `nothing ${done}; ` : '';
  notes.push(
    `${nothing}${redact ?? 'all'} is best effort: patterns find what has a form, not names or addresses in prose`,
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
  readonly settings: Settings;
}

function writeReport(file: string, {counts, losses, cleaning}: Reported, {cwd}: Context): void {
  const {report, content, redaction} = cleaning;
  const data = {
    schema: 'agno-trace/export-report/1',
    redact: redaction,
    runs: counts.runs,
    spans: counts.spans,
    findings: report.findings,
    takenOut: report.takenOut,
    leftOutAttributes: content?.leftOut ?? null,
    unreadSpans: counts.bad,
    losses: [...losses].map(([text, spans]) => ({text, spans})),
  };
  try {
    writePrivateFile(path.resolve(cwd, file), `${JSON.stringify(data)}\n`);
  } catch (error) {
    throw new UserError(EXIT.failed, `the report "${file}" could not be written: ${fileReason(error)}.`, {
      hint: 'Check the permissions of its folder. What was exported stays.',
      cause: error,
    });
  }
}
