import {execFileSync, spawn} from 'node:child_process';
import {existsSync, mkdirSync, readFileSync, statSync, symlinkSync} from 'node:fs';
import path from 'node:path';
import {beforeAll, describe, expect, it} from 'vitest';
import {cli} from '../cli.ts';
import {sqliteCopy, temporaryFolder} from '../fixtures.ts';
import {BIN, pack, program, ROOT} from '../program.ts';

describe('the built program', () => {
  it('prints its version, and nothing else', async () => {
    const {version} = JSON.parse(execFileSync('cat', [path.join(ROOT, 'package.json')], {encoding: 'utf8'}));
    expect(await program(['--version'])).toEqual({code: 0, out: `${version}\n`, err: ''});
  });

  it('makes the demo in a folder, and reads it as the default of no other', async () => {
    const cwd = temporaryFolder();
    const demo = await program(['demo'], {cwd});
    expect(demo.code).toBe(0);
    expect(demo.out).toContain('Support Team');
    const none = await program(['list'], {cwd});
    expect([none.code, none.out]).toEqual([2, '']);
    const list = await program(['list', '--db', 'agno-trace-demo.db', '--jsonl'], {cwd});
    expect(list.out.trimEnd().split('\n')).toHaveLength(20);
  });

  it('ends with the exit codes it documents', async () => {
    const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
    expect((await program(['list', '--db', db])).code).toBe(0);
    expect((await program(['lst', '--db', db])).code).toBe(2);
    expect((await program(['show', 'nothing-of-the-kind', '--db', db])).code).toBe(3);
    expect((await program(['list', '--db', '/nowhere/agno.db'])).code).toBe(4);
    expect((await program(['list', '--db', db, '--spans-table', 'x'])).code).toBe(5);
  });

  describe('with more to say than a pipe holds', () => {
    const PIPE_BYTES = 65_536;
    let cwd: string;
    beforeAll(async () => {
      cwd = temporaryFolder();
      await program(['demo'], {cwd});
    });
    const list = ['list', '--db', 'agno-trace-demo.db', '--limit', '0', '--traffic', '--jsonl'];

    it('ends quietly when its reader has seen enough', async () => {
      const child = spawn(process.execPath, [BIN, ...list], {cwd, env: {PATH: process.env.PATH}});
      let err = '';
      child.stderr.on('data', chunk => {
        err += chunk;
      });
      child.stdout.once('data', () => child.stdout.destroy());
      const code = await new Promise(resolve => child.once('close', resolve));
      expect([code, err]).toEqual([0, '']);
    });

    it.each([
      [list, 1],
      [['export', '--db', 'agno-trace-demo.db', '--limit', '0', '--format', 'jsonl'], 40],
    ])('prints everything into a pipe before it ends: %j', async (argv, pipes) => {
      const {out} = await program(argv, {cwd});
      expect(out.length).toBeGreaterThan(pipes * PIPE_BYTES);
      const into = await cli(argv, {cwd});
      expect(out.split('\n').length).toBe(into.out.split('\n').length);
      expect(out.endsWith('}\n')).toBe(true);
    });
  });
});

describe('the package', () => {
  it('holds what the program needs and no more, below 890 kB, and works where it is installed', async () => {
    const folder = temporaryFolder();
    const tarball = pack(folder);
    const listed = execFileSync('tar', ['-tzvf', tarball], {encoding: 'utf8'});
    expect(listed).not.toMatch(/\/(src|test|fixtures|node_modules)\//);
    expect(statSync(tarball).size).toBeLessThan(890_000);
    // The man page, with the field that makes npm install it: an array, as npm 11 links no other.
    const {man, scripts} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
    expect(man).toEqual(['man/agno-trace.1']);
    expect(listed).toMatch(/package\/man\/agno-trace\.1$/m);
    expect(scripts.prepack).toBe('node build/build.js');
    // Installed by hand: npm would compile SQLite's driver, which the clone has already.
    const modules = path.join(folder, 'node_modules');
    mkdirSync(modules);
    execFileSync('tar', ['-xzf', tarball, '-C', modules]);
    execFileSync('mv', [path.join(modules, 'package'), path.join(modules, 'agno-trace')]);
    for (const name of ['better-sqlite3', 'bindings', 'file-uri-to-path']) {
      const target = path.join(ROOT, 'node_modules', name);
      if (existsSync(target)) symlinkSync(target, path.join(modules, name));
    }
    const bin = path.join(modules, 'agno-trace/bin/agno-trace.js');
    const demo = await program(['demo'], {cwd: folder, bin});
    expect([demo.code, demo.out]).toEqual([0, expect.stringContaining('121 traces')]);
    const list = await program(['list', '--db', 'agno-trace-demo.db'], {cwd: folder, bin});
    expect(list.out).toContain('Weather Agent');
    expect(list.err).toContain('cost: prices of 20');
    expect(readFileSync(path.join(modules, 'agno-trace/dist/THIRD-PARTY-LICENSES.txt'), 'utf8')).toContain(
      '@pydantic/genai-prices',
    );
    // Postgres needs nothing beside the package: its driver is bundled.
    const none = await program(['list', '--db', 'postgresql://u:p@127.0.0.1:1/x'], {cwd: folder, bin});
    expect([none.code, none.err]).toEqual([4, expect.stringContaining('no Postgres answered')]);
  });
});
