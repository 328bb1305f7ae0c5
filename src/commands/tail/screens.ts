import type {Context, TerminalStreams} from '../../context.ts';
import {withPeers} from '../../facts/peers.ts';
import {openConnection} from '../../flags/database.ts';
import {lookOf} from '../../flags/output.ts';
import {labelOf} from '../../store/source.ts';
import type {Safe} from '../../text/safe.ts';
import {withQueryFlags} from '../../trace/filter.ts';
import {openScreens} from '../../tui/screens.ts';
import {readPage} from '../ui/page.ts';
import {LiveSource} from './live-source.ts';
import type {TailOptions} from './run.ts';

/** Number of runs in the list when the screens open. */
const NEWEST_RUNS = 50;

/** Shows events on screens until the user leaves. */
export async function showScreens(terminal: TerminalStreams, options: TailOptions, context: Context): Promise<void> {
  const {start, pollMs, patience, prices, query, newestRuns, filterAt, access} = options;
  // Messages meanwhile would appear across the screen.
  const said: Safe[] = [];
  const stderr = {...context.stderr, isTTY: false, columns: undefined, write: (text: Safe) => void said.push(text)};
  const screens = await openScreens({
    terminal,
    ascii: lookOf(options, context).ascii,
    mouse: options.mouse,
    env: context.env,
  });
  const source = new LiveSource({
    name: labelOf(access.connection.source),
    open: () => openConnection(access, {...context, stderr}),
    start,
    pollMs,
    filter: other => withQueryFlags(filterAt(context.nowMicros(), other)),
    query,
    patience,
    prices,
    newestRuns: newestRuns ?? NEWEST_RUNS,
    nowMicros: context.nowMicros,
    withPeers: (store, runs) => withPeers(store, runs, {env: context.env, cwd: context.cwd, prices, brings: false}),
    page: (store, wanted) => readPage(store, wanted, {ascii: options.ascii, context, patience, prices}),
  });
  try {
    await Promise.race([screens.show(source), source.followed]);
  } finally {
    screens.close();
    await source.close();
    for (const text of said) context.stderr.write(text);
  }
}
