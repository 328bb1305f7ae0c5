import type {Cell} from '../table/table.ts';
import {normalTail, standardErrors} from './chance.ts';
import {type Compared, FIGURES} from './compared-figures.ts';
import {logLimitOf, type Tested} from './false-alarms.ts';

/** Verdicts shown without --all, in this order. */
export const NAMED = ['worse', 'new', 'gone', 'better'];

export type Judged = Readonly<Record<string, Cell>> & {readonly verdict: string; readonly of: string};

/** @param falseAlarms the maximum share of reported results that may be due to chance */
export function judgeAll(compared: readonly Compared[], falseAlarms: number): Judged[] {
  const logLimit = logLimitOf(
    compared.flatMap(figure => testOf(figure) ?? []),
    falseAlarms,
  );
  // This many standard errors are not reached by chance alone among all comparisons.
  const beyond = standardErrors(Math.exp(logLimit) / 2);
  return compared.map(figure => judge(figure, beyond, logLimit));
}

/** The test of a figure; null: none, because too few runs have it or a side has none. */
function testOf({isEnough, tested, oneSided}: Compared): Tested | null {
  if (!isEnough) return null;
  if (oneSided !== null) {
    const possible = [Math.exp(oneSided.logChance), Math.exp(oneSided.otherLogChance)];
    return {
      logChance: oneSided.logChance,
      alarmsAt: limit => possible.reduce((sum, chance) => sum + (chance <= limit ? chance : 0), 0),
    };
  }
  if (tested === null) return null;
  const {difference, error, usual} = tested;
  const most = normalTail(usual.rise / usual.error) + normalTail(usual.fall / usual.error);
  return {
    logChance: error === null ? 0 : Math.log(2 * normalTail(Math.abs(difference) / Math.max(1e-9, error))),
    alarmsAt: limit => Math.min(limit, most),
  };
}

function judge(figure: Compared, beyond: number, logLimit: number): Judged {
  const {of, name, within, unit, before, after, runs, tested, oneSided, sample, isEnough} = figure;
  const row = {
    of,
    name,
    within,
    figure: figure.figure,
    unit,
    before,
    after,
    factor: before !== null && after !== null && before > 0 ? after / before : null,
    low: null,
    high: null,
    runsBefore: runs[0],
    runsAfter: runs[1],
    sample,
  };
  if (!isEnough) return {...row, verdict: 'few', what: wordsOf(figure, null), strength: null};
  if (oneSided !== null) {
    const {logChance} = oneSided;
    const isNamed = logChance <= logLimit;
    return {
      ...row,
      verdict: !isNamed ? 'same' : before === null ? 'new' : 'gone',
      what: wordsOf(figure, isNamed ? before === null : null),
      strength: standardErrors(Math.exp(Math.max(-700, logChance))),
    };
  }
  if (tested === null) return {...row, verdict: 'same', what: wordsOf(figure, null), strength: null};
  const {difference, error, isShare} = tested;
  const strength = error === null ? null : Math.abs(difference) / Math.max(1e-9, error);
  const isNamed = strength !== null && strength > beyond;
  const interval =
    isShare || error === null
      ? {}
      : {low: Math.exp(difference - beyond * error), high: Math.exp(difference + beyond * error)};
  return {
    ...row,
    ...interval,
    verdict: !isNamed ? 'same' : difference > 0 ? 'worse' : 'better',
    what: wordsOf(figure, isNamed ? difference > 0 : null),
    strength,
  };
}

/** @param rose null: it did not differ */
function wordsOf({figure, of}: Compared, rose: boolean | null): string {
  if (figure === 'error' || figure === 'seen') return rose === null ? of : rose ? `new ${of}` : `${of} gone`;
  if (of === 'error') return rose === null ? of : rose ? 'error more often' : 'error less often';
  const isCall = of === 'tool' || of === 'model';
  const per = figure === 'p50' || figure === 'tokens' || figure === 'cost' ? (isCall ? ' per call' : ' per run') : '';
  const {noun, words} = FIGURES[figure];
  return `${rose === null ? noun : words[rose ? 0 : 1]}${per}`;
}
