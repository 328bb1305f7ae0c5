import {isTimeout} from '../store/timeout.ts';
import {CHECKS} from './checks.ts';
import {type Finding, NOT_COUNTED, SEVERITIES} from './finding.ts';
import type {Subject} from './subject.ts';
import type {RunSurvey} from './survey.ts';

/** A file in `checks/` exports one by default; the file's name is the finding's id. Null: it does not apply here. */
export type Check = (subject: Subject) => Finding | null | Promise<Finding | null>;

export function defineCheck(check: Check): Check {
  return check;
}

/** A check of runs, as `trace/` judged them. */
export function defineRunCheck(check: (survey: RunSurvey) => Finding): Check {
  return ({survey}) => (survey === null ? notCounted('the runs could not be read in time') : check(survey));
}

export type NamedFinding = Finding & {readonly id: string};

/** Runs every check, the worst findings first. A check that a timeout cut short is unknown, never "none". */
export async function checkUp(subject: Subject): Promise<NamedFinding[]> {
  const findings: NamedFinding[] = [];
  for (const [id, check] of Object.entries(CHECKS)) {
    const finding = await orNotCounted(async () => check(subject));
    if (finding) findings.push({id, ...honest(finding)});
  }
  return findings.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}

async function orNotCounted(work: () => Promise<Finding | null>): Promise<Finding | null> {
  try {
    return await work();
  } catch (error) {
    if (!isTimeout(error)) throw error;
    return notCounted((error as Error).message.replace(/\.$/, ''));
  }
}

/** "None" in part of the data must not read like "none at all". */
function honest(finding: Finding): Finding {
  if (finding.isComplete || (finding.count !== 0 && finding.count !== null)) return finding;
  if (finding.covered.startsWith(NOT_COUNTED)) return {...finding, severity: 'warning', text: COULD_NOT};
  return {...finding, text: finding.text.replace(/\.$/, ', in the part that was checked.')};
}

const COULD_NOT = 'This could not be checked.';

function notCounted(why: string): Finding {
  return {
    severity: 'warning',
    count: null,
    isComplete: false,
    covered: `${NOT_COUNTED}: ${why}`,
    sample: null,
    text: COULD_NOT,
    command: null,
    repair: null,
  };
}
