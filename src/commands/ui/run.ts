import type {Context, TerminalStreams} from '../../context.ts';
import {withPeers} from '../../facts/peers.ts';
import {type Access, withStore} from '../../flags/database.ts';
import {lookOf} from '../../flags/output.ts';
import type {FilterAt} from '../../flags/selection.ts';
import type {Prices} from '../../prices/prices.ts';
import type {Store} from '../../store/store.ts';
import type {Safe} from '../../text/safe.ts';
import type {Patience} from '../../trace/runs.ts';
import type {WantedPage} from '../../tui/source.ts';
import {HistorySource} from './history.ts';
import {readPage} from './page.ts';
import type {PeersOf} from './snapshot-source.ts';

export interface UiOptions {
  readonly terminal: TerminalStreams;
  readonly ascii: boolean | undefined;
  /** The mouse works on the screens. */
  readonly mouse: boolean;
  readonly patience: Patience;
  readonly prices: Prices;
  readonly filterAt: FilterAt;
  /** As typed; the screens can change it. */
  readonly query: string;
  readonly access: Access;
}

/** Shows stored runs on screens until the user leaves. */
export default async function ui(options: UiOptions, context: Context): Promise<void> {
  const {terminal, ascii, mouse, patience, prices, filterAt, query, access} = options;
  const {openScreens} = await import('../../tui/screens.ts');
  // Messages meanwhile would appear across the screen.
  const said: Safe[] = [];
  const stderr = {...context.stderr, isTTY: false, columns: undefined, write: (text: Safe) => void said.push(text)};
  const screens = await openScreens({terminal, ascii: lookOf(options, context).ascii, mouse, env: context.env});
  try {
    await withStore(access, {...context, stderr}, THEN, async store => {
      const filter = (other: string) => filterAt(store.nowMicros(), other);
      const notes = context.notes.splice(0);
      const page = (from: Store, wanted: WantedPage) => readPage(from, wanted, {ascii, context, patience, prices});
      const {env, cwd} = context;
      const peers: PeersOf = (from, runs) => withPeers(from, runs, {env, cwd, prices, brings: false});
      const screenRows = terminal.output.rows;
      await screens.show(
        new HistorySource(store, {...{filter, query, patience, prices, notes, screenRows, page}, withPeers: peers}),
      );
    });
  } finally {
    screens.close();
    for (const text of said) context.stderr.write(text);
  }
}

const THEN = 'spans become trees, runs are found, judged and drawn (src/trace)';
