import {readFileSync, writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {median} from './databases.js';

const LANDED = fileURLToPath(new URL('landed.json', import.meta.url));
/** What got worse by this factor is reported. */
const WORSE = 4 / 3;

const figures = {};

/**
 * Keeps a figure of this run for the comparison with the landed ones.
 * @param pairs `[ms, baselineMs]`, measured in turn
 */
export function keepFigure(name, pairs) {
  figures[name] = Number(median(pairs.map(([ms, baselineMs]) => ms / baselineMs)).toPrecision(3));
}

/** Makes the figures of this run the landed ones; those of other benchmarks stay. */
export function keepLanded() {
  writeFileSync(LANDED, `${JSON.stringify({...landed(), ...figures}, null, 2)}\n`);
}

/** @returns how many figures are worse than the landed ones by a third */
export function compareWithLanded() {
  const before = landed();
  let worse = 0;
  process.stdout.write('\n== compared with the landed figures (times the baseline of the same run)\n');
  for (const [name, now] of Object.entries(figures)) {
    const was = before[name];
    const isWorse = was !== undefined && now >= was * WORSE;
    if (isWorse) worse++;
    const change = was === undefined ? 'not measured before' : `${(now / was).toFixed(2)}x${isWorse ? '  WORSE' : ''}`;
    process.stdout.write(`${name.padEnd(52)} ${String(was ?? '').padEnd(8)} ${String(now).padEnd(8)} ${change}\n`);
  }
  process.stdout.write(`${worse} of ${Object.keys(figures).length} worse by a third\n`);
  return worse;
}

function landed() {
  try {
    return JSON.parse(readFileSync(LANDED, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw error;
  }
}
