import {existsSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import Database from 'better-sqlite3';

const FIXTURE = fileURLToPath(new URL('../../fixtures/agno-3.1.10-shop.sqlite', import.meta.url));

/**
 * A SQLite file with one trace of so many spans: everything below the root of a recorded team run, again and again, with the
 * payloads that Agno wrote.
 * @param isBare the messages of model calls are left out, for a million spans
 */
export function makeBigTrace(folder, count, {isBare = false} = {}) {
  const file = path.join(folder, `trace-${count}.db`);
  if (existsSync(file)) return file;
  const source = new Database(FIXTURE, {readonly: true});
  const of = 'select trace_id from agno_spans group by trace_id order by count(*) desc, trace_id limit 1';
  const [trace] = source.prepare(`select * from agno_traces where trace_id = (${of})`).all();
  const spans = source.prepare(`select * from agno_spans where trace_id = (${of}) order by start_time`).all();
  const schema = source
    .prepare("select sql from sqlite_master where tbl_name in ('agno_traces', 'agno_spans') and sql is not null")
    .all();
  source.close();
  const root = spans.find(span => span.parent_span_id === null);
  const below = spans.filter(span => span !== root);
  const db = new Database(file);
  db.exec('pragma journal_mode = off; pragma synchronous = off; begin');
  for (const {sql} of schema) db.exec(sql);
  const insert = (table, row) => {
    const keys = Object.keys(row);
    return db.prepare(`insert into ${table} (${keys.join(', ')}) values (${keys.map(key => `@${key}`).join(', ')})`);
  };
  const start = span => Date.parse(`${span.start_time.slice(0, 23)}Z`);
  const end = span => Date.parse(`${span.end_time.slice(0, 23)}Z`);
  const firstMs = Math.min(...below.map(start));
  const lengthMs = Math.max(...below.map(end)) - firstMs + 1;
  const rounds = Math.max(1, Math.round((count - 1) / below.length));
  const later = (time, ms) =>
    new Date(Date.parse(`${time.slice(0, 23)}Z`) + ms).toISOString().replace('Z', `${time.slice(23, 26)}+00:00`);
  insert('agno_traces', trace).run({...trace, end_time: later(trace.end_time, lengthMs * rounds)});
  const addSpan = insert('agno_spans', root);
  addSpan.run({...root, end_time: later(root.end_time, lengthMs * rounds)});
  const rootNode = JSON.parse(root.attributes)['graph.node.id'];
  for (let i = 0; i < rounds; i++) {
    const mark = i.toString(16).padStart(6, '0');
    const own = id => (id === root.span_id || id === rootNode ? id : mark + id.slice(6));
    for (const span of below) {
      let {attributes} = span;
      if (isBare) attributes = JSON.stringify(withoutMessages(JSON.parse(attributes)));
      attributes = attributes.replace(
        /"(graph\.node\.(?:parent_)?id|agno\.run\.id)": ?"([^"]+)"/g,
        (_, key, id) => `"${key}": "${own(id)}"`,
      );
      addSpan.run({
        ...span,
        attributes,
        span_id: own(span.span_id),
        parent_span_id: own(span.parent_span_id),
        start_time: later(span.start_time, lengthMs * i),
        end_time: later(span.end_time, lengthMs * i),
      });
    }
  }
  db.exec('commit; analyze');
  db.close();
  return file;
}

function withoutMessages(attributes) {
  const kept = Object.entries(attributes).filter(([key]) => !/^(input\.value|llm\.(input_messages|tools))/.test(key));
  return Object.fromEntries(kept);
}
