import {MANY_SPANS} from '../../runs/look-up.ts';
import {TRAITS} from '../../sql/traits.ts';
import {defineCheck} from '../checkup.ts';
import {counted, FROM_CATALOGUE} from '../finding.ts';
import {buildText, indexesOf, repairOf} from '../indexes.ts';

/** Our own: without them, finding ids of runs behind HTTP needs a scan of all spans. */
export default defineCheck(async subject => {
  const {tables, facts} = subject;
  if (!TRAITS[facts.dialect].mayBeWritten || tables.traces.isView || tables.spans.isView) return null;
  const {lookUp} = await indexesOf(subject);
  if (lookUp.length === 0) return null;
  const missing = lookUp.flatMap(({object, step}) => (step ? [{object, step}] : []));
  const [first] = missing;
  return {
    ...FROM_CATALOGUE,
    severity: first ? 'info' : 'ok',
    count: missing.length,
    sample: first?.object ?? null,
    text: first
      ? `For AgentOS runs the run, session and user ids are only in the spans, and ${counted(missing.length, 'index that finds', 'indexes that find')} them there ${missing.length === 1 ? 'is' : 'are'} missing: list --session and show <run id> scan all spans. agno-trace migrate creates ${missing.length === 1 ? 'it' : 'them'}: ${missing.map(({object, step}) => `${object} (${buildText(step)})`).join(', ')}.`
      : 'Indexes cover the run, session and user ids that are only in spans.',
    command: null,
    // Four long statements, which a small table does not need.
    repair: (tables.spans.estimatedRows ?? 0) < MANY_SPANS ? null : repairOf(missing),
  };
});
