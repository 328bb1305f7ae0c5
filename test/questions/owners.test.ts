import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {json} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy} from '../databases.ts';

const FIXTURES = ['agno-3.1.10-pictures.sqlite', 'agno-2.9.0-pictures.sqlite', 'agno-3.1.10-killed.sqlite'];
const OWNERS = ['agent', 'team', 'workflow', 'step'] as const;
type Owner = (typeof OWNERS)[number];

interface Stored {
  span_id: string;
  trace_id: string;
  parent_span_id: string | null;
  name: string;
  start_time: string;
  duration_ms: number;
  attributes: Record<string, unknown>;
}

function storedIn(file: string): Stored[] {
  const db = new Database(sqliteCopy(file), {readonly: true});
  const rows = db.prepare('select * from agno_spans').all() as (Omit<Stored, 'attributes'> & {attributes: string})[];
  db.close();
  return rows.map(row => ({...row, attributes: JSON.parse(row.attributes) as Record<string, unknown>}));
}

/** What a span is, from what Agno writes into it; null for what owns nothing. */
function ownerKind({attributes}: Stored): Owner | null {
  const kind = attributes['openinference.span.kind'];
  if (kind === 'AGENT') return attributes['agno.team.id'] === undefined ? 'agent' : 'team';
  if (kind !== 'CHAIN') return null;
  if (attributes['agno.workflow.steps_count'] !== undefined) return 'workflow';
  return attributes['agno.parallel.step_count'] === undefined && attributes['graph.node.id'] !== undefined
    ? 'step'
    : null;
}

const nameOf = ({name, attributes}: Stored): string =>
  String(attributes['agent.name'] ?? attributes['graph.node.name'] ?? name.replace(/\.[^.]*$/, ''));

/** Calls and total time by owner, counted plainly; a run id is one call. */
function expected(rows: readonly Stored[], by: Owner): Map<string, {calls: number; totalMs: number}> {
  const parents = new Map(rows.map(row => [`${row.trace_id} ${row.span_id}`, row]));
  const up = (row: Stored) => parents.get(`${row.trace_id} ${row.parent_span_id}`);
  const found = new Map<string, {ids: Set<string>; totalMs: number}>();
  for (const row of rows.filter(one => ownerKind(one) === by)) {
    let name = nameOf(row);
    if (by === 'step') {
      let above = up(row);
      while (above && ownerKind(above) !== 'workflow') above = up(above);
      if (above) name = `${nameOf(above)} / ${name}`;
    }
    const counted = found.get(name) ?? {ids: new Set<string>(), totalMs: 0};
    found.set(name, counted);
    counted.ids.add(by === 'step' ? row.span_id : String(row.attributes['agno.run.id'] ?? row.span_id));
    counted.totalMs += row.duration_ms;
  }
  return new Map([...found].map(([name, {ids, totalMs}]) => [name, {calls: ids.size, totalMs}]));
}

interface Row {
  name: string;
  calls: number;
  errors: number;
  avgMs: number;
  totalMs: number;
}

describe.each(BACKENDS)('slowest by owner on %s', backend => {
  const ask = async (db: string, ...argv: string[]) => await json(['slowest', '--db', db, '--limit', '0', ...argv]);
  const figures = (rows: readonly Row[]) => new Map(rows.map(({name, calls, totalMs}) => [name, {calls, totalMs}]));

  it.each(FIXTURES.flatMap(file => OWNERS.map(by => ({file, by}))))(
    '--by $by on $file counts every run of the owner once, with its time',
    async ({file, by}) => {
      const db = await sharedFixture(backend, file);
      const {data} = await ask(db, '--by', by);
      expect(figures(data)).toEqual(expected(storedIn(file), by));
      for (const row of data as Row[]) expect(row.avgMs).toBeCloseTo(row.totalMs / row.calls, 9);
    },
  );

  it('counts a run that paused once, and what failed by its computed state', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const {data} = await ask(db, '--by', 'agent');
    const rows = new Map((data as Row[]).map(row => [row.name, row]));
    // Twice it waited for a person, as a run of its own and as a member: four spans.
    expect(rows.get('Careful')).toMatchObject({calls: 2, errors: 0});
    // Stored OK, all but one: model-error, model-error-stream, http-stream-error.
    expect(rows.get('Weather Agent')).toMatchObject({calls: 18, errors: 3});
    expect(rows.get('Guarded')).toMatchObject({calls: 2, errors: 2});
  });

  it('gives other spans to the innermost owner around them', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const stored = storedIn('agno-3.1.10-pictures.sqlite');
    const tools = stored.filter(row => row.name === 'get_weather');
    const {data} = await ask(db, '--by', 'agent', '--tool', 'get_weather');
    expect((data as Row[]).map(row => row.name)).toEqual(['Weather Agent']);
    expect(data[0].calls).toBe(tools.length);
    expect(data[0].totalMs).toBe(tools.reduce((sum, row) => sum + row.duration_ms, 0));
    const steps = (await ask(db, '--by', 'step', '--kind', 'llm')).data as Row[];
    expect(steps.map(row => row.name)).toContain('Content Pipeline / numbers');
    // A member's calls are its own; the team has those around the members too.
    const inTeams = (await ask(db, '--by', 'team', '--kind', 'llm')).data as Row[];
    expect(inTeams.find(row => row.name === 'Support Team')!.calls).toBeGreaterThan(
      (await ask(db, '--by', 'team')).data[0].calls,
    );
  });

  it('covers a window of spans, those of runs that began before it too, and says so', async () => {
    const file = 'agno-3.1.10-pictures.sqlite';
    const db = await sharedFixture(backend, file);
    const stored = storedIn(file);
    const team = stored.find(row => row.name === 'Support_Team.run')!;
    const members = stored.filter(row => row.trace_id === team.trace_id && ownerKind(row) === 'agent');
    const since = members.map(row => row.start_time).sort()[0]!;
    expect(team.start_time < since).toBe(true);
    const {data, notes} = await ask(db, '--by', 'agent', '--since', since);
    expect(figures(data)).toEqual(
      expected(
        stored.filter(row => row.start_time >= since),
        'agent',
      ),
    );
    expect((await ask(db, '--by', 'team', '--since', since)).data).toHaveLength(2);
    expect(notes[0]).toMatch(/^\d+ spans from 2026-11-22T14:13:\d\dZ to 2026-11-22T14:14:33Z$/);
  });

  it('asks the runs that the filters and -q select', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const names = async (...argv: string[]) =>
      ((await ask(db, '--by', 'agent', ...argv)).data as Row[]).map(row => `${row.name} ${row.calls}`).sort();
    expect(await names('--session', 'tool-error')).toEqual(['Billing Agent 1']);
    expect(await names('-q', 'session:tool-error')).toEqual(['Billing Agent 1']);
    expect(await names('-q', 'team:* degraded')).toEqual(['Billing Agent 1', 'Research Agent 1']);
    expect(await names('--trace', '00')).toEqual([]);
  });

  it('leaves out what has not ended, and says so', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-killed.sqlite');
    const {data, notes} = await ask(db, '--by', 'agent', '--kind', 'llm');
    const stored = storedIn('agno-3.1.10-killed.sqlite');
    const calls = stored.filter(row => row.attributes['openinference.span.kind'] === 'LLM');
    const inside = (data as Row[]).reduce((sum, row) => sum + row.calls, 0);
    expect(inside).toBeGreaterThan(0);
    expect(inside).toBeLessThan(calls.length);
    expect(notes.join(' ')).toContain('unfinished ones left out: their time is unknown');
  });
});
