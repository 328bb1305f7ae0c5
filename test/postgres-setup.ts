import type {TestProject} from 'vitest/node';
import {once} from './once.ts';
import {startPostgres} from './postgres-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser URL of the server that the tests run on. */
    postgresUrl: string;
    /** What the names of all databases of this run begin with. */
    postgresPrefix: string;
  }
}

/** One server for all files. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await once('Postgres', startPostgres);
  project.provide('postgresUrl', server.url);
  project.provide('postgresPrefix', server.prefix);
  return server.stop;
}
