import {readdirSync, readlinkSync} from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import {describe, expect, it, vi} from 'vitest';
import {raw, sql, table} from '../../src/sql/sql.ts';
import {openChanges} from '../../src/store/changes.ts';
import {cli} from '../cli.ts';
import {temporaryFolder} from '../databases.ts';
import {statOf} from '../processes.ts';
import {wrongWith} from './answers.ts';
import {sqliteWith} from './filling.ts';
import {agentAttributes, at, BAD, callAttributes, GOOD, type Ids, NOW, OTHER, rows, run, spanRow} from './rows.ts';

const DEPTH = 20_000;
const RUNS = 1000;
/** What is asked for every run and every span; each would be the one that recurses, spreads or is quadratic. */
const QUESTIONS: readonly (readonly string[])[] = [
  ['list', '--json', '--limit', '0'],
  ['stats', '--json'],
  ['tools', '--json'],
];

const id = (ids: Ids, number: number) => `${ids.trace.slice(0, 4)}${String(number).padStart(12, '0')}`;

/** A chain: each span is the parent of the next, and all are tools below one run. */
function chain() {
  const spans = Array.from({length: DEPTH}, (_, i) =>
    spanRow(BAD, id(BAD, i), {
      parent_span_id: i === 0 ? BAD.root : id(BAD, i - 1),
      attributes: '{"openinference.span.kind": "TOOL", "tool.name": "a_tool"}',
    }),
  );
  return rows(run({ids: BAD}), {spans});
}

/** Runs of one step, all at once, each with a model call that stands at the step. */
function parallelRuns() {
  const step = OTHER.root;
  const spans = Array.from({length: RUNS}, (_, i) => [
    spanRow(OTHER, id(OTHER, i), {
      parent_span_id: step,
      name: `agent${i}.run`,
      start_time: at(100),
      end_time: at(900),
      attributes: JSON.stringify({...agentAttributes(OTHER), 'agno.run.id': `run ${i}`, 'graph.node.id': `node ${i}`}),
    }),
    spanRow(OTHER, id(OTHER, RUNS + i), {
      parent_span_id: step,
      name: 'Model.invoke',
      start_time: at(200),
      end_time: at(300),
      attributes: JSON.stringify(callAttributes()),
    }),
  ]).flat();
  return rows(run({ids: OTHER}), {spans});
}

describe('a chain of 20,000 and a trace of 1,000 runs', () => {
  it('are listed, shown and counted, like the run beside them', async () => {
    const db = sqliteWith({rows: rows(run({ids: GOOD}), chain(), parallelRuns())}, temporaryFolder());
    const wrong: string[] = [];
    const ask = async (...argv: string[]) => {
      const result = await cli([...argv, '--db', db], {nowMicros: NOW});
      wrong.push(...wrongWith(argv, result, [0], null));
      return result.out;
    };
    const listed = JSON.parse(await ask(...QUESTIONS[0]!)).data as {spanId: string; traceId: string}[];
    expect(wrong).toEqual([]);
    expect(listed.map(({spanId}) => spanId)).toEqual(expect.arrayContaining([GOOD.root, BAD.root, OTHER.root]));
    for (const question of QUESTIONS.slice(1)) await ask(...question);
    const deep = JSON.parse(await ask('show', BAD.run, '--json')).data.spans as {spanId: string; depth: number}[];
    expect([deep.length, deep.reduce((most, {depth}) => Math.max(most, depth), 0)]).toEqual([DEPTH + 2, DEPTH]);
    const wide = JSON.parse(await ask('show', OTHER.run, '--json')).data.spans as {spanId: string}[];
    expect(new Set(wide.map(({spanId}) => spanId)).size).toBe(2 * RUNS + 2);
    expect(wrong).toEqual([]);
  }, 600_000);
});

function openFilesOf(pid: string): string[] {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).map(fd => readlinkSync(path.join(folder, fd)));
  } catch {
    // It ended meanwhile.
    return [];
  }
}

describe('what a file computes without an end', () => {
  const ENDLESS = '(with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n)';
  const changed = (statements: string): string => {
    const file = sqliteWith({rows: run({ids: GOOD})}, temporaryFolder());
    const db = new Database(file);
    db.exec(statements);
    db.close();
    return file;
  };

  it('as a view is stopped after --timeout: list and show end', async () => {
    const db = changed(
      `alter table agno_spans rename to s0; create view agno_spans as select * from s0 where ${ENDLESS} > 0`,
    );
    for (const argv of [['list'], ['show', GOOD.run]]) {
      const {code, err} = await cli([...argv, '--db', db, '--timeout', '1s']);
      expect([argv[0], code, err]).toEqual([argv[0], 4, expect.stringContaining('1')]);
      expect(err).not.toMatch(/bug in agno-trace/);
    }
  });

  it('as a view is read by a process whose end by a signal is an error in words, and no bug', async () => {
    const db = changed(
      `alter table agno_spans rename to s0; create view agno_spans as select * from s0 where ${ENDLESS} > 0`,
    );
    const answer = cli(['list', '--db', db, '--timeout', '5m']);
    // The one child of this process that has the file open.
    const reader = await vi.waitFor(
      () => {
        const found = readdirSync('/proc').find(
          pid => /^\d+$/.test(pid) && statOf(pid)?.parent === process.pid && openFilesOf(pid).includes(db),
        );
        expect(found).toBeDefined();
        return Number(found);
      },
      {timeout: 120_000},
    );
    process.kill(reader, 'SIGKILL');
    const {code, err} = await answer;
    expect([code, err]).toEqual([1, expect.stringContaining('the process that was reading was ended by SIGKILL.')]);
    expect(err).not.toMatch(/bug in agno-trace/);
  });

  it('as a view is waited for once by doctor, which says of everything behind it that it was not counted', async () => {
    const db = changed(
      `alter table agno_spans rename to s0; create view agno_spans as select * from s0 where ${ENDLESS} > 0`,
    );
    // Were each check to wait for it, this would take minutes.
    const {code, out} = await cli(['doctor', '--json', '--db', db, '--timeout', '1s']);
    expect(code).toBe(0);
    const {findings} = JSON.parse(out).data as {findings: {id: string; count: number | null; covered: string}[]};
    const unknown = findings.filter(({count}) => count === null);
    expect(unknown.length).toBeGreaterThan(10);
    for (const {covered} of unknown) expect(covered).toMatch(/^not counted: /);
  });

  it('in a trigger is stopped: the change ends, and nothing was deleted', async () => {
    const db = changed(`create trigger t before delete on agno_spans begin select ${ENDLESS}; end`);
    const tables = {traces: 'agno_traces', spans: 'agno_spans'};
    const changes = await openChanges({dialect: 'sqlite', file: db}, {tables});
    try {
      const deletion = changes.transaction({lockMs: 100, statementMs: 300}, transaction =>
        transaction.run(sql`delete from ${table('spans')}`),
      );
      await expect(deletion).rejects.toThrow(/was stopped; it was rolled back/);
      expect(await changes.all(sql`select count(*) as spans from ${table('spans')}`)).toEqual([{spans: 2}]);
    } finally {
      await changes.close();
    }
  });

  it('in a statement of migrate or vacuum is stopped by its time, and by the first Ctrl-C', async () => {
    const file = sqliteWith({rows: run({ids: GOOD})}, temporaryFolder());
    const tables = {traces: 'agno_traces', spans: 'agno_spans'};
    const changes = await openChanges({dialect: 'sqlite', file}, {tables, isLong: true});
    const endless = `create table made as select ${ENDLESS} as n`;
    try {
      const build = changes.transaction({lockMs: 100, statementMs: 300}, async transaction => {
        await transaction.run(sql`delete from ${table('spans')}`);
        await transaction.send(endless);
      });
      await expect(build).rejects.toThrow(/was stopped; it was rolled back/);
      // Outside of a transaction nothing else would stop it.
      const stopped = changes.alone(raw(endless), {lockMs: 100, statementMs: 600_000});
      changes.hurry!();
      await expect(stopped).rejects.toThrow(/^stopped; the unfinished change in ".*" was rolled back/);
      expect(await changes.all(sql`select count(*) as spans from ${table('spans')}`)).toEqual([{spans: 2}]);
      expect(readdirSync(path.dirname(file))).toEqual([path.basename(file)]);
    } finally {
      await changes.close();
    }
  });
});
