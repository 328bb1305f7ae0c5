// Benchmarks, each against its baseline in the same run: npm run bench [-- start size writer prune facts trace screens redaction].
// Quiet machine, please. `--compare` reports what facts, size and trace say is worse by a third than in landed.json, and ends with 1;
// `--land` makes the figures of this run the landed ones, for the same TRACES and SPANS.
import {compareWithLanded, keepLanded} from './figures.js';

const ALL = ['start', 'size', 'writer', 'prune', 'facts', 'trace', 'screens', 'redaction'];
const COMPARED = ['size', 'facts', 'trace'];
const flags = process.argv.slice(2).filter(word => word.startsWith('--'));
const asked = process.argv.slice(2).filter(word => !word.startsWith('--'));
for (const flag of flags)
  if (!['--compare', '--land'].includes(flag)) throw new Error(`no flag "${flag}"; there are --compare, --land`);
for (const name of asked.length > 0 ? asked : flags.length > 0 ? COMPARED : ALL) {
  if (!ALL.includes(name)) throw new Error(`no benchmark "${name}"; there are ${ALL.join(', ')}`);
  process.stdout.write(`\n== ${name}\n`);
  const {default: run} = await import(`./${name}.js`);
  await run();
}
if (flags.includes('--compare') && compareWithLanded() > 0) process.exitCode = 1;
if (flags.includes('--land')) keepLanded();
