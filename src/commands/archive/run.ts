import path from 'node:path';
import {openArchive} from '../../archive/reader.ts';
import type {Context} from '../../context.ts';
import {EXIT, UserError} from '../../errors.ts';
import {type Access, withPatientStore} from '../../flags/database.ts';
import {stoppable} from '../../flags/ending.ts';
import {pick} from '../../flags/fields.ts';
import {columnsOf, drawingOf, type Format, writeLine, writeMachine, writeNext, writeNote} from '../../flags/output.ts';
import {ProgressLine} from '../../flags/progress-line.ts';
import {askConsent, type WritingOptions} from '../../flags/writing.ts';
import {archiveFacts, restoreFacts} from '../../render/archive.ts';
import {renderTable} from '../../render/table.ts';
import {count, moment} from '../../render/values.ts';
import {refuseOtherRows} from '../../retention/month-restore.ts';
import {openRestorer} from '../../retention/restorer.ts';
import {type Inspection, inspectArchive} from '../../retention/verify.ts';
import type {ConnectionFacts} from '../../store/connection-info.ts';
import type {Store} from '../../store/store.ts';
import {line, safe, trusted} from '../../text/safe.ts';
import {command} from '../../text/shell.ts';

type ArchiveOptions = OneFile | ListedFiles | RestoredFile;

export interface OneFile {
  readonly verb: 'verify' | 'show';
  readonly file: string;
  /** As it was typed. */
  readonly said: string;
  readonly format: Format;
  readonly ascii: boolean | undefined;
}

export interface ListedFiles {
  readonly verb: 'list';
  readonly files: readonly string[];
  readonly fields: readonly string[];
  readonly format: Format;
}

export interface RestoredFile extends WritingOptions {
  readonly verb: 'restore';
  readonly file: string;
  readonly format: Format;
  readonly ascii: boolean | undefined;
  readonly access: Access;
}

/** Prints what files of `prune --archive` contain and whether they are complete, or restores them into a database. */
export default async function archive(options: ArchiveOptions, context: Context): Promise<void> {
  if (options.verb === 'restore') return restoreFile(options, context);
  if (options.verb === 'list') return list(options, context);
  const {verb, file, said, format} = options;
  const inspection = await inspectArchive(file, {keepBatches: verb === 'show'});
  if (verb === 'show' && inspection.problem) throw inspection.problem;
  if (!writeMachine(context, format, {command: 'archive', data: recordOf(inspection), items: [recordOf(inspection)]})) {
    writeLine(context, archiveFacts(recordOf(inspection), drawingOf(options, context)));
    if (!inspection.problem) writeNext(context, `next: ${command`agno-trace list --db archive:${said}`}`);
  }
  if (inspection.problem) throw inspection.problem;
  if (verb === 'verify' && (inspection.withoutTrace ?? 0) > 0 && inspection.isComplete)
    writeNote(context, `${inspection.withoutTrace} spans had no trace row in the database either`);
}

function recordOf({problem, header, ...rest}: Inspection) {
  const {columns, tables, agnoTraceArchive: format, ...origin} = header;
  return {...rest, ...origin, tables, format, problem: problem instanceof Error ? problem.message : null};
}

async function list({files, format, fields}: ListedFiles, context: Context): Promise<void> {
  const records = [];
  for (const file of files) records.push(recordOf(await inspectArchive(file, {keepBatches: false})));
  const items = pick(records, fields);
  if (writeMachine(context, format, {command: 'archive', data: items, items, fields})) return;
  const columns = {
    file: {label: 'File'},
    cutoff: {label: 'Older than'},
    traces: {label: 'Traces', unit: 'count'},
    spans: {label: 'Spans', unit: 'count'},
    state: {label: 'State'},
    source: {label: 'From'},
  } as const;
  const rows = records.map(record => ({
    file: path.basename(record.file),
    cutoff: moment(record.cutoff),
    traces: record.traces,
    spans: record.spans,
    state: record.problem ? 'damaged' : record.isComplete ? 'whole' : 'cut',
    source: record.source,
  }));
  writeLine(context, renderTable({columns, rows}, columnsOf(context)));
}

/** The plan first; then, after confirmation, the rows. */
async function restoreFile(options: RestoredFile, context: Context): Promise<void> {
  const {file, format, access} = options;
  const {header} = await openArchive(file);
  const use = async (store: Store, facts: ConnectionFacts) => {
    const progress = new ProgressLine(context, false);
    refuseOtherRows(header, store);
    if (facts.copyReason !== null || facts.isStandby)
      throw new UserError(EXIT.unreachable, `"${store.label}" cannot be changed in place.`, {
        hint: facts.copyReason ?? 'It is a standby; connect to the primary.',
      });
    const restorer = await openRestorer(access.connection.source, store, facts, header, {
      isDry: options.dryRun,
      lockWaitMs: options.lockWaitMs,
    });
    try {
      const plan = await restorer.plan(file, rows => progress.looking('rows read', rows));
      progress.clear();
      const answer = (result: object | null) =>
        writeMachine(context, format, {command: 'archive', data: {plan, result}, items: [{plan, result}]});
      if (format === 'table') writeLine(context, restoreFacts(plan, drawingOf(options, context)));
      const rows = plan.traces + plan.spans;
      const isDone = plan.tracesThere + plan.spansThere >= rows;
      if (options.dryRun || isDone) {
        if (isDone && format === 'table') writeLine(context, trusted('nothing to restore: every row is already there'));
        answer(null);
        return;
      }
      if (!options.yes) {
        const question = line`Restore into ${safe(plan.database)}? Type yes: `;
        await askConsent({question, nothing: 'nothing was restored', effect: 'restore'}, context).catch(error => {
          answer(null);
          throw error;
        });
      }
      const result = await stoppable({context, changes: restorer, unit: 'batch'}, stop =>
        restorer.run(file, {stop, onProgress: done => progress.deleting(done, rows, null)}),
      );
      progress.clear();
      if (!answer(result)) {
        const parts = [
          line`restored ${count(result.traces)} traces and ${count(result.spans)} spans into ${safe(plan.database)}`,
        ];
        if (result.there > 0) parts.push(line`${count(result.there)} rows were already there`);
        writeLine(context, trusted(parts.join('; ')));
      }
      if (result.stoppedBy) context.exitCode = EXIT.stopped;
      if (result.unfit + result.withoutTrace > 0)
        throw new UserError(
          EXIT.failed,
          `${result.unfit + result.withoutTrace} rows were not restored: ${result.unfit} do not fit this database, ${result.withoutTrace} are spans without a trace row.`,
          {
            hint:
              result.unfitIds.length > 0
                ? `For example ${result.unfitIds.join(', ')}`
                : 'The foreign key refuses them.',
          },
        );
    } finally {
      progress.clear();
      await restorer.close();
    }
  };
  await withPatientStore(access, context, use);
}
