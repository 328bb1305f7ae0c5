import type {Context} from '../../context.ts';
import {usageError} from '../../errors.ts';
import {withStore} from '../../flags/database.ts';
import type {
  OutputFlags,
  PatienceFlags,
  PriceFlags,
  ReadFlags,
  WhatFlags,
  WhoFlags,
  WindowFlags,
} from '../../flags/declare.ts';
import {lookOf} from '../../flags/output.ts';
import {pricesOf} from '../../flags/prices.ts';
import {filterOf, patienceOf} from '../../flags/selection.ts';
import type {Safe} from '../../text/safe.ts';
import {HistorySource} from './history.ts';

interface UiFlags extends ReadFlags, OutputFlags, WindowFlags, WhoFlags, WhatFlags, PatienceFlags, PriceFlags {
  traffic?: boolean;
}

/** Shows the runs that are there on screens, until the user leaves. */
export default async function ui(flags: UiFlags, context: Context): Promise<void> {
  const terminal = context.terminal?.();
  if (!terminal || context.env.TERM === 'dumb')
    throw usageError('ui needs a terminal that it can draw on.', 'agno-trace list prints runs anywhere.');
  const patience = patienceOf(flags);
  const prices = pricesOf(flags, context);
  // Refused before the terminal is taken.
  filterOf(flags, context.nowMicros());
  const {ascii} = lookOf(flags, context);
  const {Screens} = await import('../../tui/screens.ts');
  // What is said meanwhile would stand across the screen.
  const said: Safe[] = [];
  const stderr = {...context.stderr, isTTY: false, columns: undefined, write: (text: Safe) => void said.push(text)};
  const screens = new Screens({terminal, ascii});
  try {
    await withStore(flags, {...context, stderr}, THEN, async store => {
      const filter = (query: string) =>
        filterOf({...flags, query: query === '' ? undefined : query}, store.nowMicros());
      const options = {filter, query: flags.query ?? '', patience, prices, notes: context.notes.splice(0)};
      await screens.show(new HistorySource(store, options));
    });
  } finally {
    screens.close();
    for (const text of said) context.stderr.write(text);
  }
}

const THEN = 'spans become trees, runs are found, judged and drawn (src/trace)';
