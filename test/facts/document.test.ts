import {readFileSync} from 'node:fs';
import {expect, it} from 'vitest';
import {
  ATTRIBUTE_SCHEMA,
  DAY_DIMENSIONS,
  RUN_ATTRIBUTES,
  RUN_FACTS,
  SCHEMA,
  SPAN_FACTS,
  SUM_COLUMNS,
  TRACE_FACTS,
} from '../../src/facts/schema.ts';

const document = readFileSync(new URL('../../docs/facts.md', import.meta.url), 'utf8');

/** The rows of the table below a heading, as written. */
function rowsUnder(heading: string): string[] {
  const [, rest = ''] = document.split(`\n## ${heading}\n`);
  return rest
    .split('\n## ', 1)[0]!
    .split('\n')
    .filter(line => line.startsWith('| `'));
}

it.each([
  ['`run_facts`', RUN_FACTS],
  ['`span_facts`', SPAN_FACTS],
  ['`trace_facts`', TRACE_FACTS],
  ['`run_attributes`', RUN_ATTRIBUTES],
  ['`span_days`', {...DAY_DIMENSIONS, ...SUM_COLUMNS}],
])('docs/facts.md has every column of %s, with its type and meaning, in order', (heading, columns) => {
  expect(rowsUnder(heading)).toEqual(
    Object.entries(columns).map(([name, [type, meaning]]) => `| \`${name}\` | ${type} | ${meaning} |`),
  );
});

it('docs/facts.md names every table of the file', () => {
  const tables = [...SCHEMA, ...ATTRIBUTE_SCHEMA].flatMap(
    statement => /^create table (?:if not exists )?(\w+)/.exec(statement)?.[1] ?? [],
  );
  expect(tables.length).toBeGreaterThan(5);
  for (const table of tables) expect(document).toContain(`\`${table}\``);
});
