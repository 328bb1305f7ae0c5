// Chunks of ES modules to CommonJS files: Node's loader of ES modules costs every start 6 ms. And few of them: each file
// costs half a millisecond, and esbuild makes a chunk of whatever two commands share, so a start would read forty.
import path from 'node:path';
import esbuild from 'esbuild';

/**
 * @param {import('esbuild').OutputFile[]} outputFiles chunks as esbuild splits them
 * @param {import('esbuild').Metafile} metafile of the same build
 * @param {Record<string, string[]>} together files to make of the chunks that these sources need; a chunk goes into the
 *   first that needs it
 * @returns {Promise<{name: string, text: string}[]>} `.js`: CommonJS, whose exports are those of each of its chunks by
 *   name; `.mjs`: what waits at its top level (Ink's layout engine does) and its importers, which can only be ES modules
 */
export async function toCommonJs(outputFiles, metafile, together) {
  const texts = new Map(outputFiles.map(file => [path.basename(file.path), file.text]));
  const chunks = Object.entries(metafile.outputs).map(([file, {imports, entryPoint}]) => ({
    name: path.basename(file),
    entryPoint,
    needs: imports
      .filter(({kind, external}) => kind === 'import-statement' && !external)
      .map(one => path.basename(one.path)),
  }));
  const esModules = await esModulesOf(chunks, texts);
  const fileOf = new Map();
  const take = (name, file) => {
    if (fileOf.has(name)) return;
    fileOf.set(name, file);
    for (const need of chunks.find(chunk => chunk.name === name).needs) take(need, file);
  };
  for (const [file, sources] of Object.entries(together))
    for (const source of sources) take(chunks.find(({entryPoint}) => entryPoint?.endsWith(source)).name, file);
  for (const {name} of chunks) if (!fileOf.has(name)) fileOf.set(name, esModules.has(name) ? esName(name) : name);
  const asked = new Set(chunks.flatMap(({name, needs}) => needs.filter(need => fileOf.get(need) !== fileOf.get(name))));
  for (const {name, entryPoint} of chunks) if (entryPoint) asked.add(name);
  return Promise.all([...new Set(fileOf.values())].map(file => inOneFile(file, {texts, fileOf, asked})));
}

/** Names of the chunks that wait at their top level, and of those that import them. */
async function esModulesOf(chunks, texts) {
  const found = new Set();
  for (const [name, text] of texts) if (await waits(text)) found.add(name);
  for (let before = -1; before < found.size; ) {
    before = found.size;
    for (const {name, needs} of chunks) if (needs.some(need => found.has(need))) found.add(name);
  }
  return found;
}

async function waits(text) {
  try {
    await esbuild.transform(text, {format: 'cjs', define: {'import.meta.url': '__url'}});
    return false;
  } catch (error) {
    if (error.errors?.every(one => one.text.startsWith('Top-level await'))) return true;
    throw error;
  }
}

async function inOneFile(file, {texts, fileOf, asked}) {
  const names = [...texts.keys()].filter(name => fileOf.get(name) === file);
  const isEsModule = file.endsWith('.mjs');
  const linked = {
    name: 'linked',
    setup(build) {
      build.onResolve({filter: /^\.\//}, ({path: target, kind}) => {
        const name = path.basename(target);
        if (!texts.has(name)) return {path: target, external: true};
        if (kind !== 'dynamic-import' && fileOf.get(name) === file) return {path: name, namespace: 'chunk'};
        if (fileOf.get(name).endsWith('.mjs')) return {path: `./${fileOf.get(name)}`, external: true};
        return {path: name, namespace: 'outside'};
      });
      build.onResolve({filter: /./}, ({path: target}) => ({path: target, external: true}));
      build.onLoad({filter: /./, namespace: 'chunk'}, ({path: name}) => ({contents: texts.get(name)}));
      // Through `load`, which is `require`: by that name it would be resolved again.
      build.onLoad({filter: /./, namespace: 'outside'}, ({path: name}) => ({
        contents: `module.exports = Object.defineProperty(__load("./${fileOf.get(name)}")["${name}"], '__esModule', {value: true});`,
      }));
    },
  };
  const {outputFiles} = await esbuild.build({
    stdin: {
      contents: isEsModule
        ? `export * from "./${names[0]}";${/\bas default\b/.test(texts.get(names[0])) ? `export {default} from "./${names[0]}";` : ''}`
        : names
            .filter(name => asked.has(name))
            .map(name => `export * as ${JSON.stringify(name)} from "./${name}";`)
            .join('\n'),
      resolveDir: '/',
    },
    bundle: true,
    write: false,
    platform: 'node',
    target: 'node20.12',
    minify: true,
    // They are in the licence file.
    legalComments: 'none',
    logLevel: 'warning',
    plugins: [linked],
    ...(isEsModule
      ? {
          format: 'esm',
          banner: {
            js: "import {createRequire as __r} from 'node:module';const require=__r(import.meta.url),__load=require;",
          },
        }
      : {
          format: 'cjs',
          define: {'import.meta.url': '__url'},
          banner: {
            js: `const __load=require${names.some(name => texts.get(name).includes('import.meta.url')) ? ",__url=require('node:url').pathToFileURL(__filename).href" : ''};`,
          },
        }),
  });
  return {name: file, text: outputFiles[0].text};
}

const esName = name => name.replace(/\.js$/, '.mjs');
