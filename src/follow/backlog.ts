import {andOnClickhouse, time} from '../sql/fragments.ts';
import {raw, sql, table} from '../sql/sql.ts';
import type {Store} from '../store/store.ts';
import {agnoTime, parseTime} from '../trace/time.ts';
import type {Start} from './start.ts';

/** Index entries per statement; a writer in rollback-journal mode waits meanwhile. */
const ROWS_AT_ONCE = 1000;
const WIDER_MICROS = 2_000_000;

/** The traces to deliver before anything new, oldest first. */
export async function backlogOf(store: Store, start: Start): Promise<string[]> {
  switch (start.from) {
    case 'now':
      return [];
    case 'cursor':
      return [...start.cursor.backlog];
    case 'since':
      return tracesSince(store, start.sinceMicros);
  }
}

/** Traces that gained a span since then, by the first of these spans. */
async function tracesSince(store: Store, sinceMicros: number): Promise<string[]> {
  const traceIds = new Set<string>();
  let after = {createdAt: agnoTime(sinceMicros - WIDER_MICROS), spanId: ''};
  for (;;) {
    const rows = await store.all<{trace_id: unknown; span_id: unknown; created_at: unknown}>(sql`
select s.trace_id, s.span_id, s.created_at
  from ${table('spans')} s
 where (s.created_at, s.span_id) > (${time(after.createdAt)}, ${after.spanId})${andOnClickhouse(sql`s.created_at >= ${time(after.createdAt)}`)}
 order by s.created_at, s.span_id
 limit ${raw(String(ROWS_AT_ONCE))}`);
    for (const row of rows) {
      const created = parseTime(row.created_at);
      if (created === null || created >= sinceMicros) traceIds.add(String(row.trace_id));
    }
    if (rows.length < ROWS_AT_ONCE) return [...traceIds];
    const last = rows.at(-1)!;
    after = {createdAt: String(last.created_at), spanId: String(last.span_id)};
  }
}
