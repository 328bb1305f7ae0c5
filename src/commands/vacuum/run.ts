import type {Context} from '../../context.ts';
import {EXIT, UserError, usageError} from '../../errors.ts';
import {sourceOf, withStore} from '../../flags/database.ts';
import type {OutputFlags, ReadFlags} from '../../flags/declare.ts';
import {columnsOf, formatOf, lookOf, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {parseLength} from '../../flags/values.ts';
import {renderVacuumed, renderVacuumPlan} from '../../render/vacuum.ts';
import {openAlone} from '../../retention/prune.ts';
import {applyVacuum, planVacuum, type VacuumPlan} from '../../retention/vacuum.ts';
import type {ConnectionFacts} from '../../store/facts.ts';
import {patiently} from '../../store/patient.ts';
import type {Store} from '../../store/store.ts';
import {own} from '../../text/safe.ts';
import {ProgressLine} from '../prune/progress.ts';
import {stoppable} from '../prune/stop.ts';

export interface VacuumFlags extends ReadFlags, OutputFlags {
  dryRun?: boolean;
  yes?: boolean;
  offline?: boolean;
  lockWait?: string;
}

/** Answers `vacuum`: what it would give back and cost; then, if the user says so, the vacuum. */
export default async function vacuum(flags: VacuumFlags, context: Context): Promise<void> {
  const lockWaitMs = flags.lockWait === undefined ? 0 : parseLength('--lock-wait', flags.lockWait);
  formatOf(flags, ['table', 'json']);
  const source = sourceOf(flags, context);
  const offline = flags.offline ?? false;
  if (offline && source.dialect === 'postgres')
    throw usageError('--offline is for SQLite files.', 'On Postgres nothing here keeps Agno from writing.');
  let facts: ConnectionFacts | null = null;
  const bytesAfter = () =>
    patiently(async () => {
      let bytes = 0;
      const use = async (store: Store) => {
        bytes = (await planVacuum(store, facts!, {offline})).bytes;
      };
      await withStore(flags, context, '', use, found => {
        facts = found;
      });
      return bytes;
    });
  await withStore(
    flags,
    context,
    '',
    async store => {
      const plan = await planVacuum(store, facts!, {offline});
      const answer = writePlan(plan, flags, context);
      if (plan.method === 'none' || flags.dryRun) return answer(null);
      try {
        if (plan.blocked)
          throw new UserError(EXIT.usage, `nothing was changed: ${plan.blocked.reason}.`, {hint: plan.blocked.hint});
        await confirm(flags.yes ?? false, context);
      } catch (error) {
        answer(null);
        throw error;
      }
      await store.close();
      const progress = new ProgressLine(context, false);
      const changes = await openAlone(source, store, lockWaitMs, {offline, isLong: true});
      const start = performance.now();
      const done = await stoppable({context, changes, unit: 'step'}, stop =>
        applyVacuum(changes, plan, {stop, report: text => progress.saying(text)}),
      ).finally(async () => {
        progress.clear();
        await changes.close();
      });
      const result = {
        ...done,
        longestMs: Math.round(done.longestMs),
        elapsedMs: Math.round(performance.now() - start),
        bytesBefore: plan.bytes,
        bytesAfter: await bytesAfter(),
      };
      if (formatOf(flags, ['table', 'json']) === 'table') writeLine(context, renderVacuumed(plan, result));
      answer(result);
      if (done.stoppedBy) context.exitCode = EXIT.stopped;
    },
    found => {
      facts = found;
    },
  );
}

function writePlan(plan: VacuumPlan, flags: VacuumFlags, context: Context): (result: object | null) => void {
  const format = formatOf(flags, ['table', 'json']);
  const {blocked, estimateMs, ...rest} = plan;
  const record = {
    ...rest,
    estimateMs: Math.round(estimateMs),
    blocked: blocked?.reason ?? null,
    hint: blocked?.hint ?? null,
  };
  if (format === 'table')
    writeLine(context, renderVacuumPlan(record, {...lookOf(flags, context), columns: columnsOf(context)}));
  return result => {
    if (format === 'table') for (const note of context.notes.splice(0)) writeNote(context, note);
    else
      writeMachine(context, format, {command: 'vacuum', data: {plan: record, result}, items: [{plan: record, result}]});
  };
}

async function confirm(yes: boolean, context: Context): Promise<void> {
  if (yes) return;
  if (!context.ask)
    throw usageError(
      'nothing was changed: without a terminal --yes is needed.',
      '--dry-run prints the plan and exits 0.',
    );
  if ((await context.ask(own('Vacuum? Type yes: ')))?.trim() !== 'yes')
    throw usageError('Nothing was changed.', 'Only "yes" begins it.');
}
