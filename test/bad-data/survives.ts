import {beforeAll, describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {type CliResult, cli} from '../cli.ts';
import {BACKENDS, type Backend, temporaryFolder} from '../databases.ts';
import {wrongWith} from './answers.ts';
import type {Seen} from './case.ts';
import {BAD, GOOD, NOW} from './rows.ts';
import {type BadDatabase, badDatabases, type Placed, rowsOf} from './shared.ts';

/** A command over the whole of a database, and what it must show of the good run. */
type Asked = readonly [argv: readonly string[], good: string | null];

const LISTS = [
  ['list', '--limit', '0', '--json'],
  ['list', '--limit', '0', '--traffic', '--json'],
] as const;
/** What reads many rows at once: the statements of both databases differ. */
const ASKING: readonly Asked[] = [
  [['list', '--limit', '0'], GOOD.run],
  [['list', '--limit', '0', '--since', '2000-01-01'], GOOD.run],
  [['list', '--limit', '0', '--sort', 'duration'], GOOD.run],
  [['show', GOOD.run], 'agent 600d'],
  [['grep', 'an answer|a question', '--limit', '0'], 'an answer'],
  [['grep', '[a-z]+', '--in', 'attributes', '--limit', '0', '--traffic', '--json'], null],
  ...['name', 'kind', 'tool', 'model'].map((by): Asked => [['slowest', '--by', by, '--json'], null]),
];
/** What draws rows that both databases hand over alike. */
const DRAWING: readonly Asked[] = [
  [['list'], null],
  [['list', '--limit', '0', '--traffic'], GOOD.run],
  [['show', 'latest'], null],
  [['show', GOOD.run, '--json', '--io', 'full'], '"an answer"'],
  [['show', GOOD.trace, '--span', GOOD.call], 'a question'],
  [['transcript', GOOD.run], 'an answer'],
  [['context', GOOD.run, '--json'], GOOD.run],
  [['slowest', '--limit', '0'], null],
];
/** First of all, or each question beside it would derive them for itself. */
const KEEPING: Asked = [['facts', 'rebuild'], null];
/** The questions over all runs, and every other command that reads; one database of many bad rows is enough for them. */
const FURTHER: readonly Asked[] = [
  ...(
    [
      ['agents', 'agent-600d'],
      ['delegations', null],
      ['errors', null],
      ['loops', null],
      ['models', 'model-1'],
      ['retrievals', null],
      ['sessions', GOOD.session],
      ['stats', null],
      ['steps', null],
      ['teams', null],
      ['tools', null],
      ['usage', 'model-1'],
      ['users', 'user'],
      ['where', null],
      ['workflows', null],
    ] as const
  ).map(
    ([name, good]): Asked => [[name, ...(['stats', 'where'].includes(name) ? [] : ['--limit', '0']), '--json'], good],
  ),
  [
    ['check', '--max-tokens', '1000M', '--max-error-rate', '100%', '--max-p95', '999999d', '--per', 'user', '--json'],
    'user',
  ],
  [['compare', '--last', '36500d', '--vs', '36500d', '--all', '--limit', '0', '--json'], null],
  [['why', '--limit', '0', '--json'], null],
  [['spans', '--limit', '0', '--json'], GOOD.root],
  [['spans', '--limit', '3', '--sort', 'cost', '-q', '-tool:x', '--json'], null],
  [['why', '--slow', '--limit', '0', '--json'], null],
  [['doctor', '--all', '--json'], null],
  [['facts', 'status', '--json'], null],
  [['wait', GOOD.run], GOOD.run],
  [['sql', '--max-rows', '0', '--timeout', '1m', '--json', 'select * from agno_spans'], GOOD.root],
  [['sql', '--max-rows', '0', '--timeout', '1m', '--json', '--views', 'select * from spans'], GOOD.root],
  [['sql', '--max-rows', '0', '--timeout', '1m', '--json', '--views', 'select * from traces'], GOOD.trace],
  [['prune', '--older-than', '1d', '--dry-run', '--json'], null],
  [['migrate', 'status', '--json'], null],
  [['vacuum', '--dry-run', '--json'], null],
];

/**
 * The catalogue of bad data on one kind of database. Over each database every command must answer with its documented exit
 * code, without a stack, and still show the good run; what can be read of the bad rows is shown too.
 * @param open makes the database and returns its URL
 */
export function badDataOn(backend: Backend, open: (database: BadDatabase) => Promise<string>): void {
  describe.each(badDatabases(backend))(`bad data in ${backend}: $name`, database => {
    const {cases, flags} = database;
    const [{bad}] = cases as [Placed];
    const isShared = cases.length > 1;
    const isDrawn = isShared || isOnlyHere(bad);
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    let db = '';
    const ask = (...argv: string[]) => cli([...argv, '--db', db, ...flags], {env, nowMicros: NOW});
    // A database that shares is read by every command; one that refuses, by none.
    const exits = bad.refused ? [bad.refused.exit] : bad.mayRefuse === undefined ? [0] : [0, bad.mayRefuse];
    const check = async ([argv, good]: Asked, among = exits): Promise<[CliResult, string[]]> => {
      const result = await ask(...argv);
      const wrong = wrongWith(argv, result, among, good);
      if (bad.refused && !result.err.replaceAll('\\"', '"').includes(bad.refused.says))
        wrong.push(`${argv.join(' ')} does not say ${bad.refused.says}: ${result.err}`);
      return [result, wrong];
    };
    let lists: readonly CliResult[] = [];

    beforeAll(async () => {
      db = await open(database);
      lists = await Promise.all(LISTS.map(argv => ask(...argv)));
    });

    it('every command answers', async () => {
      const asked = bad.isLarge ? [] : [...ASKING, ...(isDrawn ? DRAWING : []), ...(isShared ? FURTHER : [])];
      const kept = isShared ? [await check(KEEPING)] : [];
      // All at once: most of the time each command waits for its own connection.
      const exitsOf = ([[name]]: Asked) => (name === 'check' ? [...exits, EXIT.different] : exits);
      const answers = [...kept, ...(await Promise.all(asked.map(each => check(each, exitsOf(each)))))];
      const wrongLists = LISTS.flatMap((argv, i) => wrongWith(argv, lists[i]!, exits, GOOD.run));
      expectNone([...wrongLists, ...answers.flatMap(([, wrong]) => wrong)]);
      if (lists[0]!.code !== 0) return;
      const good = JSON.parse(lists[0]!.out).data.find(({runId}: {runId: string}) => runId === GOOD.run);
      expect(good).toMatchObject({state: 'ok', spanCount: 2});
    });

    if (isDrawn && !bad.isLarge && !bad.refused)
      it('every row leaves in every form', async () => {
        await isHandedOn(database, ask, exits);
      });

    it.each(cases.map(placed => [placed.bad.name, placed] as const))('%s', async (_, placed) => {
      const {trace = BAD.trace, span = BAD.root, showsTrace = 0, showsSpan = 0, listed = 'run', facts} = placed.bad;
      // Where the ids are as they should be, one database finds a span by its own as the other does.
      const isNamedOtherwise = placed.bad.span !== undefined || placed.bad.trace !== undefined;
      const asOwn = async (...argv: string[]) => {
        const result = await ask(...argv.map(placed.toDatabase));
        return {...result, out: placed.fromDatabase(result.out), err: placed.fromDatabase(result.err)};
      };
      const checkOwn = (exit: number, ...argv: string[]) =>
        check([argv.map(placed.toDatabase), null], exit === 0 || bad.refused ? exits : [exit]);
      const [whole, detail, ...others] = await Promise.all([
        checkOwn(showsTrace, 'show', trace, '--json', '--io', 'full'),
        checkOwn(showsSpan, 'show', trace, '--span', span),
        ...(bad.isLarge || !(isOnlyHere(placed.bad) || isNamedOtherwise) ? [] : [checkOwn(showsSpan, 'show', span)]),
        ...(bad.isLarge || !isOnlyHere(placed.bad)
          ? []
          : [
              checkOwn(showsTrace, 'show', trace),
              checkOwn(showsTrace, 'show', trace, '--io', 'full'),
              checkOwn(showsTrace, 'transcript', trace, '--json'),
              checkOwn(showsSpan, 'show', trace, '--span', span, '--json'),
              // It may be no one run, or none at all.
              check(
                [['diff', GOOD.run, placed.toDatabase(trace), '--json'], null],
                bad.refused ? exits : [...exits, 2, 3],
              ),
            ]),
      ]);
      expectNone([whole, detail, ...others].flatMap(([, wrong]) => wrong));
      if (lists[0]!.code !== 0) return;
      const [own, withTraffic] = lists.map(({out}) => JSON.parse(placed.fromDatabase(out)).data);
      const isIn = (list: {traceId: string}[]) => list.some(({traceId}) => traceId === trace);
      expect(isIn(own) ? 'run' : isIn(withTraffic) ? 'traffic' : 'nowhere').toBe(listed);
      const shown = whole[0].code === 0 ? JSON.parse(placed.fromDatabase(whole[0].out)).data : null;
      await facts?.({runs: own, withTraffic, shown, detail: placed.fromDatabase(detail[0].out), ask: asOwn}, backend);
    });

    /** Of one row both databases hand over the same, so what only draws it is looked at once. */
    function isOnlyHere({on = BACKENDS}: Placed['bad']): boolean {
      return backend === 'sqlite' || !on.includes('sqlite');
    }
  });
}

/** A list that is too long to be compared whole is still read whole. */
function expectNone(wrong: readonly string[]): void {
  expect(wrong, wrong.join('\n')).toEqual([]);
}

/** Every row leaves in every form, each once and well formed; nobody is hidden by what cannot be read. */
async function isHandedOn(database: BadDatabase, ask: Seen['ask'], exits: readonly number[]): Promise<void> {
  const exported = async (...argv: string[]) => {
    const all = ['export', '--all', '--traffic', ...argv];
    const result = await ask(...all);
    const text = argv.includes('md') ? result : {...result, out: ''};
    expect(wrongWith(all, text, exits, null)).toEqual([]);
    return result.code === 0 ? result.out : null;
  };
  const isCounted = database.after === undefined && database.flags.length === 0;
  const hidden = new Set(
    database.cases
      .filter(({bad}) => bad.listed === 'nowhere')
      .flatMap(({rows}) => rows.spans.map(row => String(row.trace_id))),
  );
  // Of one that is there twice the trees have the last.
  const ids = rowsOf(database).spans.map(row => `${row.trace_id} ${row.span_id}`);
  const spans = [...new Set(ids)].filter(id => !hidden.has(id.split(' ')[0]!)).sort();
  for (const redacting of [[], ['--redact', 'all'], ['--no-content']]) {
    const otlp = await exported(...redacting);
    if (otlp === null) return;
    const halves: string[] = [];
    const sent = otlp
      .trim()
      .split('\n')
      .map(line =>
        JSON.parse(line, (_, value) => {
          if (typeof value === 'string' && /\p{Cs}/u.test(value)) halves.push(value);
          return value;
        }),
      )
      .flatMap(request => request.resourceSpans[0].scopeSpans[0].spans);
    // Decoders of Protobuf refuse them.
    expect(halves).toEqual([]);
    const wrong = sent.filter(({traceId, spanId, parentSpanId, kind, startTimeUnixNano, endTimeUnixNano, status}) => {
      const isId = (id: unknown, length: number) =>
        typeof id === 'string' && id.length === length && /^(?!0+$)[0-9a-f]+$/.test(id);
      return !(
        isId(traceId, 32) &&
        isId(spanId, 16) &&
        (parentSpanId === undefined || isId(parentSpanId, 16)) &&
        [startTimeUnixNano, endTimeUnixNano].every(nanos => BigInt.asUintN(64, BigInt(nanos)) === BigInt(nanos)) &&
        [0, 1, 2, 3, 4, 5].includes(kind) &&
        [undefined, 1, 2].includes(status.code)
      );
    });
    expect(wrong).toEqual([]);
    const lines = (await exported('--jsonl', ...redacting))!
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    const rows = lines.filter(({type}) => type === 'span');
    expect(lines.some(({type, runId}) => type === 'run' && runId === GOOD.run)).toBe(true);
    expect(rows).toHaveLength(sent.length);
    if (isCounted) expect(rows.map(({traceId, spanId}) => `${traceId} ${spanId}`).sort()).toEqual(spans);
    expect(new Set(sent.map(({traceId, spanId}) => traceId + spanId)).size).toBe(sent.length);
    expect(await exported('--format', 'md', ...redacting)).toContain(GOOD.run);
  }
}
