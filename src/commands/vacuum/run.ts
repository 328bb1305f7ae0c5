import type {Context} from '../../context.ts';
import {EXIT, UserError} from '../../errors.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {stoppable} from '../../flags/ending.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {ProgressLine} from '../../flags/progress-line.ts';
import {askConsent, type WritingOptions} from '../../flags/writing.ts';
import {renderVacuumed, renderVacuumPlan} from '../../render/vacuum.ts';
import {openAlone} from '../../retention/alone.ts';
import {applyVacuum, planVacuum, type VacuumPlan} from '../../retention/vacuum.ts';
import type {ConnectionFacts} from '../../store/connection-info.ts';
import {patiently} from '../../store/patient.ts';
import type {Store} from '../../store/store.ts';
import {trusted} from '../../text/safe.ts';

export interface VacuumOptions extends WritingOptions {
  readonly format: Format;
  readonly ascii: boolean | undefined;
  /** Nobody else has the SQLite file open, according to the user. */
  readonly offline: boolean;
  readonly access: Access;
}

/** Prints what it would reclaim and cost; then, after confirmation, vacuums. */
export default async function vacuum(options: VacuumOptions, context: Context): Promise<void> {
  const {offline, access} = options;
  let facts: ConnectionFacts | null = null;
  const bytesAfter = () =>
    patiently(async () => {
      let bytes = 0;
      const use = async (store: Store) => {
        bytes = (await planVacuum(store, facts!, {offline, plansOnly: false})).bytes;
      };
      await withStore(access, context, '', use, found => {
        facts = found;
      });
      return bytes;
    });
  await withStore(
    access,
    context,
    '',
    async store => {
      const plan = await planVacuum(store, facts!, {offline, plansOnly: options.dryRun});
      const answer = writePlan(plan, options, context);
      if (plan.method === 'none' || options.dryRun) return answer(null);
      try {
        if (plan.blocked)
          throw new UserError(EXIT.usage, `nothing was changed: ${plan.blocked.reason}.`, {hint: plan.blocked.hint});
        if (!options.yes) {
          const question = trusted('Vacuum? Type yes: ');
          await askConsent({question, nothing: 'nothing was changed', effect: 'begin'}, context);
        }
      } catch (error) {
        answer(null);
        throw error;
      }
      await store.close();
      const progress = new ProgressLine(context, false);
      const changes = await openAlone(access.connection.source, store, options.lockWaitMs, {offline, isLong: true});
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
      if (options.format === 'table') writeLine(context, renderVacuumed(plan, result));
      answer(result);
      if (done.stoppedBy) context.exitCode = EXIT.stopped;
    },
    found => {
      facts = found;
    },
  );
}

function writePlan(plan: VacuumPlan, options: VacuumOptions, context: Context): (result: object | null) => void {
  const {format} = options;
  const {blocked, estimateMs, ...rest} = plan;
  const record = {
    ...rest,
    estimateMs: Math.round(estimateMs),
    blocked: blocked?.reason ?? null,
    hint: blocked?.hint ?? null,
  };
  if (format === 'table') writeLine(context, renderVacuumPlan(record, drawingOf(options, context)));
  return result => {
    if (format === 'table') for (const note of context.notes.splice(0)) writeNote(context, note);
    else
      writeMachine(context, format, {command: 'vacuum', data: {plan: record, result}, items: [{plan: record, result}]});
  };
}
