// Bundles src/ into dist/: split chunks, so that a command loads only what it uses.
import {readdirSync} from 'node:fs';
import {mkdir, rm, writeFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import esbuild from 'esbuild';
import {toCommonJs} from './common-js.js';
import {packDemoRuns} from './demo-data.js';
import {folderImports} from './folder-imports.js';
import {thirdPartyLicenses} from './licenses.js';
import {manPage} from './man-page.js';
import {noDevTools} from './no-dev-tools.js';
import {priceData, priceFile} from './price-data.js';
import {sqliteDriver} from './sqlite-driver.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The entry finds the rest of the program beside it. */
const runOutside = {
  name: 'run-outside',
  setup(build) {
    build.onResolve({filter: /\/run\.ts$/}, ({path}) => ({path, namespace: 'outside'}));
    build.onLoad({filter: /.*/, namespace: 'outside'}, () => ({
      contents: "module.exports = require('./start.js')['run.js'];",
    }));
    build.onResolve({filter: /\/start\.js$/}, ({path}) => ({path, external: true}));
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

/** What every start reads, what the commands used most read besides, and the rest, which by itself would be larger. */
const TOGETHER = {
  'start.js': ['src/cli/run.ts'],
  'reading.js': ['src/answers/list.ts', 'src/answers/show.ts', 'src/store/sqlite/store.ts', 'src/prices/library.ts'],
  'postgres.js': ['src/store/postgres/store.ts', 'node_modules/pg/lib/client.js'],
  'questions.js': readdirSync(`${root}src/queries/canned`).map(file => `src/queries/canned/${file}`),
  'facts.js': ['src/answers/facts-question.ts'],
  'compare.js': ['diff', 'grep', 'transcript'].map(name => `src/answers/${name}.ts`),
  'other.js': ['complete', 'completion', 'demo', 'doctor', 'help', 'profile', 'question', 'sql', 'wait']
    .map(name => `src/answers/${name}.ts`)
    .concat('src/cli/place.ts'),
};

export async function build() {
  await rm(`${root}dist`, {recursive: true, force: true});
  const common = {
    absWorkingDir: root,
    outdir: 'dist',
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.12',
    jsx: 'automatic',
    minifySyntax: true,
    // Names in stacks are for us, and 300 kB are the bound of the package; a build without this line has them.
    minifyIdentifiers: true,
    minifyWhitespace: true,
    // They are in the licence file.
    legalComments: 'none',
    define: {
      'process.env.NODE_ENV': '"production"',
      // pg learns its runtime by making a Response where there is no `navigator`: on Node 20 that loads all of fetch, 15 ms.
      Response: 'undefined',
      // Ink's layout would read its own bytes with fetch, where there is one: the same again, 60 ms of every first screen.
      fetch: 'undefined',
    },
    logLevel: 'warning',
  };
  // The entry by itself, the rest in few chunks: each further one costs a start half a millisecond.
  const entry = await esbuild.build({
    ...common,
    format: 'cjs',
    entryPoints: ['src/cli/main.ts'],
    plugins: [runOutside],
    supported: {'dynamic-import': false},
  });
  const rest = await esbuild.build({
    ...common,
    entryPoints: ['src/cli/run.ts'],
    splitting: true,
    // better-sqlite3 is native; pg-native is an optional part of pg that nobody installs here.
    external: ['better-sqlite3', 'bindings', 'pg-native', 'pg-cloudflare'],
    plugins: [folderImports.esbuild, noChildProcess, noDevTools, priceData.esbuild, sqliteDriver.esbuild],
  });
  await mkdir(`${root}dist`);
  const files = await toCommonJs(rest.outputFiles, rest.metafile, TOGETHER);
  for (const {name, text} of [{name: 'main.js', text: entry.outputFiles[0].text}, ...files])
    await writeFile(`${root}dist/${name}`, text);
  await writeFile(`${root}dist/package.json`, '{"type": "commonjs"}\n');
  await writeFile(`${root}dist/THIRD-PARTY-LICENSES.txt`, thirdPartyLicenses(root, rest.metafile, priceData.packages));
  await writeFile(`${root}dist/prices.br`, await priceFile());
  await writeFile(`${root}dist/demo-runs.br`, packDemoRuns(root));
  await mkdir(`${root}man`, {recursive: true});
  await writeFile(`${root}man/agno-trace.1`, await manPage(root));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
