// Bundles src/ into dist/: ESM in split chunks, so that a command loads only what it uses.
import {rm, writeFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import esbuild from 'esbuild';
import {packDemoRuns} from './demo-data.js';
import {folderImports} from './folder-imports.js';

const root = fileURLToPath(new URL('..', import.meta.url));

export async function build() {
  await rm(`${root}dist`, {recursive: true, force: true});
  await esbuild.build({
    absWorkingDir: root,
    entryPoints: {main: 'src/cli/main.ts'},
    outdir: 'dist',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.12',
    minifySyntax: true,
    minifyWhitespace: true,
    // better-sqlite3 is native; pg-native is an optional part of pg that nobody installs here.
    external: ['better-sqlite3', 'pg-native', 'pg-cloudflare'],
    define: {'process.env.NODE_ENV': '"production"'},
    // Parts of pg are CommonJS and call require for Node's own modules.
    banner: {
      js: "import {createRequire as __createRequire} from 'node:module';const require=__createRequire(import.meta.url);",
    },
    plugins: [folderImports.esbuild],
    logLevel: 'warning',
  });
  await writeFile(`${root}dist/demo-runs.br`, packDemoRuns(root));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await build();
