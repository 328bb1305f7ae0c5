import path from 'node:path';
import Database from 'better-sqlite3';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {agnoTables, SPAN_COLUMNS, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {trusted} from '../../src/text/safe.ts';
import {setColour} from '../../src/text/style.ts';
import {width} from '../../src/text/width.ts';
import {detailPane} from '../../src/tui/detail/pane.ts';
import type {Action} from '../../src/tui/keys.ts';
import type {Size} from '../../src/tui/pane.ts';
import {treePane} from '../../src/tui/tree/pane.ts';
import {temporaryFolder} from '../fixtures.ts';
import {badHostileRows, hostile, hostileRows, OWN_SEQUENCE, UNSAFE} from '../hostile-rows.ts';
import {IS_LONG} from '../long.ts';
import {pictureIn, VIEW} from './panes.ts';

const ROWS = hostile('sqlite');
const SIZES: readonly Size[] = [
  {columns: 24, rows: 60},
  {columns: 80, rows: 120},
];
const DETAIL_KEYS: readonly (readonly Action[])[] = [['unfoldAll'], ['unfoldAll', 'wrap'], ['raw'], ['raw', 'last']];

let file = '';
beforeAll(async () => {
  await setColour(true);
  file = path.join(temporaryFolder(), 'hostile.db');
  const db = new Database(file);
  for (const statement of agnoTables('sqlite', '')) db.exec(statement);
  const places = (columns: readonly string[]) => columns.map(() => '?').join(', ');
  const trace = db.prepare(`insert into agno_traces values (${places(TRACE_COLUMNS)})`);
  const span = db.prepare(`insert into agno_spans values (${places(SPAN_COLUMNS)})`);
  for (const [i, item] of ROWS.entries()) {
    for (const {traces, spans} of [hostileRows(item), badHostileRows(item, i)]) {
      for (const row of traces) trace.run(...row);
      for (const row of spans) span.run(...row);
    }
  }
  db.close();
});
afterAll(() => setColour(false));

/** What of these lines a terminal would act on, or what leaves its columns. */
function leaks(lines: readonly string[], {columns}: Size): string[] {
  return lines.flatMap(text => {
    const plain = text.replace(OWN_SEQUENCE, '');
    return UNSAFE.test(plain) || plain.includes('\n') || width(trusted(plain)) > columns ? [JSON.stringify(text)] : [];
  });
}

describe.each(ROWS.map((item, nth) => ({...item, nth, bad: `bad${nth}${item.payload.replace(/\p{Cs}/gu, '?')}t`})))(
  'hostile rows in the panes: $what',
  ({trace, bad, payload, nth}) => {
    it('act on nothing, in the tree, in a span, as JSON and as a search', async () => {
      for (const id of [trace, bad]) {
        const {parts, contents} = await pictureIn(file, id);
        expect(parts.length).toBeGreaterThan(0);
        for (const [n, size] of SIZES.entries()) {
          for (const keys of [[], ['wrap'], ['foldAll']] as const) {
            const input = {parts};
            let state = treePane.settle(treePane.start, input, size);
            for (const key of keys) state = treePane.act(state, key, input, size);
            state = treePane.search(state, payload, input, size);
            expect(leaks(treePane.lines(state, input, size, VIEW), size)).toEqual([]);
          }
          for (const part of parts) {
            for (const row of part.rows) {
              const span = contents.get(row.node.id) ?? null;
              const failure = {message: `failed ${payload}`, hint: `hint ${payload}`};
              for (const content of [{state: 'here', span} as const, {state: 'failed', failure} as const]) {
                const input = {selected: {row, part}, content};
                // Each payload meets every one of them in half of the sizes; in the long suite in each.
                for (const [k, keys] of DETAIL_KEYS.entries()) {
                  if (!IS_LONG && (nth + n + k) % 2 !== 0) continue;
                  let state = detailPane.settle(detailPane.start, input, size);
                  for (const key of keys) state = detailPane.act(state, key, input, size);
                  expect(leaks(detailPane.lines(state, input, size, VIEW), size)).toEqual([]);
                  state = detailPane.search(state, payload, input, size);
                  expect(leaks(detailPane.lines(state, input, size, VIEW), size)).toEqual([]);
                }
              }
            }
          }
        }
      }
    });
  },
);
