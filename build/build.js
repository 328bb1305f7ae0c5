// Bundles src/ into dist/: ESM in split chunks, so that a command loads only what it uses.
import {mkdir, rm, writeFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import esbuild from 'esbuild';
import {packDemoRuns} from './demo-data.js';
import {folderImports} from './folder-imports.js';
import {thirdPartyLicenses} from './licenses.js';
import {manPage} from './man-page.js';
import {noDevTools} from './no-dev-tools.js';
import {priceData} from './price-data.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The entry finds the rest of the program beside it. */
const runOutside = {
  name: 'run-outside',
  setup(build) {
    build.onResolve({filter: /\/run\.ts$/}, () => ({path: './run.js', external: true}));
  },
};

/**
 * commander can run subcommands as programs of their own, which is not used here; the module for it would cost every
 * start 3 ms.
 */
const noChildProcess = {
  name: 'no-child-process',
  setup(build) {
    build.onResolve({filter: /^node:child_process$/}, args =>
      args.importer.includes('commander') ? {path: args.path, namespace: 'absent'} : undefined,
    );
    build.onLoad({filter: /.*/, namespace: 'absent'}, () => ({contents: 'module.exports = {};', loader: 'js'}));
  },
};

export async function build() {
  await rm(`${root}dist`, {recursive: true, force: true});
  const common = {
    absWorkingDir: root,
    outdir: 'dist',
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.12',
    jsx: 'automatic',
    minifySyntax: true,
    // Names in stacks are for us, and 300 kB are the bound of the package; a build without this line has them.
    minifyIdentifiers: true,
    minifyWhitespace: true,
    define: {
      'process.env.NODE_ENV': '"production"',
      // pg learns its runtime by making a Response where there is no `navigator`: on Node 20 that loads all of fetch, 15 ms.
      Response: 'undefined',
      // Ink's layout would read its own bytes with fetch, where there is one: the same again, 60 ms of every first screen.
      fetch: 'undefined',
    },
    logLevel: 'warning',
  };
  // The entry by itself, the rest in few chunks: each further module costs a millisecond or two of every start.
  await esbuild.build({...common, entryPoints: ['src/cli/main.ts'], plugins: [runOutside]});
  const {metafile} = await esbuild.build({
    ...common,
    metafile: true,
    entryPoints: ['src/cli/run.ts'],
    splitting: true,
    // better-sqlite3 is native; pg-native is an optional part of pg that nobody installs here.
    external: ['better-sqlite3', 'pg-native', 'pg-cloudflare'],
    // Parts of pg are CommonJS and call require for Node's own modules.
    banner: {
      js: "import {createRequire as __createRequire} from 'node:module';const require=__createRequire(import.meta.url);",
    },
    plugins: [folderImports.esbuild, noChildProcess, noDevTools, priceData.esbuild],
  });
  await writeFile(`${root}dist/THIRD-PARTY-LICENSES.txt`, thirdPartyLicenses(root, metafile, priceData.packages));
  await writeFile(`${root}dist/demo-runs.br`, packDemoRuns(root));
  await mkdir(`${root}man`, {recursive: true});
  await writeFile(`${root}man/agno-trace.1`, await manPage(root));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
