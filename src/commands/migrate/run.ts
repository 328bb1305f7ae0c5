import type {Context} from '../../context.ts';
import {EXIT, UserError, usageError} from '../../errors.ts';
import {connectionOf, type Connection as Where} from '../../flags/connection.ts';
import {maskSecrets, timeoutMsOf} from '../../flags/database.ts';
import type {OutputFlags, ReadFlags} from '../../flags/declare.ts';
import {columnsOf, formatOf, lookOf, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {parseChoice, parseLength} from '../../flags/values.ts';
import {type AppliedSteps, apply} from '../../migrations/apply.ts';
import {inspect, type Planned} from '../../migrations/plan.ts';
import {checkRights} from '../../migrations/rights.ts';
import type {Found, Step} from '../../migrations/step.ts';
import {openSubject, type Subject, type SubjectOptions} from '../../migrations/subject.ts';
import {type DrawnDone, type DrawnStep, renderDone, renderObjects, renderSteps, sqlText} from '../../render/migrate.ts';
import {openAlone} from '../../retention/prune.ts';
import {secretsOf} from '../../store/source.ts';
import {line, own, safe} from '../../text/safe.ts';
import {ProgressLine} from '../prune/progress.ts';
import {stoppable} from '../prune/stop.ts';

export interface MigrateFlags extends ReadFlags, OutputFlags {
  dryRun?: boolean;
  yes?: boolean;
  undo?: boolean;
  offline?: boolean;
  lockWait?: string;
}

interface Asked {
  readonly where: Where;
  readonly subject: SubjectOptions;
  readonly format: 'table' | 'json';
  readonly lockWaitMs: number;
  readonly undo: boolean;
}

/** Answers `migrate`: the plan; then, if the user says so, the changes; then the catalogue is looked at again. */
export default async function migrate(what: string | undefined, flags: MigrateFlags, context: Context): Promise<void> {
  const asked = readFlags(what, flags, context);
  const subject = await openSubject(asked.where.source, asked.subject);
  try {
    const planned = await inspect(subject, asked);
    if (what === 'status') {
      writeStatus(subject, await inspect(subject), asked, context);
      return;
    }
    const steps = planned.steps.map(recordOf);
    if (flags.printSql) {
      context.stdout.write(context.stdout.isTTY ? safe(sqlText(steps), {multiline: true}) : own(sqlText(steps)));
      return;
    }
    const plan = {database: subject.label, undo: asked.undo, steps, there: thereOf(planned)};
    const isTable = asked.format === 'table';
    if (isTable)
      writeLine(context, renderSteps(plan.database, steps, {...lookOf(flags, context), columns: columnsOf(context)}));
    const answer = (result: object | null) => {
      if (isTable) for (const note of context.notes.splice(0)) writeNote(context, note);
      else writeMachine(context, asked.format, {command: 'migrate', data: {plan, result}, items: [{plan, result}]});
    };
    const wanted = planned.steps.filter(({step}) => step.blocked === null);
    if (flags.dryRun || planned.steps.length === 0) return answer(null);
    await checkRights(subject);
    if (wanted.length === 0) {
      answer(null);
      throw new UserError(EXIT.usage, 'nothing was changed: what is left to do is not done now.', {
        hint: planned.steps[0]!.step.blocked!.hint,
      });
    }
    try {
      await confirm(wanted.length, flags.yes ?? false, context);
    } catch (error) {
      answer(null);
      throw error;
    }
    await subject.close();
    await change(subject, planned, {asked, answer}, context);
  } finally {
    await subject.close();
  }
}

function readFlags(what: string | undefined, flags: MigrateFlags, context: Context): Asked {
  if (what !== undefined) parseChoice('migrate', what, ['status']);
  const where = connectionOf(flags, context);
  const {source, tables} = where;
  if (flags.offline && source.dialect === 'postgres')
    throw usageError('--offline is for SQLite files.', 'On Postgres nothing here keeps Agno from writing.');
  const secrets = [...secretsOf(source)];
  return {
    where,
    subject: {
      tables,
      nowMicros: context.nowMicros,
      timeoutMs: timeoutMsOf(flags),
      offline: flags.offline ?? false,
      warn: text => void context.notes.push(text),
      ...(flags.debug
        ? {
            debug: (text: string) =>
              context.stderr.write(line`debug: ${safe(maskSecrets(text, [...secrets, ...context.secrets]))}\n`),
          }
        : {}),
    },
    format: formatOf(flags, ['table', 'json']) as 'table' | 'json',
    lockWaitMs: flags.lockWait === undefined ? 0 : parseLength('--lock-wait', flags.lockWait),
    undo: flags.undo ?? false,
  };
}

async function change(
  before: Subject,
  planned: Planned,
  {asked, answer}: {asked: Asked; answer: (result: object | null) => void},
  context: Context,
): Promise<void> {
  const progress = new ProgressLine(context, false);
  const {source} = asked.where;
  const tables = {
    ...(before.traces ? {traces: before.traces.qualifiedName} : {}),
    ...(before.spans ? {spans: before.spans.qualifiedName} : {}),
  };
  const changes = await openAlone(source, {tables, label: before.label}, asked.lockWaitMs, {
    offline: asked.subject.offline,
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
  const left = await verify(before, planned, applied, asked);
  const done: DrawnDone[] = applied.done.map(({object, action, elapsedMs}) => ({
    object,
    action,
    elapsedMs,
    planAfter: left.plans.get(object) ?? null,
  }));
  const result = {done, stoppedBy: applied.stoppedBy, left: left.objects};
  if (asked.format === 'table') writeLine(context, renderDone(before.label, done, left.objects));
  answer(result);
  if (applied.failure) throw applied.failure;
  if (applied.stoppedBy) context.exitCode = EXIT.stopped;
  const [undone] = applied.done.filter(({object}) => left.objects.includes(object));
  if (undone)
    throw new UserError(
      EXIT.failed,
      `${undone.action} ${undone.object}: it went well, and the catalogue does not show it.`,
      {
        hint: 'Did somebody else change it meanwhile? agno-trace migrate status',
      },
    );
}

/** Looks at the catalogue again: what is still to be done, and how the queries that were served are answered now. */
async function verify(before: Subject, planned: Planned, applied: AppliedSteps, asked: Asked) {
  const plans = new Map<string, readonly string[]>();
  const after = await openSubject(asked.where.source, asked.subject);
  try {
    const {steps} = await inspect(after, asked);
    const objects = steps.map(({object}) => object);
    const done = new Set(applied.done.map(({object}) => object));
    for (const {object, step} of planned.steps)
      if (step.explain && done.has(object)) plans.set(object, await step.explain.again(after));
    return {objects, plans, database: before.label};
  } finally {
    await after.close();
  }
}

async function confirm(steps: number, yes: boolean, context: Context): Promise<void> {
  if (yes) return;
  if (!context.ask)
    throw usageError(
      'nothing was changed: without a terminal --yes is needed.',
      '--dry-run prints the plan and exits 0.',
    );
  const typed = (await context.ask(line`Do ${own(steps === 1 ? 'this' : `these ${steps}`)}? Type yes: `))?.trim();
  if (typed !== 'yes') throw usageError('Nothing was changed.', 'Only "yes" changes it.');
}

function writeStatus(subject: Subject, {found}: Planned, {format}: Asked, context: Context): void {
  const made = new Set(subject.made.map(({object}) => object));
  const objects = found.map(({kind, object, state, step}) => ({
    kind,
    object,
    state,
    blocked: step?.blocked?.reason ?? null,
    ours: object.startsWith('agnotrace_') || made.has(object),
  }));
  if (writeMachine(context, format, {command: 'migrate', data: {database: subject.label, objects}, items: objects}))
    return;
  writeLine(context, renderObjects(objects));
  for (const note of context.notes.splice(0)) writeNote(context, note);
}

function thereOf({found}: Planned): string[] {
  return found.flatMap(({object, state}) => (state === 'there' ? [object] : []));
}

function recordOf({kind, object, step}: Found & {step: Step}): DrawnStep {
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
