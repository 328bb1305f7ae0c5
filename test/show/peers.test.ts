import {describe, expect, it} from 'vitest';
import {peersFacts} from '../../src/render/peers.ts';
import {differingOf, FEWEST_PEERS, type Peers, standingOf} from '../../src/trace/peers.ts';
import {detailPane} from '../../src/tui/detail/pane.ts';
import {cli, json} from '../cli.ts';
import {Contract} from '../contract.ts';
import {BACKENDS, temporaryFolder} from '../databases.ts';
import {databaseOf} from '../databases-of-traces.ts';
import {agent, llm, span, tool} from '../trace/rows.ts';
import {picture, VIEW} from '../tui/panes.ts';

/** A run of so many ms with a model call of so many tokens and searches of so many ms each. */
function runOf(
  name: string,
  runId: string,
  {ms, tokens, searches}: {ms: number; tokens: number; searches: readonly number[]},
) {
  let at = 20;
  return [
    span(`${name}.run`, 0, ms, {
      id: 'run',
      attributes: agent({'agent.name': name, 'agno.agent.id': name.toLowerCase(), 'agno.run.id': runId}),
    }),
    span('Chat.invoke', 0, 20, {
      parent: 'run',
      attributes: llm({'llm.token_count.prompt': tokens - 1, 'llm.token_count.completion': 1}),
    }),
    ...searches.map(took => {
      at += took;
      return span('search', at - took, at, {
        parent: 'run',
        attributes: tool({'tool.name': 'search', 'output.value': 'found'}),
      });
    }),
  ];
}

/** Others of 1.1 to 3.0 s with 110 to 300 tokens, each with one search of 100 ms; and one run that is none of them. */
const OTHERS = Array.from({length: FEWEST_PEERS}, (_, i) =>
  runOf('Finder', `other-${i + 1}`, {ms: 1100 + 100 * i, tokens: 110 + 10 * i, searches: [100]}),
);
const ODD = runOf('Finder', 'odd', {ms: 2650, tokens: 110, searches: [400, 400, 400]});
const STRANGERS = Array.from({length: FEWEST_PEERS}, (_, i) =>
  runOf('Stranger', `stranger-${i}`, {ms: 10, tokens: 9, searches: [1]}),
);

const contract = new Contract(new URL('../../docs/json.md', import.meta.url).pathname);

describe.each(BACKENDS)('the place of a run among others, on %s', backend => {
  let opened: Promise<string> | null = null;
  const open = () => {
    opened ??= databaseOf(backend, [...OTHERS, ODD, ...STRANGERS]);
    return opened;
  };
  const expected = {
    runs: 20,
    // 16 of 20 took less: 1.1 to 2.6 s.
    durationMs: {value: 2650, median: 2050, rank: 0.8},
    // One has as many.
    totalTokens: {value: 110, median: 205, rank: 0.025},
    costUsd: null,
    differing: [
      {figure: 'durationMs', kind: 'tool', name: 'search', value: 1200, median: 100, runs: 20},
      {figure: 'calls', kind: 'tool', name: 'search', value: 3, median: 1, runs: 20},
      {figure: 'totalTokens', kind: 'llm', name: 'gpt', value: 110, median: 205, runs: 20},
    ],
  };

  it('is told from kept facts, and is null where none are kept or too few are like it', async () => {
    const db = await open();
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    const peersOf = async (id: string, ...argv: string[]) =>
      (await json(['show', id, ...argv, '--db', db], {env})).data.peers;
    expect(await peersOf('odd')).toBeNull();
    await json(['agents', '--db', db], {env});
    const {data} = await json(['show', 'odd', '--db', db], {env});
    contract.compare(data, 'shown', 'show');
    expect([...contract.wrong]).toEqual([]);
    expect(data.peers).toMatchObject({...expected, source: 'kept'});
    // A span of it is not a run.
    expect(await peersOf(data.spans[1].spanId)).toBeNull();
    const {data: none, notes} = await json(['show', data.spans[1].spanId, '--peers', '--db', db], {env});
    expect([none.peers, notes.join()]).toEqual([null, expect.stringContaining('at least 20 others')]);
  });

  it('is read for it with --peers', async () => {
    const db = await open();
    const {data} = await json(['show', 'odd', '--peers', '--db', db]);
    expect(data.peers).toMatchObject({...expected, source: 'read'});
    const {out} = await cli(['show', 'odd', '--peers', '--db', db]);
    expect(out).toContain(
      '  peers    of 20 runs in the 7 days before: slower than 80% (median 2.1s), fewer tokens than 97% (median 205)\n' +
        '  unusual  search 1.2s (usually 100ms), search 3 calls (usually 1 call), gpt 110 tokens (usually 205 tokens)\n',
    );
    const narrow = await cli(['show', 'odd', '--peers', '--db', db], {columns: 60});
    for (const line of narrow.out
      .replace(/\u001b\[[0-9;]*m/g, '')
      .split('\n')
      .slice(3, 10))
      expect(line.length, line).toBeLessThanOrEqual(60);
  });
});

describe('a place', () => {
  it('needs twenty others with the figure', () => {
    const figures = Array.from({length: FEWEST_PEERS}, (_, i) => i);
    expect(standingOf(5, figures)).toEqual({value: 5, median: 9.5, rank: 0.275});
    expect(standingOf(5, [...figures.slice(1), null])).toBeNull();
    expect(standingOf(null, figures)).toBeNull();
  });

  it('of what is inside is told where it is far from the median, and matters', () => {
    const child = (durationMs: number) => ({kind: 'tool' as const, name: 'x', durationMs, calls: 1, totalTokens: null});
    const others = Array.from({length: FEWEST_PEERS}, () => child(40));
    expect(differingOf([child(80)], others)).toEqual([]);
    expect(differingOf([child(100)], others)).toMatchObject([{figure: 'durationMs', value: 100, median: 40}]);
    expect(differingOf([child(100)], others.slice(1))).toEqual([]);
  });

  it('stands in the detail pane at the run itself', async () => {
    const {parts} = await picture('agno-3.1.10-pictures.sqlite', 'tool-loop');
    const middle = {value: 1, median: 1, rank: 0.5};
    const peers: Peers = {
      runs: 99,
      source: 'kept',
      sinceMicros: 0,
      durationMs: middle,
      totalTokens: null,
      costUsd: null,
      differing: [],
    };
    const [part] = parts;
    const draw = (at: number) => {
      const row = part!.rows[at]!;
      const input = {selected: {row, part: {...part!, peers}}, content: {state: 'loading'}} as const;
      const size = {columns: 90, rows: 40};
      return detailPane.lines(detailPane.settle(detailPane.start, input, size), input, size, VIEW).join('\n');
    };
    expect(draw(0)).toContain(`${peersFacts(peers)[0]![1]}`);
    expect(draw(1)).not.toContain('99 runs');
  });
});
