// `import commands from 'folder:../commands'`: every module of a folder by file name, found when the program is built.
// A new subcommand or a new question is therefore one new file, and nothing is read from disk at start.
import {readdirSync} from 'node:fs';
import path from 'node:path';

const PREFIX = 'folder:';

function sourceOf(folder) {
  const files = readdirSync(folder)
    .filter(file => file.endsWith('.ts'))
    .sort();
  const imports = files.map((file, i) => `import m${i} from ${JSON.stringify(path.join(folder, file))};`);
  const entries = files.map((file, i) => `${JSON.stringify(file.slice(0, -3))}: m${i}`);
  return `${imports.join('\n')}\nexport default {${entries.join(', ')}};`;
}

export const folderImports = {
  /** @type {import('esbuild').Plugin} */
  esbuild: {
    name: 'folder-imports',
    setup(build) {
      build.onResolve({filter: /^folder:/}, args => ({
        path: path.resolve(args.resolveDir, args.path.slice(PREFIX.length)),
        namespace: 'folder',
      }));
      build.onLoad({filter: /.*/, namespace: 'folder'}, args => ({
        contents: sourceOf(args.path),
        resolveDir: args.path,
        watchDirs: [args.path],
      }));
    },
  },
  /** @type {import('vite').Plugin} */
  vite: {
    name: 'folder-imports',
    enforce: 'pre',
    resolveId(id, importer) {
      if (!id.startsWith(PREFIX) || !importer) return null;
      return `\0${PREFIX}${path.resolve(path.dirname(importer), id.slice(PREFIX.length))}`;
    },
    load(id) {
      return id.startsWith(`\0${PREFIX}`) ? sourceOf(id.slice(PREFIX.length + 1)) : null;
    },
  },
};
