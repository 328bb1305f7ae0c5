import {execFile} from 'node:child_process';
import {existsSync, lstatSync, mkdtempSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';

const run = promisify(execFile);

/** What PyPI gives a user of either line; FastAPI is pinned because its version decides what spans it makes. */
const PACKAGES = {
  '3.1.10': ['agno==3.1.10', 'openinference-instrumentation-agno==1.0.15'],
  '2.9.0': ['agno==2.9.0', 'openinference-instrumentation-agno==1.0.3'],
} as const;
const BESIDE = ['openai', 'sqlalchemy[asyncio]', 'psycopg[binary]', 'fastapi==0.165.0', 'python-multipart'];
export type AgnoVersion = keyof typeof PACKAGES;
export const AGNO_VERSIONS = Object.keys(PACKAGES) as AgnoVersion[];

const INSTALL_MS = 150_000;

/**
 * A Python with real Agno in it, made once per machine in the folder for temporary files.
 * @throws Error with the reason when there is no python3, no venv, or no package registry
 */
export function pythonWith(version: AgnoVersion): Promise<string> {
  return made(`agno-${version}`, [...PACKAGES[version], ...BESIDE]);
}

/**
 * A Python with OpenTelemetry's own messages in it.
 * @throws Error as `pythonWith`
 */
export function pythonForOtlp(): Promise<string> {
  return made('otlp', ['opentelemetry-proto==1.45.2']);
}

/**
 * A Python with a library that evaluates agents.
 * @throws Error as `pythonWith`
 */
export function pythonForEvaluations(): Promise<string> {
  return made('evaluations', ['pydantic-evals==2.62.0']);
}

async function made(name: string, packages: readonly string[]): Promise<string> {
  const folder = path.join(tmpdir(), `agno-trace-python-${process.getuid?.() ?? 0}-${name}`);
  const python = path.join(folder, 'bin', 'python');
  if (isOurs(folder) && existsSync(path.join(folder, 'complete'))) return python;
  const making = mkdtempSync(`${folder}-making-`);
  try {
    await step('python3 -m venv', 'python3', ['-m', 'venv', making]);
    const quietly = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--retries', '1'];
    await step('pip install', path.join(making, 'bin', 'python'), [...quietly, ...packages]);
    writeFileSync(path.join(making, 'complete'), '');
    rmSync(folder, {recursive: true, force: true});
    renameSync(making, folder);
  } finally {
    rmSync(making, {recursive: true, force: true});
  }
  return python;
}

/** The folder is named so that others can guess it: only one that belongs to us is run. */
function isOurs(folder: string): boolean {
  const entry = lstatSync(folder, {throwIfNoEntry: false});
  return entry?.isDirectory() === true && (!process.getuid || entry.uid === process.getuid());
}

async function step(what: string, file: string, args: readonly string[]): Promise<void> {
  await run(file, args, {timeout: INSTALL_MS}).catch(error => {
    const lines = String(error.stderr ?? error.message)
      .trim()
      .split('\n');
    throw new Error(`${what} failed: ${lines.at(-1)}`);
  });
}
