// `import commands from 'folder:../commands'`: every module of a folder by file name, found when the program is built.
// A new subcommand or a new question is therefore one new file, and nothing is read from disk at start.
// `import questions from 'summaries:../queries/canned'`: of each its summary and `load`, so that a start which asks none of
// them reads none of them.
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';

const FORM = /^(folder|summaries):(.*)$/;

function sourceOf(form, folder) {
  const files = readdirSync(folder)
    .filter(file => file.endsWith('.ts'))
    .sort();
  if (form === 'summaries') return summariesOf(files.map(file => path.join(folder, file)));
  const imports = files.map((file, i) => `import m${i} from ${JSON.stringify(path.join(folder, file))};`);
  const entries = files.map((file, i) => `${JSON.stringify(file.slice(0, -3))}: m${i}`);
  return `${imports.join('\n')}\nexport default {${entries.join(', ')}};`;
}

function summariesOf(files) {
  const entries = files.map(file => {
    const summary = /^ {2}summary:\s*('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"),$/m.exec(
      readFileSync(file, 'utf8'),
    )?.[1];
    if (summary === undefined) throw new Error(`${file}: its summary must be one literal, as it is read at build time`);
    return `${JSON.stringify(path.basename(file, '.ts'))}: {summary: ${summary}, load: async () => (await import(${JSON.stringify(file)})).default}`;
  });
  return `export default {${entries.join(', ')}};`;
}

/** For the bundler and for the tests alike. */
export const folderImports = {
  name: 'folder-imports',
  enforce: 'pre',
  resolveId(id, importer) {
    const [, form, folder] = FORM.exec(id) ?? [];
    return form && importer ? `\0${form}:${path.resolve(path.dirname(importer), folder)}` : null;
  },
  load(id) {
    const [, form, folder] = id.startsWith('\0') ? (FORM.exec(id.slice(1)) ?? []) : [];
    return form ? sourceOf(form, folder) : null;
  },
};
