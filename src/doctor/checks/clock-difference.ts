import {defineCheck} from '../checkup.ts';
import {FROM_CATALOGUE} from '../finding.ts';

/**
 * Above this, times of the two clocks cannot be compared by eye; above the stalled limit no state would be reliable.
 */
const NOTICEABLE_MS = 5_000;

export default defineCheck(({facts}) => {
  if (facts.clockAheadMs === null) return null;
  const size = Math.abs(facts.clockAheadMs);
  const isOff = size >= NOTICEABLE_MS;
  const seconds = (size / 1000).toFixed(size < 10_000 ? 1 : 0);
  return {
    ...FROM_CATALOGUE,
    covered: 'one comparison of both clocks',
    severity: isOff ? 'warning' : 'ok',
    count: isOff ? 1 : 0,
    sample: null,
    text: isOff
      ? `The server's clock is ${seconds} s ${facts.clockAheadMs > 0 ? 'ahead of' : 'behind'} this machine's; ages are based on the server's.`
      : "The server's clock agrees with this machine's.",
    command: null,
    repair: null,
  };
});
