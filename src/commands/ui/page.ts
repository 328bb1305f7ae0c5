import type {Context} from '../../context.ts';

import type {PageOptions} from '../../runs/page.ts';
import {loadShownRun} from '../../show/shown.ts';

import type {Store} from '../../store/store.ts';
import {type Safe, trusted} from '../../text/safe.ts';
import type {WantedPage} from '../../tui/source.ts';

interface PageSettings extends Pick<PageOptions, 'patience' | 'prices'> {
  readonly ascii: boolean | undefined;
  readonly context: Context;
}

/** The output of `transcript` and `diff`, for a page of the screens. */
export async function readPage(
  store: Store,
  {kind, runs, columns}: WantedPage,
  {ascii, context, patience, prices}: PageSettings,
): Promise<readonly Safe[]> {
  const texts: string[] = [];
  const stdout = {isTTY: true, columns, write: (text: Safe) => void texts.push(text)};
  const out: Context = {...context, stdout, notes: []};
  const [first, second] = runs;
  if (kind === 'transcript') {
    const {tellTranscript} = await import('../transcript/run.ts');
    const shown = await loadShownRun(store, first!, {patience, prices, sessionLimit: 0});
    const options = {ascii, format: 'text', tools: 'short', system: true, history: false} as const;
    await tellTranscript(store, shown, options, out);
  } else {
    const {drawDiff} = await import('../diff/run.ts');
    const {compare, loadListedRun} = await import('../../show/compare.ts');
    const [a, b] = [
      await loadListedRun(store, first!, {patience, prices}),
      await loadListedRun(store, second!, {patience, prices}),
    ];
    drawDiff(await compare(store, a, b), null, [], {ascii, showsAll: false}, out);
  }
  return texts.join('').trimEnd().split('\n').map(trusted);
}
