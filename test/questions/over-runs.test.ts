import Database from 'better-sqlite3';
import {beforeAll, describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';

/*
 * The same figures on another way: what is a run, and how it ended, from `list`; whose it is, how long it took and what it
 * used straight from the stored rows.
 */

const FIXTURES = ['3.1.10-pictures', '3.1.10-shop', '3.1.10-killed', '2.9.0-pictures', '2.9.0-shop'].map(
  name => `agno-${name}.sqlite`,
);

interface Stored {
  readonly id: string;
  readonly trace: string;
  readonly parent: string | null;
  readonly name: string;
  readonly status: string;
  /** Microseconds. */
  readonly start: number;
  readonly ms: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** Of ISO text as Agno and the contract have it; the fraction may be missing. */
const micros = (text: string) =>
  Date.parse(`${text.slice(0, 19)}Z`) * 1000 + Number(/^\.(\d{6})/.exec(text.slice(19))?.[1] ?? 0);

function storedIn(file: string): Stored[] {
  const db = new Database(sqliteCopy(file), {readonly: true});
  const rows = db.prepare('select * from agno_spans').all() as Record<string, string>[];
  db.close();
  return rows.map(row => ({
    id: row.span_id!,
    trace: row.trace_id!,
    parent: row.parent_span_id ?? null,
    name: row.name!,
    status: row.status_code!,
    start: micros(row.start_time!),
    ms: (micros(row.end_time!) - micros(row.start_time!)) / 1000,
    attributes: JSON.parse(row.attributes ?? '{}'),
  }));
}

// biome-ignore lint/suspicious/noExplicitAny: rows of whatever question
type Answered = Record<string, any>;
type Component = 'agent' | 'team' | 'workflow';

/** What runs, from what Agno writes into its span; null for the rest. */
function componentOf({attributes}: Stored): Component | null {
  const kind = attributes['openinference.span.kind'];
  if (kind === 'AGENT') return attributes['agno.team.id'] === undefined ? 'agent' : 'team';
  return kind === 'CHAIN' && attributes['agno.workflow.steps_count'] !== undefined ? 'workflow' : null;
}

const isStep = ({attributes}: Stored) =>
  attributes['openinference.span.kind'] === 'CHAIN' &&
  attributes['agno.workflow.steps_count'] === undefined &&
  attributes['agno.parallel.step_count'] === undefined &&
  attributes['graph.node.id'] !== undefined;

const nameOf = ({name, attributes}: Stored) =>
  String(attributes['agent.name'] ?? attributes['graph.node.name'] ?? name.replace(/\.[^.]*$/, ''));

function tokensOf({attributes}: Stored): number {
  const count = (key: string) => Number(attributes[`llm.token_count.${key}`] ?? 0);
  return count('total') || count('prompt') + count('completion');
}

/** The stored spans as a plain tree: whom a span stands under, runs that leaked cut off. */
class Stories {
  private readonly byId: ReadonlyMap<string, Stored>;
  /** Tokens of the model calls inside each. */
  private readonly tokens = new Map<Stored, number>();
  constructor(
    rows: readonly Stored[],
    private readonly detached: ReadonlySet<string>,
  ) {
    this.byId = new Map(rows.map(row => [row.id, row]));
    for (const call of rows.filter(row => row.attributes['openinference.span.kind'] === 'LLM'))
      for (const up of this.above(call)) this.tokens.set(up, this.tokensIn(up) + tokensOf(call));
  }

  above(row: Stored): Stored[] {
    const found: Stored[] = [];
    let at = row;
    while (!this.detached.has(at.id) && at.parent !== null && this.byId.has(at.parent)) {
      at = this.byId.get(at.parent)!;
      found.push(at);
    }
    return found;
  }

  tokensIn(row: Stored): number {
    return this.tokens.get(row) ?? 0;
  }
}

interface Listed {
  readonly runId: string | null;
  readonly traceId: string;
  readonly spanId: string;
  readonly kind: string | null;
  readonly name: string | null;
  readonly state: string;
  readonly startTime: string;
  readonly durationMs: number | null;
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly totalTokens: number | null;
  readonly missing: boolean;
  readonly part: boolean;
  readonly detached: boolean;
}

/** A span of `show`. */
interface Drawn {
  readonly spanId: string;
  readonly drawnUnder: string | null;
  readonly kind: string;
  readonly selfMs: number;
  readonly surroundings: boolean;
}

async function read(file: string) {
  const db = sqliteCopy(file);
  const listed = (await json(['list', '--parts', '--limit', '0', '--db', db])).data as Listed[];
  const rows = storedIn(file);
  const stories = new Stories(rows, new Set(listed.filter(run => run.detached).map(run => run.spanId)));
  // Kept from question to question; below they are held to those that are made on the spot.
  const env = {AGNO_TRACE_CACHE: temporaryFolder()};
  const ask = async (...argv: string[]) =>
    (await json([...argv, '--limit', '0', '--db', db], {env})).data as Answered[];
  return {db, listed, rows, stories, ask};
}

/** Parts of one run together, in order; what has no run id stands alone. */
function byRun<T extends {id: string; start: number}>(items: readonly T[], runIdOf: (item: T) => unknown): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of [...items].sort((a, b) => a.start - b.start || (a.id < b.id ? -1 : 1))) {
    const key = String(runIdOf(item) ?? item.id);
    groups.set(key, [...(groups.get(key) ?? []), item]);
  }
  return [...groups.values()];
}

function sumBy<T>(items: readonly T[], keyOf: (item: T) => string, figuresOf: (item: T) => Record<string, number>) {
  const sums: Record<string, Record<string, number>> = {};
  for (const item of items) {
    const key = keyOf(item);
    sums[key] ??= {};
    for (const [name, value] of Object.entries(figuresOf(item))) sums[key]![name] = (sums[key]![name] ?? 0) + value;
  }
  return sums;
}

const rounded = (value: number) => Math.round(value * 1000) / 1000;

describe.each(FIXTURES)('on %s', file => {
  let has: Awaited<ReturnType<typeof read>>;
  beforeAll(async () => {
    has = await read(file);
  });

  it.each(['agent', 'team', 'workflow'] as const)('%ss: runs, those inside others, times and tokens', async kind => {
    const {listed, rows, stories, ask} = has;
    const own = new Set(listed.filter(run => !run.part && !run.missing).map(run => run.spanId));
    const runs = byRun(
      rows.filter(row => componentOf(row) === kind),
      row => row.attributes['agno.run.id'],
    );
    const expected = sumBy(
      runs,
      ([first]) => nameOf(first!),
      parts => ({
        runs: Number(own.has(parts[0]!.id)),
        inner: Number(!own.has(parts[0]!.id)),
        ms: parts.reduce((sum, part) => sum + part.ms, 0),
        tokens: parts.reduce((sum, part) => sum + stories.tokensIn(part), 0),
      }),
    );
    const found = await ask(`${kind}s`);
    expect(found.map(row => row[kind]).sort()).toEqual(Object.keys(expected).sort());
    for (const row of found) {
      const {runs: all, inner, ms, tokens} = expected[row[kind]]!;
      expect(row).toMatchObject({runs: all, inner});
      expect(row.totalTokens ?? 0).toBe(tokens);
      expect(rounded(row.avgMs * (all! + inner!))).toBe(rounded(ms!));
      expect(row.ok + row.degraded + row.error + row.cancelled + row.paused).toBe(all! + inner!);
    }
  });

  it('agents: how their runs of their own ended is what list says', async () => {
    const {listed, ask} = has;
    const counted = (await ask('agents')).filter(row => row.inner === 0);
    const whole = byRun(
      listed
        .filter(run => !run.part && !run.missing)
        .map(run => ({...run, id: run.spanId, start: micros(run.startTime)})),
      run => run.runId,
    );
    for (const row of counted) {
      const states = whole.filter(([first]) => first!.kind === 'agent' && first!.name === row.agent);
      for (const state of ['ok', 'degraded', 'error', 'cancelled', 'paused'])
        expect(row[state]).toBe(states.filter(parts => parts.at(-1)!.state === state).length);
      expect(row.failedShare).toBeCloseTo(row.error / row.runs, 12);
    }
  });

  it.each(['session', 'user'] as const)('%ss: runs, states, times and tokens add up to what list has', async owner => {
    const {listed, rows, ask} = has;
    const earliest = new Map(
      byRun(
        rows.filter(row => componentOf(row) !== null && row.attributes['agno.run.id'] !== undefined),
        row => row.attributes['agno.run.id'],
      ).map(parts => [String(parts[0]!.attributes['agno.run.id']), parts[0]!.id]),
    );
    const items = listed.map(run => ({...run, id: run.spanId, start: micros(run.startTime)}));
    const whole = byRun(items, run => (run.part ? null : run.runId)).filter(
      ([first]) => !first!.part && (first!.runId === null || (earliest.get(first!.runId) ?? first!.id) === first!.id),
    );
    const keyOf = (run: Listed) => String(owner === 'session' ? run.sessionId : run.userId);
    // What a member's run went on with belongs to its team's run, and so does its time.
    const tokens = sumBy(listed, keyOf, run => ({
      tokens: run.totalTokens ?? 0,
      parts: Number(run.part),
      ms: run.part || run.missing ? 0 : (run.durationMs ?? 0),
    }));
    const runs = sumBy(
      whole,
      ([first]) => keyOf(first!),
      parts => ({
        runs: 1,
        [parts.at(-1)!.state]: 1,
        timed: Number(!parts[0]!.missing),
      }),
    );
    const found = await ask(`${owner}s`);
    expect(found.map(row => String(row[owner])).sort()).toEqual(Object.keys(tokens).sort());
    for (const row of found) {
      const {timed = 0, ...states} = runs[String(row[owner])] ?? {};
      expect(row).toMatchObject({runs: 0, ...states, parts: tokens[String(row[owner])]!.parts});
      expect(row.totalTokens ?? 0).toBe(tokens[String(row[owner])]!.tokens);
      expect(rounded((row.avgMs ?? 0) * timed)).toBe(rounded(tokens[String(row[owner])]!.ms!));
    }
  });

  it('steps: executions of each in each workflow, those that failed, times and tokens', async () => {
    const {rows, stories, ask} = has;
    const expected = sumBy(
      rows.filter(isStep),
      row => {
        const workflow = stories.above(row).find(up => componentOf(up) === 'workflow');
        return workflow ? `${nameOf(workflow)} / ${nameOf(row)}` : nameOf(row);
      },
      row => ({runs: 1, error: Number(row.status === 'ERROR'), ms: row.ms, tokens: stories.tokensIn(row)}),
    );
    const found = await ask('steps');
    expect(found.map(row => row.step).sort()).toEqual(Object.keys(expected).sort());
    for (const row of found) {
      const {runs, error, ms, tokens} = expected[row.step]!;
      expect(row).toMatchObject({runs, error});
      expect(row.totalTokens ?? 0).toBe(tokens);
      expect(rounded(row.avgMs * runs!)).toBe(rounded(ms!));
    }
  });

  it('delegations: each run inside another one, by the innermost around it', async () => {
    const {rows, stories, ask} = has;
    const inside = byRun(
      rows.filter(row => componentOf(row) !== null),
      row => row.attributes['agno.run.id'],
    ).flatMap(parts => {
      const caller = stories.above(parts[0]!).find(up => componentOf(up) !== null);
      return caller ? [{pair: `${nameOf(caller)} > ${nameOf(parts[0]!)}`, parts}] : [];
    });
    const expected = sumBy(
      inside,
      ({pair}) => pair,
      ({parts}) => ({
        calls: 1,
        ms: parts.reduce((sum, part) => sum + part.ms, 0),
        tokens: parts.reduce((sum, part) => sum + stories.tokensIn(part), 0),
      }),
    );
    const found = sumBy(
      await ask('delegations'),
      row => `${row.caller} > ${row.member}`,
      row => ({calls: row.calls, ms: row.avgMs * row.calls, tokens: row.totalTokens ?? 0}),
    );
    expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
    for (const [pair, {calls, ms, tokens}] of Object.entries(expected)) {
      expect(found[pair]).toMatchObject({calls, tokens});
      expect(rounded(found[pair]!.ms!)).toBe(rounded(ms!));
    }
  });

  it('where: critical time adds up to the time of all finished runs, self times and calls to those of show', async () => {
    const {db, listed, ask} = has;
    const finished = listed.filter(run => !run.part && !run.missing);
    const all = finished.reduce((sum, run) => sum + run.durationMs!, 0);
    // As `show` draws them, which test/commands/export.test.ts holds to `show` itself.
    const drawn: readonly Drawn[] = (await cli(['export', '--all', '--jsonl', '--db', db])).out
      .trim()
      .split('\n')
      .map(text => JSON.parse(text))
      .filter(({type}) => type === 'span');
    const byId = new Map(drawn.map(of => [of.spanId, of]));
    const tops = new Set(finished.map(({spanId}) => spanId));
    const isWithin = (of: Drawn | undefined): boolean =>
      of !== undefined && (tops.has(of.spanId) || isWithin(byId.get(of.drawnUnder ?? '')));
    const shown = sumBy(
      drawn.filter(of => !of.surroundings && isWithin(of)),
      of => of.kind,
      of => ({calls: 1, selfMs: of.selfMs}),
    );
    const found = await ask('where', '--by', 'kind');
    expect(rounded(found.reduce((sum, row) => sum + row.criticalMs, 0))).toBe(rounded(all));
    expect(found.reduce((sum, row) => sum + row.share, 0)).toBeCloseTo(finished.length > 0 ? 1 : 0, 9);
    expect(Object.fromEntries(found.map(row => [row.kind, {calls: row.calls, selfMs: rounded(row.selfMs)}]))).toEqual(
      Object.fromEntries(
        Object.entries(shown).map(([kind, {calls, selfMs}]) => [kind, {calls, selfMs: rounded(selfMs!)}]),
      ),
    );
    for (const by of ['name', 'agent', 'step'])
      expect(rounded((await ask('where', '--by', by)).reduce((sum, row) => sum + row.criticalMs, 0))).toBe(
        rounded(all),
      );
  });
});

const QUESTIONS = ['agents', 'teams', 'workflows', 'steps', 'sessions', 'users', 'delegations', 'loops', 'where'];

describe.each(QUESTIONS)('%s', question => {
  it('says the same from kept facts, from facts made on the spot, and over a window that holds everything', async () => {
    const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
    const env = {AGNO_TRACE_CACHE: temporaryFolder()};
    const ask = async (more: readonly string[], options = {}) =>
      (await json([question, '--limit', '0', '--db', db, ...more], options)).data;
    const answer = await ask([]);
    expect(await ask([], {env})).toEqual(answer);
    expect(await ask([], {env})).toEqual(answer);
    expect(await ask(['--since', '2000-01-01', '--until', '2100-01-01'], {env})).toEqual(answer);
    expect(await ask(['--since', '2026-11-22T14:14', '--state', 'ok,error'], {env})).toEqual(
      await ask(['--since', '2026-11-22T14:14', '--state', 'ok,error']),
    );
    expect(await ask(['--tool', 'no_such_tool'], {env})).toEqual([]);
  });
});

it.each([
  ['agents', 'agent', 'runs'],
  ['steps', 'step', 'runs'],
  ['users', 'user', 'runs'],
  ['delegations', 'member', 'calls'],
])('%s --every splits the same by time', async (question, key, figure) => {
  const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const sums = async (...argv: string[]) => {
    const {data} = await json([question, '--limit', '0', '--db', db, ...argv]);
    return sumBy(
      data as Answered[],
      row => String(row[key]),
      row => ({n: row[figure], tokens: row.totalTokens ?? 0}),
    );
  };
  const split = (await json([question, '--limit', '0', '--db', db, '--every', '1m'])).data as Answered[];
  expect(new Set(split.map(row => row.time)).size).toBeGreaterThan(1);
  expect(await sums('--every', '1m')).toEqual(await sums());
});
