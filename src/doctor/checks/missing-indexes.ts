import {TRAITS} from '../../sql/traits.ts';
import {defineCheck} from '../checkup.ts';
import {counted, FROM_CATALOGUE} from '../finding.ts';
import {buildText, indexesOf, repairOf} from '../indexes.ts';

/** Indexes that this tool and AgentOS rely on: without them `list` or `show` reads the whole table. */
export default defineCheck(async subject => {
  const {tables, facts} = subject;
  if (!TRAITS[facts.dialect].mayBeWritten || tables.traces.isView || tables.spans.isView) return null;
  const {agno} = await indexesOf(subject);
  const missing = agno.flatMap(({object, step}) => (step ? [{object, step}] : []));
  const [first] = missing;
  return {
    ...FROM_CATALOGUE,
    severity: first ? 'warning' : 'ok',
    count: missing.length,
    sample: first?.object ?? null,
    text: first
      ? `${counted(missing.length, "of Agno's own indexes is", "of Agno's own indexes are")} missing or invalid: ${missing.map(({object, step}) => `${object} (serves ${step.serves}; ${buildText(step)})`).join(', ')}.`
      : "Agno's own indexes are all there.",
    command: null,
    repair: repairOf(missing),
  };
});
