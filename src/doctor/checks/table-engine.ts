import {isAnyOf} from '../../sql/fragments.ts';
import {raw, sql} from '../../sql/sql.ts';
import {TRAITS} from '../../sql/traits.ts';
import {defineCheck} from '../checkup.ts';
import {FROM_CATALOGUE} from '../finding.ts';

/** The engine that Agno uses. */
const PLAIN = 'MergeTree';

export default defineCheck(async ({store, tables}) => {
  if (!TRAITS[store.dialect].hasDataParts) return null;
  const {spans, traces} = tables;
  const rows = await store.all<{name: string; engine: string}>(sql`
select t.name as name, t.engine as engine
  from system.tables t
 where t.database = ${spans.schema!} and ${isAnyOf(raw('t.name'), [spans.name, traces.name])}
 order by name`);
  const others = rows.filter(({engine}) => engine !== PLAIN);
  return {
    ...FROM_CATALOGUE,
    count: others.length,
    severity: others.length > 0 ? 'info' : 'ok',
    sample: others[0]?.name ?? null,
    text:
      others.length > 0
        ? `${others.map(({name, engine}) => `${name} is ${engine}`).join(', ')}: only what this server holds may be read, and tail looks back ten minutes instead of following parts.`
        : `Both tables are plain ${PLAIN}, as Agno makes them.`,
    command: null,
    repair: null,
  };
});
