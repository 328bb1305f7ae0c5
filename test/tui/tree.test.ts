import fc from 'fast-check';
import stringWidth from 'string-width';
import {describe, expect, it} from 'vitest';
import {trusted} from '../../src/text/safe.ts';
import {width} from '../../src/text/width.ts';
import type {ShownRun} from '../../src/trace/drawn-spans.ts';
import {parseTime} from '../../src/trace/time.ts';
import {detailPane} from '../../src/tui/detail/pane.ts';
import type {Action} from '../../src/tui/keys.ts';
import type {Size, TreeInput} from '../../src/tui/pane.ts';
import {selectedRow, treePane} from '../../src/tui/tree/pane.ts';
import type {TreeState} from '../../src/tui/tree/state.ts';
import {agent, llm, rowsOf, span, tool} from '../trace/rows.ts';
import {framed, partsFrom, picture, VIEW} from './panes.ts';

const SIZE: Size = {columns: 80, rows: 16};
const BASE = Date.parse('2026-11-22T12:00:00Z') * 1000;

/** A run with two members, one of whose tools failed. */
const ROWS = [
  span('Team.run', 0, 10_000, {id: 'root', attributes: agent({'agno.agent.id': 'lead', 'agent.name': 'Lead'})}),
  span('Model.invoke', 100, 900, {id: 'call', parent: 'root', attributes: llm()}),
  span('Ann.run', 1000, 5000, {
    id: 'ann',
    parent: 'root',
    attributes: agent({'graph.node.id': 'a', 'agent.name': 'Ann'}),
  }),
  span('look_up', 1100, 1200, {id: 'look', parent: 'ann', attributes: tool({'tool.parameters': '{"order_id": 4417}'})}),
  span('refund', 1300, 1400, {
    id: 'refund',
    parent: 'ann',
    status: 'ERROR',
    message: 'Refused: over the limit\nsecond line',
    attributes: tool(),
  }),
  span('Ben.run', 6000, 9000, {
    id: 'ben',
    parent: 'root',
    attributes: agent({'graph.node.id': 'b', 'agent.name': 'Ben'}),
  }),
  span('refund', 6100, 6200, {id: 'late', parent: 'ben', status: 'ERROR', message: 'Timed out', attributes: tool()}),
];
const WHOLE: TreeInput = {parts: partsFrom(ROWS, null, BASE + 20_000_000_000)};

function pressed(actions: readonly Action[], input = WHOLE, size = SIZE, from: TreeState = treePane.start): TreeState {
  return actions.reduce(
    (state, action) => treePane.act(state, action, input, size),
    treePane.settle(from, input, size),
  );
}

function cursor(state: TreeState, input = WHOLE): string | undefined {
  return selectedRow(state, input)?.row.node.id;
}

function text(state: TreeState, input = WHOLE, size = SIZE): string {
  return treePane.lines(state, input, size, VIEW).join('\n');
}

describe('the cursor of the tree', () => {
  it('begins on the run and moves over spans, not over the messages between them', () => {
    expect(cursor(pressed([]))).toBe('root');
    const seen = ['down', 'down', 'down', 'down', 'down', 'down'] as const;
    expect(seen.map((_, i) => cursor(pressed(seen.slice(0, i + 1))))).toEqual([
      ...['call', 'ann', 'look', 'refund', 'ben', 'late'],
    ]);
    expect(cursor(pressed([...seen, 'first']))).toBe('root');
    expect(cursor(pressed(['last']))).toBe('late');
    expect(cursor(pressed(['last', 'up', 'up']))).toBe('refund');
  });

  it('goes to errors where they happened, round and back, unfolding what hides them', () => {
    expect(cursor(pressed(['nextError']))).toBe('refund');
    expect(cursor(pressed(['nextError', 'nextError']))).toBe('late');
    expect(cursor(pressed(['nextError', 'nextError', 'nextError']))).toBe('refund');
    expect(cursor(pressed(['previousError']))).toBe('late');
    const state = pressed(['foldAll', 'nextError']);
    expect(cursor(state)).toBe('refund');
    expect(text(state)).toContain('Refused: over the limit');
  });

  it('finds what is typed in names, arguments and messages, and goes on with n and N', () => {
    const typed = (search: string) => treePane.search(pressed([]), search, WHOLE, SIZE);
    expect(cursor(typed('4417'))).toBe('look');
    expect(cursor(typed('TIMED'))).toBe('late');
    const refund = typed('refund');
    expect(cursor(refund)).toBe('refund');
    expect(text(refund)).toContain('/refund  1 of 2');
    expect(cursor(treePane.act(refund, 'nextMatch', WHOLE, SIZE))).toBe('late');
    expect(cursor(treePane.act(refund, 'previousMatch', WHOLE, SIZE))).toBe('late');
    expect(text(typed('nowhere'))).toContain('/nowhere  no match');
    expect(treePane.search(refund, '', WHOLE, SIZE).search).toBe('');
  });
});

describe('folding', () => {
  it('hides what is below, says how much, and goes to the parent where nothing is left to fold', () => {
    const folded = pressed(['down', 'down', 'fold']);
    expect(text(folded)).toMatch(/▸ .*Ann \(2, 1 failed\)/);
    expect(text(folded)).not.toContain('look_up');
    expect(cursor(treePane.act(folded, 'fold', WHOLE, SIZE))).toBe('root');
    expect(text(treePane.act(folded, 'unfold', WHOLE, SIZE))).toContain('look_up');
    expect(text(treePane.act(folded, 'toggle', WHOLE, SIZE))).toContain('look_up');
    expect(cursor(pressed(['down', 'down', 'unfold']))).toBe('look');
    const all = pressed(['foldAll']);
    expect(text(all)).not.toContain('look_up');
    expect(text(all)).toContain('Ben');
    expect(text(treePane.act(all, 'unfoldAll', WHOLE, SIZE))).toContain('look_up');
  });

  it('leaves the critical path alone on request, and the cursor on what is left', () => {
    const [{rows}] = WHOLE.parts as [ShownRun];
    const off = rows.filter(({record}) => !record.critical).map(({node}) => node.id);
    const state = pressed(['critical']);
    expect(text(state)).toContain('critical path only');
    for (let i = 0; i < rows.length; i++)
      expect(off).not.toContain(cursor(pressed(['critical', ...Array(i).fill('down')])));
  });

  it('finds only what is drawn while the critical path stands alone', () => {
    // Ann calls a model while a tool of hers is still running: the shorter of the two decides nothing.
    const rows = [
      span('Ann.run', 0, 1000, {id: 'root', attributes: agent()}),
      span('slow_tool', 100, 900, {id: 'slow', parent: 'root', attributes: tool()}),
      span('quick_tool', 200, 300, {id: 'quick', parent: 'root', attributes: tool()}),
    ];
    const input: TreeInput = {parts: partsFrom(rows, null, BASE + 20_000_000_000)};
    const found = (actions: readonly Action[], search: string) =>
      treePane.matches(treePane.search(pressed(actions, input), search, input, SIZE), input);
    expect([found([], 'quick'), found([], 'slow')]).toEqual([1, 1]);
    expect([found(['critical'], 'quick'), found(['critical'], 'slow')]).toEqual([0, 1]);
  });

  it('shows a message whole when lines are wrapped', () => {
    expect(text(pressed([]))).not.toContain('second line');
    expect(text(pressed(['wrap']))).toContain('second line');
  });

  it('gives back the same state for a key that means nothing here', () => {
    const state = pressed([]);
    for (const action of ['open', 'copy', 'order', 'sql', 'raw'] as const)
      expect(treePane.act(state, action, WHOLE, SIZE)).toBe(state);
    const last = pressed(['last']);
    expect(treePane.act(last, 'down', WHOLE, SIZE)).toBe(last);
    expect(treePane.settle(last, WHOLE, SIZE)).toBe(last);
  });
});

describe.each(['agno-3.1.10-pictures.sqlite', 'agno-2.9.0-more-pictures.sqlite'])('a team that runs, of %s', file => {
  const found = rowsOf(file).find(({row}) => row.session_id === 'team')!;
  const rows = [...found.spans].sort((a, b) => parseTime(a.created_at)! - parseTime(b.created_at)!);
  /** What there is after each row was written, a second later. */
  const frames: TreeInput[] = rows.map((row, i) => ({
    parts: partsFrom(rows.slice(0, i + 1), found.row, parseTime(row.created_at)! + 1_000_000),
  }));
  const nowOf = (i: number) => parseTime(rows[i]!.created_at)! + 1_000_000;

  it('grows frame by frame from its first orphan to its end, followed', async () => {
    let state: TreeState = treePane.start;
    const drawn = frames.map((input, i) => {
      state = treePane.settle(state, input, SIZE);
      expect(cursor(state, input)).toBe(
        input.parts!.at(-1)!.judged.run.isMissing ? String(rows[i]!.span_id) : cursor(state, input),
      );
      return framed(treePane.lines(state, input, SIZE, {...VIEW, nowMicros: nowOf(i)}), SIZE);
    });
    const version = /agno-([\d.]+\d(-more)?)/.exec(file)![1]!;
    await expect(`${drawn.join('\n\n')}\n`).toMatchFileSnapshot(`../golden/tui/${version}/team-growing.txt`);
    expect(drawn[0]).toContain('its run span is written');
    expect(drawn.at(-1)).not.toContain('its run span is written');
  });

  it('keeps the cursor on its span while rows come in above and below, and counts what is new', () => {
    let state = pressed(['first', 'down'], frames[2]!);
    const chosen = cursor(state, frames[2]!)!;
    for (const input of frames.slice(3)) {
      state = treePane.settle(state, input, SIZE);
      expect(cursor(state, input)).toBe(chosen);
    }
    const last = frames.length - 2;
    expect(text(treePane.settle(state, frames[last]!, SIZE), frames[last])).toContain(`${last - 2} new, G follows`);
    expect(treePane.act(state, 'newest', frames[last]!, SIZE).follows).toBe(true);
  });

  it('puts the run span where its ghost was, under the cursor', () => {
    const before = frames.at(-2)!;
    const ghost = before.parts![0]!.judged.run.root.id;
    let state = pressed(['first'], before);
    expect(selectedRow(state, before)!.row.record).toMatchObject({spanId: ghost, missing: true});
    state = treePane.settle(state, frames.at(-1)!, SIZE);
    expect(selectedRow(state, frames.at(-1)!)!.row.record).toMatchObject({spanId: ghost, missing: false});
  });

  it('is drawn up to now while it runs, and as far as it was seen once it is silent', async () => {
    const at = Math.floor(rows.length / 2);
    const drawn = [1, 10 * 60, 2 * 3600].map(seconds => {
      const nowMicros = parseTime(rows[at]!.created_at)! + seconds * 1_000_000;
      const input = {parts: partsFrom(rows.slice(0, at + 1), found.row, nowMicros)};
      const state = pressed(['first'], input);
      return framed(treePane.lines(state, input, SIZE, {...VIEW, nowMicros}), SIZE);
    });
    expect(drawn[0]).toMatch(/● running[\s\S]*░/);
    expect(drawn[1]).toMatch(/◌ stalled/);
    expect(drawn[1]).not.toContain('░');
    expect(drawn[2]).toMatch(/\? lost/);
    expect(treePane.isTicking({parts: frames[at]!.parts})).toBe(true);
    expect(treePane.isTicking(frames.at(-1)!)).toBe(false);
  });
});

const ACTIONS: readonly Action[] = [
  ...(['up', 'down', 'pageUp', 'pageDown', 'halfUp', 'halfDown', 'first', 'last', 'newest', 'unfold', 'fold'] as const),
  ...(['toggle', 'foldAll', 'unfoldAll', 'nextError', 'previousError', 'nextMatch', 'previousMatch', 'wrap'] as const),
  ...(['critical', 'follow', 'raw'] as const),
];
const ANSI = /\x1b\[[\d;]*m/g;

describe('any keys in any order', () => {
  const sizes = fc.record({columns: fc.integer({min: 12, max: 160}), rows: fc.integer({min: 1, max: 40})});
  const steps = fc.array(
    fc.oneof(
      fc.constantFrom(...ACTIONS).map(action => ({action})),
      fc.constantFrom('', 'a', 'refund', '退', '.').map(search => ({search})),
    ),
    {maxLength: 30},
  );

  it.each([
    ['team', 'agno-3.1.10-pictures.sqlite'],
    ['team-human-in-the-loop', 'agno-3.1.10-pictures.sqlite'],
    ['http-remote-parent', 'agno-2.9.0-more-pictures.sqlite'],
    ['retrieval-tool', 'agno-3.1.10-pictures.sqlite'],
  ])('leave the cursor in sight and every line in its columns: %s', async (session, file) => {
    const {parts, contents} = await picture(file, session);
    const input = {parts};
    fc.assert(
      fc.property(steps, sizes, fc.boolean(), (keys, size, ascii) => {
        const view = {...VIEW, ascii};
        let tree = treePane.settle(treePane.start, input, size);
        for (const key of keys)
          tree =
            'action' in key
              ? treePane.act(tree, key.action, input, size)
              : treePane.search(tree, key.search, input, size);
        check(treePane.lines(tree, input, size, view), size, ascii);
        const selected = selectedRow(tree, input);
        const span = selected ? (contents.get(selected.row.node.id) ?? null) : null;
        const shown = {selected, content: {state: 'here', span}} as const;
        let detail = detailPane.settle(detailPane.start, shown, size);
        for (const key of keys)
          detail =
            'action' in key
              ? detailPane.act(detail, key.action, shown, size)
              : detailPane.search(detail, key.search, shown, size);
        check(detailPane.lines(detail, shown, size, view), size, ascii);
      }),
      {numRuns: 60},
    );
  });

  function check(lines: readonly string[], size: Size, ascii: boolean): void {
    expect(lines.length).toBeLessThanOrEqual(size.rows);
    for (const line of lines) {
      const plain = line.replace(ANSI, '');
      expect(width(trusted(plain))).toBeLessThanOrEqual(size.columns);
      expect(stringWidth(plain)).toBeLessThanOrEqual(size.columns);
    }
    const mark = ascii ? '>' : '›';
    expect(lines.filter(line => line.startsWith(mark))).toHaveLength(1);
  }
});
