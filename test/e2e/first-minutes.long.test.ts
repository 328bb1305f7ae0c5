import {execFileSync, spawnSync} from 'node:child_process';
import {chmodSync, mkdirSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {cli} from '../cli.ts';
import {loadIntoPostgres} from '../databases.ts';
import {temporaryFolder} from '../fixtures.ts';
import {BIN} from '../program.ts';

/**
 * The first ten minutes of three users, typed into a real terminal: a Python developer beside an `agno.db`, an operator whose role
 * may only SELECT, a script. AGNO_TRACE_SCREENS names a folder for the screens that they see.
 */
const SHELLS = {
  bash: {argv: ['bash', '--norc', '--noprofile', '-i'], prompt: "PS1='[$?]> '"},
  zsh: {argv: ['zsh', '-f', '-i'], prompt: "PROMPT='[%?]> '"},
  fish: {argv: ['fish', '--no-config'], prompt: "function fish_prompt; printf '[%s]> ' $status; end"},
} as const;
const SIZES = [
  [80, 24],
  [120, 40],
  [200, 50],
] as const;
const canRun = (program: string) => spawnSync(program, ['--version']).status === 0;
const HAS_TMUX = spawnSync('tmux', ['-V']).status === 0;
if (!HAS_TMUX) process.stderr.write('skipped: no tmux here, so nobody sees the first ten minutes\n');

interface Step {
  readonly line: string;
  readonly code?: number;
  /** What must be on the screen. */
  readonly says: RegExp;
  /** Longer than a screen; else the line that was typed is still at the top. */
  readonly isLong?: boolean;
  /** Keys typed into the screens, and what is awaited before each. */
  readonly keys?: readonly (readonly [awaited: string, key: string])[];
}

const STEPS: Readonly<Record<string, readonly Step[]>> = {
  developer: [
    {line: 'agno-trace', says: /agno-trace list/},
    {line: 'agno-trace list', says: /STARTED.*\n(.*\n)*next: agno-trace show/},
    {line: "agno-trace list -q 'duration>5s'", says: /TIME.*\n(.*\n)*next: agno-trace show/},
    {line: "agno-trace list -q 'agent=billing*'", says: /Billing/},
    {line: "agno-trace list -q 'error or degraded'", says: /error/},
    {line: 'agno-trace list --agent billing', says: /Billing Agent/},
    {line: 'agno-trace list --user nobody', says: /nobody/},
    {line: 'agno-trace runs', says: /STARTED/},
    {line: 'agno-trace show last', code: 3, says: /latest/},
    {line: 'agno-trace show latest', says: /Σ|tokens/, isLong: true},
    {line: 'agno-trace errors', says: /next: agno-trace show/},
    {line: 'agno-trace slowest', says: /next: agno-trace list --name/},
    {line: 'agno-trace usage', says: /^total: [\d,]+ calls/m},
    {
      line: 'agno-trace ui',
      says: /./,
      keys: [
        ['›', 'z'],
        ['›', '?'],
        ['Esc', 'Escape'],
        ['›', 'q'],
      ],
    },
  ],
  operator: [
    {line: 'agno-trace doctor', says: /permission|index/i, isLong: true},
    {line: 'agno-trace list --limit 5', says: /next: agno-trace show/},
    {line: 'agno-trace prune --older-than 30d --dry-run', says: /delete|nothing/i, isLong: true},
    {line: 'agno-trace migrate status', says: /index/i, isLong: true},
    {line: 'agno-trace vacuum --dry-run', says: /./, isLong: true},
    {line: 'agno-trace list --db postgresql://nobody@127.0.0.1:1/agno', code: 4, says: /address/},
    {line: 'agno-trace profile add prod --db "$AGNO_TRACE_DB"', code: 2, says: /--password-env/},
    {line: 'agno-trace profile add prod --db "$(cat address)" --password-env READER', says: /prod/},
    {line: 'agno-trace usage --last 7d --profile prod', says: /./},
  ],
  script: [
    {line: 'agno-trace list --jsonl --limit 2 | cut -c1-60', says: /\{"/},
    {line: 'agno-trace list --limit 3 --fields runId,state --csv', code: 2, says: /--format csv/},
    {line: 'agno-trace list --limit 3 --fields runId,state --format csv', says: /runId,state/},
    {line: 'agno-trace check --max-error-rate 1%', code: 7, says: /error/i},
    {line: 'agno-trace lst', code: 2, says: /list/},
    {line: 'agno-trace list --limt 3', code: 2, says: /--limit/},
    {line: 'agno-trace show 00000000', code: 3, says: /no run/i},
    {line: 'agno-trace list --help', says: /Usage: agno-trace list|Examples/, isLong: true},
  ],
};

describe.runIf(HAS_TMUX)('the first ten minutes', () => {
  const home = temporaryFolder({isOnDisk: true});
  const socket = `agno-trace-first-${process.pid}`;
  const tmux = (...args: string[]) => execFileSync('tmux', ['-L', socket, ...args], {encoding: 'utf8'});
  const screen = () => tmux('capture-pane', '-p').trimEnd();
  const type = (text: string) => tmux('send-keys', '-l', text);
  const enter = () => tmux('send-keys', 'Enter');
  const seen = new Map<string, string>();

  beforeAll(async () => {
    mkdirSync(path.join(home, 'bin'));
    const program = path.join(home, 'bin/agno-trace');
    writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${BIN}' "$@"\n`);
    chmodSync(program, 0o755);
    const db = path.join(home, 'agno.db');
    expect((await cli(['demo', '--path', db], {cwd: home})).code).toBe(0);
    const url = await readOnly(await loadIntoPostgres(db));
    writeFileSync(path.join(home, 'url'), url);
    writeFileSync(path.join(home, 'address'), url.replace(':hemlock@', '@'));
  });
  afterAll(() => void spawnSync('tmux', ['-L', socket, 'kill-server']));

  for (const [shell, {argv, prompt}] of Object.entries(SHELLS)) {
    for (const [columns, rows] of SIZES) {
      it.runIf(canRun(shell))(`in ${shell}, ${columns}x${rows}`, async () => {
        const folder = `HOME=${home} XDG_CACHE_HOME=${home}/cache-${shell}-${columns} XDG_CONFIG_HOME=${home}/config-${shell}-${columns}`;
        const start = `cd ${home}; env ${folder} PATH=${home}/bin:$PATH LC_ALL=C.UTF-8 READER=hemlock ${argv.join(' ')}`;
        tmux('-f', '/dev/null', 'new-session', '-d', '-x', `${columns}`, '-y', `${rows}`, start);
        type(prompt);
        enter();
        await expect.poll(screen).toMatch(/\n\[0\]>$/);
        for (const [user, steps] of Object.entries(STEPS)) {
          await clear();
          if (user === 'operator') {
            type(shell === 'fish' ? 'set -x AGNO_TRACE_DB (cat url)' : 'export AGNO_TRACE_DB="$(cat url)"');
            enter();
            await clear();
          }
          for (const [nth, step] of steps.entries()) {
            const shown = await typed(step);
            const about = `${user} ${nth + 1}: ${step.line}`;
            expect.soft(Number(/\[(\d+)\]>$/.exec(shown)?.[1]), `${about}\n${shown}`).toBe(step.code ?? 0);
            expect.soft(shown, about).toMatch(step.says);
            if (!step.isLong && !step.keys)
              expect.soft(shown.split('\n')[0], `${about}\n${shown}`).toContain('agno-trace');
            // What a shell draws is its prompt alone: the answers are the same in each.
            const place = `${columns}x${rows} ${about}`;
            seen.set(`${shell} ${place}`, shown);
            await clear();
          }
        }
        tmux('kill-session');
      });
    }
  }

  afterAll(() => {
    const folder = process.env.AGNO_TRACE_SCREENS;
    if (!folder) return;
    mkdirSync(folder, {recursive: true});
    for (const shell of Object.keys(SHELLS))
      for (const [columns, rows] of SIZES) {
        const here = `${shell} ${columns}x${rows} `;
        const screens = [...seen].filter(([place]) => place.startsWith(here));
        const text = screens.map(([place, shown]) => `=== ${place.slice(here.length)}\n${shown}\n`).join('\n');
        writeFileSync(path.join(folder, `${shell}-${columns}x${rows}.txt`), text);
      }
  });

  async function typed({line, keys = []}: Step): Promise<string> {
    type(line);
    enter();
    for (const [awaited, key] of keys) {
      await expect.poll(screen).toContain(awaited);
      tmux('send-keys', key);
    }
    // A prompt below the answer, or below what was typed where nothing is answered.
    await expect.poll(screen).toMatch(/\n\[\d+\]>$/);
    return screen();
  }

  async function clear(): Promise<void> {
    type('clear');
    enter();
    await expect.poll(screen).toMatch(/^\[0\]>$/);
  }
});

/** The same database for a role that may only SELECT from Agno's tables. */
async function readOnly(url: string): Promise<string> {
  const owner = new pg.Client({connectionString: url});
  await owner.connect();
  const role = `reader_of${new URL(url).pathname.replaceAll('/', '_')}`;
  await owner.query(`create role ${role} login password 'hemlock'`);
  await owner.query(`grant usage on schema ai to ${role}`);
  await owner.query(`grant select on ai.agno_traces, ai.agno_spans to ${role}`);
  await owner.end();
  const given = new URL(url);
  given.username = role;
  given.password = 'hemlock';
  return given.href;
}
