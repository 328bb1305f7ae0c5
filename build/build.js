// Bundles src/ into dist/: CommonJS, as Node's loader of ES modules costs every start 6 ms, and few files, as each further
// one costs half a millisecond. Then what ships beside the bundle: prices, the runs of the demo, licences, the man page.
import {mkdir, rm, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {rolldown} from 'rolldown';
import {bundling} from './bundling.js';
import {packDemoRuns} from './demo-data.js';
import {thirdPartyLicenses} from './licenses.js';
import {manPage} from './man-page.js';
import {PRICE_PACKAGES, priceFile} from './price-data.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Which modules share a file: what every start reads, what the commands used most read besides, and the rest. */
const TOGETHER = {
  // Asking for the version loads this beside the entry, and nothing else.
  version: ['src/cli/version.ts', 'package.json'],
  start: ['src/cli/run.ts'],
  reading: [
    'src/commands/list/run.ts',
    'src/store/sqlite/store.ts',
    'src/prices/library.ts',
    'src/commands/list/command.ts',
    'src/commands/show/command.ts',
  ],
  // What one run needs beyond that: a list does not pay for it.
  show: ['src/commands/show/run.ts'],
  // What is read when a subcommand is named, with --help too.
  commands: [/^src\/commands\/[^/]+\/command\.ts$/],
  postgres: ['src/store/postgres/store.ts', 'node_modules/pg/lib/client.js'],
  // The protocol's library. Its importer is with it, and nothing else reads it.
  mcp: [
    'src/commands/mcp/server.ts',
    'node_modules/@modelcontextprotocol/',
    'node_modules/zod/',
    '\0replaced:zod',
    '\0replaced:../validation',
  ],
  // Detectors, and check digits of many countries.
  redaction: ['src/redaction/redactor.ts', 'node_modules/stdnum/', 'node_modules/ibantools/'],
  clickhouse: ['src/store/clickhouse/store.ts', 'node_modules/@clickhouse/client/'],
  facts: ['src/commands/question/run.ts', 'src/questions/'],
  // The layout engine is ready before Ink, which reads its constants, is loaded.
  layout: ['src/tui/layout-engine.ts', 'src/tui/screens.ts'],
  // What fills the screens. Not in one file with Ink, which is read later, nor with all other commands.
  sources: ['src/commands/ui/', 'src/commands/tail/'],
  screens: ['src/tui/'],
  // Loaded when a page is written.
  page: ['src/page/document.ts', /built:page/],
  other: ['src/commands/', 'src/cli/place.ts'],
};

export async function build() {
  await rm(`${root}dist`, {recursive: true, force: true});
  const bundle = await rolldown({...bundling, input: {main: 'src/cli/main.ts'}});
  const {output} = await bundle.write({
    dir: `${root}dist`,
    format: 'cjs',
    // Names in stacks are for us; a build without this line has them.
    minify: true,
    comments: false,
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    codeSplitting: {
      groups: Object.entries(TOGETHER).map(([name, sources], i) => ({
        name,
        test: id =>
          sources.some(source => (source.test ? source.test(path.relative(root, id)) : id.startsWith(root + source))),
        priority: 100 - i,
      })),
    },
  });
  await bundle.close();
  const modules = output.flatMap(chunk => chunk.moduleIds ?? []);
  await writeFile(`${root}dist/package.json`, '{"type": "commonjs"}\n');
  await writeFile(`${root}dist/THIRD-PARTY-LICENSES.txt`, thirdPartyLicenses(root, modules, PRICE_PACKAGES));
  await writeFile(`${root}dist/prices.br`, await priceFile());
  await writeFile(`${root}dist/demo-runs.br`, packDemoRuns(root));
  await mkdir(`${root}man`, {recursive: true});
  await writeFile(`${root}man/agno-trace.1`, await manPage(root));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
