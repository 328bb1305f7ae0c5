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
import {REDACTIONS} from '../../redaction/kinds.ts';
import {EXPORT_FORMATS, exportOptionsOf} from './options.ts';

/** Exports runs to another tool, to a file, to a person. */
const exporting: CommandModule = {
  examples: [
    {line: 'export latest --format md --redact all -o run.md', answer: 'a page about the newest run, without secrets'},
    {
      line: 'export --last 7d --to http://localhost:4318',
      answer: 'the last week to Jaeger, a collector, …: docs/export.md',
    },
  ],
  declare: (command, context) => {
    command.argument('[ids...]', 'run, trace, span, session ids, prefixes, "latest"');
    addWindowFlags(command);
    addFilterFlags(command);
    command
      .option('--traffic', 'also HTTP requests without a run')
      .option('-n, --limit <n>', 'the newest n')
      .option('--all', 'everything, if no id or filter is given');
    command
      .optionsGroup('What to leave out:')
      .option('--no-content', 'without prompts, answers and arguments')
      .option('--redact <what>', 'replace what patterns find: secrets, pii, all');
    takesOneOf(command, REDACTIONS)
      .option('--redact-key <variable>', 'variable with a key: the same pseudonyms each time')
      .option('--report <file>', 'write what was replaced where, as JSON; -: stdout')
      .option('--check', 'write nothing; exit 7 if something would be replaced');
    command
      .optionsGroup('Where to (OTLP/HTTP):')
      .option('--to <endpoint>', 'URL, or env: that of OTEL_EXPORTER_OTLP_ENDPOINT')
      .option('--header <name=value>', 'request header (repeat)', collect)
      .option('--resource <name=value>', 'resource attribute, as service.name=app (repeat)', collect)
      .option('--protocol <protocol>', 'http/protobuf (default), http/json');
    takesOneOf(command, PROTOCOLS)
      .option('--no-gzip', 'do not compress requests')
      .option('--send-timeout <length>', 'time limit of one request', '30s')
      .option('--retries <n>', 'how often to try again', '5')
      .option('--dry-run', 'count requests and bytes, send nothing');
    addPatienceFlags(command);
    addPriceFlags(command);
    command.optionsGroup('Output:').option('--format <format>', 'otlp, jsonl, md, html, cases (default: otlp)');
    takesOneOf(command, EXPORT_FORMATS)
      .option('--jsonl', 'short for --format jsonl')
      .option('-o, --output <file>', 'write to a file; its ending chooses the format')
      .option('--print-sql', 'print the SQL statements instead of the answer');
    command.action(commandAction(context, exportOptionsOf, () => import('./run.ts')));
  },
};
export default exporting;
