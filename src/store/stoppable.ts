import {EXIT, UserError} from '../errors.ts';
import type {Store} from './store.ts';
import {replacing} from './store.ts';

/** `store` for a caller that may stop waiting: then the running statement is stopped, also on the server, and no further one is sent. */
export function stoppable(store: Store, stop: AbortSignal): Store {
  const unlessStopped = async <T>(work: () => Promise<T>): Promise<T> => {
    if (stop.aborted) throw stopped();
    return new Promise((resolve, reject) => {
      const onStop = () => {
        const ended = store.stop?.() ?? Promise.resolve();
        ended.finally(() => reject(stopped())).catch(() => undefined);
      };
      stop.addEventListener('abort', onStop, {once: true});
      work()
        .then(resolve, reject)
        .finally(() => stop.removeEventListener('abort', onStop));
    });
  };
  return replacing(store, {
    all: query => unlessStopped(() => store.all(query)),
    adHoc: (statement, limits) => unlessStopped(() => store.adHoc(statement, limits)),
  });
}

function stopped(): UserError {
  return new UserError(EXIT.stopped, 'stopped: nobody waits for the answer any more.');
}
