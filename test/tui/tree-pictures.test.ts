import {describe, expect, it} from 'vitest';
import type {Size} from '../../src/tui/pane.ts';
import {treePane} from '../../src/tui/tree/pane.ts';
import {framed, type Picture, picture, SIZES, VIEW} from './panes.ts';

const FIXTURES = {
  '3.1.10': 'agno-3.1.10-pictures.sqlite',
  '2.9.0-more': 'agno-2.9.0-more-pictures.sqlite',
} as const;

/** Sessions of the life-cycle pictures: the kinds of run, and the states they end in. */
const PICTURES = [
  ...['tool-loop', 'team', 'workflow', 'retrieval-tool', 'reasoning', 'http', 'http-remote-parent', 'leaked-2'],
  ...['tool-error', 'model-error', 'model-retry', 'team-member-error', 'workflow-failed', 'http-stream-error'],
  ...['human-in-the-loop', 'team-human-in-the-loop', 'cancelled', 'abandoned-stream', 'guardrail', 'memory'],
];

function treeOf({parts}: Picture, size: Size, ascii = false): string {
  const state = treePane.settle(treePane.start, {parts}, size);
  return framed(treePane.lines(state, {parts}, size, {...VIEW, ascii}), size);
}

describe.each(Object.entries(FIXTURES))('the pictures of Agno %s in the tree pane', (version, file) => {
  it.each(PICTURES)('%s', async session => {
    const found = await picture(file, session);
    const text = [...SIZES.map(size => treeOf(found, size)), treeOf(found, SIZES[1]!, true)].join('\n\n');
    await expect(`${text}\n`).toMatchFileSnapshot(`../golden/tui/${version}/${session}.txt`);
  });
});
