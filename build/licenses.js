// The licences of the packages that are bundled into dist/, collected from what the bundler really took in.
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';

export function thirdPartyLicenses(root, modules, more) {
  const packages = new Set(more);
  for (const input of modules) {
    const match = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input);
    if (match) packages.add(match[1]);
  }
  const own = readFileSync(path.join(root, 'LICENSE'), 'utf8');
  const texts = [...packages].sort().map(name => {
    const folder = path.join(root, 'node_modules', name);
    const {version, license} = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
    const file = existsSync(folder) ? readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry)) : undefined;
    const text = file ? readFileSync(path.join(folder, file), 'utf8').trim() : `Licensed under ${license}.`;
    return `${name} ${version} (${license})\n\n${withoutOwnTerms(text, own)}\n`;
  });
  return `agno-trace contains code of these packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

const TERMS = /TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION.*END OF TERMS AND CONDITIONS/s;

/** The same terms as this program's own are in the package once: in its LICENSE. */
function withoutOwnTerms(text, own) {
  const plain = of => TERMS.exec(of)?.[0].replace(/\s+/g, ' ');
  if (plain(text) === undefined || plain(text) !== plain(own)) return text;
  return text.replace(TERMS, 'The terms and conditions, word for word, are those in the file LICENSE of this package.');
}
