import path from 'node:path';
import packageJson from '../../../package.json' with {type: 'json'};
import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {accessOf} from '../../flags/database.ts';
import type {FilterFlags, PatienceFlags, PriceFlags, ReadFlags, WindowFlags} from '../../flags/declare.ts';
import {pricesOf} from '../../flags/prices.ts';
import {redactKeyOf} from '../../flags/redact-key.ts';
import {filterAtOf, patienceOf} from '../../flags/selection.ts';
import {parseChoice, parseCount, parseLength} from '../../flags/values.ts';
import {append} from '../../lists.ts';
import {endpointOf, FROM_ENVIRONMENT, PROTOCOLS, protocolIn} from '../../otlp/endpoint.ts';
import type {Origin} from '../../otlp/request.ts';
import {REDACTIONS} from '../../redaction/kinds.ts';
import {takesEveryRun, withQueryFlags} from '../../trace/filter.ts';
import type {CleaningOptions, ExportOptions, SendingOptions} from './run.ts';

interface ExportFlags extends ReadFlags, WindowFlags, FilterFlags, PatienceFlags, PriceFlags {
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

export const EXPORT_FORMATS = ['otlp', 'jsonl', 'md', 'html', 'cases'] as const;

export function exportOptionsOf(flags: ExportFlags, context: Context, [ids]: [readonly string[]]): ExportOptions {
  const format = formatOf(flags);
  const selectionAt = selectionAtOf(ids, flags, context);
  const patience = patienceOf(flags);
  const prices = pricesOf(flags, context);
  const cleaning = cleaningOf(flags, context);
  const origin = originOf(flags);
  const sending = sendingOf(flags, context);
  return {
    format,
    selectionAt,
    patience,
    prices,
    cleaning,
    check: flags.check ?? false,
    reportTo: reportToOf(flags, context),
    origin,
    sending,
    access: accessOf(flags, context),
  };
}

function reportToOf({report, check, to, output}: ExportFlags, context: Context): ExportOptions['reportTo'] {
  if (report === undefined) return null;
  if (report !== '-') return {path: path.resolve(context.cwd, report), said: report};
  if (!check && to === undefined && (output === undefined || output === '-'))
    throw usageError('--report - and what is exported would both go to stdout.', 'Add -o FILE, --to or --check.');
  return 'stdout';
}

function formatOf(flags: ExportFlags): ExportOptions['format'] {
  const ending = /\.(jsonl|md|html|csv)$/i.exec(flags.output ?? '')?.[1]?.toLowerCase();
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
    throw usageError(
      `-o "${flags.output}" asks for csv, which export cannot write.`,
      'It can write otlp, jsonl, md, html, cases.',
    );
  if (flags.to !== undefined && format !== 'otlp')
    throw usageError(`--to sends otlp, not ${format}.`, 'Leave out --format, or write to a file with -o.');
  if (flags.to !== undefined && flags.output !== undefined)
    throw usageError('--to and -o exclude each other.', 'Pass one of them.');
  return format;
}

function selectionAtOf(ids: readonly string[], flags: ExportFlags, context: Context): ExportOptions['selectionAt'] {
  const limit = flags.limit === undefined ? null : parseCount('--limit', flags.limit);
  const filterAt = filterAtOf(flags, context);
  const filter = filterAt(context.nowMicros());
  const isPlain = takesEveryRun(filter, ['query', 'traffic']);
  if (ids.length > 0) {
    if (!isPlain || limit !== null || flags.all || flags.traffic)
      throw usageError(
        'ids and filters exclude each other.',
        'Pass one of them. Only -q can narrow a session id or latest.',
      );
    return nowMicros => ({ids, query: filterAt(nowMicros).query});
  }
  if (isPlain && filter.query === null && limit === null && !flags.all)
    throw usageError(
      'choose the runs to export.',
      'Pass ids or latest, a filter such as --last 24h, -n 20, or --all for everything.',
    );
  return nowMicros => ({filter: withQueryFlags(filterAt(nowMicros)), limit: limit ?? 0});
}

function cleaningOf(flags: ExportFlags, context: Context): CleaningOptions {
  const asked = flags.redact === undefined ? null : parseChoice('--redact', flags.redact, REDACTIONS);
  const redaction = asked ?? (flags.check ? 'all' : null);
  if (flags.redactKey !== undefined && redaction === null)
    throw usageError('--redact-key is for pseudonyms, but nothing is redacted.', 'Add --redact pii or all.');
  if (flags.report !== undefined && redaction === null && flags.content)
    throw usageError('--report lists what was replaced, but nothing is replaced.', 'Add --redact or --no-content.');
  if (flags.check && (flags.to !== undefined || flags.output !== undefined))
    throw usageError('--check writes nothing.', 'Leave out --to and -o.');
  return {redaction, keepsContent: flags.content, key: redaction === null ? null : redactKeyOf(flags, context)};
}

function originOf({resource = []}: ExportFlags): Origin {
  // The name of the traced program is not stored.
  const attributes = new Map([['service.name', 'agno']]);
  for (const text of resource) {
    const at = text.indexOf('=');
    if (at <= 0) throw usageError(`--resource "${text}" is not an attribute.`, 'Write --resource service.name=my-app.');
    attributes.set(text.slice(0, at), text.slice(at + 1));
  }
  return {
    resource: [...attributes].map(([key, stringValue]) => ({key, value: {stringValue}})),
    // The instrumentation that wrote a span is not stored either, so we name ourselves.
    scope: {name: 'agno-trace', version: packageJson.version},
  };
}

const FOR_SENDING = ['header', 'protocol', 'dryRun'] as const;

function sendingOf(flags: ExportFlags, context: Context): SendingOptions | null {
  if (flags.to === undefined) {
    const stray = FOR_SENDING.find(name => flags[name] !== undefined) ?? (flags.gzip ? undefined : 'no-gzip');
    if (stray !== undefined)
      throw usageError(
        `--${stray === 'dryRun' ? 'dry-run' : stray} is only for sending, and --to is missing.`,
        'Add --to http://localhost:4318.',
      );
    return null;
  }
  const {env} = context;
  const endpoint = endpointOf({to: flags.to, headers: flags.header ?? [], env});
  const secrets = [...endpoint.headers.values()].flatMap(value => [value, value.replace(/^\S+\s+/, '')]);
  append(context.secrets, secrets);
  const fromEnv = flags.to === FROM_ENVIRONMENT ? protocolIn(env) : undefined;
  const protocol = parseChoice('--protocol', flags.protocol ?? fromEnv ?? PROTOCOLS[0], PROTOCOLS);
  return {
    endpoint,
    protocol,
    compress: flags.gzip,
    timeoutMs: Math.max(1, Math.round(parseLength('--send-timeout', flags.sendTimeout))),
    retries: parseCount('--retries', flags.retries),
    dryRun: flags.dryRun ?? false,
    secrets,
  };
}
