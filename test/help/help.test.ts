import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {describe, expect, it} from 'vitest';
import {manPage} from '../../build/man-page.js';
import {COMMANDS} from '../../src/commands/index.ts';
import {EXIT} from '../../src/errors.ts';
import {TOPICS} from '../../src/help/topics.ts';
import {KINDS} from '../../src/trace/kind.ts';
import {STATES} from '../../src/trace/states.ts';
import {cli} from '../cli.ts';
import {sqliteCopy} from '../fixtures.ts';
import {MAN_PAGE, ROOT} from '../program.ts';

const page = async (topic: string) => {
  const {code, out, err} = await cli(['help', topic]);
  expect([code, err]).toEqual([0, '']);
  return out;
};

describe('help', () => {
  it('alone lists every command and every topic', async () => {
    const {code, out} = await cli(['help']);
    expect(code).toBe(0);
    for (const name of [...Object.keys(COMMANDS), ...Object.keys(TOPICS)])
      expect(out).toMatch(new RegExp(`^ +${name}\\b`, 'm'));
  });

  it.each(Object.keys(COMMANDS))('%s is the help of that command', async name => {
    expect((await cli(['help', name])).out).toBe((await cli([name, '--help'])).out);
  });

  it('is at most 80 lines of 80 columns, of each command and of each one below it', async () => {
    const below = (out: string) =>
      [...(/\nCommands:\n((?: {2}.*\n)*)/.exec(out)?.[1] ?? '').matchAll(/^ {2}([a-z]+)\b/gm)].map(match => match[1]!);
    const long: string[] = [];
    const look = async (argv: readonly string[]): Promise<void> => {
      const {out} = await cli([...argv, '--help'], {columns: 80, rows: 24, env: {NO_COLOR: '1'}});
      const lines = out.trimEnd().split('\n');
      if (lines.length > 80) long.push(`${argv.join(' ')}: ${lines.length} lines`);
      for (const line of lines) if ([...line].length > 80) long.push(`${argv.join(' ')}: ${line}`);
      for (const verb of below(out)) await look([...argv, verb]);
    };
    for (const name of Object.keys(COMMANDS)) await look([name]);
    expect(long).toEqual([]);
  });

  it('flags has the flags of all commands', async () => {
    const program = (await cli(['--help'])).out;
    const flags = (text: string) =>
      [...text.matchAll(/^ {2}((?:-\w, )?--[\w-]+(?: [<[][^ ]+)?)/gm)].map(match => match[1]!);
    expect(flags(await page('flags')).sort()).toEqual(flags(program).sort());
  });

  it.each(Object.keys(TOPICS))(
    '%s fits 80 columns and one screen or two, and its command lines are right',
    async name => {
      const text = await page(name);
      const lines = text.trimEnd().split('\n');
      expect(lines.length).toBeLessThan(50);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
      // What it tells to type is understood: run on a real database, nothing of it is wrong usage.
      const db = sqliteCopy('agno-3.1.10-pictures.sqlite');
      const examples = [...text.matchAll(/^ {2}agno-trace (.*?)(?: {3}.*| \|.*)?$/gm)].map(match => match[1]!);
      for (const line of examples) {
        const argv = line
          .replace(/ --db \S+/, '')
          .split(' ')
          .map(word => word.replaceAll("'", ''));
        expect([line, (await cli([...argv, '--db', db])).code]).toEqual([line, EXIT.done]);
      }
      // Every flag it names exists.
      const helps = [['--help'], ...Object.keys(COMMANDS).map(command => [command, '--help'])];
      const known = (await Promise.all(helps.map(argv => cli(argv)))).map(({out}) => out).join('');
      for (const [flag] of text.matchAll(/--[a-z][\w-]*/g)) expect(known, flag).toMatch(new RegExp(`${flag}\\b`));
    },
  );

  it('exit-codes is the table that the program ends with', async () => {
    const text = await page('exit-codes');
    const codes = [...text.matchAll(/^ +(\d+) {2}\S/gm)].map(match => Number(match[1]));
    expect(codes).toEqual([...Object.values(EXIT), 130, 143]);
  });

  it('states and query name every state and kind, in the order in which they are tested', async () => {
    const states = [...(await page('states')).matchAll(/^ {2}\S (\w+) {2,}/gm)].map(match => match[1]);
    expect(states).toEqual([...STATES]);
    const words = (await page('query')).replace(/\s+/g, ' ');
    expect(words).toContain(`Kinds ${KINDS.join(', ')}`);
    expect(words).toContain(`States ${STATES.join(', ')}`);
  });

  it('names the near miss', async () => {
    expect(await cli(['help', 'exitcodes'])).toEqual({
      code: 2,
      out: '',
      err: 'error: there is no command or topic "exitcodes".\nhint: Did you mean agno-trace help exit-codes?\n',
    });
    expect((await cli(['help', 'constructor'])).err).toContain('agno-trace help lists both.');
  });
});

describe('the man page', () => {
  const plain = () =>
    readFileSync(MAN_PAGE, 'utf8')
      .replaceAll('\\-', '-')
      .replace(/\\\(aq/g, "'")
      .replaceAll('\\e', '\\')
      .replace(/\\\[u([0-9A-F]+)\]/g, (_, hex: string) => String.fromCodePoint(Number.parseInt(hex, 16)));

  it('holds every command, every flag with its text, every topic and exit code', async () => {
    const text = plain();
    for (const name of Object.keys(COMMANDS)) expect(text).toMatch(new RegExp(`^\\.SS ${name}\\b`, 'm'));
    for (const argv of [['--help'], ...Object.keys(COMMANDS).map(name => [name, '--help'])]) {
      const {out} = await cli(argv);
      const flags = [...out.matchAll(/^ {2}((?:-\w, )?--[\w-]+(?: [<[][^ ]+)?)/gm)].map(match => match[1]!);
      expect(flags.length).toBeGreaterThan(0);
      for (const flag of flags) expect(text.split('\n')).toContain(`.B ${flag}`);
    }
    for (const topic of Object.values(TOPICS))
      for (const line of topic.text.trimEnd().split('\n').slice(2)) expect(text.split('\n')).toContain(line);
    expect(text).toContain('.SH EXIT STATUS');
  });

  it('is the same from each build', async () => {
    const text = readFileSync(MAN_PAGE, 'utf8');
    expect(await manPage(ROOT)).toBe(text);
    expect(text).not.toContain(ROOT);
  });

  it.runIf(spawnSync('groff', ['--version']).status === 0)(
    'is set by groff, where it is installed, without a warning',
    () => {
      const {stdout, stderr, status} = spawnSync('groff', ['-man', '-ww', '-Tutf8', MAN_PAGE], {encoding: 'utf8'});
      expect([status, stderr]).toEqual([0, '']);
      expect(stdout).toContain('ended by Ctrl-C');
    },
  );

  it.runIf(spawnSync('mandoc', ['-T', 'lint', '/dev/null']).error === undefined)(
    'passes mandoc, where it is installed',
    () => {
      const {stdout} = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', MAN_PAGE], {encoding: 'utf8'});
      // There is no date before the first release.
      expect(stdout.split('\n').filter(line => line !== '' && !line.includes('missing date'))).toEqual([]);
    },
  );
});
