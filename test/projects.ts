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
  /** Has a database on the server. */
  postgres: /^databases\.ts$/,
  /** Has a SQLite file. */
  sqlite: /^(fixtures\.ts|better-sqlite3)$/,
} as const;

export type ProjectName = keyof typeof NEEDS | 'unit';
export const PROJECT_NAMES: readonly ProjectName[] = [...(Object.keys(NEEDS) as (keyof typeof NEEDS)[]), 'unit'];

const TESTS = import.meta.dirname;

/** The test files of each project, from the root. */
export function testFiles(): ReadonlyMap<ProjectName, readonly string[]> {
  const files = readdirSync(TESTS, {recursive: true, encoding: 'utf8'}).filter(file => file.endsWith('.test.ts'));
  const byProject = new Map<ProjectName, string[]>(PROJECT_NAMES.map(name => [name, []]));
  for (const file of files.sort()) byProject.get(projectOf(file.split(path.sep).join('/')))!.push(`test/${file}`);
  return byProject;
}

function projectOf(file: string): ProjectName {
  const reached = [...reach(file, new Set())];
  return PROJECT_NAMES.find(name => name === 'unit' || reached.some(item => NEEDS[name].test(item)))!;
}

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
