import type {Writable} from 'node:stream';
import {useStdout} from 'ink';
import {useCallback, useSyncExternalStore} from 'react';
import {isSameSnapshot, type RunSource, type Snapshot} from './source.ts';

/** Draw new data at most this often; a frame costs about 10 ms of a core at 50 x 160. */
const LIVE_MS = 100;

/** The current snapshot. Drawn again at most ten times a second, and not while the terminal cannot keep up. */
export function useSnapshot(source: RunSource): Snapshot {
  const stdout = useStdout().stdout as Writable;
  const subscribe = useCallback(
    (onChange: () => void) => {
      let seen = source.snapshot();
      let toldAt = Number.NEGATIVE_INFINITY;
      let timer: NodeJS.Timeout | null = null;
      let isWaiting = false;
      const tell = () => {
        timer = null;
        if (stdout.writableNeedDrain) {
          isWaiting = true;
          stdout.once('drain', drained);
          return;
        }
        toldAt = performance.now();
        onChange();
      };
      const tellSoon = () => {
        if (timer === null && !isWaiting) timer = setTimeout(tell, Math.max(0, toldAt + LIVE_MS - performance.now()));
      };
      const drained = () => {
        isWaiting = false;
        tellSoon();
      };
      const unsubscribe = source.subscribe(() => {
        const snapshot = source.snapshot();
        if (isSameSnapshot(snapshot, seen)) return;
        seen = snapshot;
        tellSoon();
      });
      return () => {
        unsubscribe();
        stdout.off('drain', drained);
        if (timer) clearTimeout(timer);
      };
    },
    [source, stdout],
  );
  return useSyncExternalStore(subscribe, () => source.snapshot());
}
