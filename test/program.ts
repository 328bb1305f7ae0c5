import path from 'node:path';

/** What only the built program has: a test that imports this file gets a build before it runs. */
export const ROOT = new URL('..', import.meta.url).pathname;
export const BIN = path.join(ROOT, 'bin/agno-trace.js');
export const MAN_PAGE = path.join(ROOT, 'man/agno-trace.1');
