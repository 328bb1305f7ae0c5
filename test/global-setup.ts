import type {TestProject} from 'vitest/node';
import {build} from '../build/build.js';
import {startPostgres} from './postgres-server.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser URL of the server that the tests run on. */
    postgresUrl: string;
  }
}

/** Builds what the end-to-end tests run, and starts one Postgres for all files. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await build();
  const server = await startPostgres();
  project.provide('postgresUrl', server.url);
  return server.stop;
}
