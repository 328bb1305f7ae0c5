import Database from 'better-sqlite3';
import {agnoTables} from '../../src/sql/agno-tables.ts';
import {agnoTime} from '../../src/trace/time.ts';
import {temporaryFolder} from '../fixtures.ts';

/*
 * Data of which it is known what is worse in it, and why: nine days of three agents, in the last two of which something changed, or
 * nothing. Everything else is as random as real runs are: times are lognormal, some calls fail, users differ in how much they ask.
 */

export const CAUSES = ['slower tool', 'more calls', 'dearer model', 'new error', 'bad user', 'fat result'] as const;
export type Cause = (typeof CAUSES)[number];
export type Strength = 1 | 2 | 3;

/** How strong each is. */
const STRENGTHS: Readonly<Record<Cause, readonly [number, number, number]>> = {
  // The tool takes so many times as long.
  'slower tool': [1.3, 2, 4],
  // So many calls more in a run, on average.
  'more calls': [0.2, 0.8, 2],
  // In this part of the runs.
  'dearer model': [0.15, 0.5, 1],
  'new error': [0.06, 0.25, 0.5],
  // This part of the user's runs fails.
  'bad user': [0.12, 0.35, 0.7],
  // Results are so many times as long.
  'fat result': [1.3, 3, 10],
};

const BEGIN = Date.parse('2026-11-01T00:00:00Z') * 1000;
const DAY = 86_400_000_000;
/** What changed, changed here. */
export const CHANGED_AT = '2026-11-08T00:00:00Z';
export const UNTIL = '2026-11-10T00:00:00Z';
export const RUNS = {before: 700, after: 300};
export const BAD_USER = 'user-7';

const AGENTS = [
  {name: 'Support', model: 'gpt-4o-mini', tools: ['search_orders', 'lookup_kb']},
  {name: 'Sales', model: 'gpt-4o-mini', tools: ['price_list', 'web_search']},
  {name: 'Writer', model: 'gpt-4o', tools: ['web_search', 'spell_check']},
] as const;
const TOOL_MS: Readonly<Record<string, number>> = {
  search_orders: 300,
  lookup_kb: 200,
  price_list: 120,
  web_search: 1200,
  spell_check: 80,
};

/**
 * @param causes what changed; several do not hide each other
 * @returns the SQLite file
 */
export function plant(seed: number, causes: readonly Cause[], strength: Strength = 2): string {
  const file = `${temporaryFolder()}/planted.db`;
  const db = new Database(file);
  for (const statement of agnoTables('sqlite', '')) db.exec(statement);
  // Rows of a trace come before its own, as Agno's do.
  db.pragma('foreign_keys = off');
  db.pragma('synchronous = off');
  db.exec('begin');
  const random = randomFrom(seed * 7919 + 13);
  for (let i = 0; i < RUNS.before + RUNS.after; i++) {
    const isAfter = i >= RUNS.before;
    const [from, length] = isAfter ? [BEGIN + 7 * DAY, 2 * DAY] : [BEGIN, 7 * DAY];
    const start = Math.round(from + random() * (length - 600e6));
    const powerOf = (cause: Cause) =>
      causes.includes(cause) && (isAfter || cause === 'bad user') ? STRENGTHS[cause][strength - 1]! : null;
    new Writer(db, random, i, start).run(powerOf);
  }
  db.exec('commit');
  db.close();
  return file;
}

interface Attributes {
  [key: string]: string | number;
}

class Writer {
  private spans = 0;
  private readonly trace: string;

  constructor(
    private readonly db: Database.Database,
    private readonly random: () => number,
    private readonly number: number,
    private at: number,
  ) {
    this.trace = number.toString(16).padStart(32, '0');
  }

  /** @param powerOf how strong a cause is in this run; null: it is not there */
  run(powerOf: (cause: Cause) => number | null): void {
    const {random} = this;
    const agent = AGENTS[Math.floor(random() * AGENTS.length)]!;
    // Some users ask more than others.
    const user = `user-${1 + Math.floor(random() ** 1.3 * 20)}`;
    const begin = this.at;
    const root = this.id(0);
    const isDear = agent.name === 'Sales' && this.happens(powerOf('dearer model'));
    const model = isDear ? 'gpt-4o' : agent.model;
    const fails = random() < ((user === BAD_USER ? powerOf('bad user') : null) ?? 0.04);
    let prompt = 300 + Math.round(400 * this.lognormal(0.5));
    this.llm(root, model, prompt, null);
    for (const tool of agent.tools) {
      if (random() < 0.3) continue;
      let calls = 1 + Number(random() < 0.2);
      if (tool === 'web_search' && agent.name === 'Sales') calls += this.poisson(powerOf('more calls') ?? 0);
      for (let k = 0; k < calls; k++) {
        const slower = (tool === 'web_search' ? powerOf('slower tool') : null) ?? 1;
        const longer = (tool === 'lookup_kb' ? powerOf('fat result') : null) ?? 1;
        const chars = Math.round(600 * longer * this.lognormal(0.4));
        const isNew = tool === 'search_orders' && this.happens(powerOf('new error'));
        const error = isNew
          ? `schema mismatch: field "total" is missing in order ${this.number}`
          : random() < 0.02
            ? `timed out after ${Math.round(random() * 30)}s`
            : null;
        this.tool(root, tool, TOOL_MS[tool]! * slower, error === null ? chars : 0, error);
        prompt += error === null ? Math.round(chars / 4) : 20;
        this.llm(root, model, prompt, null);
      }
    }
    const failure = fails ? 'Error code: 429 - rate limit reached' : null;
    this.llm(root, model, prompt, failure);
    const runId = `run-${this.number}`;
    const attributes = {
      'openinference.span.kind': 'AGENT',
      'graph.node.id': root,
      'graph.node.name': agent.name,
      'agent.name': agent.name,
      'agno.agent.id': agent.name.toLowerCase(),
      'agno.run.id': runId,
      'session.id': `session-${this.number}`,
      'user.id': user,
      'input.value': 'a question',
      'output.value': failure ?? 'an answer',
    };
    this.span(root, null, `${agent.name}.run`, begin, this.at + 5000, attributes, failure);
    this.db
      .prepare(
        'insert into agno_traces (trace_id, name, status, start_time, end_time, duration_ms, run_id, session_id, user_id, agent_id, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        this.trace,
        `${agent.name}.run`,
        failure ? 'ERROR' : 'OK',
        agnoTime(begin),
        agnoTime(this.at),
        Math.round((this.at - begin) / 1000),
        runId,
        `session-${this.number}`,
        user,
        agent.name.toLowerCase(),
        agnoTime(this.at),
      );
  }

  private llm(parent: string, model: string, prompt: number, error: string | null): void {
    const completion = 40 + Math.round(60 * this.lognormal(0.5));
    const attributes = {
      'openinference.span.kind': 'LLM',
      'llm.model_name': model,
      'llm.provider': 'OpenAI',
      'output.value': error ?? 'text',
      ...(error === null ? {'llm.token_count.prompt': prompt, 'llm.token_count.completion': completion} : {}),
    };
    this.step(parent, 'OpenAIChat.invoke', 500 * this.lognormal(0.4), attributes, error);
  }

  private tool(parent: string, name: string, ms: number, chars: number, error: string | null): void {
    const attributes = {
      'openinference.span.kind': 'TOOL',
      'tool.name': name,
      'tool.parameters': `{"q": "${this.number}-${this.spans}"}`,
      'output.value': error ?? 'x'.repeat(chars),
    };
    this.step(parent, name, ms * this.lognormal(0.5), attributes, error);
  }

  private step(parent: string, name: string, ms: number, attributes: Attributes, error: string | null): void {
    const start = this.at + 1000;
    this.at = start + Math.round(ms * 1000);
    this.span(this.id(++this.spans), parent, name, start, this.at, attributes, error);
  }

  private span(
    id: string,
    parent: string | null,
    name: string,
    start: number,
    end: number,
    attributes: Attributes,
    error: string | null,
  ): void {
    this.db
      .prepare(
        'insert into agno_spans (span_id, trace_id, parent_span_id, name, span_kind, status_code, status_message, start_time, end_time, duration_ms, attributes, created_at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      )
      .run(
        id,
        this.trace,
        parent,
        name,
        'INTERNAL',
        error === null ? 'OK' : 'ERROR',
        error,
        agnoTime(start),
        agnoTime(end),
        Math.round((end - start) / 1000),
        JSON.stringify(attributes),
        agnoTime(end),
      );
  }

  private id(place: number): string {
    return (this.number * 256 + place).toString(16).padStart(16, '0');
  }

  private happens(power: number | null): boolean {
    return power !== null && this.random() < power;
  }

  private lognormal(sigma: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random());
    return Math.exp(sigma * normal);
  }

  private poisson(mean: number): number {
    let [count, product] = [0, this.random()];
    while (product > Math.exp(-mean)) {
      count++;
      product *= this.random();
    }
    return count;
  }
}

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  };
}
