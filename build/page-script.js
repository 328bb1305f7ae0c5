// `import page from 'built:page'`: the script and the style sheet of pages (src/page/browser/), as texts. A module of its own
// that is loaded when a page is written.
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {rolldown} from 'rolldown';

const MODULE = 'built:page';
const root = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = `${root}src/page/browser/`;

/** Modules of Node's that code shared with the program names and that no page reaches, and a library of which little is used. */
const FOR_PAGES = {
  name: 'for-pages',
  resolveId: id => (id.startsWith('node:') ? `\0${id}` : id === 'pretty-ms' ? `${root}build/pretty-ms.js` : null),
  load: id =>
    id.startsWith('\0node:') ? {code: 'export const createHash = undefined;', moduleSideEffects: false} : null,
};

/** @param {string} entry */
async function pageScript(entry) {
  const bundle = await rolldown({
    cwd: root,
    input: FOLDER + entry,
    platform: 'browser',
    plugins: [FOR_PAGES],
    transform: {target: 'es2022'},
    treeshake: {moduleSideEffects: false},
  });
  const {output} = await bundle.generate({format: 'iife', minify: true, comments: false});
  await bundle.close();
  // In ASCII, so that no reader of the file can take its encoding for another one.
  const code = output[0].code.trim().replace(/[^\x20-\x7e\n]/gu, escaped);
  if (/<\/script|<!--/i.test(code)) throw new Error('the script of pages holds what ends a script in HTML');
  return code;
}

/** In a string and in a regular expression alike. */
function escaped(char) {
  return [...Array(char.length).keys()].map(i => `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`).join('');
}

function styleSheet() {
  return readFileSync(`${FOLDER}style.css`, 'utf8')
    .replace(/\s+/g, ' ')
    .replace(/ ?([{};,>]) ?/g, '$1')
    .replace(/: /g, ':')
    .replace(/#(\w)\1(\w)\2(\w)\3\b/g, '#$1$2$3')
    .replaceAll(';}', '}')
    .trim();
}

export const pageAssets = {
  name: 'page-assets',
  enforce: 'pre',
  resolveId: id => (id === MODULE ? `\0${MODULE}` : null),
  load: async id =>
    id === `\0${MODULE}`
      ? `export const runScript = ${JSON.stringify(await pageScript('main.ts'))};\nexport const answerScript = ${JSON.stringify(await pageScript('answer.ts'))};\nexport const style = ${JSON.stringify(styleSheet())};`
      : null,
};
