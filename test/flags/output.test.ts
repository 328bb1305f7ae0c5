import {execFileSync, spawn} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import {describe, expect, it} from 'vitest';
import {EXIT} from '../../src/errors.ts';
import {renderCsv} from '../../src/render/csv.ts';
import {renderMarkdown} from '../../src/render/markdown.ts';
import {RUN_FIELDS} from '../../src/trace/record.ts';
import {cli, json} from '../cli.ts';
import {BACKENDS, sharedFixture, sqliteCopy, temporaryFolder} from '../databases.ts';
import {BIN} from '../program.ts';

const FIXTURE = 'agno-3.1.10-pictures.sqlite';

/** Reads CSV by the letter of RFC 4180; null: an empty cell without quotes. */
function readCsv(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let at = 0;
  while (at < text.length) {
    const row: (string | null)[] = [];
    for (;;) {
      if (text[at] === '"') {
        let cell = '';
        for (at++; ; at++) {
          if (text[at] !== '"') cell += text[at];
          else if (text[at + 1] === '"') cell += text[at++];
          else break;
        }
        at++;
        row.push(cell);
      } else {
        const end = text.slice(at).search(/,|\r\n/);
        const cell = text.slice(at, at + end);
        expect(cell).not.toMatch(/["\r\n]/);
        row.push(cell === '' ? null : cell);
        at += end;
      }
      if (text.startsWith('\r\n', at)) break;
      expect(text[at]).toBe(',');
      at++;
    }
    rows.push(row);
    at += 2;
  }
  return rows;
}

/** What docs/json.md says: one quote is taken off a text that was made inert. */
const revived = (cell: string): string => cell.replace(/^'('*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])/, '$1');

describe.each(BACKENDS)('formats on %s', async backend => {
  const db = await sharedFixture(backend, FIXTURE);

  it('csv of list holds what JSON holds, flat', async () => {
    const {data} = await json(['list', '--db', db, '--limit', '0']);
    const {out, err} = await cli(['list', '--db', db, '--limit', '0', '--format', 'csv']);
    const [header, ...rows] = readCsv(out);
    expect(header).toEqual(Object.keys(data[0]));
    expect(rows).toHaveLength(data.length);
    for (const [i, row] of rows.entries()) {
      for (const [k, key] of header!.entries()) {
        const value = data[i][key!];
        const expected = value === null ? null : Array.isArray(value) ? JSON.stringify(value) : String(value);
        expect(row[k]).toBe(expected === '' ? '' : expected);
      }
    }
    expect(err).toMatch(/not shown \(--traffic\)/);
  });

  it('the keys of list in csv are those of the contract', async () => {
    const {data} = await json(['list', '--db', db, '--limit', '1']);
    expect(Object.keys(data[0])).toEqual([...RUN_FIELDS]);
  });

  it('csv and md of nothing have their header', async () => {
    const nobody = ['list', '--db', db, '--user', 'nobody'];
    expect((await cli([...nobody, '--format', 'csv', '--fields', 'runId,state'])).out).toBe('runId,state\r\n');
    expect((await cli([...nobody, '--format', 'md', '--fields', 'runId,state'])).out).toBe(
      '| runId | state |\n| --- | --- |\n',
    );
  });

  it('md of slowest is a table of GitHub with numbers to the right', async () => {
    const {out} = await cli(['slowest', '--db', db, '--by', 'kind', '--format', 'md', '--fields', 'name,calls']);
    expect(out.split('\n').slice(0, 2)).toEqual(['| name | calls |', '| --- | ---: |']);
    expect(out).toContain('| llm | 110 |\n');
  });

  it.each([
    ['list'],
    ['slowest'],
    ['sql', 'select span_id as "spanId", name, kind as state from spans limit 3', '--views'],
  ])('--fields picks and orders the keys of %s in every format', async (...argv) => {
    const [first, second] = argv[0] === 'slowest' ? ['calls', 'name'] : ['state', 'name'];
    const command = [...argv, '--db', db, '--fields', `${first}, ${second}`];
    const {data} = await json(command);
    expect(data.length).toBeGreaterThan(0);
    for (const item of data) expect(Object.keys(item)).toEqual([first, second]);
    const lines = (await cli([...command, '--jsonl'])).out.trim().split('\n');
    expect(lines.map(line => JSON.parse(line))).toEqual(data);
    expect((await cli([...command, '--format', 'csv'])).out.split('\r\n')[0]).toBe(`${first},${second}`);
    expect((await cli([...command, '--format', 'md'])).out.split('\n')[0]).toBe(`| ${first} | ${second} |`);
  });

  it.each([
    [
      ['list', '--json', '--fields', 'runId,stat'],
      /^error: --fields "stat" is not known\.\nhint: Did you mean state\? Fields: runId, traceId, .*detached, parts, retryCount\.\n$/,
    ],
    [
      ['slowest', '--format', 'csv', '--fields', 'zzzz'],
      /^error: --fields "zzzz" is not known\.\nhint: Fields: name, calls, .*\n$/,
    ],
    [
      ['sql', 'select 1 as a', '--format', 'md', '--fields', 'b,a'],
      /^error: --fields "b" is not known\.\nhint: .*Fields: a\.\n$/,
    ],
    [['list', '--fields', 'runId'], /^error: --fields "runId" does not apply to --format table\.\nhint: .*\n$/],
    [['list', '--format', 'csv', '--fields', ','], /^error: --fields "," names no field\.\nhint: .*\n$/],
    [['list', '--format', 'xml'], /^error: --format "xml" is not known\.\nhint: .*csv, md\.\n$/],
    [['show', 'latest', '--fields', 'runId'], /^error: --fields "runId" does not apply to --format tree\./],
  ])('%j is refused', async (argv, message) => {
    const {code, out, err} = await cli([...argv, '--db', db]);
    expect([code, out]).toEqual([EXIT.usage, '']);
    const text = err.startsWith('{')
      ? `error: ${JSON.parse(err).error.message}\nhint: ${JSON.parse(err).error.hint}\n`
      : err;
    expect(text).toMatch(message);
  });
});

describe('csv', () => {
  const cell = (text: string) => readCsv(renderCsv([{a: text, b: 1}], ['a', 'b'], false))[1]![0];

  it.each(['=1+1', '+1', '-1', '@x', '\tx', '\rx', '\nx', '=HYPERLINK("http://x","y")', '-', '＝1', "'=1"])(
    'a spreadsheet does not execute %j',
    text => {
      expect(cell(text)).toBe(`'${text}`);
    },
  );

  it.each([-5, -0.5, 1e21, -9007199254740993n])('the number %s stays a number', number => {
    expect(renderCsv([{a: number}], ['a'], false)).toBe(`a\r\n${number}\r\n`);
  });

  it('unknown is an empty cell, empty text is quoted, a list is JSON', () => {
    expect(renderCsv([{a: null, b: '', c: ['x', 'y"'], d: true}], ['a', 'b', 'c', 'd'], false)).toBe(
      'a,b,c,d\r\n,"","[""x"",""y\\""""]",true\r\n',
    );
  });

  it('any text comes back as it was', () => {
    const piece = fc.constantFrom(
      '"',
      ',',
      '\r',
      '\n',
      "'",
      '=',
      '-',
      '@',
      ';',
      ' ',
      'a',
      'ü',
      '😀',
      '\u001b',
      '\ufeff',
    );
    fc.assert(
      fc.property(
        fc.array(
          fc.array(piece).map(parts => parts.join('')),
          {minLength: 1, maxLength: 4},
        ),
        texts => {
          const columns = texts.map((_, i) => `c.${i}`);
          const [header, row] = readCsv(
            renderCsv([Object.fromEntries(columns.map((key, i) => [key, texts[i]]))], columns, false),
          );
          expect(header).toEqual(columns);
          expect(row!.map(text => revived(text!))).toEqual(texts);
        },
      ),
    );
  });

  it('onto a terminal nothing acts', () => {
    const out = renderCsv([{a: '\u001b[2J\u0007\u202e\n'}], ['a'], true);
    expect(out).toBe('a\r\n\\x1b[2J\\x07\\u{202e}⏎\r\n');
  });
});

describe('md', () => {
  it('text is neither markup nor more cells nor more rows', () => {
    const texts = [
      'a|b',
      'x\ny',
      '<img src=x>',
      '![i](http://x)',
      '`c`',
      '*b* _i_ snake_case',
      '\\|',
      '\u001b[2J',
      '~~s~~',
      '&lt;',
    ];
    const out = renderMarkdown(
      texts.map(a => ({a})),
      ['a'],
    );
    expect(out).toBe(
      [
        '| a |',
        '| --- |',
        '| a\\|b |',
        '| x<br>y |',
        '| \\<img src=x\\> |',
        '| !\\[i\\](http://x) |',
        '| \\`c\\` |',
        '| \\*b\\* \\_i\\_ snake_case |',
        '| \\\\\\| |',
        '| \\\\x1b\\[2J |',
        '| \\~\\~s\\~\\~ |',
        '| \\&lt; |',
        '',
      ].join('\n'),
    );
  });
});

describe('--output', () => {
  const db = sqliteCopy(FIXTURE);
  const list = ['list', '--db', db, '--limit', '3'];

  it.each([
    ['runs.json', 'json'],
    ['runs.jsonl', 'jsonl'],
    ['runs.CSV', 'csv'],
    ['runs.md', 'md'],
    ['runs.txt', 'table'],
    ['runs', 'table'],
  ])('%s is %s, the same as through a pipe', async (name, format) => {
    const cwd = temporaryFolder();
    const {code, out, err} = await cli([...list, '-o', name], {cwd, columns: 80});
    const piped = await cli([...list, '--format', format]);
    expect([code, out]).toEqual([0, '']);
    expect(readFileSync(path.join(cwd, name), 'utf8')).toBe(piped.out);
    expect(err).toBe(`${piped.err}wrote ${name}\n`);
    expect(readdirSync(cwd)).toEqual([name]);
  });

  it('a format that is said comes before the name, and - is stdout', async () => {
    const cwd = temporaryFolder();
    await cli([...list, '--json', '--output', 'x.csv'], {cwd});
    expect(JSON.parse(readFileSync(path.join(cwd, 'x.csv'), 'utf8')).schema).toBe('agno-trace/list/1');
    expect((await cli([...list, '--json', '-o', '-'])).out).toBe((await cli([...list, '--json'])).out);
  });

  it('works for show, without the limit and the colour of a terminal', async () => {
    const cwd = temporaryFolder();
    await cli(['show', 'latest', '--db', db, '-o', 'run.txt', '--color', 'auto'], {
      cwd,
      columns: 80,
      env: {FORCE_COLOR: '1'},
    });
    const text = readFileSync(path.join(cwd, 'run.txt'), 'utf8');
    expect(text).not.toContain('\u001b');
    expect(text).toBe((await cli(['show', 'latest', '--db', db])).out);
    const {code, err} = await cli(['show', 'latest', '--db', db, '-o', 'run.csv'], {cwd});
    expect(code).toBe(EXIT.usage);
    expect(err).toBe(
      'error: -o "run.csv" asks for csv, which this command cannot write.\nhint: It can write tree, json, jsonl, html; choose with --format.\n',
    );
  });

  it('takes --print-sql too', async () => {
    const cwd = temporaryFolder();
    const {out} = await cli([...list, '--print-sql', '-o', 'x.sql'], {cwd});
    expect(out).toBe('');
    expect(readFileSync(path.join(cwd, 'x.sql'), 'utf8')).toMatch(/^select[\s\S]*-- then, in agno-trace/);
  });

  it('replaces a file and keeps its mode; through a link it replaces what the link names', async () => {
    const cwd = temporaryFolder();
    const file = path.join(cwd, 'x.json');
    writeFileSync(file, 'old');
    chmodSync(file, 0o640);
    symlinkSync('x.json', path.join(cwd, 'link.json'));
    await cli([...list, '-o', 'link.json'], {cwd});
    expect(JSON.parse(readFileSync(file, 'utf8')).data).toHaveLength(3);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readlinkSync(path.join(cwd, 'link.json'))).toBe('x.json');
    expect(readdirSync(cwd).sort()).toEqual(['link.json', 'x.json']);
  });

  it('leaves the old file and nothing else when the command fails', async () => {
    const cwd = temporaryFolder();
    writeFileSync(path.join(cwd, 'x.json'), 'old');
    for (const argv of [
      ['sql', '--db', db, 'select nope'],
      ['sql', '--db', db, 'select 1 as a', '--fields', 'b'],
      ['show', 'nobody', '--db', db],
      ['list', '--db', path.join(cwd, 'none.db')],
    ]) {
      expect((await cli([...argv, '-o', 'x.json'], {cwd})).code).not.toBe(0);
      expect(readFileSync(path.join(cwd, 'x.json'), 'utf8')).toBe('old');
      expect(readdirSync(cwd)).toEqual(['x.json']);
    }
  });

  it.each([
    [
      'no/such/x.json',
      /^error: there is no folder ".*no\/such" for "no\/such\/x\.json"\.\nhint: mkdir -p \S*no\/such\n$/,
    ],
    ['folder', /^error: "folder" is a folder\.\nhint: Name a file in it\.\n$/],
    ['folder/', /^error: "folder\/" is a folder\.\n/],
    ['', /^error: "" is a folder\.\n/],
    ['file/x.json', /^error: ".*file" is not a folder\.\n/],
  ])('says why %j cannot be written, before anything is read', async (name, message) => {
    const cwd = temporaryFolder();
    mkdirSync(path.join(cwd, 'folder'));
    writeFileSync(path.join(cwd, 'file'), '');
    const {code, out, err} = await cli(['list', '--db', 'nowhere.db', '-o', name], {cwd});
    expect(err).toMatch(message);
    expect([code, out]).toEqual([EXIT.failed, '']);
  });

  it('never writes over the database that is asked', async () => {
    const own = sqliteCopy(FIXTURE);
    const before = readFileSync(own);
    const cwd = path.dirname(own);
    symlinkSync(own, path.join(cwd, 'link.db'));
    for (const name of [own, path.basename(own), 'link.db', `${own}-wal`, `${own}-journal`]) {
      const {code, err} = await cli(['list', '--db', own, '-o', name], {cwd});
      expect(err).toMatch(/^error: -o ".*" is the database itself\.\nhint: Name another file\.\n$/);
      expect(code).toBe(EXIT.usage);
    }
    expect(readFileSync(own).equals(before)).toBe(true);
    expect((await cli(['list', '--db', 'link.db', '-o', own], {cwd})).code).toBe(EXIT.usage);
  });

  it.skipIf(process.getuid?.() !== 0)('leaves a file with its owner when root replaces it', async () => {
    const cwd = temporaryFolder();
    writeFileSync(path.join(cwd, 'x.json'), 'old');
    chownSync(path.join(cwd, 'x.json'), 65534, 65534);
    await cli([...list, '-o', 'x.json'], {cwd});
    const {uid, gid, size} = statSync(path.join(cwd, 'x.json'));
    expect([uid, gid]).toEqual([65534, 65534]);
    expect(size).toBeGreaterThan(100);
  });

  it('writes into what is no file as it is', async () => {
    const {code, err} = await cli([...list, '--json', '-o', '/dev/null']);
    expect([code, err]).toEqual([0, '']);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  it('waits for no reader of a pipe: it is refused, also behind a link, and stays', async () => {
    const cwd = temporaryFolder();
    execFileSync('mkfifo', [path.join(cwd, 'pipe')]);
    symlinkSync('pipe', path.join(cwd, 'link'));
    for (const name of ['pipe', 'link']) {
      const {code, err, out} = await cli([...list, '-o', name], {cwd});
      expect([code, err, out]).toEqual([
        EXIT.failed,
        `error: "${name}" is not a regular file.\nhint: Name a file, or leave out -o and use a pipe.\n`,
        '',
      ]);
    }
    expect(readdirSync(cwd).sort()).toEqual(['link', 'pipe']);
    // A shell's `-o >(less)` names a descriptor that is open.
    const into = `"${process.execPath}" "${BIN}" ${list.join(' ')} -o /dev/fd/9 9>&1 | cat`;
    const read = execFileSync('bash', ['-c', into], {encoding: 'utf8'});
    expect(read).toBe((await cli(list)).out);
  });

  it('a full disk leaves what was there', async () => {
    const {code, err} = await cli([...list, '-o', '/dev/full']);
    expect(err).toContain('error: "/dev/full" could not be written: the disk is full.\nhint: Nothing was changed.\n');
    expect(code).toBe(EXIT.failed);
  });

  it.skipIf(process.getuid?.() !== 0)('says that there is no permission, as another user', async () => {
    const cwd = temporaryFolder();
    chmodSync(cwd, 0o755);
    const result = await new Promise<{code: number | null; err: string}>(resolve => {
      const child = spawn(process.execPath, [BIN, 'list', '--db', 'x.db', '-o', path.join(cwd, 'x.json')], {
        uid: 65534,
        gid: 65534,
      });
      let err = '';
      child.stderr.on('data', data => {
        err += data;
      });
      child.on('close', code => resolve({code, err}));
    });
    expect(result.err).toMatch(
      /^error: ".*x\.json" cannot be written: no permission\.\nhint: Check the permissions of ".*"\.\n$/,
    );
    expect(result.code).toBe(EXIT.failed);
    expect(existsSync(path.join(cwd, 'x.json'))).toBe(false);
  });
});

it('what a table holds reaches csv exactly in a pipe and harmless on a terminal', async () => {
  const db = sqliteCopy(FIXTURE);
  const file = new Database(db);
  file.prepare('update agno_spans set name = ?').run('=cmd|"/c calc"!A1\u001b[2J');
  file.close();
  const argv = ['slowest', '--db', db, '--format', 'csv', '--fields', 'name'];
  expect((await cli(argv)).out).toBe('name\r\n"\'=cmd|""/c calc""!A1\u001b[2J"\r\n');
  expect((await cli(argv, {columns: 80})).out).toContain('A1\\x1b[2J"');
});
