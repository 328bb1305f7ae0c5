import {execFile} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {promisify} from 'node:util';
import {expect, it} from 'vitest';
import {cli} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../databases.ts';
import {ROOT} from '../program.ts';
import {pythonForEvaluations} from './python.ts';

/** What follows the lines of the page: one evaluation, whose task is known, and everything that was loaded. */
const AFTER = `
report = dataset.evaluate_sync(lambda asked: asked, progress=False)
print(json.dumps({
    "evaluated": sorted(case.name for case in report.cases),
    "failed": len(report.failures),
    "loaded": [[case.name, case.inputs, case.expected_output, case.metadata] for case in dataset.cases],
}))
`;

/** The lines of docs/export.md that load cases. */
function documentedLines(): string {
  const page = readFileSync(path.join(ROOT, 'docs', 'export.md'), 'utf8');
  const block = /(?:^ {4}.*\n)*^ {4}from pydantic_evals .*\n(?:^ {4}.*\n)*/m.exec(page)?.[0];
  return block!.replace(/^ {4}/gm, '');
}

it.for(['3.1.10', '2.9.0'])(
  'pydantic-evals loads the cases of Agno %s with the documented lines',
  {timeout: 200_000},
  async (version, {skip}) => {
    const python = await pythonForEvaluations().catch((error: Error) => error);
    if (python instanceof Error) {
      process.stderr.write(`skipped: pydantic-evals loads cases: ${python.message}\n`);
      return skip(python.message);
    }
    const folder = temporaryFolder();
    const file = path.join(folder, 'cases.jsonl');
    const db = sqliteCopy(`agno-${version}-pictures.sqlite`);
    expect((await cli(['export', '--all', '--format', 'cases', '-o', file, '--db', db])).code).toBe(0);
    const script = path.join(folder, 'load.py');
    writeFileSync(script, documentedLines() + AFTER);
    const {stdout} = await promisify(execFile)(python, [script], {cwd: folder, maxBuffer: 1e8});
    const {evaluated, failed, loaded} = JSON.parse(stdout);
    const written = readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(written.length).toBeGreaterThan(20);
    expect(loaded).toEqual(
      written.map(({id, input, expectedOutput, metadata, output, context, toolCalls}) => [
        id,
        input,
        expectedOutput,
        {...metadata, output, context, toolCalls},
      ]),
    );
    expect(evaluated).toEqual(written.map(({id}) => id).sort());
    expect(failed).toBe(0);
  },
);
