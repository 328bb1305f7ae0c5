import {expect, it} from 'vitest';
import {cli} from '../cli.ts';
import {openFixture, temporaryFolder} from '../databases.ts';
import {inLong, SEED} from '../long.ts';
import {Random} from '../random.ts';
import {garbledServer} from './garbled-server.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';
const CASES = inLong(500, 100);
/** A row left out, and an end said twice: both once were an answer without rows, which `doctor` took apart. */
const FOUND = [6_691_400_220, 6_691_400_280].map(seed => ({seed, argv: ['doctor']}));
/** Most of the time each waits for what does not come. */
const SIDE_BY_SIDE = 25;
/** Connecting and reading have half a second here, and a goodbye has its own: what takes this long waits for ever. */
const LONGEST_MS = 300_000;

const COMMANDS = [['list'], ['show', 'latest'], ['slowest'], ['doctor'], ['sql', 'select count(*) from agno_spans']];

it(`${CASES} conversations with a server that garbles one of its messages end in words, in time`, {
  timeout: 1_200_000,
}, async () => {
  const server = new URL(await openFixture('postgres', FIXTURE));
  const env = {XDG_CACHE_HOME: temporaryFolder()};
  const wrong: string[] = [];
  const codes = new Map<number, number>();
  const one = async (seed: number, known?: readonly string[]) => {
    const random = new Random(seed);
    const garbled = await garbledServer(server, random);
    const argv = known ?? random.pick(COMMANDS);
    const start = performance.now();
    const {code, err} = await cli([...argv, '--timeout', '500ms', '--db', garbled.url], {env});
    const tookMs = performance.now() - start;
    await garbled.close();
    codes.set(code, (codes.get(code) ?? 0) + 1);
    const isRight =
      [0, 2, 3, 4, 5].includes(code) && !/bug in agno-trace/.test(err) && !/[\u0000-\u0009\u000b-\u001f]/.test(err);
    if (!isRight || tookMs > LONGEST_MS)
      wrong.push(
        `seed ${seed}, ${garbled.words}, ${argv.join(' ')}: exit ${code} after ${Math.round(tookMs)} ms\n${err}`,
      );
  };
  for (const {seed, argv} of FOUND) await one(seed, argv);
  let next = 1;
  const worker = async () => {
    while (next <= CASES) await one(SEED * 100_000 + next++);
  };
  await Promise.all(Array.from({length: SIDE_BY_SIDE}, worker));
  expect(wrong).toEqual([]);
  // Some of it reached the program, and some of it did no harm.
  expect(codes.get(4) ?? 0).toBeGreaterThan(CASES / 4);
  expect(codes.get(0) ?? 0).toBeGreaterThan(CASES / 20);
});
