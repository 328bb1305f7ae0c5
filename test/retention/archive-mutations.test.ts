import {createHash} from 'node:crypto';
import {mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {gzipSync} from 'node:zlib';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {chainedHash, FIRST_HASH} from '../../src/archive/format.ts';
import {gzipMember} from '../../src/archive/member.ts';
import {cli} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';
import {inLong, SEED} from '../long.ts';
import {AT_ONCE, execute} from './tables.ts';

/*
 * Archives that were damaged, or made by somebody who means harm: whatever is in one, reading it ends with an answer or an
 * error in words, leaves nothing behind, and touches no other file. Each case has a number, from which all of it follows.
 */

const CASES = inLong(500, 100);
/** The long suite draws others each time (AGNO_TRACE_SEED gives them back). */
const FIRST = SEED * 1000;
const ALL = ['--older-than', '1h', '--yes', '--expect-max', '1000', ...AT_ONCE];

/** Numbers from a seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const ODD: readonly unknown[] = [
  ...[
    null,
    true,
    -1,
    0.5,
    1e300,
    2 ** 53,
    '',
    'x'.repeat(100_000),
    [],
    {},
    [[]],
    {a: 1},
    {int: 'abc'},
    {int: '9'.repeat(19)},
  ],
  ...[
    {int: '9223372036854775808'},
    {int: 5},
    {real: 'x'},
    {real: 'NaN'},
    {real: '1e999'},
    {blob: '%'},
    {blob: 3},
    {text: '//8='},
  ],
  ...['\0', '\ud800', '../../x', '$(reboot)', "'; drop table agno_spans; --", '{"a":'.repeat(2000)],
];

type Random = (below: number) => number;
type Json = Record<string, unknown>;

/** Bytes as they may come out of a bad disk or a broken copy. */
function damaged(bytes: Buffer, random: Random): Buffer {
  const copy = Buffer.from(bytes);
  switch (random(5)) {
    case 0:
      return copy.subarray(0, random(copy.length));
    case 1:
      for (let n = 1 + random(20); n > 0; n--) copy[random(copy.length)] = random(256);
      return copy;
    case 2: {
      const at = random(copy.length);
      return Buffer.concat([copy.subarray(0, at), copy.subarray(Math.min(copy.length, at + random(5000)))]);
    }
    case 3: {
      const at = random(copy.length);
      return Buffer.concat([copy.subarray(0, at), copy.subarray(random(copy.length)), copy.subarray(at)]);
    }
    default:
      return Buffer.concat([copy, Buffer.from(copy.subarray(0, random(3000)))]);
  }
}

/** Lines of somebody who knows the form: values are others, and every hash is right. */
function forged(text: string, random: Random): string[] {
  const lines = text
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line) as Json);
  for (let n = 1 + random(4); n > 0; n--) {
    const target = lines[random(3) === 0 ? 0 : random(lines.length)]!;
    const inner = (target.span ?? target.trace ?? target.manifest ?? target) as Json;
    const keys = Object.keys(inner);
    const key = keys[random(keys.length)] ?? 'x';
    if (random(4) === 0) delete inner[key];
    else inner[key] = ODD[random(ODD.length)];
  }
  if (random(4) === 0) lines.splice(random(lines.length), 1);
  let before = FIRST_HASH;
  let hash = chainedHash(before);
  return lines.map(line => {
    if ('batch' in line) {
      before = hash.digest();
      line.sha256 = before;
      hash = chainedHash(before);
    } else if ('manifest' in line && typeof line.manifest === 'object' && line.manifest)
      (line.manifest as Json).sha256 = before;
    const written = `${JSON.stringify(line)}\n`;
    if (!('batch' in line)) hash.update(Buffer.from(written));
    return written;
  });
}

/** A case of a number: the file's bytes, and whether they are packed. */
function mutated(text: string, seed: number): {bytes: Buffer; isPacked: boolean} {
  const random = randomFrom(seed);
  const isPacked = random(2) === 0;
  const lines = random(2) === 0 ? forged(text, random) : text.split(/(?<=\n)/);
  const members = lines.map(line => (isPacked ? gzipMember(Buffer.from(line)) : Buffer.from(line)));
  let bytes: Buffer = isPacked && random(3) === 0 ? gzipSync(lines.join('')) : Buffer.concat(members);
  if (random(2) === 0) bytes = damaged(bytes, random);
  return {bytes, isPacked};
}

const temporary = temporaryFolder();
const before = process.env.TMPDIR;
let text = '';
let database = '';
beforeAll(async () => {
  process.env.TMPDIR = temporary;
  database = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const source = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const file = path.join(temporaryFolder(), 'a.ndjson');
  // So many rows as one batch may have, and several of them.
  await cli(['prune', '--db', source, ...ALL, '--archive', file, '--max-rows', '60']);
  text = readFileSync(file, 'utf8');
});
afterAll(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
});

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

it(`${CASES} of them are read, listed, restored and gone on with, to an answer or an error in words`, async () => {
  expect(text.length).toBeGreaterThan(10_000);
  const folder = path.join(temporaryFolder(), 'in');
  for (let seed = FIRST; seed < FIRST + CASES; seed++) {
    const {bytes, isPacked} = mutated(text, seed);
    mkdirSync(folder, {mode: 0o700});
    const file = path.join(folder, isPacked ? 'a.ndjson.gz' : 'a.ndjson');
    const commands = [
      ['archive', 'verify', file],
      [
        ['list', '--db', `archive:${file}`, '--limit', '0'],
        ['archive', 'restore', file, '--db', database, '--yes'],
        ['archive', 'show', file, '--json'],
        ['archive', 'list', file],
      ][seed % 4]!,
    ];
    writeFileSync(file, bytes, {mode: 0o600});
    for (const argv of commands) {
      const {code, err} = await cli(argv);
      expect([seed, argv[1], /bug in agno-trace/.test(err) ? err : '', [0, 1, 2, 4, 5, 7].includes(code)]).toEqual([
        seed,
        argv[1],
        '',
        true,
      ]);
      expect([seed, readdirSync(folder)]).toEqual([seed, [path.basename(file)]]);
      expect([seed, digest(readFileSync(file))]).toEqual([seed, digest(bytes)]);
    }
    if (seed % 4 === 3) {
      // As what a run left behind that was killed: gone on with, or refused and left as it is.
      rmSync(file);
      writeFileSync(`${file}.partial`, bytes, {mode: 0o600});
      const {code, err} = await cli(['prune', '--db', database, ...ALL, '--max-rows', '1', '--archive', file]);
      expect([seed, /bug in agno-trace/.test(err) ? err : '', [0, 1, 2, 5, 6, 7].includes(code)]).toEqual([
        seed,
        '',
        true,
      ]);
      if (code === 0 || code === 6) {
        const verified = await cli(['archive', 'verify', file]);
        expect([seed, verified.code, verified.err]).toEqual([seed, 0, expect.any(String)]);
      } else expect([seed, digest(readFileSync(`${file}.partial`))]).toEqual([seed, digest(bytes)]);
    }
    rmSync(folder, {recursive: true});
    // The folder of locks stays; nothing of an archive does.
    const left = readdirSync(temporary).filter(
      name => !/^agno-trace-\d+$/.test(name) && !name.startsWith('agno-trace-test-'),
    );
    expect([seed, left]).toEqual([seed, []]);
  }
  expect(await execute(database, 'pragma integrity_check')).toEqual([{integrity_check: 'ok'}]);
});
