import {existsSync} from 'node:fs';
import type {Context} from '../../context.ts';
import {EXIT, UserError} from '../../errors.ts';
import {factsStatus, openFacts} from '../../facts/facts.ts';
import {factsFile, factsFilesIn, factsFolder, removeFacts} from '../../facts/place.ts';
import {withStore} from '../../flags/database.ts';
import type {OutputFlags, PriceFlags, ReadFlags} from '../../flags/declare.ts';
import {columnsOf, formatOf, lookOf, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {withProgress} from '../../flags/progress.ts';
import {append} from '../../lists.ts';
import {renderFactsStatus} from '../../render/facts.ts';
import {line, safe} from '../../text/safe.ts';

export interface FactsFlags extends ReadFlags, OutputFlags, PriceFlags {
  all?: boolean;
}

/** Answers `facts status`, `rebuild`, `clear` and `path`. */
export default async function facts(
  verb: 'status' | 'rebuild' | 'clear' | 'path',
  flags: FactsFlags,
  context: Context,
): Promise<void> {
  const format = formatOf(flags, ['table', 'json']);
  const folder = factsFolder(context.env, context.cwd);
  if (folder === null)
    throw new UserError(EXIT.usage, 'there is no folder for facts: they are made in memory for each question.', {
      hint: 'Set AGNO_TRACE_CACHE to a folder.',
    });
  if (verb === 'clear' && flags.all) {
    const files = factsFilesIn(folder);
    for (const file of files) removeFacts(file);
    writeNote(context, `${files.length} ${files.length === 1 ? 'file' : 'files'} of facts removed`);
    return;
  }
  const prices = pricesOf(flags, context);
  await withStore(flags, context, '', async store => {
    const file = factsFile(folder, store, prices);
    if (verb === 'path') return writeLine(context, safe(file));
    if (verb === 'clear') {
      const isThere = existsSync(file);
      removeFacts(file);
      writeNote(context, isThere ? `the facts of "${store.label}" are forgotten` : `none are kept of "${store.label}"`);
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
    if (writeMachine(context, format, {command: 'facts', data: [status], items: [status]})) return;
    context.stdout.write(
      line`${renderFactsStatus(status, {...lookOf(flags, context), columns: columnsOf(context)})}\n`,
    );
  });
}
