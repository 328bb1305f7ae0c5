// `import bundled from 'built:better-sqlite3'`: the JavaScript of the installed SQLite driver and its version; its binding
// is compiled where it is installed. In tests null: they use the installed driver as it is.
import {readFileSync} from 'node:fs';

const MODULE = 'built:better-sqlite3';
const root = new URL('../', import.meta.url);

export const sqliteDriver = {
  /** @type {import('esbuild').Plugin} */
  esbuild: {
    name: 'sqlite-driver',
    setup(build) {
      build.onResolve({filter: /^built:better-sqlite3$/}, ({path}) => ({path, namespace: 'driver'}));
      build.onLoad({filter: /.*/, namespace: 'driver'}, () => {
        const file = new URL('node_modules/better-sqlite3/package.json', root);
        const {version} = JSON.parse(readFileSync(file, 'utf8'));
        return {
          contents: `import Database from './node_modules/better-sqlite3/lib/index.js';
            export default {version: ${JSON.stringify(version)}, Database};`,
          resolveDir: new URL('.', root).pathname,
        };
      });
    },
  },
  /** @type {import('vite').Plugin} */
  vite: {
    name: 'sqlite-driver',
    enforce: 'pre',
    resolveId: id => (id === MODULE ? `\0${MODULE}` : null),
    load: id => (id === `\0${MODULE}` ? 'export default null;' : null),
  },
};
