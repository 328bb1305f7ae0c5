import {expect, it} from 'vitest';
import {ClickhouseReader} from '../../src/follow/clickhouse.ts';
import {openStore} from '../../src/store/open.ts';
import {parseSource} from '../../src/store/source.ts';
import type {Store} from '../../src/store/store.ts';
import {agnoTime} from '../../src/trace/time.ts';
import {insert, newClickhouseDatabase, send} from '../clickhouse-databases.ts';
import {atEndOfFile} from '../end-of-file.ts';
import {inLong, SEED} from '../long.ts';
import {Random} from '../random.ts';

async function opened(): Promise<{name: string; store: Store}> {
  const {name, url} = await newClickhouseDatabase();
  const store = await openStore(parseSource(url, '--db', {}, '/'), {
    tables: {schema: null, tracesTable: 'agno_traces', spansTable: 'agno_spans'},
    nowMicros: () => Date.now() * 1000,
    timeoutMs: 30_000,
  });
  atEndOfFile(() => store.close());
  return {name, store};
}

let count = 0;
/** Spans of one insert, written so long ago by the clock of who wrote them. */
function spans(length: number, agoMs = 0) {
  return Array.from({length}, () => {
    const at = agnoTime((Date.now() - agoMs) * 1000);
    const id = (++count).toString(16).padStart(16, '0');
    return {
      ...{span_id: id, trace_id: id.repeat(2), parent_span_id: null, name: 'x', span_kind: 'INTERNAL'},
      ...{status_code: 'OK', status_message: null, start_time: at, end_time: at, duration_ms: 0},
      ...{attributes: '{}', created_at: at},
    };
  });
}

async function all(reader: ClickhouseReader, store: Store): Promise<string[]> {
  const told: string[] = [];
  for (;;) {
    const {keys, isMore} = await reader.look(store);
    told.push(...keys.map(({spanId}) => spanId));
    if (!isMore) return told;
  }
}

it.each(Array.from({length: inLong(50, 2)}, (_, i) => SEED + i))(
  'tells each span once, whatever is merged, late, or by a clock that is off (seed %i)',
  async seed => {
    const {name, store} = await opened();
    const drawn = new Random(seed);
    const random = () => drawn.next();
    await insert(name, 'agno_spans', spans(20));
    let reader = new ClickhouseReader();
    await reader.begin(store, 'now');
    const written: string[] = [];
    const told: string[] = [];
    const delays = [0, -5000, 5000, 120_000];
    for (let step = 0; step < 12; step++) {
      for (let i = 0; i <= random() * 3; i++) {
        const rows = spans(1 + Math.floor(random() * 20), delays[Math.floor(random() * delays.length)]);
        await insert(name, 'agno_spans', rows);
        // Sent twice, it is told once.
        if (random() < 0.2) await insert(name, 'agno_spans', rows.slice(0, 1));
        written.push(...rows.map(row => row.span_id));
      }
      if (random() < 0.5) await send(`optimize table ${name}.agno_spans final`);
      if (random() < 0.6) told.push(...(await all(reader, store)));
      // Killed, and begun again from its cursor.
      if (random() < 0.2) {
        const kept = JSON.parse(JSON.stringify(reader.position()));
        reader = new ClickhouseReader(kept);
        expect(await reader.resume(store)).toBe(true);
      }
    }
    told.push(...(await all(reader, store)));
    expect([...told].sort()).toEqual([...written].sort());
  },
);

it('a cursor of another table is refused, and one that is made anew is read from its beginning', async () => {
  const {name, store} = await opened();
  const reader = new ClickhouseReader();
  await reader.begin(store, 'now');
  const position = reader.position();
  const other = await opened();
  expect(await new ClickhouseReader(position).resume(other.store)).toBe(false);
  const ddl = await send(`show create table ${name}.agno_spans format TSVRaw`);
  await send(`drop table ${name}.agno_spans sync`);
  await send(ddl);
  const rows = spans(3);
  await insert(name, 'agno_spans', rows);
  expect(await all(reader, store)).toEqual(rows.map(row => row.span_id));
  expect(reader.takeNotices().join()).toContain('another table answers now');
});

it('a table that is no plain MergeTree is followed by the clock, and says so', async () => {
  const {name, store} = await opened();
  const ddl = await send(`show create table ${name}.agno_spans format TSVRaw`);
  await send(`drop table ${name}.agno_spans sync`);
  await send(ddl.replace('MergeTree', 'ReplacingMergeTree'));
  await insert(name, 'agno_spans', spans(2));
  const reader = new ClickhouseReader();
  await reader.begin(store, 'now');
  expect(reader.takeNotices().join()).toContain('best effort only');
  const rows = spans(2);
  await insert(name, 'agno_spans', rows);
  expect(await all(reader, store)).toEqual(rows.map(row => row.span_id));
});
