import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {describe, expect, it} from 'vitest';
import {trusted} from '../../src/text/safe.ts';
import {readElsewhere} from '../../src/tui/other-program.ts';
import {temporaryFolder} from '../fixtures.ts';

const TEXT = trusted('contents of a span');

describe('a text that is read in another program', () => {
  it('is a file that the program finds, with the arguments of the variable before it', async () => {
    const folder = temporaryFolder();
    const script = path.join(folder, 'copy.sh');
    writeFileSync(script, `cat "$2" > ${folder}/$1`);
    expect(await readElsewhere(TEXT, 'pager', {PAGER: `sh ${script} pager`})).toBeNull();
    expect(await readElsewhere(TEXT, 'editor', {EDITOR: 'false', VISUAL: `sh ${script} editor`})).toBeNull();
    for (const name of ['pager', 'editor']) expect(readFileSync(path.join(folder, name), 'utf8')).toBe(`${TEXT}\n`);
  });

  it('names the variable to set where it does not exist, or it may not be run', async () => {
    const file = path.join(temporaryFolder(), 'no-program');
    writeFileSync(file, '');
    expect(await readElsewhere(TEXT, 'pager', {PAGER: '/none/less -R'})).toBe(
      '/none/less -R: it does not exist; set PAGER',
    );
    expect(await readElsewhere(TEXT, 'editor', {EDITOR: file})).toBe(`${file}: it is not executable; set EDITOR`);
    expect(await readElsewhere(TEXT, 'editor', {VISUAL: '/none/vi', EDITOR: 'true'})).toContain('set VISUAL');
  });

  it('is not run itself where the variable is empty', async () => {
    // There may be no less here.
    expect([null, 'less: it does not exist; set PAGER']).toContain(
      await readElsewhere(trusted(''), 'pager', {PAGER: ' '}),
    );
  });
});
