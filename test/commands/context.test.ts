import Database from 'better-sqlite3';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy} from '../databases.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';
// biome-ignore lint/suspicious/noExplicitAny: records of the answer
type Row = Record<string, any>;

/** What stands in the rows themselves, by the span: characters of messages with their calls, and of tool definitions. */
function stored(): Map<string, {chars: number; prompt: number | undefined}> {
  const db = new Database(sqliteCopy(FIXTURE), {readonly: true});
  const rows = db.prepare('select span_id, attributes from agno_spans').all() as {
    span_id: string;
    attributes: string;
  }[];
  db.close();
  return new Map(
    rows.map(({span_id: id, attributes: text}) => {
      const attributes = JSON.parse(text);
      const input = /"messages"/.test(attributes['input.value'] ?? '') ? JSON.parse(attributes['input.value']) : null;
      let chars = 0;
      for (const {content, tool_calls: calls} of input?.messages ?? []) {
        if (typeof content === 'string') chars += [...content].length;
        for (const {function: called} of calls ?? []) chars += [...`${called.name}${called.arguments}`].length;
      }
      for (const [key, value] of Object.entries(attributes))
        if (/^llm\.tools\./.test(key)) chars += [...String(value)].length;
      return [id, {chars, prompt: attributes['llm.token_count.prompt']}];
    }),
  );
}

describe.each(BACKENDS)('context on %s', backend => {
  const open = () => sharedFixture(backend, FIXTURE);
  const runOf = async (session: string) =>
    (await json(['list', '--session', session, '--limit', '0', '--db', await open()])).data.at(-1).traceId;

  it.each(['tool-loop', 'team', 'retrieval-tool', 'workflow', 'compaction'])(
    'measures every model call of %s, and its parts add up to what was reported',
    async session => {
      const db = await open();
      const id = await runOf(session);
      const {data, notes} = await json(['context', id, '--db', db]);
      const {data: shown} = await json(['show', id, '--kind', 'llm', '--db', db]);
      const calls = shown.spans.filter(({kind}: Row) => kind === 'llm');
      expect(data.calls.map(({spanId}: Row) => spanId).sort()).toEqual(calls.map(({spanId}: Row) => spanId).sort());
      expect(notes.join()).toContain('estimated');
      const rows = stored();
      for (const {spanId, chars, parts, promptTokens, agent} of data.calls) {
        expect(chars, spanId).toBe(rows.get(spanId)!.chars);
        expect(parts.reduce((sum: number, part: Row) => sum + part.chars, 0)).toBe(chars);
        expect(promptTokens).toBe(calls.find((call: Row) => call.spanId === spanId).grossPromptTokens);
        expect(parts.reduce((sum: number, part: Row) => sum + part.estimatedTokens, 0)).toBe(promptTokens);
        expect(agent).not.toBeNull();
      }
    },
  );

  it('draws bars that a terminal has room for, in ASCII too', async () => {
    const db = await open();
    const id = await runOf('tool-loop');
    for (const [flags, bar] of [
      [[], /^ {4}▓+░?▪?▒+$/m],
      [['--ascii'], /^ {4}D+H?I?R+$/m],
    ] as const) {
      const {out} = await cli(['context', id, ...flags, '--db', db], {columns: 80});
      const lines = out.replace(/\u001b\[[0-9;]*m/g, '').split('\n');
      for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(80);
      expect(lines.join('\n')).toMatch(bar);
      expect(out).toContain('web_search: 1,052 characters');
    }
    const {err} = await cli(['context', id, '--db', db]);
    const [, run, span] = /^next: agno-trace show (\w{8}) --span (\w{8}) {3}# .+, largest$/m.exec(err)!;
    expect((await json(['show', run!, '--span', span!, '--db', db])).data.spans).toHaveLength(1);
  });

  it('knows the window of a model that the price data have, and of no other', async () => {
    const {data} = await json(['context', await runOf('tool-loop'), '--db', await open()]);
    const [{windowTokens, windowShare, promptTokens}] = data.calls;
    expect(windowTokens).toBeGreaterThanOrEqual(200_000);
    expect(windowShare).toBeCloseTo(promptTokens / windowTokens, 12);
    const other = await json(['context', await runOf('retrieval-tool'), '--db', await open()]);
    expect(other.data.calls[0]).toMatchObject({windowTokens: null, windowShare: null});
    const {code} = await cli(['context', 'nobody', '--db', await open()]);
    expect(code).toBe(EXIT.notFound);
  });
});
