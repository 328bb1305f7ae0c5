import {lookUpIndexes, mayBeIndexed, OWN_PREFIX} from '../../runs/look-up.ts';
import {defineCheck} from '../checkup.ts';
import {FROM_CATALOGUE} from '../finding.ts';

/**
 * Indexes of ours that an earlier version built while somebody's own operator came before the server's: the index
 * keeps using it, and every insert of Agno's runs it.
 */
export default defineCheck(({store, tables: {spans}}) => {
  const bound = spans.indexes.filter(({name, foreign}) => name.startsWith(OWN_PREFIX) && foreign.length > 0);
  const [first] = bound;
  if (!first || !mayBeIndexed(store)) return null;
  const repairs = lookUpIndexes(spans).filter(({name}) => bound.some(index => index.name === name));
  return {
    ...FROM_CATALOGUE,
    severity: 'error',
    count: bound.length,
    sample: first.name,
    text: `${bound.map(({name, foreign}) => `${name} calls ${foreign.join(', ')}`).join('; ')}: these are not part of Postgres, and run their owner's code with every insert that Agno makes.`,
    command: null,
    repair: repairs.map(({drop, create}) => `${drop}; ${create};`).join(' '),
  };
});
