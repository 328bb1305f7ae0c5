import Database from 'better-sqlite3';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy} from '../databases.ts';
import {IS_LONG, inLong} from '../long.ts';

const FIXTURES = ['agno-3.1.10-pictures.sqlite', 'agno-2.9.0-pictures.sqlite'];

/** A run of the JSON contract, as much of it as the tests look at. */
interface Run {
  traceId: string;
  spanId: string;
  name: string | null;
  kind: string | null;
  state: string;
  storedStatus: string | null;
  parts: number;
  sessionId: string | null;
  userId: string | null;
  agentId: string | null;
  startTime: string;
  durationMs: number | null;
  totalTokens: number | null;
  spanCount: number;
  errorCount: number;
  retryCount: number;
  cachedTokens: number | null;
  grossPromptTokens: number | null;
  missing: boolean;
  part: boolean;
  traffic: boolean;
}

interface Row {
  span_id: string;
  name: string;
  status_message: string | null;
  attributes: Record<string, unknown>;
}

/** A run beside the stored rows of its spans, found here by the parents that are stored. */
interface Subject {
  run: Run;
  rows: Row[];
}

/** @param parts the same runs with a row for each part: what continued a run is found by the session */
function subjectsOf(file: string, runs: readonly Run[], parts: readonly Run[]): Subject[] {
  const db = new Database(sqliteCopy(file), {readonly: true});
  const stored = db
    .prepare('select span_id, parent_span_id, trace_id, name, status_message, attributes from agno_spans')
    .all() as (Omit<Row, 'attributes'> & {parent_span_id: string | null; trace_id: string; attributes: string})[];
  db.close();
  const starts = new Set(parts.map(run => run.spanId));
  const listed = new Set(runs.map(run => run.spanId));
  const rowsOf = (run: Run): Row[] => {
    const ids = new Set([run.spanId]);
    // Children may be stored before their parents. What is a run of its own belongs to itself.
    for (let before = -1; before !== ids.size; ) {
      before = ids.size;
      for (const row of stored) {
        if (row.trace_id === run.traceId && ids.has(row.parent_span_id ?? '') && !starts.has(row.span_id))
          ids.add(row.span_id);
      }
    }
    return stored
      .filter(row => row.trace_id === run.traceId && ids.has(row.span_id))
      .map(row => ({...row, attributes: JSON.parse(row.attributes) as Record<string, unknown>}));
  };
  return runs.map(run => {
    const later = parts.filter(part => run.parts > 1 && part.sessionId === run.sessionId && !listed.has(part.spanId));
    return {run, rows: [run, ...later].flatMap(rowsOf)};
  });
}

const kindOf = ({attributes}: Row) => attributes['openinference.span.kind'];
const holdsText = (text: string) => (subject: Subject) =>
  subject.rows.some(row =>
    [
      row.name,
      row.status_message,
      row.attributes['agent.name'],
      row.attributes['graph.node.name'],
      ...(kindOf(row) === 'LLM' ? [row.attributes['llm.model_name']] : []),
      ...(kindOf(row) === 'AGENT' || row.attributes['agno.workflow.steps_count'] !== undefined
        ? [row.attributes['output.value']]
        : []),
    ].some(value => typeof value === 'string' && value.toLowerCase().includes(text)),
  );
const holdsModel = (start: string) => (subject: Subject) =>
  subject.rows.some(row => String(row.attributes['llm.model_name'] ?? '').startsWith(start));

/** Terms, and what they mean to somebody who never saw the program. */
const TERMS: readonly (readonly [term: string, holds: (subject: Subject) => boolean])[] = [
  ['session:leaked-1', ({run}) => run.sessionId === 'leaked-1'],
  ['session:hooks,tool-error', ({run}) => ['hooks', 'tool-error'].includes(run.sessionId ?? '')],
  ['user:user-2', ({run}) => run.userId === 'user-2'],
  ['agent:"Weather Agent"', ({run}) => run.agentId === 'weather-agent'],
  ['agent:WEATHER*', ({run}) => run.agentId === 'weather-agent'],
  ['team:*team', ({run}) => run.kind === 'team'],
  ['workflow:content?pipeline', ({run}) => run.kind === 'workflow' && run.name === 'Content Pipeline'],
  ['kind:workflow', ({run}) => run.kind === 'workflow'],
  ['kind:llm', ({rows}) => rows.some(row => kindOf(row) === 'LLM')],
  ['model:gpt-5.5*', holdsModel('gpt-5.5')],
  ['model:claude-*', holdsModel('claude-')],
  ['tool:get_weather', ({rows}) => rows.some(row => row.name === 'get_weather')],
  ['name:OpenAIChat.invoke', ({rows}) => rows.some(row => row.name === 'OpenAIChat.invoke')],
  ['error', ({run}) => run.state === 'error'],
  ['state:degraded,cancelled', ({run}) => ['degraded', 'cancelled'].includes(run.state)],
  ['status:error', ({run}) => run.storedStatus === 'ERROR'],
  ['duration:>2s', ({run}) => run.durationMs !== null && run.durationMs > 2000],
  ['duration:..900ms', ({run}) => run.durationMs !== null && run.durationMs <= 900],
  ['tokens:1k..5k', ({run}) => run.totalTokens !== null && run.totalTokens >= 1000 && run.totalTokens <= 5000],
  ['errors:>=1', ({run}) => run.errorCount >= 1],
  ['retries:>0', ({run}) => run.retryCount > 0],
  ['cached:>=100', ({run}) => run.cachedTokens !== null && run.cachedTokens >= 100],
  ['cached:<40%', ({run}) => run.cachedTokens !== null && run.cachedTokens < 0.4 * run.grossPromptTokens!],
  ['spans:2,3', ({run}) => run.spanCount === 2 || run.spanCount === 3],
  ['is:part', ({run}) => run.part],
  ['overloaded', holdsText('overloaded')],
  ['"customs hold"', holdsText('customs hold')],
  ['Zürich', holdsText('zürich')],
  ['weather', holdsText('weather')],
  ['nano', holdsText('nano')],
];

type Tree = {text: string; holds: (subject: Subject) => boolean};
const {tree} = fc.letrec<{tree: Tree}>(tie => ({
  tree: fc.oneof(
    {maxDepth: 3, withCrossShrink: true},
    fc.constantFrom(...TERMS).map(([text, holds]): Tree => ({text, holds})),
    tie('tree').map(({text, holds}): Tree => ({text: `-(${text})`, holds: subject => !holds(subject)})),
    fc
      .tuple(tie('tree'), tie('tree'))
      .map(([a, b]): Tree => ({text: `(${a.text}) ${b.text}`, holds: subject => a.holds(subject) && b.holds(subject)})),
    fc
      .tuple(tie('tree'), tie('tree'))
      .map(
        ([a, b]): Tree => ({text: `(${a.text} OR ${b.text})`, holds: subject => a.holds(subject) || b.holds(subject)}),
      ),
  ),
}));

const idsOf = (runs: readonly Run[]) => runs.map(run => `${run.sessionId} ${run.spanId}`);

describe.each(BACKENDS)('-q on %s', backend => {
  describe.each(FIXTURES)('%s', file => {
    it('selects what each term says, and any tree of them, newest first', async () => {
      const db = await sharedFixture(backend, file);
      const all: Run[] = (await json(['list', '--db', db, '--limit', '0'])).data;
      const parts: Run[] = (await json(['list', '--db', db, '--limit', '0', '--parts'])).data;
      const subjects = subjectsOf(file, all, parts);
      const check = async ({text, holds}: Tree) => {
        const {data} = await json(['list', '--db', db, '--limit', '0', '-q', text]);
        expect(idsOf(data), text).toEqual(idsOf(subjects.filter(holds).map(({run}) => run)));
        return data.length as number;
      };
      let found = 0;
      // From Postgres each of them over the rows of one of the two writers, in the long suite over both.
      const asked = TERMS.filter(
        (_, i) => IS_LONG || backend === 'sqlite' || i % FIXTURES.length === FIXTURES.indexOf(file),
      );
      for (const [text, holds] of asked) found += Math.min(1, await check({text, holds}));
      // The terms are about rows that are there.
      expect(found).toBeGreaterThan(asked.length - 5);
      await fc.assert(
        fc.asyncProperty(tree, async one => void (await check(one))),
        {numRuns: inLong(500, 5)},
      );
    });
  });

  it('answers the example of the documentation on both writers', async () => {
    const sessions = async (file: string, query: string) => {
      const {data} = await json(['list', '--db', await sharedFixture(backend, file), '--limit', '0', '-q', query]);
      return data.map((run: Run) => run.sessionId);
    };
    // Read off the rows by hand: two conversations with a tool or a member that failed, one of them with an answer.
    const query = 'degraded duration:>2s -workflow:* (tool:flaky_inventory OR team:*)';
    expect(await sessions('agno-3.1.10-pictures.sqlite', query)).toEqual(['team-member-error', 'tool-error']);
    expect(await sessions('agno-2.9.0-pictures.sqlite', query)).toEqual(['tool-error']);
    expect(await sessions('agno-3.1.10-pictures.sqlite', '"customs hold" team:*')).toEqual([
      'team-member-error',
      'leaked-1',
      'team',
    ]);
    expect(await sessions('agno-3.1.10-pictures.sqlite', 'is:traffic')).toEqual([null]);
    expect(await sessions('agno-3.1.10-killed.sqlite', '-is:missing -session:*')).not.toContain(undefined);
  });

  it('joins the flags by "and", also where both ask the same', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const list = async (...argv: string[]) => (await json(['list', '--db', db, '--limit', '0', ...argv])).data as Run[];
    const both = await list('--agent', 'weather-agent', '-q', 'error');
    expect(both.map(run => run.sessionId)).toEqual(['http-stream-error', 'model-error-stream', 'model-error']);
    expect(await list('--session', 'hooks', '-q', 'session:tool-error')).toEqual([]);
    expect(await list('--session', 'hooks', '-q', 'session:tool-error OR session:hooks')).toHaveLength(1);
    const all = await list();
    const [later, earlier] = [all[3]!, all[9]!];
    expect(await list('--since', earlier.startTime, '-q', `until:${later.startTime}`)).toEqual(all.slice(4, 10));
    expect(await list('-q', `started:>${earlier.startTime} started:<=${later.startTime}`)).toEqual(all.slice(3, 9));
  });

  it('pages as the flags do', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const query = 'agent:* -error (tokens:>200 OR is:cancelled)';
    const whole: Run[] = (await json(['list', '--db', db, '--limit', '0', '-q', query])).data;
    expect(whole.length).toBeGreaterThan(15);
    const seen: Run[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await json(['list', '--db', db, '-n', '4', '-q', query, ...(cursor ? ['--cursor', cursor] : [])]);
      seen.push(...page.data);
      cursor = page.page.next;
    }
    expect(seen).toEqual(whole);
  });

  it.each([
    ['session:tool-error', ['--session', 'tool-error']],
    ['session:a OR session:b', ['--session', 'a', '--session', 'b']],
    ['agent:billing* state:error,lost', ['--agent', 'billing*', '--state', 'error,lost']],
    ['trace:0123', ['--trace', '0123']],
    ['is:running', ['--state', 'running']],
    ['model:gpt* since:2026-11-22', ['--model', 'gpt*', '--since', '2026-11-22']],
  ])('%s is found on the way of the flags', async (query, flags) => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const nowMicros = Date.parse('2026-11-23T00:00:00Z') * 1000;
    const sent = async (...argv: string[]) => {
      const {code, out} = await cli(['list', '--print-sql', '--db', db, ...argv], {nowMicros});
      expect(code).toBe(0);
      // The clock of Postgres goes on between the two.
      return out.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+/g, 'T');
    };
    expect(await sent('-q', query)).toBe(await sent(...flags));
  });

  it('shows the runs of a session that match, or the newest run that does', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const shown = async (...argv: string[]) => (await json(['show', '--db', db, ...argv])).data.runs as Run[];
    const all = await shown('compaction');
    expect(all).toHaveLength(4);
    expect(await shown('compaction', '-q', `started:>=${all[2]!.startTime}`)).toEqual(all.slice(2));
    expect((await shown('latest', '-q', 'error')).map(({sessionId}) => sessionId)).toEqual(['http-stream-error']);
    const nothing = await cli(['show', 'compaction', '-q', 'tool:none', '--db', db]);
    expect(nothing.code).toBe(3);
    expect(nothing.err).toContain('no run of session "compaction" matches -q');
    const misused = await cli(['show', all[0]!.traceId, '-q', 'error', '--db', db]);
    expect(misused.code).toBe(2);
    expect(misused.err).toContain('is a trace');
  });

  it('asks slowest about the spans of the runs that match', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-pictures.sqlite');
    const rows = async (...argv: string[]) => (await json(['slowest', '--limit', '0', '--db', db, ...argv])).data;
    expect(await rows('-q', 'session:tool-error')).toEqual(await rows('--session', 'tool-error'));
    const {data, notes} = await json(['slowest', '--db', db, '-q', 'tool:flaky_inventory', '--by', 'kind']);
    expect(data.map((row: {name: string}) => row.name).sort()).toEqual(['agent', 'llm', 'tool']);
    expect(notes[0]).toBe('1 run');
  });

  it('sorts by a figure over every run that matches, unknown ones last', async () => {
    const db = await sharedFixture(backend, 'agno-3.1.10-killed.sqlite');
    const all: Run[] = (await json(['list', '--db', db, '--limit', '0'])).data;
    const figures = (runs: Run[]) => runs.map(run => run.durationMs);
    const known = figures(all).filter(ms => ms !== null);
    const unknown = all.filter(run => run.durationMs === null).map(() => null);
    expect(unknown.length).toBeGreaterThan(10);
    const sorted = async (...argv: string[]) => await json(['list', '--db', db, ...argv]);
    const down = [...known].sort((a, b) => b - a);
    expect(figures((await sorted('--sort', 'duration', '-n', '0')).data)).toEqual([...down, ...unknown]);
    expect(figures((await sorted('--sort=-duration', '-n', '0')).data)).toEqual([...down.reverse(), ...unknown]);
    const top = await sorted('--sort', 'spans', '-n', '2', '-q', 'is:missing');
    const most = all
      .filter(run => run.missing)
      .map(run => run.spanCount)
      .sort((a, b) => b - a);
    expect(top.data.map((run: Run) => run.spanCount)).toEqual(most.slice(0, 2));
    expect(top.page.next).toBeNull();
    expect(top.notes[0]).toBe(`largest spans first, of ${most.length} rows`);
    expect((await sorted('--sort=-started', '-n', '0')).data).toEqual([...all].reverse());
  });
});

it('an error of -q draws the place below the message, within the line, whatever stands around it', async () => {
  const {code, out, err} = await cli([
    'list',
    '-q',
    `"${'ü'.repeat(200)}" ${'界'.repeat(3)} stat:x ${'y '.repeat(99)}`,
  ]);
  expect(code).toBe(2);
  expect(out).toBe('');
  const [message, text, mark, hint] = err.split('\n');
  expect(message).toBe('error: --query, column 208: "stat" is not a key.');
  expect(text).toMatch(/^ {2}…ü+" 界界界 stat:x y .*…$/);
  // Wide characters take two columns.
  expect(mark!.length - 1).toBe(text!.indexOf('stat') + 3);
  expect(hint).toMatch(/^hint: Did you mean (state|status)\?/);
});

it('a narrow terminal keeps the column that the runs are sorted by', async () => {
  const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
  const headOf = async (...argv: string[]) =>
    (await cli(['list', '--no-color', '--db', db, ...argv], {columns: 60})).out.split('\n', 1)[0]!.split(/ +/);
  expect(await headOf()).toEqual(['STATE', 'STARTED', 'RUN', 'WHO', 'TIME']);
  expect(await headOf('--sort', 'tokens')).toContain('TOKENS');
  expect(await headOf('--sort', 'errors')).toContain('ERRORS');
});

it('--sort refuses a cursor and what it does not know', async () => {
  const refused = await cli(['list', '--sort', 'tokens', '--cursor', 'x']);
  expect(refused.code).toBe(2);
  expect(refused.err).toContain('--cursor goes on newest first');
  expect((await cli(['list', '--sort', 'token'])).err).toContain('Did you mean tokens?');
});
