import path from 'node:path';
import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {askConsent} from '../../flags/writing.ts';
import {count} from '../../render/values.ts';
import type {PrunePlan} from '../../retention/plan.ts';
import type {Source} from '../../store/source.ts';
import {line, safe} from '../../text/safe.ts';

interface Consent {
  readonly yes: boolean;
  readonly expectMax: number | null;
}

/**
 * Nothing is deleted without the user's confirmation: typed on a terminal, otherwise `--yes`; for more than half of
 * all traces the database's name, or with `--yes` a maximum number.
 * @throws UserError exit 2 if the confirmation is missing
 */
export async function confirm(
  plan: PrunePlan,
  source: Source,
  {yes, expectMax}: Consent,
  context: Context,
): Promise<void> {
  const nothing = 'Nothing was deleted.';
  if (expectMax !== null && plan.traces > expectMax)
    throw usageError(`${plan.traces} traces would be deleted, more than --expect-max ${expectMax}.`, nothing);
  if (yes) {
    if (plan.mostOfAll && expectMax === null)
      throw usageError(
        `${plan.traces} traces would be deleted, more than half of all.`,
        `${nothing} To confirm, add --yes --expect-max ${plan.traces}.`,
      );
    return;
  }
  const word = plan.mostOfAll ? nameOf(source) : 'yes';
  const question = plan.mostOfAll
    ? line`This deletes more than half of all traces. Type the name of the database, ${safe(word)}, to delete ${count(plan.traces)}: `
    : line`Delete ${count(plan.traces)} traces? Type yes: `;
  await askConsent({question, word, nothing: 'nothing was deleted', effect: 'delete'}, context);
}

function nameOf(source: Source): string {
  return source.dialect === 'sqlite' ? path.basename(source.file) : source.database;
}
