import {TRAITS} from '../../sql/traits.ts';
import {defineCheck} from '../checkup.ts';
import {FROM_CATALOGUE} from '../finding.ts';

/**
 * The older shape: async adapters of Agno 2.3.5 to 2.3.22 created `agno_spans` without it, and nothing adds it later.
 */
export default defineCheck(({tables: {spans, traces}, facts}) => {
  if (!TRAITS[facts.dialect].mayBeWritten) return null;
  if (spans.isView) return null;
  const key = spans.foreignKeys.find(({column}) => column === 'trace_id');
  const isMissing = !key?.isValid;
  const constraint = `"${spans.name}_trace_id_fkey"`;
  const add = `ALTER TABLE ${spans.qualifiedName} ADD CONSTRAINT ${constraint} FOREIGN KEY (trace_id) REFERENCES ${traces.qualifiedName} (trace_id) NOT VALID; `;
  return {
    ...FROM_CATALOGUE,
    severity: isMissing ? 'info' : 'ok',
    count: isMissing ? 1 : 0,
    sample: isMissing ? `${spans.name}.trace_id` : null,
    text: isMissing
      ? key
        ? 'The foreign key from spans to trace rows was never validated.'
        : 'This is the older table shape, without a foreign key from spans to trace rows: spans without a trace row are possible.'
      : 'Spans refer to their trace rows by a foreign key.',
    command: null,
    repair:
      isMissing && facts.dialect === 'postgres'
        ? `${key ? '' : add}ALTER TABLE ${spans.qualifiedName} VALIDATE CONSTRAINT ${constraint};`
        : null,
  };
});
