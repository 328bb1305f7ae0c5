import {existsSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {expect, test} from 'vitest';

const ROOT = new URL('..', import.meta.url).pathname;

/** Files of the checkout below a folder whose names end so. */
function filesIn(folder: string, ending: RegExp): string[] {
  const names = readdirSync(path.join(ROOT, folder), {recursive: true, encoding: 'utf8'});
  return names.filter(name => ending.test(name) && !name.includes('node_modules')).map(name => path.join(folder, name));
}

const SOURCES = ['bin', 'build', 'src', 'test'].flatMap(folder => filesIn(folder, /\.(js|mjs|py|ts|tsx)$/));
const PAGES = [...filesIn('docs', /\.md$/), ...readdirSync(ROOT).filter(name => name.endsWith('.md'))];

/** Comments of a file, each on one line, so that what wraps is found as well. */
function commentsOf(source: string): string[] {
  const blocks = source.match(/\/\*[\s\S]*?\*\/|(?:^[ \t]*(?:\/\/|#).*\n?)+|\/\/.*/gm) ?? [];
  return blocks.map(block => block.replace(/\s*\n\s*(?:\*(?!\/)|\/\/|#)?\s*/g, ' '));
}

function headingsOf(page: string): string[] {
  return [...readFileSync(path.join(ROOT, page), 'utf8').matchAll(/^#+ (.*)$/gm)].map(match =>
    (match[1] as string).trim(),
  );
}

test('every page and section that a comment cites is in the repository', () => {
  const missing: string[] = [];
  for (const file of SOURCES) {
    for (const comment of commentsOf(readFileSync(path.join(ROOT, file), 'utf8'))) {
      for (const [cited] of comment.matchAll(/[\w./-]+\.md\b/g)) {
        if (![cited, path.join(path.dirname(file), cited)].some(place => existsSync(path.join(ROOT, place))))
          missing.push(`${file}: ${cited}`);
      }
      for (const [whole, page, section] of comment.matchAll(/\((docs\/[\w-]+\.md), ([^);:]+)/g)) {
        if (
          existsSync(path.join(ROOT, page as string)) &&
          !headingsOf(page as string).includes((section as string).trim())
        )
          missing.push(`${file}: ${whole})`);
      }
    }
  }
  expect(missing).toEqual([]);
});

test('every link of a page to another file leads somewhere', () => {
  const missing: string[] = [];
  for (const page of PAGES) {
    for (const [, target] of readFileSync(path.join(ROOT, page), 'utf8').matchAll(/\]\(([^)\s]+)\)/g)) {
      const file = (target as string).split('#')[0] as string;
      if (file === '' || /^[a-z]+:/.test(file)) continue;
      if (!existsSync(path.join(ROOT, path.dirname(page), file))) missing.push(`${page}: ${target}`);
    }
  }
  expect(missing).toEqual([]);
});
