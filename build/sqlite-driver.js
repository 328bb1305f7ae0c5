// `import bundled from 'built:better-sqlite3'`: the JavaScript of the installed SQLite driver and its version; its binding
// is compiled where it is installed. In tests null: they use the installed driver as it is.
import {readFileSync} from 'node:fs';

const MODULE = 'built:better-sqlite3';
const root = new URL('../', import.meta.url);

/** @param {'bundled' | 'installed'} which the JavaScript of the driver that the program has */
export const sqliteDriver = which => ({
  name: 'sqlite-driver',
  enforce: 'pre',
  resolveId: id => (id === MODULE ? `\0${MODULE}` : null),
  load: id => {
    if (id !== `\0${MODULE}`) return null;
    if (which === 'installed') return 'export default null;';
    const {version} = JSON.parse(readFileSync(new URL('node_modules/better-sqlite3/package.json', root), 'utf8'));
    const library = new URL('node_modules/better-sqlite3/lib/index.js', root).pathname;
    return `import Database from ${JSON.stringify(library)};
      export default {version: ${JSON.stringify(version)}, Database};`;
  },
});
