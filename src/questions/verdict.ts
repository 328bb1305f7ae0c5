import type {Cell} from '../table/table.ts';
import {standardErrors} from './chance.ts';
import {type Compared, FIGURES} from './compared-figures.ts';

/** What is said without --all, in its order. */
export const NAMED = ['worse', 'new', 'gone', 'better'];

export type Judged = Readonly<Record<string, Cell>> & {readonly verdict: string; readonly of: string};

/** @param beyond standard errors that chance alone does not reach in all that is compared */
export function judge(figure: Compared, beyond: number, logBeyond: number): Judged {
  const {of, name, within, unit, before, after, runs, tested, logChance, sample, isEnough} = figure;
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
  if (logChance !== null) {
    const isNamed = logChance < logBeyond;
    return {
      ...row,
      verdict: !isNamed ? 'same' : before === null ? 'new' : 'gone',
      what: wordsOf(figure, isNamed ? before === null : null),
      strength: standardErrors(Math.exp(Math.max(-700, logChance))),
    };
  }
  if (tested === null) return {...row, verdict: 'same', what: wordsOf(figure, null), strength: null};
  const {difference, error, isShare} = tested;
  const strength = Number.isFinite(error) ? Math.abs(difference) / Math.max(1e-9, error) : null;
  const isNamed = strength !== null && strength > beyond;
  const interval =
    isShare || strength === null
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
