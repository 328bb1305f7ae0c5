import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {pairUp} from '../../src/trace/compare/sequence.ts';
import {diffLines, diffWords} from '../../src/trace/compare/text-diff.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, type Backend, loadIntoPostgres, sqliteCopy} from '../databases.ts';
import {inCheck} from '../long.ts';
import {changeAttributes, copyRun, type RunCopy, type StoredRow, traceOf, writeRun} from '../planted.ts';

const VERSIONS = {'3.1.10': 'agno-3.1.10-pictures.sqlite', '2.9.0': 'agno-2.9.0-pictures.sqlite'} as const;
const CASES = Object.keys(VERSIONS)
  .flatMap(version => BACKENDS.map(backend => ({version: version as keyof typeof VERSIONS, backend})))
  .filter(inCheck);
const LATER_MS = 3_725_417;

interface Change {
  what: string;
  where: string | null;
  text: string;
  a: string | null;
  b: string | null;
  repeats: number;
  name: string;
}

/** A database with a run of this session and a later copy of it, changed. */
async function planted(
  version: keyof typeof VERSIONS,
  backend: Backend,
  session: string,
  change: (copy: RunCopy) => void,
): Promise<{db: string; a: string; b: string}> {
  const file = sqliteCopy(VERSIONS[version]);
  const a = traceOf(file, session);
  const copy = copyRun(file, a, LATER_MS);
  change(copy);
  writeRun(file, copy);
  return {db: backend === 'sqlite' ? file : await loadIntoPostgres(file), a, b: String(copy.spans[0]!.trace_id)};
}

async function changesOf({db, a, b}: {db: string; a: string; b: string}): Promise<Change[]> {
  const {data} = await json(['diff', a, b, '--db', db]);
  return data.changes;
}

const spansNamed = ({spans}: RunCopy, name: string | RegExp): StoredRow[] =>
  spans
    .filter(row => (typeof name === 'string' ? row.name === name : name.test(String(row.name))))
    .sort((x, y) => (String(x.start_time) < String(y.start_time) ? -1 : 1));

const LLM = /\.a?invoke/;

/** Everything in a copy that says one text says another. */
function replaceText(copy: RunCopy, from: string, to: string): void {
  for (const row of copy.spans) row.attributes = String(row.attributes).replaceAll(from, to);
}

describe.each(CASES)('diff of runs of Agno $version on $backend', ({version, backend}) => {
  it.each(['agent-ok', 'tool-error', 'team', 'workflow', 'agent-stream', 'reasoning'])(
    'is silent on two runs that are the same but for ids and times: %s',
    async session => {
      const {db, a, b} = await planted(version, backend, session, () => undefined);
      const {code, out} = await cli(['diff', a, b, '--exit-code', '--db', db]);
      expect(out).toContain('no differences in calls, prompts and answers');
      expect(code).toBe(0);
      const {data} = await json(['diff', a, b, '--db', db]);
      expect(data.changes).toEqual([]);
      expect(data.firstDivergence).toBeNull();
      expect(data.pairs.every((pair: {mark: string}) => pair.mark === 'same')).toBe(true);
    },
  );

  it('is silent on times and ids in texts: the clock in a system prompt, the id of the run in an answer', async () => {
    const file = sqliteCopy(VERSIONS[version]);
    const trace = traceOf(file, 'agent-ok');
    const say = (copy: RunCopy) => {
      const [root] = spansNamed(copy, /\.run$/);
      const started = String(root!.start_time);
      // Python's local clock, in a zone of its own.
      const local = new Date(Date.parse(started) + 19_800_000).toISOString().replace('T', ' ').slice(0, 19);
      for (const row of spansNamed(copy, LLM))
        changeAttributes(row, at => {
          at['input.value'] = at['input.value'].replace(
            'What is',
            `The current time is ${local}.417. It is ${started.slice(0, 10)}. What is`,
          );
        });
      changeAttributes(root!, at => {
        at['output.value'] += ` (run ${at['agno.run.id']})`;
      });
    };
    const first = copyRun(file, trace, 10_000);
    say(first);
    writeRun(file, first);
    const again = copyRun(file, String(first.spans[0]!.trace_id), 2 * 86_400_000 + 7123);
    for (const row of spansNamed(again, LLM))
      row.attributes = String(row.attributes).replace(/The current time is [^A-Z]*It is [\d-]+\. /, '');
    for (const row of spansNamed(again, /\.run$/))
      changeAttributes(row, at => {
        at['output.value'] = at['output.value'].replace(/ \(run .*\)$/, '');
      });
    say(again);
    writeRun(file, again);
    const db = backend === 'sqlite' ? file : await loadIntoPostgres(file);
    expect(await changesOf({db, a: String(first.spans[0]!.trace_id), b: String(again.spans[0]!.trace_id)})).toEqual([]);
    expect(await changesOf({db, a: trace, b: String(again.spans[0]!.trace_id)})).not.toEqual([]);
  });

  it('names a changed prompt, once, with the words that changed', async () => {
    const at = await planted(version, backend, 'agent-ok', copy =>
      replaceText(copy, 'What is the weather', 'Tell me the weather'),
    );
    const changes = await changesOf(at);
    expect(changes.map(({what}) => what)).toEqual(['input']);
    expect(changes[0]).toMatchObject({repeats: 1, name: 'Weather Agent'});
    expect(changes[0]!.a).toContain('What is the weather');
    expect(changes[0]!.b).toContain('Tell me the weather');
    const {code, out} = await cli(['diff', at.a, at.b, '--exit-code', '--db', at.db]);
    expect(code).toBe(7);
    expect(out).toContain('first divergence: Weather Agent got a different input: What is the weather');
  });

  it('names a changed system prompt', async () => {
    const changes = await changesOf(
      await planted(version, backend, 'tool-error', copy =>
        replaceText(copy, 'refunds and invoices', 'refunds, invoices and reminders'),
      ),
    );
    expect(changes.map(({what, where}) => [what, where])).toEqual([['prompt', 'system']]);
    expect(changes[0]!.text).toBe('model call 1 of Billing Agent was sent a different system message');
  });

  it('names a changed argument, though the model asked for it and was sent it again', async () => {
    const changes = await changesOf(
      await planted(version, backend, 'agent-stream', copy => {
        for (const row of copy.spans) row.attributes = String(row.attributes).replaceAll('CH-90211', 'CH-77777');
        // What the tool returned says it too, and is told as what it is.
        for (const row of spansNamed(copy, 'courier_status'))
          row.attributes = String(row.attributes).replace("'tracking': 'CH-77777'", "'tracking': 'CH-90211'");
        for (const row of spansNamed(copy, LLM))
          row.attributes = String(row.attributes).replaceAll("'tracking': 'CH-77777'", "'tracking': 'CH-90211'");
      }),
    );
    expect(changes.map(({what, where}) => [what, where])).toEqual([['calls', 'courier_status']]);
    expect(changes[0]!.text).toContain('CH-90211');
    expect(changes[0]!.text).toContain('CH-77777');
  });

  it('names an argument that only the tool span has otherwise', async () => {
    const changes = await changesOf(
      await planted(version, backend, 'agent-stream', copy => {
        for (const row of spansNamed(copy, 'courier_status'))
          changeAttributes(row, at => {
            at['tool.parameters'] = at['input.value'] = '{"tracking": "CH-77777"}';
          });
      }),
    );
    expect(changes.map(({what}) => what)).toEqual(['arguments']);
    expect(changes[0]!.text).toBe(
      'courier_status in Billing Agent was called with different arguments: {"tracking":"CH-90211"} → {"tracking":"CH-77777"}',
    );
  });

  it('names a time in an argument that is none of the run', async () => {
    const to = '2027-03-01T09:30:00';
    const changes = await changesOf(
      await planted(version, backend, 'agent-stream', copy => {
        for (const row of spansNamed(copy, 'courier_status'))
          changeAttributes(row, at => {
            at['tool.parameters'] = at['input.value'] = JSON.stringify({tracking: 'CH-90211', at: to});
          });
      }),
    );
    expect(changes.map(({what}) => what)).toEqual(['arguments']);
    expect(changes[0]!.b).toContain(to);
  });

  it('names another model, once for all calls', async () => {
    const changes = await changesOf(
      await planted(version, backend, 'tool-error', copy => {
        for (const row of spansNamed(copy, LLM))
          changeAttributes(row, at => {
            at['llm.model_name'] = 'gpt-5.5-mini';
          });
      }),
    );
    expect(changes).toHaveLength(1);
    expect(changes[0]).toMatchObject({
      what: 'model',
      repeats: 2,
      text: 'model call 1 of Billing Agent uses a different model: gpt-5.5 → gpt-5.5-mini',
    });
  });

  it('names an added tool call, and a removed one', async () => {
    const at = await planted(version, backend, 'agent-stream', copy => {
      const [call] = spansNamed(copy, 'courier_status');
      copy.spans.push({
        ...call!,
        span_id: 'abcdefabcdef0001',
        attributes: String(call!.attributes).replaceAll('CH-90211', 'CH-00001'),
      });
    });
    const changes = await changesOf(at);
    expect(changes.map(({what, text}) => [what, text])).toEqual([
      ['added', 'courier_status(tracking="CH-00001") in Billing Agent is only in B'],
    ]);
    const other = await changesOf({db: at.db, a: at.b, b: at.a});
    expect(other.map(({what}) => what)).toEqual(['removed']);
  });

  it('names a member that was asked at another point as moved', async () => {
    const at = await planted(version, backend, 'team', copy => {
      // The second delegation, with all that is in it, now comes before the first.
      const [first, second] = spansNamed(copy, 'delegate_task_to_member');
      const shift = Date.parse(String(second!.start_time)) - Date.parse(String(first!.start_time));
      const [from, to] = [String(second!.start_time), String(second!.end_time)];
      for (const row of copy.spans) {
        if (String(row.start_time) < from || String(row.start_time) > to) continue;
        for (const column of ['start_time', 'end_time'])
          row[column] = new Date(Date.parse(String(row[column])) - shift - 5000)
            .toISOString()
            .replace('Z', '000+00:00');
      }
    });
    const changes = await changesOf(at);
    expect(changes[0]).toMatchObject({what: 'moved', name: 'delegate_task_to_member'});
    // The messages of the copy still ask for the call at its old place, so calls without a span are added there.
    expect(changes.slice(1).map(({what}) => what)).toEqual(Array(version === '2.9.0' ? 3 : 1).fill('added'));
    expect(changes[0]!.text).toMatch(/comes at a different point/);
  });

  it('names a result, an answer, a failure where they are', async () => {
    const result = await changesOf(
      await planted(version, backend, 'agent-stream', copy => {
        for (const row of spansNamed(copy, 'issue_refund'))
          changeAttributes(row, at => {
            at['output.value'] = 'refund refused, a person has to look at it';
          });
      }),
    );
    expect(result.map(({what, name}) => [what, name])).toEqual([['result', 'issue_refund']]);
    const failure = await changesOf(
      await planted(version, backend, 'agent-stream', copy => {
        for (const row of spansNamed(copy, 'issue_refund')) {
          row.status_code = 'ERROR';
          row.status_message = 'the bank is closed';
        }
      }),
    );
    expect(failure.map(({what, name}) => [what, name])).toEqual([
      ['result', 'issue_refund'],
      ['error', 'issue_refund'],
      ['state', 'issue_refund'],
    ]);
  });

  it('takes times for a difference only where asked', async () => {
    const at = await planted(version, backend, 'agent-ok', copy => {
      for (const row of spansNamed(copy, /\.run$/))
        row.end_time = new Date(Date.parse(String(row.end_time)) + 9000).toISOString().replace('Z', '000+00:00');
    });
    const argv = ['diff', at.a, at.b, '--exit-code', '--db', at.db];
    expect((await cli(argv)).code).toBe(0);
    expect((await cli([...argv, '--times', '50%'])).code).toBe(7);
    expect((await cli([...argv, '--times', '5000'])).code).toBe(0);
  });
});

describe.each(CASES)('what diff prints of runs of Agno $version on $backend', ({version, backend}) => {
  it('reads as it is written down', async () => {
    const at = await planted(version, backend, 'agent-stream', copy => {
      replaceText(copy, 'refunds and invoices', 'refunds, invoices and reminders');
      const [call] = spansNamed(copy, 'courier_status');
      copy.spans.push({
        ...call!,
        span_id: 'abcdefabcdef0001',
        attributes: String(call!.attributes).replaceAll('CH-90211', 'CH-00001'),
      });
      for (const row of spansNamed(copy, 'issue_refund'))
        changeAttributes(row, at => {
          at['output.value'] = 'refunded 89.5 for 4417, and told the customer so';
        });
    });
    const {out} = await cli(['diff', at.a, at.b, '--db', at.db]);
    await expect(out).toMatchFileSnapshot(`../golden/diff/${version}/agent-stream.txt`);
    // On terminals without colour; times of the run, as a list would have them, are in none of it.
    for (const columns of [60, 200]) {
      const wide = await cli(['diff', at.a, at.b, '--color', 'never', '--db', at.db], {columns});
      const shown = wide.out.replaceAll('\r\x1b[2K', '');
      await expect(shown).toMatchFileSnapshot(`../golden/diff/${version}/agent-stream-${columns}.txt`);
    }
  });

  it('lays a run that paused and went on beside itself', async () => {
    const file = sqliteCopy(VERSIONS[version]);
    const db = backend === 'sqlite' ? file : await loadIntoPostgres(file);
    const [run] = (await json(['list', '--session', 'human-in-the-loop', '--db', db])).data.filter(
      (one: {runId: string | null}) => one.runId,
    );
    const {data, notes} = await json(['diff', run.runId, run.runId, '--db', db]);
    expect(data.changes).toEqual([]);
    expect(data.pairs.length).toBeGreaterThan(3);
    expect(notes).toEqual(['A and B are the same run']);
  });
});

describe('pairing', () => {
  const isSame = (x: string, y: string) => (x[0] === y[0] ? (x === y ? 3 : 1) : 0);
  const pairs = (a: string[], b: string[]) => pairUp(a, b, isSame, item => item);

  it('keeps order, takes every item once, and finds as much as there is', () => {
    const items = fc.array(fc.constantFrom('a1', 'a2', 'b1', 'b2', 'c1'), {maxLength: 9});
    fc.assert(
      fc.property(items, items, (a, b) => {
        const found = pairs(a, b);
        expect(found.flatMap(([i]) => i ?? [])).toEqual(a.map((_, i) => i));
        expect(found.flatMap(([, j]) => j ?? [])).toEqual(b.map((_, j) => j));
        const weight = found.reduce((sum, [i, j]) => sum + (i === null || j === null ? 0 : isSame(a[i]!, b[j]!)), 0);
        expect(found.every(([i, j]) => i === null || j === null || isSame(a[i]!, b[j]!) > 0)).toBe(true);
        expect(weight).toBe(best(a, b));
      }),
      {numRuns: 400},
    );
  });

  /** By trying everything. */
  function best(a: readonly string[], b: readonly string[]): number {
    if (a.length === 0 || b.length === 0) return 0;
    const [x, ...restA] = a as [string, ...string[]];
    let most = best(restA, b);
    for (const [j, y] of b.entries()) {
      const weight = isSame(x, y);
      if (weight > 0) most = Math.max(most, weight + best(restA, b.slice(j + 1)));
    }
    return most;
  }

  it('of long lists finds what was put in and taken out', () => {
    const a = Array.from({length: 6000}, (_, i) => `x${i}`);
    const b = [...a.slice(0, 1000), 'new', ...a.slice(1000, 3000), ...a.slice(3002)];
    const alone = pairs(a, b).filter(([i, j]) => i === null || j === null);
    expect(alone.map(([i, j]) => (i === null ? b[j!] : a[i]))).toEqual(['new', 'x3000', 'x3001']);
    // Nothing in common: nothing is weighed for long, and all of it is there.
    const other = Array.from({length: 6000}, (_, i) => `x-${i}`);
    expect(pairs(a, other)).toHaveLength(6000);
  });
});

describe('the words of two lines', () => {
  it('are marked where the other line has not got them', () => {
    const {a, b} = diffWords('refund order 4417 today', 'refund order 4418 today');
    expect([a, b]).toEqual([[[13, 17]], [[13, 17]]]);
    expect(diffLines('a\nb\nc', 'a\nx\ny\nc')).toEqual([
      {a: 'a', b: 'a', isSame: true},
      {a: 'b', b: 'x', isSame: false},
      {a: null, b: 'y', isSame: false},
      {a: 'c', b: 'c', isSame: true},
    ]);
  });
});
