import path from 'node:path';
import Database from 'better-sqlite3';
import {agnoTables, SPAN_COLUMNS, TRACE_COLUMNS} from '../../src/sql/agno-tables.ts';
import {agnoTime} from '../../src/trace/time.ts';
import {temporaryFolder} from '../fixtures.ts';
import {badHostileRows, type Hostile, hostile, hostileRows, type Row} from '../hostile-rows.ts';

/** A database of such rows. */
export function database(parts: readonly {traces: readonly Row[]; spans: readonly Row[]}[]): string {
  const file = path.join(temporaryFolder(), 'page.db');
  const db = new Database(file);
  for (const statement of agnoTables('sqlite', '')) db.exec(statement);
  const insert = (table: string, columns: readonly string[]) =>
    db.prepare(`insert into ${table} values (${columns.map(() => '?').join(', ')})`);
  const [trace, span] = [insert('agno_traces', TRACE_COLUMNS), insert('agno_spans', SPAN_COLUMNS)];
  db.transaction(() => {
    for (const {traces, spans} of parts) {
      for (const row of traces) trace.run(...row);
      for (const row of spans) span.run(...row);
    }
  })();
  db.close();
  return file;
}

/** Rows that attack the markup of a page, or its script. */
export const MARKUP = {
  script: '</script><script>globalThis.owned = 1</script>',
  comment: '<!--<script>',
  image: '<img src=x onerror="globalThis.owned = 1">',
  attribute: '" onmouseover="globalThis.owned = 1',
  link: 'javascript:globalThis.owned=1',
  style: '</style><style>*{display:none}</style>',
  template: '{{globalThis.owned = 1}}',
  prototype: '__proto__',
};

function markup(): Hostile[] {
  return Object.entries(MARKUP).map(([what, payload], i) => {
    const id = (prefix: string) => `${prefix}9${i}${payload}`;
    return {what, payload, trace: id('t'), spans: ['r', 'l', 'u', 'e', 'h'].map(id), run: id('x')};
  });
}

export const HOSTILE = [
  ...[...hostile('sqlite'), ...markup()].map(hostileRows),
  ...[...hostile('sqlite'), ...markup()].map(badHostileRows),
];

export const MANY = 10_000;

export function manySpans(): {traces: Row[]; spans: Row[]} {
  const start = Date.parse('2024-05-06T10:00:00Z') * 1000;
  const at = (ms: number) => agnoTime(start + ms * 1000);
  const span = (id: string, parent: string | null, name: string, from: number, ms: number, attributes: object): Row => [
    ...[id, 'many', parent, name, 'INTERNAL', 'OK', null, at(from), at(from + ms), ms, JSON.stringify(attributes)],
    at(from + ms),
  ];
  const calls = Array.from({length: MANY - 1}, (_, i) =>
    span(
      `c${i}`,
      i % 10 === 0 ? 'root' : `c${i - (i % 10)}`,
      i === MANY - 2 ? 'the_last' : `tool_${i % 7}`,
      i * 2,
      i % 10 === 0 ? 20 : 2,
      {
        'openinference.span.kind': 'TOOL',
        'tool.name': i === MANY - 2 ? 'the_last' : `tool_${i % 7}`,
        'input.value': JSON.stringify({number: i}),
        'output.value': `result ${i} ${'lorem ipsum '.repeat(i % 5)}`,
      },
    ),
  );
  const root = span('root', null, 'Crowd.run', 0, 2 * MANY, {
    'openinference.span.kind': 'AGENT',
    'agno.run.id': 'many-run',
    'agent.name': 'Crowd',
  });
  return {
    traces: [
      ['many', 'Crowd.run', 'OK', at(0), at(2 * MANY), 2 * MANY, 'many-run', null, null, null, null, null, at(0)],
    ],
    spans: [root, ...calls],
  };
}
