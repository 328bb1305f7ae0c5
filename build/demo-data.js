// Packs the runs of the demo, as real Agno wrote them into fixtures/, for shipping: a JSON line of traces with their
// number of spans, then one for each column of all spans, in the order in which they were written. By column they are a
// twelfth smaller than by row.
import {readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import zlib from 'node:zlib';
import Database from 'better-sqlite3';

const SOURCES = [
  {name: 'shop', file: 'agno-3.1.10-shop.sqlite', takes: () => true},
  // Two runs whose process was killed: what an unfinished run looks like.
  {name: 'killed', file: 'agno-3.1.10-killed.sqlite', takes: trace => /^(8950481e|0c4a2543)/.test(trace.trace_id)},
  {name: 'pictures', file: 'agno-3.1.10-pictures.sqlite', takes: () => true},
];

export function packDemoRuns(root) {
  const traces = SOURCES.flatMap(({name, file, takes}) => {
    // A copy: opening a file in WAL mode would leave files beside the fixture.
    const copy = path.join(tmpdir(), `agno-trace-build-${process.pid}-${file}`);
    writeFileSync(copy, readFileSync(`${root}fixtures/${file}`));
    const db = new Database(copy, {readonly: true});
    const spans = db.prepare('select * from agno_spans where trace_id = ? order by rowid').raw();
    const rows = db.prepare('select * from agno_traces order by rowid').all().filter(takes);
    const packed = rows.map(trace => ({set: name, trace: Object.values(trace), spans: spans.all(trace.trace_id)}));
    db.close();
    for (const suffix of ['', '-wal', '-shm']) rmSync(copy + suffix, {force: true});
    return packed;
  });
  const spans = traces.flatMap(trace => trace.spans);
  const lines = [
    traces.map(({spans, ...trace}) => ({...trace, spans: spans.length})),
    ...spans[0].map((_, column) => spans.map(span => span[column])),
  ];
  const text = Buffer.from(lines.map(line => JSON.stringify(line)).join('\n'));
  return zlib.brotliCompressSync(text, {
    params: {
      [zlib.constants.BROTLI_PARAM_QUALITY]: 11,
      [zlib.constants.BROTLI_PARAM_LGWIN]: 24,
      [zlib.constants.BROTLI_PARAM_SIZE_HINT]: text.length,
    },
  });
}
