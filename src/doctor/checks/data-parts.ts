import {isAnyOf} from '../../sql/fragments.ts';
import {raw, sql} from '../../sql/sql.ts';
import {TRAITS} from '../../sql/traits.ts';
import {defineCheck} from '../checkup.ts';
import {counted, NOT_COUNTED} from '../finding.ts';

/** ClickHouse slows down inserts from 1000 parts per month on, and refuses them from 3000. */
const MANY = 300;
const SLOWED = 1000;

export default defineCheck(async ({store, tables}) => {
  if (!TRAITS[store.dialect].hasDataParts) return null;
  const {spans, traces} = tables;
  const rows = await store.all<{name: string; month: string; parts: number}>(sql`
select p.table as name, p.partition as month, count(*) as parts
  from system.parts p
 where p.active and p.database = ${spans.schema!} and ${isAnyOf(raw('p.table'), [spans.name, traces.name])}
 group by name, month
 order by parts desc, name, month
 limit 1`);
  const most = rows[0];
  // A user who may not see them gets none, and so does a table without rows.
  if (!most)
    return {
      count: null,
      isComplete: false,
      covered: `${NOT_COUNTED}: system.parts shows none of these tables`,
      severity: 'ok',
      sample: null,
      text: 'How many parts the tables have is not known.',
      command: null,
      repair: null,
    };
  const count = Number(most.parts);
  const isMany = count >= MANY;
  const text = `${counted(count, 'part')} in month ${most.month} of ${most.name}`;
  return {
    count: isMany ? count : 0,
    isComplete: true,
    covered: 'system.parts, the month with the most',
    severity: count >= SLOWED ? 'error' : isMany ? 'warning' : 'ok',
    sample: isMany ? most.month : null,
    text: isMany
      ? `${text}: each span is exported by itself, faster than parts are merged; from 1000 on inserts are slowed, from 3000 on refused and their spans lost.`
      : `Parts are merged in time: at most ${text}.`,
    command: null,
    repair: isMany ? 'setup_tracing(db=db, batch_processing=True)' : null,
  };
});
