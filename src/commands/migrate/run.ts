import type {Context} from '../../context.ts';
import {EXIT, UserError} from '../../errors.ts';
import {type Access, openOptionsOf} from '../../flags/database.ts';
import {stoppable} from '../../flags/ending.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {ProgressLine} from '../../flags/progress-line.ts';
import {askConsent, type WritingOptions} from '../../flags/writing.ts';
import {type AppliedSteps, apply} from '../../migrations/apply.ts';
import {indexBytes} from '../../migrations/indexes.ts';
import {inspect, type Planned} from '../../migrations/plan.ts';
import {checkRights} from '../../migrations/rights.ts';
import type {Found, MigrationStep} from '../../migrations/step.ts';
import {type MigrationSubject, openSubject} from '../../migrations/subject.ts';
import {type DrawnDone, type DrawnStep, renderDone, renderObjects, renderSteps, sqlText} from '../../render/migrate.ts';
import {openAlone} from '../../retention/alone.ts';
import {line, safe, trusted} from '../../text/safe.ts';

export interface MigrateOptions extends WritingOptions {
  /** Only report what exists. */
  readonly onlyStatus: boolean;
  readonly format: Format;
  readonly ascii: boolean | undefined;
  readonly undo: boolean;
  /** Nobody else has the SQLite file open, according to the user. */
  readonly offline: boolean;
  readonly access: Access;
}

/** Prints the plan; then, after confirmation, makes the changes; then reads the catalogue again. */
export default async function migrate(options: MigrateOptions, context: Context): Promise<void> {
  const {format, undo, offline, access} = options;
  const {source, tables} = access.connection;
  const open = () => openSubject(source, {...openOptionsOf(access, context), tables, offline});
  const subject = await open();
  try {
    const planned = await inspect(subject, options);
    if (options.onlyStatus) {
      await writeStatus(subject, await inspect(subject), format, context);
      return;
    }
    const steps = planned.steps.map(recordOf);
    if (access.printSql) {
      context.stdout.write(context.stdout.isTTY ? safe(sqlText(steps), {multiline: true}) : trusted(sqlText(steps)));
      return;
    }
    const plan = {database: subject.label, undo, steps, there: thereOf(planned)};
    const isTable = format === 'table';
    if (isTable) writeLine(context, renderSteps(plan.database, steps, drawingOf(options, context)));
    const answer = (result: object | null) => {
      if (isTable) for (const note of context.notes.splice(0)) writeNote(context, note);
      else writeMachine(context, format, {command: 'migrate', data: {plan, result}, items: [{plan, result}]});
    };
    const wanted = planned.steps.filter(({step}) => step.blocked === null);
    if (options.dryRun || planned.steps.length === 0) return answer(null);
    await checkRights(subject);
    if (wanted.length === 0) {
      answer(null);
      throw new UserError(EXIT.usage, 'nothing was changed: the remaining steps cannot be done now.', {
        hint: planned.steps[0]!.step.blocked!.hint,
      });
    }
    try {
      if (!options.yes) {
        const question = line`Apply ${trusted(wanted.length === 1 ? 'this change' : `these ${wanted.length} changes`)}? Type yes: `;
        await askConsent({question, nothing: 'nothing was changed', effect: 'apply'}, context);
      }
    } catch (error) {
      answer(null);
      throw error;
    }
    await subject.close();
    await change(subject, planned, {options, open, answer}, context);
  } finally {
    await subject.close();
  }
}

interface Change {
  readonly options: MigrateOptions;
  /** Looks at the catalogue. */
  readonly open: () => Promise<MigrationSubject>;
  readonly answer: (result: object | null) => void;
}

async function change(
  before: MigrationSubject,
  planned: Planned,
  {options, open, answer}: Change,
  context: Context,
): Promise<void> {
  const progress = new ProgressLine(context, false);
  const tables = {
    ...(before.traces ? {traces: before.traces.qualifiedName} : {}),
    ...(before.spans ? {spans: before.spans.qualifiedName} : {}),
  };
  const changes = await openAlone(options.access.connection.source, {tables, label: before.label}, options.lockWaitMs, {
    offline: options.offline,
    isLong: true,
  });
  let applied: AppliedSteps;
  try {
    applied = await stoppable({context, changes, unit: 'step'}, stop =>
      apply(changes, before, planned, {stop, report: text => progress.saying(text)}),
    );
  } finally {
    progress.clear();
    await changes.close();
  }
  const left = await verify(before, planned, applied, {options, open});
  const done: DrawnDone[] = applied.done.map(({object, action, elapsedMs}) => ({
    object,
    action,
    elapsedMs,
    planAfter: left.plans.get(object) ?? null,
  }));
  const result = {done, stoppedBy: applied.stoppedBy, left: left.objects};
  if (options.format === 'table') writeLine(context, renderDone(before.label, done, left.objects));
  answer(result);
  if (applied.failure) throw applied.failure;
  if (applied.stoppedBy) context.exitCode = EXIT.stopped;
  const [undone] = applied.done.filter(({object}) => left.objects.includes(object));
  if (undone)
    throw new UserError(
      EXIT.failed,
      `${undone.action} ${undone.object}: it succeeded, but the catalogue does not show it.`,
      {
        hint: 'Did somebody else change it in the meantime? agno-trace migrate status',
      },
    );
}

/** Reads the catalogue again: what is still to be done, and how the affected queries run now. */
async function verify(
  before: MigrationSubject,
  planned: Planned,
  applied: AppliedSteps,
  {options, open}: Omit<Change, 'answer'>,
) {
  const plans = new Map<string, readonly string[]>();
  const after = await open();
  try {
    const {steps} = await inspect(after, options);
    const objects = steps.map(({object}) => object);
    const done = new Set(applied.done.map(({object}) => object));
    for (const {object, step} of planned.steps)
      if (step.explain && done.has(object)) plans.set(object, await step.explain.again(after));
    return {objects, plans, database: before.label};
  } finally {
    await after.close();
  }
}

async function writeStatus(
  subject: MigrationSubject,
  {found}: Planned,
  format: Format,
  context: Context,
): Promise<void> {
  const made = new Set(subject.made.map(({object}) => object));
  const bytes = await indexBytes(subject);
  const objects = found.map(({kind, object, state, step}) => ({
    kind,
    object,
    state,
    blocked: step?.blocked?.reason ?? null,
    ours: object.startsWith('agnotrace_') || made.has(object),
    bytes: kind === 'index' && state !== 'missing' ? (bytes.get(object) ?? null) : null,
    estimateMs: step === null || step.estimateMs === null ? null : Math.round(step.estimateMs),
  }));
  if (writeMachine(context, format, {command: 'migrate', data: {database: subject.label, objects}, items: objects}))
    return;
  writeLine(context, renderObjects(objects));
  for (const note of context.notes.splice(0)) writeNote(context, note);
}

function thereOf({found}: Planned): string[] {
  return found.flatMap(({object, state}) => (state === 'there' ? [object] : []));
}

function recordOf({kind, object, step}: Found & {step: MigrationStep}): DrawnStep {
  const {action, why, serves, lock, risk, estimateMs, explain, blocked, sql} = step;
  return {
    kind,
    object,
    action,
    why,
    serves,
    lock,
    risk,
    estimateMs: estimateMs === null ? null : Math.round(estimateMs),
    query: explain?.query ?? null,
    planBefore: explain?.plan ?? null,
    blocked: blocked?.reason ?? null,
    hint: blocked?.hint ?? null,
    sql,
  };
}
