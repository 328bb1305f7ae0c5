import {existsSync} from 'node:fs';
import type {Context} from '../../context.ts';
import {factsStatus, openFacts} from '../../facts/facts.ts';
import {factsFile, factsFilesIn, removeFacts} from '../../facts/place.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import {append} from '../../lists.ts';
import type {Prices} from '../../prices/prices.ts';
import {renderFactsStatus} from '../../render/facts.ts';
import {line, safe} from '../../text/safe.ts';

export interface KeptFactsOptions {
  readonly verb: 'status' | 'rebuild' | 'clear' | 'path';
  readonly format: Format;
  readonly folder: string;
  readonly ascii: boolean | undefined;
  /** For every database, or for one. */
  readonly of: 'all' | {readonly prices: Prices; readonly access: Access};
}

/** Prints the status of the facts, rebuilds or clears them, or prints their path. */
export default async function facts(options: KeptFactsOptions, context: Context): Promise<void> {
  const {verb, folder, of} = options;
  if (of === 'all') {
    const files = factsFilesIn(folder);
    for (const file of files) removeFacts(file);
    writeNote(context, `${files.length} ${files.length === 1 ? 'file' : 'files'} of facts deleted`);
    return;
  }
  const {prices, access} = of;
  await withStore(access, context, '', async store => {
    const file = factsFile(folder, store, prices);
    if (verb === 'path') return writeLine(context, safe(file));
    if (verb === 'clear') {
      const isThere = existsSync(file);
      removeFacts(file);
      writeNote(context, isThere ? `deleted the facts of "${store.label}"` : `there are no facts of "${store.label}"`);
      return;
    }
    if (verb === 'rebuild') {
      removeFacts(file);
      const made = await withProgress(context, 'reading all spans', report =>
        openFacts(store, {
          env: context.env,
          cwd: context.cwd,
          prices,
          sinceMicros: null,
          untilMicros: null,
          onProgress: report,
        }),
      );
      append(context.notes, made.notices);
      made.close();
    }
    const status = await factsStatus(file, store.label);
    if (writeMachine(context, options.format, {command: 'facts', data: [status], items: [status]})) return;
    context.stdout.write(line`${renderFactsStatus(status, drawingOf(options, context))}\n`);
  });
}
