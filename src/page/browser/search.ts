import type {Json} from '../../trace/json.ts';
import {type DrawnRun, readContent, type TreeRow} from './data.ts';

/** Rows searched between two checks whether the search is still wanted. */
const AT_ONCE = 200;

/** Rows that contain a text in their names, ids, messages, or stored data; ignores case. */
export async function* search(
  run: DrawnRun,
  text: string,
  isWanted: () => boolean,
): AsyncGenerator<readonly TreeRow[]> {
  const wanted = text.toLowerCase();
  let found: TreeRow[] = [];
  for (const row of run.rows) {
    const {label, name, kind, state, stateReason, statusMessage, model, spanId, runId, preview, purpose} = row;
    const own = [label, name, kind, state, stateReason, statusMessage, model, spanId, runId, preview, purpose];
    const content = await readContent(run, row);
    if (
      own.some(item => holds(item, wanted)) ||
      (content !== null && (holds(content.attributes, wanted) || holds(content.unreadAttributes, wanted)))
    )
      found.push(row);
    if (row.at % AT_ONCE !== AT_ONCE - 1) continue;
    yield found;
    found = [];
    await new Promise(resolve => setTimeout(resolve));
    if (!isWanted()) return;
  }
  yield found;
}

type Holder = Json | undefined | {readonly [key: string]: unknown} | readonly unknown[];

function holds(item: Holder, wanted: string): boolean {
  const stack: unknown[] = [item];
  while (stack.length > 0) {
    const next = stack.pop();
    if (next === null || next === undefined) continue;
    if (typeof next === 'object') {
      for (const [key, inner] of Object.entries(next)) {
        if (key.toLowerCase().includes(wanted)) return true;
        stack.push(inner);
      }
    } else if (String(next).toLowerCase().includes(wanted)) return true;
  }
  return false;
}

/** Highlights a text without changing the document; if the browser cannot, nothing is highlighted. */
export function highlight(within: HTMLElement, text: string): void {
  const {highlights} = globalThis.CSS ?? {};
  if (!highlights) return;
  highlights.delete('found');
  if (text === '') return;
  const wanted = text.toLowerCase();
  const ranges: Range[] = [];
  const nodes = document.createTreeWalker(within, NodeFilter.SHOW_TEXT);
  for (let node = nodes.nextNode(); node && ranges.length < MOST_MARKS; node = nodes.nextNode()) {
    const words = node.textContent!.toLowerCase();
    for (
      let at = words.indexOf(wanted);
      at >= 0 && ranges.length < MOST_MARKS;
      at = words.indexOf(wanted, at + wanted.length)
    ) {
      const range = new Range();
      if (at + wanted.length > node.textContent!.length) break;
      range.setStart(node, at);
      range.setEnd(node, at + wanted.length);
      ranges.push(range);
    }
  }
  const marks = new Highlight();
  for (const range of ranges) marks.add(range);
  highlights.set('found', marks);
  ranges[0]?.startContainer.parentElement?.scrollIntoView?.({block: 'nearest'});
}
const MOST_MARKS = 1000;
