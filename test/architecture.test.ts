import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {COMMANDS} from '../src/commands/index.ts';
import {CHECKS} from '../src/doctor/checks.ts';
import {TOPICS} from '../src/help/topics.ts';

/**
 * Who may import whom (docs/codebase.md): data flows one way, only the stores know a driver, and what draws can never
 * learn which database it was. A folder that is not in the table fails.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  cli: ['commands', 'completion', 'facts', 'flags', 'render', 'store', 'text'],
  commands: [
    ...['completion', 'flags', 'help', 'profiles', 'questions', 'show', 'doctor', 'runs', 'follow', 'store', 'demo'],
    ...['archive', 'retention', 'migrations', 'facts', 'otlp', 'page', 'prices', 'redaction', 'render', 'tui'],
    ...['sql', 'table', 'trace', 'text'],
  ],
  completion: ['flags', 'help', 'profiles', 'runs', 'store', 'render', 'text', 'trace'],
  help: ['flags', 'render', 'trace'],
  flags: ['prices', 'profiles', 'store', 'sql', 'table', 'render', 'text', 'trace'],
  profiles: ['store'],
  questions: ['facts', 'runs', 'prices', 'store', 'sql', 'table', 'trace'],
  facts: ['follow', 'runs', 'prices', 'store', 'sql', 'table', 'trace'],
  follow: ['runs', 'prices', 'store', 'sql', 'trace'],
  doctor: ['prices', 'migrations', 'show', 'runs', 'store', 'sql', 'trace'],
  show: ['runs', 'prices', 'store', 'sql', 'trace'],
  runs: ['prices', 'store', 'sql', 'trace'],
  retention: ['archive', 'runs', 'store', 'sql', 'trace'],
  archive: [],
  otlp: ['trace'],
  page: ['render', 'trace', 'text'],
  redaction: ['trace'],
  migrations: ['runs', 'store', 'sql'],
  prices: ['trace'],
  demo: ['store', 'sql', 'trace'],
  store: ['archive', 'sql', 'trace', 'text'],
  render: ['trace', 'table', 'text'],
  tui: ['render', 'trace', 'table', 'text'],
  sql: [],
  table: [],
  trace: [],
  text: [],
};
const ANYWHERE = [
  'errors.ts',
  'context.ts',
  'lists.ts',
  'turns.ts',
  'stopwatch.ts',
  'closest.ts',
  'private-file.ts',
  'ways-out.ts',
  'text/shell.ts',
];
/** Libraries that only one place may know. */
const DRIVERS: Readonly<Record<string, RegExp>> = {
  'better-sqlite3': /^store\/sqlite\//,
  pg: /^store\/postgres\//,
  'pg/lib/client.js': /^store\/postgres\//,
  'pg/lib/connection.js': /^store\/postgres\//,
  '@clickhouse/client': /^store\/clickhouse\//,
  commander: /^(cli|completion|flags)\//,
  chalk: /^text\//,
  'built:page': /^page\/document\.ts$/,
  'built:prices': /^prices\/library\.ts$/,
  'smol-toml': /^profiles\//,
  '@modelcontextprotocol/sdk/types.js': /^commands\/mcp\/server\.ts$/,
  '@modelcontextprotocol/sdk/server/index.js': /^commands\/mcp\/server\.ts$/,
  ink: /^tui\//,
  react: /^tui\//,
};

const src = new URL('../src', import.meta.url).pathname;
const files = readdirSync(src, {recursive: true, encoding: 'utf8'}).filter(file => /\.tsx?$/.test(file));

function importsOf(file: string): string[] {
  const text = readFileSync(path.join(src, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(match => match[1]!);
}

describe('imports', () => {
  it('go only where the table lets them', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const folder = file.split(path.sep)[0]!;
      if (!file.includes(path.sep)) continue;
      if (!(folder in MAY_IMPORT)) wrong.push(`${file}: folder "${folder}" is not in the table`);
      for (const name of importsOf(file)) {
        if (!name.startsWith('.')) continue;
        const to = path.relative(src, path.resolve(src, path.dirname(file), name));
        const toFolder = to.split(path.sep)[0]!;
        const isOwn = toFolder === folder || ANYWHERE.includes(to) || to.endsWith('package.json');
        if (!isOwn && !MAY_IMPORT[folder]?.some(item => item === toFolder || item === to))
          wrong.push(`${file} imports ${to}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('form no circle of folders', () => {
    const folders = Object.keys(MAY_IMPORT);
    const reached = (from: string, seen = new Set<string>()): Set<string> => {
      for (const item of MAY_IMPORT[from] ?? []) if (!seen.has(item)) reached(item, seen.add(item));
      return seen;
    };
    expect(folders.filter(folder => reached(folder).has(folder))).toEqual([]);
  });

  it('of a driver stand in one place', () => {
    const wrong = files.flatMap(file =>
      importsOf(file).flatMap(name => {
        const place = DRIVERS[name];
        return place && !place.test(file) ? [`${file} imports ${name}`] : [];
      }),
    );
    expect(wrong).toEqual([]);
  });
});

describe('a list of files', () => {
  const named = (folder: string) => readdirSync(path.join(src, folder)).map(name => name.replace('.ts', ''));

  it('of subcommands has each folder and each question, by its name', () => {
    const text = readFileSync(path.join(src, 'commands/index.ts'), 'utf8');
    const loads = [...text.matchAll(/^ {2}'?([\w-]+)'?: (?:(?!^ {2}'?\w).)*?import\('([^']+)'\)/gms)];
    const loaded = loads.map(([, , file]) => file!);
    expect([...loaded].sort()).toEqual(
      [
        ...named('commands')
          .filter(name => !['index', 'question'].includes(name))
          .map(name => `./${name}/command.ts`),
        ...named('questions')
          .filter(name => readFileSync(path.join(src, 'questions', `${name}.ts`), 'utf8').includes('export default'))
          .map(name => `../questions/${name}.ts`),
      ].sort(),
    );
    const nameOfFile = (file: string) => file.replace(/\/command\.ts$/, '').replace(/^.*\/(.*?)(\.ts)?$/, '$1');
    expect(loads.map(([, name]) => name)).toEqual(loaded.map(nameOfFile));
    expect(Object.keys(COMMANDS)).toEqual(loaded.map(nameOfFile));
  });

  it('of pages of help, and of checks of doctor, has each', () => {
    expect(Object.keys(TOPICS)).toEqual(named('help').filter(name => !['topic', 'topics'].includes(name)));
    expect(Object.keys(CHECKS)).toEqual(named('doctor/checks'));
  });
});

describe('files', () => {
  it('are named for a noun: no utils, helpers, barrels, and no model (a model is an LLM here)', () => {
    expect(
      files.filter(file => /(^|\/)(utils?|helpers?|index|types|constants|common|model|misc)(\.tsx?|\/)/.test(file)),
    ).toEqual(['commands/index.ts']);
  });

  it("open the user's database for writing only in retention and migrations", () => {
    const openers = files.filter(file => importsOf(file).some(name => /(^|\/)(changes|mutations)\.ts$/.test(name)));
    expect(openers.filter(file => !/^(store|retention|migrations)\//.test(file))).toEqual([]);
  });

  it('write to a database only where the design lets them', () => {
    const writers = files.filter(file =>
      /\b(insert into|delete from|update .* set|drop table)\b/i.test(readFileSync(path.join(src, file), 'utf8')),
    );
    const known = ['exporter.ts', 'writer.ts'].flatMap(name => [`store/postgres/${name}`, `store/sqlite/${name}`]);
    expect(writers.filter(file => !known.includes(file) && !/^(retention|migrations|facts)\//.test(file))).toEqual([]);
  });
});

describe('tests', () => {
  const named = readdirSync(import.meta.dirname, {recursive: true, encoding: 'utf8'}).filter(file =>
    /\.ts$/.test(file),
  );

  it('are in a project that makes what they need, since they import it', () => {
    const own = ['architecture.test.ts', 'program.ts'];
    const wrong = named.filter(
      file =>
        !own.includes(file) &&
        /['/]bin\/agno-trace\.js'/.test(readFileSync(path.join(import.meta.dirname, file), 'utf8')),
    );
    // Those install it themselves, somewhere else.
    expect(wrong.sort()).toEqual(['e2e/node-versions.long.test.ts', 'e2e/program.test.ts']);
  });
});
