import {describe, expect, it} from 'vitest';
import {detailPane} from '../../src/tui/detail/pane.ts';
import type {Action} from '../../src/tui/keys.ts';
import type {DetailInput, Size} from '../../src/tui/pane.ts';
import {framed, type Picture, picture, VIEW} from './panes.ts';

const FIXTURES = {
  '3.1.10': 'agno-3.1.10-pictures.sqlite',
  '2.9.0-more': 'agno-2.9.0-more-pictures.sqlite',
} as const;

/** Spans that hold something of their own kind: session, kind, and which of that kind. */
const SPANS = [
  ['tool-loop', 'agent', 0],
  ['tool-loop', 'llm', -1],
  ['tool-loop', 'tool', 0],
  ['retrieval-tool', 'retrieval', 0],
  ['team', 'team', 0],
  ['workflow', 'workflow', 0],
  ['workflow', 'step', 0],
  ['model-error', 'llm', 0],
  ['tool-error', 'tool', 0],
  ['attribute-limit', 'llm', -1],
  ['http', 'http', 0],
] as const;

const NARROW: Size = {columns: 60, rows: 12};
const WIDE: Size = {columns: 110, rows: 40};

function spanIn({parts, contents}: Picture, kind: string, at: number): DetailInput {
  const found = parts.flatMap(part =>
    part.rows.filter(({record}) => record.kind === kind).map(row => ({selected: {row, part}, content: null})),
  );
  const selected = found.at(at)?.selected ?? null;
  const span = selected === null ? null : (contents.get(selected.row.node.id) ?? null);
  return {selected, content: {state: 'here', span}};
}

function drawn(input: DetailInput, size: Size, actions: readonly Action[] = []): string {
  let state = detailPane.settle(detailPane.start, input, size);
  for (const action of actions) state = detailPane.act(state, action, input, size);
  return framed(detailPane.lines(state, input, size, VIEW), size);
}

describe.each(Object.entries(FIXTURES))('a span of Agno %s in the detail pane', (version, file) => {
  it.each(SPANS)('%s: %s %i', async (session, kind, at) => {
    const input = spanIn(await picture(file, session), kind, at);
    expect(input.selected).not.toBeNull();
    const text = [
      drawn(input, NARROW),
      drawn(input, WIDE),
      drawn(input, WIDE, ['unfoldAll', 'last']),
      drawn(input, WIDE, ['raw']),
    ].join('\n\n');
    await expect(`${text}\n`).toMatchFileSnapshot(`../golden/tui/${version}/${session}-${kind}.txt`);
  });
});
