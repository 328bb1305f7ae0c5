import {chmodSync, mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {syntaxErrorAt} from '../../src/prices/json-syntax.ts';
import {PriceFile} from '../../src/prices/price-file.ts';
import type {Span} from '../../src/trace/span.ts';
import {parseTime} from '../../src/trace/time.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {call} from './call.ts';

function write(content: unknown): string {
  const file = path.join(temporaryFolder(), 'prices.json');
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const costBy = (prices: readonly object[], span: Partial<Span>, more: object = {}) =>
  PriceFile.read(write({prices, ...more}), '--prices', '/').costOf(call(span));
const usdBy = (prices: readonly object[], span: Partial<Span>) => costBy(prices, span)?.usd ?? null;

describe('the price file', () => {
  const nano = {model: 'gpt-5.5-nano', provider: 'OpenAI'};

  it('prices a call in USD for a million tokens, cached and written ones by their own', () => {
    const price = {model: 'gpt-5.5-nano', input: 4, cachedInput: 1, cacheWrite: 5, output: 8};
    // 700 × 4 + 200 × 1 + 100 × 5 + 100 × 8 = 2,800 + 200 + 500 + 800 = 4,300
    expect(usdBy([price], {...nano, cachedTokens: 200, cacheWriteTokens: 100})).toBe(0.0043);
    // Without prices of their own they are input: 1,000 × 4 + 100 × 8 = 4,800
    expect(usdBy([{model: 'gpt-5.5-nano', input: 4, output: 8}], {...nano, cachedTokens: 200})).toBe(0.0048);
  });

  it('goes by model and provider, with globs and without case; the first entry that names the call counts', () => {
    const prices = [
      {model: 'GPT-5.5-nano', provider: 'Azure*', input: 1, output: 1},
      {model: 'gpt-5.5-*', input: 2, output: 2},
      {model: '*', input: 3, output: 3},
    ];
    expect(usdBy(prices, {...nano, provider: 'AzureFoundry'})).toBe(0.0011);
    expect(usdBy(prices, nano)).toBe(0.0022);
    expect(usdBy(prices, {...nano, model: 'other'})).toBe(0.0033);
    expect(usdBy(prices.slice(0, 1), nano)).toBeNull();
    expect(usdBy(prices.slice(0, 1), {...nano, provider: null})).toBeNull();
  });

  it('takes the price that was in force, wherever in the file it stands', () => {
    const prices = [
      {model: 'm', from: '2026-01-01', input: 1, output: 1},
      {model: 'm', from: '2026-06-01', input: 2, output: 2},
      {model: 'm', from: '2027-01-01', input: 9, output: 9},
    ];
    const at = (time: string) => usdBy(prices, {model: 'm', startMicros: parseTime(time)});
    expect(at('2025-12-31T23:59:59Z')).toBeNull();
    expect(at('2026-01-01')).toBe(0.0011);
    expect(at('2026-05-31T23:59:59Z')).toBe(0.0011);
    expect(at('2026-06-01')).toBe(0.0022);
    expect(usdBy(prices, {model: 'm', startMicros: null})).toBeNull();
  });

  it('may say that a model costs nothing, and of when it is', () => {
    const local = {model: '*', provider: 'Ollama', input: 0, output: 0};
    const span = {model: 'llama3', provider: 'Ollama'};
    expect(costBy([local], span)).toEqual({usd: 0, source: 'file', date: null});
    expect(costBy([local], span, {date: '2026-11-01'})).toEqual({usd: 0, source: 'file', date: '2026-11-01'});
  });

  it('is refused in one line that says where', async () => {
    const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const folder = temporaryFolder();
    mkdirSync(path.join(folder, 'here'));
    const price = {model: 'm', input: 1, output: 1};
    const cases: [content: unknown, message: string][] = [
      ['{"prices": [\n  {"model": "m",, "input": 1}\n]}', 'is not JSON: line 2, column 17'],
      ['{"prices": [', 'is not JSON: it ends too early'],
      ['', 'is not JSON: it ends too early'],
      [[price], 'has no list "prices"'],
      [{prices: [price], currency: 'EUR'}, 'has an unknown key "currency"'],
      [{prices: [price], date: 'lately'}, 'date "lately" is not a date'],
      [{prices: [price, {...price, input: -1}]}, 'prices.json": prices[1].input -1 is not an amount'],
      [{prices: [{...price, output: '1'}]}, 'prices[0].output "1" is not an amount'],
      [{prices: [{model: 'm', input: 1}]}, 'prices[0].output is missing'],
      [{prices: [{input: 1, output: 1}]}, 'prices[0].model is missing'],
      [{prices: [{...price, cached_input: 1}]}, 'prices[0] has an unknown key "cached_input"'],
      [{prices: [{...price, provider: 7}]}, 'prices[0].provider 7 is not text'],
      [{prices: [{...price, from: '2026-02-31'}]}, 'prices[0].from "2026-02-31" is not a date'],
      [{prices: ['m']}, 'prices[0] is not an object'],
    ];
    for (const [content, message] of cases) {
      const file = write(content);
      const {code, out, err} = await cli(['list', '--db', db, '--prices', file]);
      expect(code, message).toBe(2);
      expect(out).toBe('');
      expect(err.split('\n')[0]).toContain(file);
      expect(err.split('\n')[0]).toContain(message);
    }
    const missing = await cli(['show', 'latest', '--db', db, '--prices', 'none.json'], {cwd: folder});
    expect(missing.code).toBe(2);
    expect(missing.err).toContain('--prices "none.json" is not there.');
    expect(missing.err).toContain(`Looked for ${folder}/none.json`);
    const isFolder = await cli(['list', '--db', db], {cwd: folder, env: {AGNO_TRACE_PRICES: 'here'}});
    expect(isFolder.code).toBe(2);
    expect(isFolder.err).toContain('AGNO_TRACE_PRICES "here" cannot be read: it is a folder.');
  });

  it('may begin with a byte order mark', () => {
    expect(PriceFile.read(write('\uFEFF{"prices": []}'), '--prices', '/').costOf(call({model: 'm'}))).toBeNull();
  });

  it('that nobody may read is named with the reason', async () => {
    if (process.getuid?.() === 0) return;
    const file = write({prices: []});
    chmodSync(file, 0);
    const {code, err} = await cli(['list', '--prices', file]);
    expect([code, err]).toEqual([2, expect.stringContaining('cannot be read: no permission')]);
  });
});

describe('a syntax error', () => {
  it('is placed inside every text that JSON.parse refuses, and at its first wrong character', () => {
    const breaking = fc.tuple(fc.json(), fc.nat(), fc.constantFrom('!', '}', ',', '"', ':', ''));
    fc.assert(
      fc.property(breaking, ([text, at, char]) => {
        const place = at % (text.length + 1);
        const broken = text.slice(0, place) + char + text.slice(char === '' ? text.length : place + 1);
        try {
          JSON.parse(broken);
        } catch {
          const where = syntaxErrorAt(broken);
          const [, line, column] = /^line (\d+), column (\d+)$/.exec(where) ?? [];
          if (line === undefined) expect(where).toBe('it ends too early');
          else expect(broken.split('\n')[Number(line) - 1]!.length).toBeGreaterThanOrEqual(Number(column));
        }
      }),
      {numRuns: 1000},
    );
    expect(syntaxErrorAt('{"a": 01}')).toBe('line 1, column 7');
    expect(syntaxErrorAt('{"a" 1}')).toBe('line 1, column 6');
    expect(syntaxErrorAt('[1, 2,]')).toBe('line 1, column 7');
    expect(syntaxErrorAt('{}\n\n x')).toBe('line 3, column 2');
  });
});

describe.each(BACKENDS)('costs on %s', backend => {
  const file = () =>
    write({
      date: '2026-11-01',
      prices: [
        {model: 'gpt-5.5-nano', input: 0.1, cachedInput: 0.01, output: 0.4},
        {model: 'claude-sonnet-5', input: 100, output: 100},
      ],
    });
  const costsOf = (run: {costs: {model: string; costSource: string | null}[]}) =>
    run.costs.map(({model, costSource}) => `${model} ${costSource}`).sort();

  it('are the provider’s own, then the user’s, then the bundled ones', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const prices = file();
    const {data} = await json(['list', '--limit', '0', '--db', db, '--prices', prices]);
    const all = new Set<string>(data.flatMap(costsOf));
    expect([...all].sort()).toEqual([
      'claude-sonnet-5 provider',
      'gpt-5.5 library',
      'gpt-5.5-mini null',
      'gpt-5.5-nano file',
      // Calls that were cut off say nothing of what they took.
      'gpt-5.5-nano null',
    ]);
    const weather = data.find((run: {sessionId: string}) => run.sessionId === 'agent-ok');
    // 66 → 30 and 133 → 70 with 64 cached: (66 + 69) × 0.1 + 64 × 0.01 + 100 × 0.4 = 13.5 + 0.64 + 40 = 54.14
    expect(weather).toMatchObject({
      costUsd: 0.00005414,
      costSource: 'file',
      costDate: '2026-11-01',
      costUnknownCalls: 0,
    });
    const byVariable = await json(['list', '--limit', '0', '--db', db], {env: {AGNO_TRACE_PRICES: prices}});
    expect(byVariable.data).toEqual(data);
    const cwd = temporaryFolder();
    writeFileSync(`${cwd}/.env`, `AGNO_TRACE_PRICES=${prices}\n`);
    const byDotenv = await json(['list', '--limit', '0', '--db', db, '--dotenv', '.env'], {cwd});
    expect(byDotenv.data).toEqual(data);
  });

  it('name their source where they are read', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const prices = file();
    const header = async (id: string, ...more: string[]) => (await cli(['show', id, '--db', db, ...more])).out;
    expect(await header('agent-stream')).toContain('$0.011 (prices of 2026-09-23)');
    expect(await header('agent-ok')).toContain('100 tokens · no price known ·');
    expect(await header('agent-ok', '--prices', prices)).toContain('$0.000054 (your prices of 2026-11-01)');
    expect(await header('leaked-1')).toContain(
      '$0.039 (mixed) · prices of 2026-09-23 · reported by provider · gpt-5.5 $0.028, claude-sonnet-5 $0.011',
    );
    expect(await header('workflow')).toContain(
      'at least $0.013 (mixed) · prices of 2026-09-23 · reported by provider · 1 of 5 model calls have no price',
    );
    expect(await header('56f1f45ef4043312', '--span', '56f1f45ef4043312')).toContain('$0.0037 (reported by provider)');
    expect(await header('99399fd2eff1a1b2', '--span', '99399fd2eff1a1b2')).toContain('$0.0064 (prices of 2026-09-23)');
    const list = await cli(['list', '--limit', '0', '--db', db]);
    expect(list.err).toMatch(
      /\d+ of \d+ model calls have no price · cost: (prices of 2026-09-23, reported by provider|reported by provider, prices of 2026-09-23)/,
    );
  });
});
