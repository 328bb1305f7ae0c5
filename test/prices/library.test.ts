import {calcPrice, type Provider, waitForUpdate} from '@pydantic/genai-prices';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import installed from '../../node_modules/@pydantic/genai-prices/package.json' with {type: 'json'};
import library from '../../src/prices/library.json' with {type: 'json'};
import {LibraryPrices} from '../../src/prices/library.ts';
import {Prices} from '../../src/prices/prices.ts';
import type {Span} from '../../src/trace/span.ts';
import {json} from '../cli.ts';
import {BACKENDS, sharedFixture} from '../databases.ts';
import {call} from './call.ts';

const prices = new LibraryPrices();
const usdOf = (span: Partial<Span>): number | null => prices.costOf(call(span))?.usd ?? null;
const bundled = (await waitForUpdate())!.filter(({id}) => id in library.providers);

describe('the bundled prices', () => {
  it('carry the date of the version that is installed', () => {
    expect(installed.version).toBe(library.version);
    expect(library.released).toMatch(/^20\d\d-\d\d-\d\d$/);
  });

  /** The library's own engine is the measure: names it knows by `equals` are names of that very model. */
  it.each(bundled.map(provider => ({id: provider.id, provider})))(
    'give what the library itself gives for every model of $id',
    ({id, provider}) => {
      const times = ['2024-12-01T03:00:00', '2025-06-01T17:30:00', '2026-09-01T08:15:00', '2027-02-01T01:00:00'];
      const usages = [
        {promptTokens: 1000, completionTokens: 300, cachedTokens: 200},
        {promptTokens: 290_000, completionTokens: 1, cachedTokens: 0, cacheWriteTokens: 1000},
        {promptTokens: 7, completionTokens: 0, cachedTokens: 0},
        {promptTokens: 900, completionTokens: 90, audioPromptTokens: 100, audioCompletionTokens: 9},
        {promptTokens: 900, completionTokens: 90, reasoningTokens: 60},
      ];
      let compared = 0;
      for (const model of namesOf(provider)) {
        for (const time of times) {
          for (const usage of usages) {
            const timestamp = new Date(`${time}Z`);
            const theirs = calcPrice(
              {
                input_tokens: usage.promptTokens,
                output_tokens: usage.completionTokens,
                cache_read_tokens: usage.cachedTokens ?? 0,
                cache_write_tokens: usage.cacheWriteTokens ?? 0,
                input_audio_tokens: usage.audioPromptTokens ?? 0,
                output_audio_tokens: usage.audioCompletionTokens ?? 0,
                output_reasoning_tokens: usage.reasoningTokens ?? 0,
              },
              model,
              {providerId: id, timestamp},
            )!;
            const {input_mtok: input, output_mtok: output} = theirs.model_price;
            const isBilledByTokens = input !== undefined && (output !== undefined || usage.completionTokens === 0);
            const ours = usdOf({provider: id, model, startMicros: timestamp.getTime() * 1000, ...usage});
            if (!isBilledByTokens) expect(ours, `${model} ${time}`).toBeNull();
            else expect(ours, `${model} ${time}`).toBeCloseTo(theirs.total_price, 10);
            compared++;
          }
        }
      }
      expect(compared).toBeGreaterThan(0);
    },
  );

  function namesOf({models}: Provider): string[] {
    const rules = JSON.stringify(models.map(({match}) => match));
    return [...rules.matchAll(/"equals":"([^"]+)"/g)].map(([, name]) => name!);
  }
});

/** Arithmetic by hand, with USD per million tokens as the providers' own pages had them. */
describe.each([
  // 260 in, 128 of them cached, 30 out: 132 × 5 + 128 × 0.5 + 30 × 30 = 660 + 64 + 900 = 1,624
  {model: 'gpt-5.5', provider: 'OpenAI', in: 260, cached: 128, out: 30, expected: 0.001624},
  // 493 in, 192 cached, 256 out: 301 × 5 + 192 × 0.5 + 256 × 30 = 1,505 + 96 + 7,680 = 9,281
  {model: 'gpt-5.5', provider: 'OpenAI', in: 493, cached: 192, out: 256, expected: 0.009281},
  // Beyond 271,999 in: 300,000 × 10 + 1,000 × 45 = 3,045,000
  {model: 'gpt-5.5', provider: 'OpenAI', in: 300_000, cached: 0, out: 1000, expected: 3.045},
  // Agno's Claude class writes the cached tokens beside the prompt: 1,000 × 2 + 200 × 0.2 + 100 × 10 = 3,040
  {model: 'claude-sonnet-5', provider: 'Anthropic', in: 1000, cached: 200, out: 100, expected: 0.00304},
  // By an OpenAI-compatible gateway they are in the prompt: 800 × 2 + 200 × 0.2 + 100 × 10 = 2,640
  {
    model: 'claude-sonnet-5',
    provider: 'OpenAI',
    system: 'anthropic',
    in: 1000,
    cached: 200,
    out: 100,
    expected: 0.00264,
  },
  // Azure sells OpenAI's models at OpenAI's prices: 800 × 2.5 + 200 × 1.25 + 100 × 10 = 3,250
  {model: 'gpt-4o', provider: 'Azure', in: 1000, cached: 200, out: 100, expected: 0.00325},
  {model: 'gpt-4o-20240806', provider: 'OpenAI', in: 1000, cached: 200, out: 100, expected: 0.00325},
  {model: 'openai/gpt-4o', provider: 'LiteLLM', in: 1000, cached: 200, out: 100, expected: 0.00325},
])('$model by $provider, $in in, $cached cached, $out out', row => {
  it(`costs ${row.expected} USD`, () => {
    const span = {
      promptTokens: row.in,
      cachedTokens: row.cached,
      completionTokens: row.out,
      system: row.system ?? null,
    };
    expect(usdOf({model: row.model, provider: row.provider, ...span})).toBe(row.expected);
  });
});

describe('what the cache saved', () => {
  const savedOf = async (known: Partial<Span>) =>
    (await new Prices(null).priced([call({model: 'gpt-5.5', provider: 'OpenAI', ...known})]))[0]!.savedUsd;

  it.each([
    // gpt-5.5 costs $5 a million in, $0.50 cached.
    ['what was read', {cachedTokens: 400}, 0.0018],
    ['also where the provider reported the cost', {cachedTokens: 400, costUsd: 0.1, costSource: 'provider'}, 0.0018],
    ['nothing where the cache was not used', {cachedTokens: 0}, null],
    ['an unknown amount without a price', {cachedTokens: 400, model: 'mine'}, null],
    ['an unknown amount without the tokens of the answer', {cachedTokens: 400, completionTokens: null}, null],
    // claude-sonnet-4 costs $3 a million in, $3.75 written; the 400 are beside the 1,000.
    [
      'less than nothing if it was only written',
      {model: 'claude-sonnet-4', provider: 'Anthropic', cacheWriteTokens: 400},
      -0.0003,
    ],
  ] as const)('is %s', async (_, known, saved) => expect(await savedOf(known)).toBe(saved));
});

describe('a call has no price by the library', () => {
  it.each([
    ['a model it does not know', {model: 'gpt-5.5-nano', provider: 'OpenAI', system: 'openai'}],
    ['a newer model whose name begins like a known one', {model: 'claude-sonnet-5-7', provider: 'Anthropic'}],
    ['a smaller sibling of a known model', {model: 'gemini-1.5-flash-8b-mini', provider: 'Google'}],
    ['a model on one’s own machine', {model: 'llama3.1-8b', provider: 'Ollama'}],
    ['a model of LM Studio', {model: 'gpt-4o', provider: 'LMStudio', system: 'openai'}],
    [
      'an open model behind an OpenAI-compatible server',
      {model: 'mistral-small-latest', provider: 'OpenAI', system: 'mistralai'},
    ],
    ['a provider it does not know', {model: 'gpt-4o', provider: 'Nobody’s Cloud', system: 'openai'}],
    ['no model', {model: null}],
    ['is not a time', {startMicros: null}],
    ['tokens known as a total only', {promptTokens: null, completionTokens: null}],
    ['a model billed by the minute', {model: 'whisper-1', provider: 'OpenAI'}],
  ] as const)('for %s', (_, span) => {
    expect(usdOf({model: 'gpt-4o', provider: 'OpenAI', ...span})).toBeNull();
  });

  it('but a prompt of less than its cached tokens has one: they stand beside it', () => {
    const known = {model: 'gpt-4o', provider: 'OpenAI', cachedTokens: 11};
    expect(usdOf({...known, promptTokens: 10})).toBe(usdOf({...known, promptTokens: 21}));
  });

  it.each([
    ['claude-sonnet-5-20260901', 'Anthropic'],
    ['claude-sonnet-4-20250514', 'Anthropic'],
    ['us.anthropic.claude-sonnet-4-20250514-v1:0', 'AwsBedrock'],
    ['gemini-2.0-flash-001', 'Google'],
    ['gpt-5-nano-2025-08-07', 'OpenAI'],
  ])('but %s, a release of a known model, has one', (model, provider) => {
    expect(usdOf({model, provider})).toBeGreaterThan(0);
  });
});

describe('any call', () => {
  const names = bundled.flatMap(({id, models}) => models.map(({id: model}) => ({provider: id, model})));
  const tokens = fc.oneof(fc.nat(2_000_000), fc.double({min: 0, noNaN: true}));
  const anyCall = fc.record({
    named: fc.oneof(fc.constantFrom(...names), fc.record({provider: fc.string(), model: fc.string()})),
    system: fc.option(fc.constantFrom('openai', 'anthropic', 'google', 'constructor')),
    startMicros: fc.option(fc.double()),
    promptTokens: fc.option(tokens),
    completionTokens: fc.option(tokens),
    cachedTokens: fc.option(tokens),
    cacheWriteTokens: fc.option(tokens),
    audioPromptTokens: fc.option(tokens),
    audioCompletionTokens: fc.option(tokens),
    reasoningTokens: fc.option(tokens),
  });

  it('costs a finite amount that is not negative, or nothing that is known', () => {
    fc.assert(
      fc.property(anyCall, ({named, ...span}) => {
        const usd = usdOf({...span, ...named});
        expect(usd === null || (Number.isFinite(usd) && usd >= 0)).toBe(true);
      }),
      {numRuns: 2000},
    );
  });

  it('never costs less with more tokens', () => {
    const size = fc.nat(600_000);
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        size,
        size,
        size,
        fc.integer({min: 17e14, max: 19e14}),
        (named, prompt, more, completion, startMicros) => {
          const span = {...named, startMicros, cachedTokens: Math.floor(prompt / 2)};
          const base = usdOf({...span, promptTokens: prompt, completionTokens: completion});
          if (base === null) return;
          expect(usdOf({...span, promptTokens: prompt + more, completionTokens: completion})!).toBeGreaterThanOrEqual(
            base,
          );
          const longer = usdOf({...span, promptTokens: prompt, completionTokens: completion + more});
          if (longer !== null) expect(longer).toBeGreaterThanOrEqual(base);
        },
      ),
      {numRuns: 2000},
    );
  });
});

/** Spans that real Agno wrote, by hand: tokens from their attributes, prices as above. */
describe.each(BACKENDS)('calls of the fixtures on %s', backend => {
  it.each([
    // 489 in, 192 cached, 161 out: 297 × 5 + 192 × 0.5 + 161 × 30 = 1,485 + 96 + 4,830 = 6,411
    ['agno-3.1.10-pictures.sqlite', '99399fd2eff1a1b2', 0.006411, 'library', library.released],
    // 122 in, 212 out: 610 + 6,360 = 6,970
    ['agno-3.1.10-pictures.sqlite', '42796ed0639a9ca3', 0.00697, 'library', library.released],
    // The provider's own word stands, although its price list is not the library's.
    ['agno-3.1.10-pictures.sqlite', '56f1f45ef4043312', 0.003735, 'provider', null],
    ['agno-3.1.10-pictures.sqlite', '402670042aeef7de', null, null, null],
    // 1,318 in, 640 cached, 90 out: 678 × 5 + 640 × 0.5 + 90 × 30 = 3,390 + 320 + 2,700 = 6,410
    ['agno-2.9.0-pictures.sqlite', '41e773a6dd7dbc89', 0.00641, 'library', library.released],
    // Agno 2.9 stored no cost: 1,664 in, 832 cached, 270 out: 832 × 2 + 832 × 0.2 + 270 × 10 = 1,664 + 166.4 + 2,700 = 4,530.4
    ['agno-2.9.0-pictures.sqlite', 'f828acdd3f3140cf', 0.0045304, 'library', library.released],
    ['agno-2.9.0-pictures.sqlite', 'b0377a1cd73f06ba', null, null, null],
  ] as const)('%s %s: %s USD by %s', async (file, spanId, costUsd, costSource, costDate) => {
    const db = await sharedFixture(backend, file);
    const {data} = await json(['show', spanId, '--db', db]);
    const record = data.spans.find((span: {spanId: string}) => span.spanId === spanId);
    expect(record).toMatchObject({costUsd, costSource, costDate, costUnknownCalls: costUsd === null ? 1 : 0});
  });

  it('add up: a run costs what its models cost, and none where a call has no price', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-shop.sqlite');
    const {data} = await json(['list', '--limit', '0', '--db', db]);
    const known = data.filter((run: {costUsd: number | null}) => run.costUsd !== null);
    const mixed = known.filter((run: {costSource: string}) => run.costSource === 'mixed');
    expect(known.length).toBeGreaterThan(10);
    expect(mixed.length).toBeGreaterThan(0);
    for (const run of data) {
      const rows = run.costs as {costUsd: number | null; calls: number}[];
      const unknown = rows.filter(row => row.costUsd === null).reduce((sum, row) => sum + row.calls, 0);
      expect(run.costUnknownCalls).toBe(unknown);
      if (rows.length === 0 || unknown > 0) expect(run.costUsd).toBeNull();
      else
        expect(run.costUsd).toBeCloseTo(
          rows.reduce((sum, row) => sum + row.costUsd!, 0),
          10,
        );
    }
  });
});
