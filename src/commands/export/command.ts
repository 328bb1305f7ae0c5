import {type CommandModule, commandAction} from '../../flags/command.ts';
import {
  addFilterFlags,
  addPatienceFlags,
  addPriceFlags,
  addWindowFlags,
  collect,
  takesOneOf,
} from '../../flags/declare.ts';
import {PROTOCOLS} from '../../otlp/endpoint.ts';
import {REDACTIONS} from '../../redaction/detectors.ts';
import {EXPORT_FORMATS, exportOptionsOf} from './options.ts';

/** Runs to hand on: to another tool, to a file, to a person. */
const exporting: CommandModule = {
  examples: [
    {line: 'export latest --format md --redact all -o run.md', answer: 'a report of the newest run, fit to be shown'},
    {
      line: 'export --last 7d --to http://localhost:4318',
      answer: 'this week to Jaeger, a collector, …; docs/export.md has Langfuse and others',
    },
  ],
  declare: (command, context) => {
    command.argument('[ids...]', 'run, trace, span or session ids, prefixes, or "latest"; else all that match');
    addWindowFlags(command);
    addFilterFlags(command);
    command
      .option('--traffic', 'also HTTP requests without a run')
      .option('-n, --limit <n>', 'the newest n')
      .option('--all', 'everything, if no id or filter is given');
    command
      .optionsGroup('What to leave out:')
      .option('--no-content', 'names, times and tokens only; no prompts, answers or arguments')
      .option('--redact <what>', 'replace secrets, pii or all, as far as patterns find them');
    takesOneOf(command, REDACTIONS)
      .option('--redact-key <variable>', 'variable that holds a key, for the same pseudonyms in every export')
      .option('--report <file>', 'write what was replaced where, as JSON')
      .option('--check', 'write nothing; exit 7 if --redact (default: all) would replace something');
    command
      .optionsGroup('Where to (OTLP/HTTP):')
      .option('--to <endpoint>', 'URL of a receiver, or env: OTEL_EXPORTER_OTLP_ENDPOINT')
      .option('--header <name=value>', 'header of each request (repeat), or OTEL_EXPORTER_OTLP_HEADERS', collect)
      .option('--resource <name=value>', 'attribute of the resource (repeat; service.name is agno)', collect)
      .option('--protocol <protocol>', 'http/protobuf, http/json (default: http/protobuf)');
    takesOneOf(command, PROTOCOLS)
      .option('--no-gzip', 'do not compress requests')
      .option('--send-timeout <length>', 'time limit of one request', '30s')
      .option('--retries <n>', 'how often to try again if the receiver is busy or away', '5')
      .option('--dry-run', 'count requests and bytes, send nothing');
    addPatienceFlags(command);
    addPriceFlags(command);
    command.optionsGroup('Output:').option('--format <format>', 'otlp, jsonl, md (default: otlp)');
    takesOneOf(command, EXPORT_FORMATS)
      .option('--jsonl', 'short for --format jsonl')
      .option('-o, --output <file>', 'write to a file atomically; .jsonl and .md choose the format')
      .option('--print-sql', 'print the statements of the first runs instead of the answer');
    command.action(commandAction(context, exportOptionsOf, () => import('./run.ts')));
  },
};
export default exporting;
