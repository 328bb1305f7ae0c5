import {existsSync} from 'node:fs';
import type {Context} from '../../context.ts';
import {EXIT, UserError} from '../../errors.ts';
import {writeKept} from '../../facts/attributes.ts';
import {factsStatus, openFacts} from '../../facts/facts.ts';
import {
  factsFile,
  factsFilesIn,
  factsFilesOf,
  keptAttributes,
  keptAttributesFile,
  removeFacts,
} from '../../facts/place.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import {append} from '../../lists.ts';
import type {Prices} from '../../prices/prices.ts';
import {renderFactsStatus} from '../../render/facts.ts';
import {TRAITS} from '../../sql/traits.ts';
import type {Store} from '../../store/store.ts';
import {line, safe} from '../../text/safe.ts';
import {attributeKey} from '../../trace/asked-attributes.ts';

export interface KeptFactsOptions {
  readonly verb: 'status' | 'rebuild' | 'keep' | 'clear' | 'path';
  readonly format: Format;
  readonly folder: string;
  /** Of `keep`: names without `attr.`; none: print what is kept. */
  readonly attributes: readonly string[];
  readonly removes: boolean;
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
    if (verb === 'keep') return keep(store, options, context);
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
    const status = {...(await factsStatus(file, store.label)), attributes: keptAttributes(folder, store)};
    if (writeMachine(context, options.format, {command: 'facts', data: [status], items: [status]})) return;
    context.stdout.write(line`${renderFactsStatus(status, drawingOf(options, context))}\n`);
  });
}

/** Facts that were made without an attribute do not have it, and what is no longer kept must not stay anywhere. */
function keep(store: Store, {folder, attributes, removes}: KeptFactsOptions, context: Context): void {
  const {name, keepsFacts} = TRAITS[store.dialect];
  if (!keepsFacts || store.label.startsWith('archive:'))
    throw new UserError(EXIT.usage, `of ${keepsFacts ? 'an archive' : name} no facts are kept.`, {
      hint: 'Every question finds attributes there by itself.',
    });
  const before = keptAttributes(folder, store);
  const after = removes
    ? before.filter(attribute => !attributes.includes(attribute))
    : [...new Set([...before, ...attributes])];
  const isChanged = after.length !== before.length;
  if (isChanged) {
    writeKept(keptAttributesFile(folder, store), after);
    for (const file of factsFilesOf(folder, store)) removeFacts(file);
  }
  for (const attribute of [...after].sort()) writeLine(context, safe(attributeKey(attribute)));
  writeNote(
    context,
    isChanged
      ? 'the next question makes the facts again; the values lie in their file'
      : after.length === 0
        ? 'no attributes are kept'
        : 'nothing changed',
  );
}
