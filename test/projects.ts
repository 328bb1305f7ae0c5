import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';

/**
 * What a test needs decides which project it is in, and what it needs is seen in what it imports, itself or through other
 * files of test/: no list that someone must keep. The first that fits.
 */
const NEEDS = {
  /** Runs what is built. */
  program: /^program\.ts$/,
  /** Draws screens. */
  screens: /^tui\//,
  /** Has a database on the ClickHouse server, whose engine is not always installed. */
  clickhouse: /^clickhouse-databases\.ts$/,
  /** Has a database on the server. */
  postgres: /^databases\.ts$/,
  /** Has a SQLite file. */
  sqlite: /^(fixtures\.ts|better-sqlite3)$/,
} as const;

export type ProjectName = keyof typeof NEEDS | 'unit';
export const PROJECT_NAMES: readonly ProjectName[] = [...(Object.keys(NEEDS) as (keyof typeof NEEDS)[]), 'unit'];

const TESTS = import.meta.dirname;

const ONLY_LONG = /\.long\.test\.ts$/;

/** The test files of each project, from the root. */
export function testFiles({isLong}: {isLong: boolean}): ReadonlyMap<ProjectName, readonly string[]> {
  const byProject = new Map<ProjectName, string[]>(PROJECT_NAMES.map(name => [name, []]));
  for (const name of readdirSync(TESTS, {recursive: true, encoding: 'utf8'}).sort()) {
    const file = name.split(path.sep).join('/');
    if (!file.endsWith('.test.ts') || file.includes('node_modules/')) continue;
    const reached = [...reach(file, new Set())];
    if (isLong ? !hasLongForm(reached) : ONLY_LONG.test(file)) continue;
    const project = PROJECT_NAMES.find(item => item === 'unit' || reached.some(needed => NEEDS[item].test(needed)))!;
    byProject.get(project)!.push(`test/${file}`);
  }
  return byProject;
}

/** As long.ts says. */
const hasLongForm = (reached: readonly string[]) =>
  reached.some(item => item === 'long.ts' || item === 'fast-check' || ONLY_LONG.test(item));

/** A file of test/, and the libraries and other files of test/ that it imports. */
function reach(file: string, reached: Set<string>): Set<string> {
  if (reached.has(file)) return reached;
  reached.add(file);
  const text = readFileSync(path.join(TESTS, file), 'utf8');
  // An `import type` is gone when the file runs.
  for (const [, name] of text.matchAll(/^(?:import|export|\} from)(?! type\b)[^;'"]*?'([^']+)'/gm)) {
    const target = path.posix.join(path.posix.dirname(file), name!);
    if (!name!.startsWith('.')) reached.add(name!);
    else if (!target.startsWith('..') && /\.tsx?$/.test(target)) reach(target, reached);
  }
  return reached;
}
