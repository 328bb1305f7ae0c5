/**
 * A writer as Agno is one on SQLite: the trace row in one transaction, its span in another, 5 s of patience for a lock,
 * and what fails is lost. Sends the ids that it wrote and the number of exports that it lost.
 */
import Database from 'better-sqlite3';

const [file, mode, count] = process.argv.slice(2);
process.once('message', () => {
  const db = new Database(file, {timeout: 5000});
  db.pragma(`journal_mode = ${mode}`);
  const trace =
    db.prepare(`insert into agno_traces (trace_id, name, status, start_time, end_time, duration_ms, created_at)
values (?, 'Agent.run', 'OK', ?, ?, 1, ?) on conflict (trace_id) do update set status = excluded.status`);
  const span = db.prepare(`insert into agno_spans
(span_id, trace_id, name, span_kind, status_code, start_time, end_time, duration_ms, attributes, created_at)
values (?, ?, 'Agent.run', 'INTERNAL', 'OK', ?, ?, 1, ?, ?)`);
  const attributes = JSON.stringify({'openinference.span.kind': 'AGENT', 'output.value': 'x'.repeat(3000)});
  const written = [];
  let lost = 0;
  for (let n = 0; n < Number(count); n++) {
    const spanId = (0xabc000000 + n).toString(16).padStart(16, '0');
    const traceId = String(n % 20).padStart(32, '0');
    const now = new Date().toISOString().replace('Z', '000+00:00');
    try {
      trace.run(traceId, now, now, now);
      span.run(spanId, traceId, now, now, attributes, now);
      written.push(spanId);
    } catch {
      lost++;
    }
  }
  db.close();
  process.send({written, lost}, () => process.disconnect());
});
