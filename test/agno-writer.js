// A program that writes traces as Agno does while something else changes the database: for each export the row of the trace,
// in a transaction of its own, then its spans in another; 5 s busy timeout on SQLite; an error loses the batch, and is counted.
//   node test/agno-writer.js URL [EVERY_MS]     ends when its stdin does, and prints {"batches", "lost", "ms": [...]}
//   FOREIGN_KEYS=off  as Agno 2 on SQLite (default: on, as Agno 3)
import {randomBytes} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';

const TRACE_COLUMNS =
  'trace_id, name, status, start_time, end_time, duration_ms, run_id, session_id, user_id, agent_id, team_id, workflow_id, created_at';
const SPAN_COLUMNS =
  'span_id, trace_id, parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, attributes, created_at';
const places = (count, place) => Array.from({length: count}, (_, i) => place(i + 1)).join(', ');

/** Agno's upsert, as its adapters send it (docs/agno.md, How a row comes to be). */
const upsert = (table, place, least, greatest, duration) => `
insert into ${table} as t (${TRACE_COLUMNS}) values (${places(13, place)})
on conflict (trace_id) do update set
  status = excluded.status, start_time = ${least}(t.start_time, excluded.start_time),
  end_time = ${greatest}(t.end_time, excluded.end_time), duration_ms = ${duration},
  run_id = coalesce(t.run_id, excluded.run_id), session_id = coalesce(t.session_id, excluded.session_id),
  user_id = coalesce(t.user_id, excluded.user_id), agent_id = coalesce(t.agent_id, excluded.agent_id)`;

export const now = () => new Date().toISOString().replace('Z', '000+00:00');

/** @returns how to write one trace row and one batch of spans; both reject as Agno's adapters fail */
export async function openWriter(url, {foreignKeys = process.env.FOREIGN_KEYS ?? 'on'} = {}) {
  if (!/^postgres/.test(url)) {
    const {default: Database} = await import('better-sqlite3');
    const db = new Database(url, {timeout: 5000});
    db.pragma(`foreign_keys = ${foreignKeys}`);
    db.pragma('synchronous = full');
    const duration =
      'cast((julianday(max(t.end_time, excluded.end_time)) - julianday(min(t.start_time, excluded.start_time))) * 86400000 as real)';
    const trace = db.prepare(upsert('agno_traces', () => '?', 'min', 'max', duration));
    const span = db.prepare(`insert into agno_spans (${SPAN_COLUMNS}) values (${places(12, () => '?')})`);
    const all = db.transaction(rows => rows.forEach(row => void span.run(...row)));
    return {
      trace: async row => void trace.run(...row),
      spans: async rows => all(rows),
      close: async () => void db.close(),
    };
  }
  const {default: pg} = await import('pg');
  const client = new pg.Client({connectionString: url});
  client.on('error', () => undefined);
  await client.connect();
  const duration =
    '(extract(epoch from greatest(t.end_time, excluded.end_time)::timestamptz - least(t.start_time, excluded.start_time)::timestamptz) * 1000)::bigint';
  const trace = upsert('ai.agno_traces', i => `$${i}`, 'least', 'greatest', duration);
  const span = `insert into ai.agno_spans (${SPAN_COLUMNS}) values (${places(12, i => `$${i}`)})`;
  return {
    trace: async row => void (await client.query(trace, row)),
    spans: async rows => {
      await client.query('begin');
      try {
        for (const row of rows) await client.query(span, row);
        await client.query('commit');
      } catch (error) {
        await client.query('rollback');
        throw error;
      }
    },
    close: () => client.end(),
  };
}

const ATTRIBUTES = JSON.stringify({
  'openinference.span.kind': 'LLM',
  'llm.model_name': 'gpt-5-mini',
  'input.value': 'x'.repeat(2000),
});

/** One run of three spans, exported one by one, children first, as Agno's default processor does. */
export async function writeRun(writer, onBatch) {
  const traceId = randomBytes(16).toString('hex');
  const rootId = randomBytes(8).toString('hex');
  for (const [i, name] of ['OpenAIChat.invoke', 'get_weather', 'Writer.run'].entries()) {
    const time = now();
    const isRoot = i === 2;
    const ids = isRoot ? [traceId, 'session-1', 'user-1', 'writer', null, null] : [null, null, null, null, null, null];
    const start = performance.now();
    let isLost = false;
    try {
      await writer.trace([traceId, name, 'OK', time, time, 0, ...ids, time]);
    } catch (error) {
      isLost = true;
      if (process.env.SAY) process.stderr.write(`trace: ${error.message}\n`);
    }
    try {
      const spanId = isRoot ? rootId : randomBytes(8).toString('hex');
      await writer.spans([
        [spanId, traceId, isRoot ? null : rootId, name, 'INTERNAL', 'OK', null, time, time, 0, ATTRIBUTES, time],
      ]);
    } catch (error) {
      isLost = true;
      if (process.env.SAY) process.stderr.write(`spans: ${error.message}\n`);
    }
    onBatch(performance.now() - start, isLost);
  }
}

async function main([url, everyMs = '20']) {
  const writer = await openWriter(url);
  const result = {batches: 0, lost: 0, ms: []};
  let isOver = false;
  process.stdin.resume();
  process.stdin.on('end', () => {
    isOver = true;
  });
  process.stdout.write('ready\n');
  while (!isOver) {
    await writeRun(writer, (ms, isLost) => {
      result.batches++;
      if (isLost) result.lost++;
      result.ms.push(Number(ms.toFixed(2)));
    });
    await sleep(Number(everyMs));
  }
  await writer.close();
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
