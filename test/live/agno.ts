import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {temporaryFolder} from '../fixtures.ts';

const LAB = new URL('agno_lab.py', import.meta.url).pathname;

export interface AgnoOptions {
  readonly python: string;
  /** As the tests name databases: a file, or a Postgres URL. */
  readonly db: string;
  readonly isBatch: boolean;
  readonly seconds: number;
  /** Runs begun per second. */
  readonly rate: number;
  /** Below 1: models and tools answer faster. */
  readonly speed: number;
  /** Ids of a run that goes well and of one that fails. */
  readonly runIds: readonly [string, string];
}

/** What Agno and its drivers say when a trace or a span could not be written; the failures of runs are no matter here. */
const DATABASE_ERROR =
  /Error creating (trace|span)|Failed to (export|convert)|database is locked|sqlite3\.|psycopg\.|sqlalchemy|FOREIGN KEY|agno_(traces|spans)/i;

export interface AgnoWrote {
  /** Its lines about the database. */
  readonly errors: readonly string[];
  /** When the insert of a span had returned to it, ms since 1970, by span id. */
  readonly insertedMs: ReadonlyMap<string, number>;
}

/** Lets real Agno write for a while; resolves when its process has ended. */
export async function runAgno(options: AgnoOptions): Promise<AgnoWrote> {
  const commits = path.join(temporaryFolder(), 'commits.jsonl');
  const {python, db, isBatch, seconds, rate, speed, runIds} = options;
  const url = db.startsWith('/') ? `sqlite:///${db}` : db.replace(/^postgresql:/, 'postgresql+psycopg:');
  const flags = [
    '--db',
    url,
    '--live',
    seconds,
    '--rate',
    rate,
    '--speed',
    speed,
    '--ids',
    ...runIds,
    '--commits',
    commits,
  ];
  const child = spawn(python, [LAB, ...flags.map(String), ...(isBatch ? ['--batch'] : [])], {
    // No proxy between Agno and its fake model.
    env: {...process.env, NO_PROXY: '127.0.0.1', no_proxy: '127.0.0.1', PYTHONUNBUFFERED: '1'},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', data => {
      said += data;
    });
  const [code, signal] = await once(child, 'close');
  if (code !== 0) throw new Error(`Agno's process ended with ${code ?? signal}: ${said.slice(-2000)}`);
  const inserts = readFileSync(commits, 'utf8')
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
  return {
    errors: said.split('\n').filter(line => DATABASE_ERROR.test(line)),
    insertedMs: new Map(inserts.flatMap(({at, spans}) => spans.map((id: string) => [id, at]))),
  };
}
