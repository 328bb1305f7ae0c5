import {mayBeIndexed, missingIndexes} from '../../runs/look-up.ts';
import {MANY_SPANS} from '../../show/shown.ts';
import {defineCheck} from '../checkup.ts';
import {counted, FROM_CATALOGUE} from '../finding.ts';

/** Only where a look through all spans takes a while. */
export default defineCheck(({store, tables: {spans}}) => {
  if (!mayBeIndexed(store) || spans.isView || (spans.estimatedRows ?? 0) < MANY_SPANS) return null;
  const missing = missingIndexes(spans);
  const [first] = missing;
  return {
    ...FROM_CATALOGUE,
    severity: first ? 'info' : 'ok',
    count: missing.length,
    sample: first?.match(/"(agnotrace_[^"]+)"/)?.[1] ?? null,
    text: first
      ? `Run, session and user ids of runs behind HTTP stand in spans only, and ${counted(missing.length, 'index that finds', 'indexes that find')} them there ${missing.length === 1 ? 'is' : 'are'} missing: list --session and show <run id> look through all spans.`
      : 'Indexes find run, session and user ids that stand in spans only.',
    command: null,
    repair: first ? missing.join(' ') : null,
  };
});
