// How src/ is bundled: for the program, and for what the man page is made of.
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {pageAssets} from './page-script.js';
import {priceData} from './price-data.js';
import {sqliteDriver} from './sqlite-driver.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Modules that a library would load and that are not used here, by what they are replaced with. */
const REPLACED = {
  // commander can run subcommands as programs of their own; the module for it would cost every start 3 ms.
  'node:child_process': {importer: /[\\/]commander[\\/]/, code: 'export default {};'},
  // Digests are made for few commands; the module costs every start 3 ms.
  'node:crypto': {
    importer: /[\\/]src[\\/](trace|prices)[\\/]/,
    code: "export const createHash = (...asked) => require('node:crypto').createHash(...asked);",
  },
  // Ink would offer React's developer tools, and a socket to them.
  'react-devtools-core': {importer: /[\\/]ink[\\/]/, code: 'export default {};'},
  ws: {importer: /[\\/]ink[\\/]/, code: 'export default {};'},
  // The cursor is shown on every way out; this would write that to stderr, wherever it goes, at every end.
  'restore-cursor': {importer: /[\\/]cli-cursor[\\/]/, code: 'export default () => {};'},
  'yoga-layout': {importer: /./, file: 'build/yoga.js'},
  // Columns of text are measured as everywhere else; its own tables would cost a start 40 ms.
  'string-width': [
    {importer: /[\\/]cli-table3[\\/]/, file: 'build/string-width.cjs'},
    {importer: /[\\/](ink|widest-line|wrap-ansi|cli-truncate|slice-ansi)[\\/]/, file: 'build/ink-width.js'},
  ],
  // What a client sends is checked against what the commands declare, not by a JSON schema.
  '../validation/ajv-provider.js': {
    importer: /[\\/]@modelcontextprotocol[\\/]/,
    code: 'export class AjvJsonSchemaValidator {}',
  },
  // Schemas of Zod 3 are none of ours.
  'zod/v3': {importer: /[\\/]@modelcontextprotocol[\\/]/, code: 'export const object = () => undefined;'},
  'zod-to-json-schema': {
    importer: /[\\/]@modelcontextprotocol[\\/]/,
    code: 'export const zodToJsonSchema = () => undefined;',
  },
  // Colours are chalk's.
  '@colors/colors/safe': {importer: /[\\/]cli-table3[\\/]/, code: 'export default {};'},
};

const replaced = {
  name: 'replaced',
  enforce: 'pre',
  resolveId(id, importer) {
    if (!importer || !Object.hasOwn(REPLACED, id)) return null;
    const found = [REPLACED[id]].flat().find(item => item.importer.test(importer));
    if (!found) return null;
    return found.file ? `${root}${found.file}` : `\0replaced:${id}`;
  },
  load: id => (id.startsWith('\0replaced:') ? REPLACED[id.slice('\0replaced:'.length)].code : null),
};

const BLANK = "const BLANK = Object.freeze({type: 'char', value: ' ', fullWidth: false, styles: Object.freeze([])});";

/** Changes to Ink, by its files: what is replaced, and by what. */
const INK = {
  // A key's bytes may come in two parts over ssh: an escape byte alone is Escape only after so many milliseconds.
  'App.js': [['pendingInputFlushDelayMilliseconds = 20', 'pendingInputFlushDelayMilliseconds = 100']],
  // It waits at its top level for the tools of its own development, which CommonJS cannot and nobody has here.
  'reconciler.js': [["process.env['DEV'] === 'true'", 'false']],
  // It forgets after each frame what it found out about a line. That is half the price of a frame in which little changed.
  'output.js': [
    ['import stringWidth', "import QuickLRU from 'quick-lru';\nimport stringWidth"],
    ['new Map()', 'new QuickLRU({maxSize: 512})'],
    ['caches = new OutputCaches();', 'caches = CACHES;'],
    ['export default class Output', `const CACHES = new OutputCaches();\n${BLANK}\nexport default class Output`],
    // It makes an object for each blank cell of each frame, and writes each line anew before it reads it.
    [/row\.push\(\{[^}]*\}\);/g, 'row.push(BLANK);'],
    ['characterLines.map(line => styledCharsToString(line))', "(text.includes('\\n') ? $& : [text])"],
  ],
};

const inkAsReleased = {
  name: 'ink-as-released',
  // Without the line that names its source maps, which it does not bring along.
  load: id =>
    /[\\/]ink[\\/]build[\\/].*\.js$/.test(id)
      ? readFileSync(id, 'utf8').replace(/^\/\/# sourceMappingURL=.*/m, '')
      : null,
  transform(code, id) {
    const file = /[\\/]ink[\\/]build[\\/]([^\\/]+)$/.exec(id)?.[1];
    if (!file || !Object.hasOwn(INK, file)) return null;
    return INK[file].reduce((text, [before, after]) => {
      const changed = text.replaceAll(before, after);
      if (changed === text) throw new Error(`Ink's ${file} no longer holds ${before}`);
      return changed;
    }, code);
  },
};

/** Ink as the program has it. */
export const inkOfTheProgram = [replaced, inkAsReleased];

/** @type {import('rolldown').InputOptions} what the program and the man page are bundled with alike */
export const bundling = {
  cwd: root,
  // Two files of the bundle hold such modules anyway; the script of pages is bundled meanwhile (page-script.js).
  checks: {ineffectiveDynamicImport: false, pluginTimings: false},
  platform: 'node',
  // better-sqlite3 is native; pg-native is an optional part of pg that nobody installs here.
  external: ['better-sqlite3', /^better-sqlite3\/package/, 'bindings', 'pg-native', 'pg-cloudflare'],
  plugins: [...inkOfTheProgram, pageAssets, priceData('file'), sqliteDriver('bundled')],
  transform: {
    target: 'node20.12',
    jsx: {runtime: 'automatic'},
    define: {
      'process.env.NODE_ENV': '"production"',
      // pg learns its runtime by making a Response where there is no `navigator`: on Node 20 that loads all of fetch, 15 ms.
      Response: 'undefined',
      // Ink's layout would read its own bytes with fetch, where there is one: the same again, 60 ms of every first screen.
      fetch: 'undefined',
    },
  },
};
