import {copyFileSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {expect, it} from 'vitest';
import {cli, json} from '../cli.ts';
import {fixture, temporaryFolder} from '../fixtures.ts';

/** In every answer of a model and every result of a span that did not fail; nothing of them is kept or told as an error. */
const MARKER = 'MARKER-4711';
/** What Agno says itself in the place of an answer, and what tools say that failed: no answers and no results. */
const NO_ANSWER =
  /^(Run \S+ was cancelled|Operation cancelled by user|I have tools to execute|Team run paused|Member '|Error |MCP tool '|__REDACTED__)/;

type Attributes = Record<string, unknown>;

/** A database of the truth set with the marker in its answers and results; how often. */
function planted(name: string, file: string): number {
  copyFileSync(fixture(`truth/${name}.sqlite`), file);
  const db = new Database(file);
  const rows = db
    .prepare('select span_id, parent_span_id, status_code, attributes from agno_spans order by start_time')
    .all() as {
    span_id: string;
    parent_span_id: string | null;
    status_code: string;
    attributes: string;
  }[];
  const save = db.prepare('update agno_spans set attributes = ? where span_id = ?');
  const answers = new Map<string | null, string>();
  let count = 0;
  const marked = (text: string) => {
    count++;
    return `${MARKER} ${text}`;
  };
  for (const row of rows) {
    const attributes: Attributes = JSON.parse(row.attributes);
    if (attributes['openinference.span.kind'] !== 'LLM' || row.status_code !== 'OK') continue;
    for (const key of Object.keys(attributes))
      if (/^llm\.output_messages\.\d+\.message\.content$/.test(key)) {
        answers.set(row.parent_span_id, String(attributes[key]));
        attributes[key] = marked(String(attributes[key]));
      }
    const output = String(attributes['output.value'] ?? '');
    if (/^[[{]/.test(output))
      attributes['output.value'] = output.replaceAll('"content": "', () => `"content": "${marked('')}`);
    save.run(JSON.stringify(attributes), row.span_id);
  }
  for (const row of rows) {
    const attributes: Attributes = JSON.parse(row.attributes);
    const output = attributes['output.value'];
    if (attributes['openinference.span.kind'] === 'LLM' || typeof output !== 'string' || NO_ANSWER.test(output))
      continue;
    if (row.status_code === 'ERROR' && output !== answers.get(row.span_id)) continue;
    attributes['output.value'] = output.startsWith('WorkflowRunOutput(')
      ? output.replaceAll("content='", () => `content='${marked('')}`)
      : marked(output);
    save.run(JSON.stringify(attributes), row.span_id);
  }
  db.close();
  return count;
}

it('no answer of a model and no result of a tool is kept in facts or told as an error', async () => {
  const folder = temporaryFolder();
  const env = {AGNO_TRACE_CACHE: path.join(folder, 'cache')};
  const names = readdirSync(fixture('truth')).filter(file => file.endsWith('.sqlite'));
  let count = 0;
  for (const file of names) {
    const db = path.join(folder, file);
    count += planted(path.basename(file, '.sqlite'), db);
    for (const question of ['stats', 'errors']) {
      const {code, out} = await cli([question, '--db', db, '--json'], {env});
      expect(code).toBe(0);
      expect(out, `${question} of ${file}`).not.toContain(MARKER);
    }
    const {data} = await json(['list', '--db', db, '--limit', '0'], {env});
    const reasons = data.map(({stateReason}: {stateReason: string}) => stateReason);
    expect(
      reasons.filter((reason: string) => reason.includes(MARKER)),
      `reasons of ${file}`,
    ).toEqual([]);
  }
  expect(count).toBeGreaterThan(500);
  const kept = readdirSync(env.AGNO_TRACE_CACHE, {recursive: true, encoding: 'utf8'}).filter(file =>
    /\.(db|sqlite)/.test(file),
  );
  expect(kept.length).toBeGreaterThanOrEqual(names.length);
  for (const file of kept)
    expect(readFileSync(path.join(env.AGNO_TRACE_CACHE, file)).includes(MARKER), file).toBe(false);
});
