import {type Draw, logChancesOfSum} from './chance.ts';
import type {Tested} from './false-alarms.ts';

/*
 * Whether runs with an attribute are bad more often than others of their own component, over all components.
 */

/** Minimum number of runs with an attribute. */
export const FEWEST_RUNS = 20;
const FEWEST_BAD = 5;
const LEAST_LIFT = 1.5;

/** Numbers of runs of one component with `--slow`, otherwise of all. */
export interface Count {
  readonly peers: number;
  readonly runs: number;
  readonly bad: number;
}

export interface JudgedRun {
  readonly place: number;
  readonly peers: number;
  readonly bad: number;
}

export function countsOf(runs: Iterable<JudgedRun>): Count[] {
  const counts = new Map<number, {peers: number; runs: number; bad: number}>();
  for (const {peers, bad} of runs) {
    const count = counts.get(peers) ?? {peers, runs: 0, bad: 0};
    counts.set(peers, count);
    count.runs++;
    count.bad += bad;
  }
  return [...counts.values()];
}

export function sumOf(counts: readonly Count[]): {runs: number; bad: number} {
  return counts.reduce((sum, {runs, bad}) => ({runs: sum.runs + runs, bad: sum.bad + bad}), {runs: 0, bad: 0});
}

/** No limit is below this. */
const NO_CHANCE = Math.log(1e-9);

/**
 * Compares runs with an attribute with all runs of the same peers: if each component has its own slow runs,
 * components are not compared with each other. `lift` is Mantel and Haenszel's; for one group it is the quotient of
 * the two shares.
 */
export function testOf(counts: readonly Count[], all: readonly Count[]): Tested & {readonly lift: number | null} {
  const draws: Draw[] = [];
  let [found, withIt, without, least] = [0, 0, 0, 0];
  for (const {peers, runs, bad} of counts) {
    const of = all.find(count => count.peers === peers)!;
    draws.push({drawn: runs, marked: of.bad, all: of.runs});
    found += bad;
    withIt += (bad * (of.runs - runs)) / of.runs;
    without += ((of.bad - bad) * runs) / of.runs;
    least += (LEAST_LIFT * runs * of.bad) / (of.runs - runs + LEAST_LIFT * runs);
  }
  const logChances = logChancesOfSum(draws);
  const fewest = Math.max(FEWEST_BAD, Math.ceil(least));
  const matters = found >= FEWEST_BAD && withIt > 0 && withIt >= LEAST_LIFT * without;
  // Probabilities of results that would be reported, likeliest first.
  let possible: number[] | null = null;
  return {
    lift: without > 0 ? withIt / without : null,
    logChance: matters ? logChances(found) : 0,
    alarmsAt: limit => {
      possible ??= possibleFrom(fewest, draws, logChances);
      return possible.find(chance => chance <= limit) ?? 0;
    },
  };
}

function possibleFrom(fewest: number, draws: readonly Draw[], logChances: (found: number) => number): number[] {
  const most = draws.reduce((sum, {drawn, marked}) => sum + Math.min(drawn, marked), 0);
  const chances: number[] = [];
  for (let k = fewest; k <= most; k++) {
    const logChance = logChances(k);
    if (logChance < NO_CHANCE) break;
    chances.push(Math.exp(logChance));
  }
  return chances;
}
