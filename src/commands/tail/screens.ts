import type {Context, TerminalStreams} from '../../context.ts';
import type {Connection} from '../../flags/connection.ts';
import {openConnection} from '../../flags/database.ts';
import {lookOf} from '../../flags/output.ts';
import {filterOf} from '../../flags/selection.ts';
import {labelOf} from '../../store/source.ts';
import type {Safe} from '../../text/safe.ts';
import {hoisted} from '../../trace/filter.ts';
import {Screens} from '../../tui/screens.ts';
import {LiveSource} from './live-source.ts';
import type {Settings, TailFlags} from './run.ts';

interface Asked {
  readonly flags: TailFlags;
  readonly settings: Settings;
  readonly connection: Connection;
}

/** Runs that are there when the screens open. */
const NEWEST_RUNS = 50;

/** Shows on screens what happens, until the user leaves. */
export async function showScreens(
  terminal: TerminalStreams,
  {flags, settings, connection}: Asked,
  context: Context,
): Promise<void> {
  const {start, pollMs, patience, prices} = settings;
  // What is said meanwhile would stand across the screen.
  const said: Safe[] = [];
  const stderr = {...context.stderr, isTTY: false, columns: undefined, write: (text: Safe) => void said.push(text)};
  const screens = new Screens({terminal, ascii: lookOf(flags, context).ascii});
  const {since: _since, last: _last, ...others} = flags;
  const source = new LiveSource({
    name: labelOf(connection.source),
    open: () => openConnection(connection, flags, {...context, stderr}),
    start,
    pollMs,
    filter: query => hoisted(filterOf({...others, query: query === '' ? undefined : query}, context.nowMicros())),
    query: flags.query ?? '',
    patience,
    prices,
    newestRuns: start.from === 'now' && flags.limit === undefined ? NEWEST_RUNS : settings.newestRuns,
    nowMicros: context.nowMicros,
  });
  try {
    await Promise.race([screens.show(source), source.followed]);
  } finally {
    screens.close();
    await source.close();
    for (const text of said) context.stderr.write(text);
  }
}
