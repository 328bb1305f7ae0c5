import Database from 'better-sqlite3';
import fc from 'fast-check';
import pg from 'pg';
import {describe, expect, it} from 'vitest';
import {SPAN_COLUMNS, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {agnoTime, parseTime} from '../../src/trace/time.ts';
import {json} from '../cli.ts';
import {BACKENDS, type Backend, loadIntoPostgres, sharedFixture, sqliteCopy} from '../databases.ts';
import {inLong} from '../long.ts';

interface Run {
  traceId: string;
  spanId: string;
  missing: boolean;
  startTime: string;
  state: string;
}

/** Inserts as Agno would, beside the reader. */
type Insert = (table: 'agno_traces' | 'agno_spans', row: Record<string, unknown>) => Promise<void>;

async function openWithWriter(
  backend: Backend,
  file: string,
): Promise<{db: string; insert: Insert; close: () => Promise<void>}> {
  const columnsOf = (table: string) => (table === 'agno_spans' ? SPAN_COLUMNS : TRACE_COLUMNS);
  if (backend === 'sqlite') {
    const writer = new Database(file);
    return {
      db: file,
      insert: async (table, row) => {
        const columns = columnsOf(table);
        writer
          .prepare(`insert into ${table} (${columns.join(', ')}) values (${columns.map(() => '?').join(', ')})`)
          .run(...columns.map(column => row[column] ?? null));
      },
      close: async () => void writer.close(),
    };
  }
  const db = await loadIntoPostgres(file);
  const client = new pg.Client({connectionString: db});
  await client.connect();
  return {
    db,
    insert: async (table, row) => {
      const columns = columnsOf(table);
      await client.query(
        `insert into ai.${table} (${columns.join(', ')}) values (${columns.map((_, i) => `$${i + 1}`).join(', ')})`,
        columns.map(column => row[column] ?? null),
      );
    },
    close: () => client.end(),
  };
}

let counter = 0;
function newRun(startMicros: number): {trace: Record<string, unknown>; span: Record<string, unknown>} {
  const id = String(counter++).padStart(8, '0');
  const times = {
    start_time: agnoTime(startMicros),
    end_time: agnoTime(startMicros + 1000),
    created_at: agnoTime(startMicros + 2000),
  };
  const traceId = `feed${id}${'0'.repeat(20)}`;
  return {
    trace: {trace_id: traceId, name: 'New.run', status: 'OK', duration_ms: 1, ...times},
    span: {
      span_id: `feed${id}0000`,
      trace_id: traceId,
      name: 'New.run',
      span_kind: 'INTERNAL',
      status_code: 'OK',
      duration_ms: 1,
      attributes: JSON.stringify({
        'openinference.span.kind': 'AGENT',
        'graph.node.id': 'n',
        'output.value': 'x',
        'session.id': 'new',
      }),
      ...times,
    },
  };
}

async function allPages(
  db: string,
  limit: number,
  between: (page: Run[]) => Promise<void>,
  more: string[] = [],
): Promise<Run[][]> {
  const pages: Run[][] = [];
  let cursor: string | null = null;
  do {
    const argv: string[] = ['list', '--db', db, '--limit', String(limit), ...more];
    const answer = await json(cursor === null ? argv : [...argv, '--cursor', cursor]);
    pages.push(answer.data);
    cursor = answer.page.next;
    if (cursor !== null) await between(answer.data);
  } while (cursor !== null);
  return pages;
}

describe.each(BACKENDS)('paging through list on %s', backend => {
  it('shows every run once, whatever the size of the page', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-shop.sqlite');
    const whole: Run[] = (await json(['list', '--db', db, '--limit', '0'])).data;
    expect(whole.length).toBeGreaterThan(60);
    for (const limit of backend === 'sqlite' ? [3, 20, 500] : [7, 500]) {
      const pages = await allPages(db, limit, async () => undefined);
      expect(pages.flat()).toEqual(whole);
      for (const page of pages.slice(0, -1)) expect(page).toHaveLength(limit);
    }
    const starts = whole.map(run => run.startTime);
    expect(starts).toEqual([...starts].sort().reverse());
  });

  it('with a filter misses no run whose only span that passes stands above the end of a page', async () => {
    const {db, insert, close} = await openWithWriter(backend, sqliteCopy('agno-3.1.10-shop.sqlite'));
    const start = parseTime('2027-01-01T00:00:00Z')!;
    const names: string[] = [];
    for (let i = 0; i < 4; i++) {
      // The later one began the earlier its ferry left: each is at work while all those that began after it are.
      const {trace, span} = newRun(start + i * 1e6);
      const end = agnoTime(start + (20 - i) * 1e6);
      const leaves = agnoTime(start + (10 - i) * 1e6);
      const attributes = JSON.stringify({'openinference.span.kind': 'TOOL', 'tool.name': 'ferry', 'output.value': 'x'});
      await insert('agno_traces', {...trace, end_time: end});
      await insert('agno_spans', {...span, end_time: end});
      const [span_id, parent_span_id] = [`${String(span.span_id).slice(0, -1)}1`, span.span_id];
      await insert('agno_spans', {...span, span_id, parent_span_id, name: 'ferry', attributes, start_time: leaves});
      names.unshift(String(span.trace_id));
    }
    await close();
    for (const filter of [
      ['--tool', 'ferry'],
      ['-q', 'ferry'],
    ]) {
      const pages = await allPages(db, 1, async () => undefined, filter);
      expect(pages.flat().map(({traceId}) => traceId)).toEqual(names);
    }
  });

  it('shows every run once where all spans began at the same moment', async () => {
    const file = sqliteCopy('agno-3.1.10-shop.sqlite');
    const writer = new Database(file);
    for (const table of ['agno_spans', 'agno_traces'])
      writer.exec(`update ${table} set start_time = (select min(start_time) from agno_traces)`);
    writer.close();
    const db = backend === 'sqlite' ? file : await loadIntoPostgres(file);
    const idsOf = (runs: readonly Run[]) => runs.map(({traceId, spanId}) => `${traceId} ${spanId}`);
    const whole = idsOf((await json(['list', '--db', db, '--limit', '0'])).data);
    expect(whole.length).toBeGreaterThan(60);
    for (const limit of backend === 'sqlite' ? [2, 20] : [7]) {
      const pages = await allPages(db, limit, async () => undefined);
      expect(idsOf(pages.flat())).toEqual(whole);
    }
  });

  it('shows every run that was there at the start exactly once while a writer inserts', async () => {
    const {db, insert, close} = await openWithWriter(backend, sqliteCopy('agno-3.1.10-shop.sqlite'));
    const before: Run[] = (await json(['list', '--db', db, '--limit', '0'])).data;
    let newest = parseTime(before[0]!.startTime)!;
    const oldest = parseTime(before.at(-1)!.startTime)!;
    const pages = await allPages(db, 8, async page => {
      // New runs at the top, right below the page that was just read, and among the oldest.
      newest += 1_000_000;
      for (const startMicros of [newest, parseTime(page.at(-1)!.startTime)! - 1, oldest - 1_000_000]) {
        const {trace, span} = newRun(startMicros);
        await insert('agno_traces', trace);
        await insert('agno_spans', span);
      }
    });
    await close();
    const seen = pages.flat().map(run => run.spanId);
    for (const run of before) expect(seen.filter(id => id === run.spanId)).toHaveLength(1);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('does not show an unfinished run again when it ends between two pages', async () => {
    const file = sqliteCopy('agno-3.1.10-killed.sqlite');
    const {db, insert, close} = await openWithWriter(backend, file);
    // Killed long ago, but for this test still at work.
    const patience = ['--stalled-after', '5000w', '--lost-after', '6000w'];
    const before: Run[] = (await json(['list', '--db', db, '--limit', '0', ...patience])).data;
    expect(before.filter(run => run.state === 'running')).toHaveLength(17);
    const finished = new Set<string>();
    const pages = await allPages(
      db,
      1,
      async ([run]) => {
        if (!run!.missing || finished.has(run!.spanId)) return;
        finished.add(run!.spanId);
        // Its run span began before its first part, so it sorts below the cursor.
        const {span} = newRun(parseTime(run!.startTime)! - 500);
        await insert('agno_spans', {
          ...span,
          span_id: run!.spanId,
          trace_id: run!.traceId,
          end_time: agnoTime(parseTime(run!.startTime)! + 60_000_000),
        });
      },
      patience,
    );
    await close();
    const seen = pages.flat();
    for (const run of before)
      expect(seen.filter(other => other.traceId === run.traceId && other.spanId === run.spanId)).toHaveLength(1);
    expect(seen).toHaveLength(before.length);
  });

  it('keeps its place among runs that start at the same microsecond', async () => {
    const {db, insert, close} = await openWithWriter(backend, sqliteCopy('agno-2.3.11-async-shape-b.sqlite'));
    const at = Date.parse('2026-11-22T12:00:00Z') * 1000;
    for (let i = 0; i < 12; i++) {
      const {trace, span} = newRun(at);
      await insert('agno_traces', trace);
      await insert('agno_spans', span);
    }
    await close();
    const pages = await allPages(db, 5, async () => undefined);
    expect(pages.map(page => page.length)).toEqual([5, 5, 2]);
    expect(new Set(pages.flat().map(run => run.spanId)).size).toBe(12);
  });

  it('never loses or repeats a run, for any inserts between any pages', async () => {
    const {db, insert, close} = await openWithWriter(backend, sqliteCopy('agno-3.1.10-pictures.sqlite'));
    const start = Date.parse('2026-11-22T14:12:00Z') * 1000;
    await fc.assert(
      fc.asyncProperty(
        fc.integer({min: 2, max: 20}),
        // Not without end: what one try wrote, the pages of the next have to show.
        fc.array(fc.integer({min: 0, max: 200_000_000}), {maxLength: 30}),
        async (limit, offsets) => {
          const before: Run[] = (await json(['list', '--db', db, '--limit', '0'])).data;
          const pages = await allPages(db, limit, async () => {
            const offset = offsets.pop();
            if (offset === undefined) return;
            const {trace, span} = newRun(start + offset);
            await insert('agno_traces', trace);
            await insert('agno_spans', span);
          });
          const seen = pages.flat().map(run => run.spanId);
          expect(new Set(seen).size).toBe(seen.length);
          for (const run of before) expect(seen).toContain(run.spanId);
        },
      ),
      {numRuns: inLong(60, 3)},
    );
    await close();
  });

  it('takes a window to the microsecond, its beginning inclusive and its end exclusive', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const whole: Run[] = (await json(['list', '--db', db, '--limit', '0'])).data;
    const [later, earlier] = [whole[3]!, whole[9]!];
    const inside = await json([
      'list',
      '--db',
      db,
      '--limit',
      '0',
      '--since',
      earlier.startTime,
      '--until',
      later.startTime,
    ]);
    expect(inside.data).toEqual(whole.slice(4, 10));
    expect(inside.notes.join(' ')).toContain('since');
  });

  it('counts the requests it left out between the runs of a page only', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const first = await json(['list', '--db', db, '--limit', '2']);
    expect(first.notes.join(' ')).toContain('1 HTTP request without a run');
    const second = await json(['list', '--db', db, '--limit', '2', '--cursor', first.page.next!]);
    expect(second.notes).toEqual([]);
  });
});
