import type {TestProject} from 'vitest/node';
import {startClickhouse} from './clickhouse-server.ts';
import {once} from './once.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** `host:port` of the ClickHouse server that the tests run on. */
    clickhouseAddress: string;
  }
}

/** One server for all files. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await once('ClickHouse', startClickhouse);
  project.provide('clickhouseAddress', server.address);
  return server.stop;
}
