import type {Context} from '../../context.ts';
import {checkUp, type NamedFinding} from '../../doctor/checkup.ts';
import {counted} from '../../doctor/finding.ts';
import {countRows, loadRange} from '../../doctor/sizes.ts';
import {type DescribedTables, describedTables} from '../../doctor/subject.ts';
import {surveyRuns} from '../../doctor/survey.ts';
import {loadVersion} from '../../doctor/version.ts';
import {EXIT, UserError} from '../../errors.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {drawingOf, type Format, writeLine, writeMachine, writeNote} from '../../flags/output.ts';
import {withProgress} from '../../flags/progress.ts';
import {renderFacts, renderFindings} from '../../render/doctor.ts';
import {inline, type Sql} from '../../sql/sql.ts';
import type {ConnectionFacts} from '../../store/connection-info.ts';
import {DEFAULT_TABLES, replacing, type Store} from '../../store/store.ts';
import {isStopped, isTimeout} from '../../store/timeout.ts';
import {trusted} from '../../text/safe.ts';
import {type Checkup, checkupRecord, commandLine, findingRecord} from './checkup.ts';
import {connectionSection, tableSection} from './sections.ts';

export interface DoctorOptions {
  readonly format: Format;
  /** Examine every run and every row, however long that takes. */
  readonly readsAll: boolean;
  /** Exit 7 if something is wrong. */
  readonly strict: boolean;
  /** The database was named by `--db`, which printed commands do not repeat. */
  readonly isDbGiven: boolean;
  readonly ascii: boolean | undefined;
  readonly access: Access;
}

const THEN = 'spans become trees, runs are found and judged, findings are counted (src/trace)';
/** Limits for runs and time, unless everything is requested. */
const SURVEY = {runs: 2000, ms: 10_000} as const;
/** Longest count over a table. */
const COUNT_MS = 5000;

/** Prints the connection, the tables, and what is wrong with the data in them. */
export default async function doctor(options: DoctorOptions, context: Context): Promise<void> {
  const {access} = options;
  let facts: ConnectionFacts | null = null;
  let isOpen = false;
  let findings: readonly NamedFinding[] = [];
  try {
    await withStore(
      access,
      context,
      THEN,
      async (store, out) => {
        isOpen = true;
        const checkup = await look(untilStopped(store), facts!, options, out);
        findings = checkup.findings;
        write(checkup, options, out);
      },
      found => {
        facts = found;
      },
    );
  } catch (error) {
    // It is connected, but the tables do not exist or cannot be read: show what is known anyway.
    const known = facts as ConnectionFacts | null;
    if (known && !isOpen && error instanceof UserError && !access.printSql)
      write(withoutTables(known, error), options, context);
    throw error;
  }
  if (options.strict) refuseFindings(findings);
}

/** A table on which a statement was stopped would take just as long in every check: it is not queried again. */
function untilStopped(store: Store): Store {
  const stopped = new Map<string, unknown>();
  const all = async <Row>(query: Sql): Promise<Row[]> => {
    const text = inline(query, store.dialect, store.tables);
    const tables = Object.values(store.tables).filter(name => name !== undefined && text.includes(name));
    for (const name of tables) if (stopped.has(name)) throw stopped.get(name);
    try {
      return await store.all<Row>(query);
    } catch (error) {
      if (isStopped(error)) for (const name of tables) stopped.set(name, error);
      throw error;
    }
  };
  return replacing(store, {all});
}

async function look(store: Store, facts: ConnectionFacts, options: DoctorOptions, out: Context): Promise<Checkup> {
  const {tracesTable, spansTable} = options.access.connection.tables;
  const names = {...DEFAULT_TABLES, traces: tracesTable, spans: spansTable};
  const tables: DescribedTables = describedTables(facts, store, names);
  return withProgress(out, 'checking', async onProgress => {
    const limits = options.readsAll ? {runs: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY} : SURVEY;
    const countMs = options.readsAll ? Number.POSITIVE_INFINITY : COUNT_MS;
    const subject = {store, facts, tables, countMs, onProgress};
    const version = await loadVersion(store, tables);
    const range = await loadRange(store, tables);
    const sizes = {traces: await countRows(subject, 'traces'), spans: await countRows(subject, 'spans')};
    const survey = await surveyRuns(store, limits, onProgress).catch((error: unknown) => {
      if (isTimeout(error)) return null;
      throw error;
    });
    const findings = await checkUp({...subject, survey});
    const notes = survey === null || survey.isComplete ? [] : [`runs: ${survey.covered}; --all reads every one`];
    return {facts, tables, version, range, sizes, findings, notes};
  });
}

/** The answer if the tables cannot be read: the error is the finding. */
function withoutTables(facts: ConnectionFacts, error: UserError): Checkup {
  const {message, hint = ''} = error;
  const isGrant = hint.startsWith('GRANT ');
  const finding: NamedFinding = {
    id: error.exitCode === EXIT.unreachable ? 'tables-not-readable' : 'tables-missing',
    severity: 'error',
    count: 1,
    isComplete: true,
    covered: 'the catalogue',
    sample: null,
    text: isGrant || hint === '' ? message : `${message} ${hint}`,
    command: null,
    repair: isGrant ? hint : null,
  };
  return {facts, tables: null, version: null, range: null, sizes: null, findings: [finding], notes: []};
}

function write(checkup: Checkup, options: DoctorOptions, out: Context): void {
  const {findings, notes} = checkup;
  const items = findings.map(findingRecord);
  if (writeMachine(out, options.format, {command: 'doctor', data: checkupRecord(checkup), items, notes})) return;
  const drawing = drawingOf(options, out);
  writeLine(out, renderFacts([connectionSection(checkup), tableSection(checkup)], drawing));
  writeLine(out, trusted(''));
  const drawn = findings.map(finding => ({...finding, command: finding.command && commandLine(finding.command)}));
  writeLine(out, renderFindings(drawn, drawing));
  const hasCommand = findings.some(({command}) => command !== null);
  for (const note of [...notes, ...(hasCommand && options.isDbGiven ? ['add the same --db to these commands'] : [])])
    writeNote(out, note);
}

/** @throws UserError exit 7 if something is wrong */
function refuseFindings(findings: readonly NamedFinding[]): void {
  const number = (severity: string) => findings.filter(finding => finding.severity === severity).length;
  const [errors, warnings] = [number('error'), number('warning')];
  if (errors + warnings === 0) return;
  const parts = [...(errors ? [counted(errors, 'error')] : []), ...(warnings ? [counted(warnings, 'warning')] : [])];
  throw new UserError(EXIT.different, `${parts.join(' and ')} found.`, {
    hint: 'Above, each one says how to see or repair it.',
  });
}
