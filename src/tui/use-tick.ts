import {useEffect, useReducer} from 'react';

/** Draws again when the shown data changes with the clock, and not otherwise. @param everyMicros null: never */
export function useTick(everyMicros: number | null, nowMicros: number): void {
  const [, tick] = useReducer((ticks: number) => ticks + 1, 0);
  // Set again after each frame: on the second, so that all durations change together.
  useEffect(() => {
    if (everyMicros === null) return;
    const waitMs = (everyMicros - (nowMicros % everyMicros)) / 1000;
    const timer = setTimeout(tick, Math.max(20, waitMs));
    return () => clearTimeout(timer);
  });
}
