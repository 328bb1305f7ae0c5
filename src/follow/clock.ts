/** Time for a follower; tests pass a clock that costs nothing. */
export interface Clock {
  /** Milliseconds since an arbitrary moment; never goes back. */
  nowMs(): number;
  /** Resolves after `ms`, or as soon as `signal` is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const SYSTEM_CLOCK: Clock = {
  nowMs: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise(resolve => {
      if (signal.aborted) return resolve();
      const onEnd = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onEnd);
        resolve();
      };
      const timer = setTimeout(onEnd, ms);
      signal.addEventListener('abort', onEnd, {once: true});
    }),
};
