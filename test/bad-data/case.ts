import {expect} from 'vitest';
import type {CliResult} from '../cli.ts';
import type {Backend} from '../databases.ts';
import {BAD, type Rows} from './rows.ts';

/** What a case's commands answered, for the facts it states beyond surviving. */
export interface Seen {
  /** `list --limit 0 --json`, and the same with `--traffic`. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever the contract says
  readonly runs: any[];
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly withTraffic: any[];
  /** `show <bad trace> --json --io full`. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly shown: {runs: any[]; spans: any[]} | null;
  /** `show <bad trace> --span <bad span>`. */
  readonly detail: string;
  readonly ask: (...argv: string[]) => Promise<CliResult>;
}

export interface Case {
  readonly name: string;
  /** Rows beside the good run and, where it shares a database, beside other bad ones, which then bear other ids. */
  readonly bad: Rows;
  /** Databases that can hold it; jsonb and Postgres' text refuse much. Default: both. */
  readonly on?: readonly Backend[];
  /** Agno's statements changed before they are run; cases with the same change share a database. */
  readonly tables?: (statement: string, backend: Backend) => string;
  /** Statements run after the rows are in. With them a case has a database to itself, as with what follows on refusal. */
  readonly after?: (backend: Backend) => readonly string[];
  /** Flags of every command. */
  readonly flags?: readonly string[];
  /** The bad thing: what `show` is given. Default: the ids of BAD. */
  readonly trace?: string;
  readonly span?: string;
  /** Where the bad trace is listed. Default: as a run or loose part, without any flag. */
  readonly listed?: 'run' | 'traffic' | 'nowhere';
  /** Exit codes of `show` for the bad trace and for its span. Default: 0. */
  readonly showsTrace?: number;
  readonly showsSpan?: number;
  /** The tables cannot be read at all: every command ends with this exit code, and its message holds this. */
  readonly refused?: {readonly exit: number; readonly says: string};
  /** So large that a handful of commands is enough; alone, for it would be in the way of every other. */
  readonly isLarge?: boolean;
  /** A type that no Agno makes: any command may say so instead of answering. */
  readonly mayRefuse?: number;
  readonly facts?: (seen: Seen, backend: Backend) => void | Promise<void>;
}

export const badRuns = (seen: Seen) => seen.runs.filter(record => record.traceId === BAD.trace);
export const badRun = (seen: Seen) => {
  const [record, ...more] = badRuns(seen);
  expect(more).toEqual([]);
  return record;
};
export const shownSpan = (seen: Seen, id: string) => seen.shown!.spans.find(record => record.spanId === id);
/** The run is whole in spite of its bad cell. */
export const isWholeRun = (seen: Seen) => {
  expect(badRun(seen)).toMatchObject({runId: BAD.run, sessionId: BAD.session, state: 'ok', kind: 'agent', part: false});
};
export const withProblem =
  (text: RegExp, id = BAD.root) =>
  (seen: Seen) => {
    isWholeRun(seen);
    expect(shownSpan(seen, id).problems).toEqual([expect.stringMatching(text)]);
    expect(seen.detail).toMatch(text);
  };

/** Every page of one run, followed by its cursor. */
export async function pagedRunIds(seen: Seen): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | null = null;
  do {
    const {out} = await seen.ask('list', '--limit', '1', '--json', ...(cursor === null ? [] : ['--cursor', cursor]));
    const page: {data: {runId: string}[]; page: {next: string | null}} = JSON.parse(out);
    ids.push(...page.data.map(({runId}) => runId));
    cursor = page.page.next;
  } while (cursor !== null && ids.length < 200);
  return ids;
}
