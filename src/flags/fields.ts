import {closest} from '../closest.ts';
import {usageError} from '../errors.ts';
import type {OutputFlags} from './declare.ts';
import type {Format} from './output.ts';

const WITH_FIELDS: readonly Format[] = ['json', 'jsonl', 'csv', 'md'];

/**
 * The keys of `--fields`, in its order; all of `known` without it.
 * @throws UserError exit 2 for an unknown key, and for a format without keys
 */
export function fieldsOf(
  flags: OutputFlags,
  known: readonly string[],
  format: Format,
  formats: readonly Format[] = WITH_FIELDS,
): readonly string[] {
  return fieldsAmongOf(flags, format, formats)(known);
}

/** For a command whose keys depend on the answer. */
export type FieldsAmong = (known: readonly string[]) => readonly string[];

/** @throws UserError at once for a format without keys */
export function fieldsAmongOf(
  {fields}: OutputFlags,
  format: Format,
  formats: readonly Format[] = WITH_FIELDS,
): FieldsAmong {
  if (fields === undefined) return known => known;
  if (!formats.includes(format))
    throw usageError(
      `--fields "${fields}" does not apply to --format ${format}.`,
      `It is for ${formats.join(', ')}: add --json.`,
    );
  const wanted = fields
    .split(',')
    .map(field => field.trim())
    .filter(field => field !== '');
  return known => {
    if (wanted.length === 0)
      throw usageError(`--fields "${fields}" names no field.`, `Fields are ${known.join(', ')}.`);
    return [...new Set(wanted.map(field => knownField(field, known)))];
  };
}

/** The exact key, or else the same letters in another case: `runid` is found too. */
function knownField(field: string, known: readonly string[]): string {
  const found = known.includes(field) ? field : known.find(key => key.toLowerCase() === field.toLowerCase());
  if (found !== undefined) return found;
  const near = closest(field, known);
  const list = `Fields: ${known.join(', ')}.`;
  throw usageError(`--fields "${field}" is not known.`, near ? `Did you mean ${near}? ${list}` : list);
}

/** `records` with only these keys, in this order. */
export function pick(records: readonly object[], fields: readonly string[]): Record<string, unknown>[] {
  return records.map(record =>
    Object.fromEntries(fields.map(field => [field, (record as Record<string, unknown>)[field] ?? null])),
  );
}
