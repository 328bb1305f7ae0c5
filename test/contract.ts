import {readFileSync} from 'node:fs';

/*
 * docs/json.md read as the contract it is: its tables say which keys a record has and of which type they are, which record each
 * command answers with, and which keys each question has.
 */

interface Type {
  readonly name: 'text' | 'number' | 'boolean' | 'time' | 'any' | 'list' | 'map' | 'record';
  /** Of a list or a map. */
  readonly of?: Type;
  /** Of a record: its table. */
  readonly table?: string;
  readonly mayBeNull: boolean;
  readonly mayBeAbsent: boolean;
  /** The key is that of another table. */
  readonly isElsewhere?: boolean;
}

type Keys = ReadonlyMap<string, Type>;

/** What a command answers with. */
interface Answered {
  readonly data: string;
  /** One line of `--jsonl`; empty: there is none. */
  readonly line: string;
}

const ISO = /^[+-]?\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const PLAIN = ['text', 'number', 'boolean', 'time', 'any'] as const;

export class Contract {
  private readonly tables = new Map<string, Keys>();
  private readonly answers = new Map<string, Answered>();
  /** The keys of each question, in order. */
  readonly questions = new Map<string, readonly string[]>();
  /** What differs from the page, a line each. */
  readonly wrong = new Set<string>();
  /** Keys that were seen with a value. */
  private readonly seen = new Set<string>();

  constructor(page: string) {
    for (const [head, ...rows] of tablesIn(readFileSync(page, 'utf8'))) {
      const [first, second] = head!;
      if (second === 'type') this.tables.set(first!.replaceAll('`', ''), this.keysIn(rows));
      if (first === 'command')
        for (const [names, data, line] of rows)
          for (const name of codesIn(names!)) this.answers.set(name, {data: data!, line: line!});
      if (first === 'question')
        for (const [name, keys] of rows) this.questions.set(codesIn(name!)[0]!, codesIn(keys!)[0]!.split(', '));
    }
  }

  /** What a command answers with, as `archive verify`. */
  answerOf(command: string): Answered {
    const found = this.answers.get(command);
    if (found) return found;
    if (this.questions.has(command)) return {data: 'list of row', line: 'row'};
    throw new Error(`docs/json.md does not say what ${command} answers with`);
  }

  /** Compares a value with a type as the page writes it. */
  compare(value: unknown, type: string, where: string): void {
    this.check(value, parseType(type), where);
  }

  /** Keys that the page has and that never had a value. */
  neverSeen(): string[] {
    const keys = [...this.tables].flatMap(([table, of]) =>
      [...of].filter(([, {isElsewhere}]) => !isElsewhere).map(([key]) => `${table}.${key}`),
    );
    return keys.filter(key => !this.seen.has(key)).sort();
  }

  private check(value: unknown, type: Type, where: string): void {
    if (value === null) {
      if (!type.mayBeNull && type.name !== 'any') this.wrong.add(`${where} is null`);
      return;
    }
    if (type.name === 'record') this.checkRecord(value, type.table!, where);
    else if (type.name === 'list') {
      if (!Array.isArray(value)) this.differs(value, 'a list', where);
      else for (const item of value) this.check(item, type.of!, `${where}[]`);
    } else if (type.name === 'map') {
      if (!isObject(value)) this.differs(value, 'a map', where);
      else for (const item of Object.values(value)) this.check(item, type.of!, `${where}.*`);
    } else if (type.name !== 'any' && !isA(type.name, value)) this.differs(value, type.name, where);
  }

  private checkRecord(value: unknown, table: string, where: string): void {
    const keys = this.tables.get(table);
    if (!keys) throw new Error(`docs/json.md has no table ${table}`);
    if (!isObject(value)) {
      this.differs(value, table, where);
      return;
    }
    for (const [key, item] of Object.entries(value)) {
      const type = keys.get(key);
      if (!type) this.wrong.add(`${where}.${key} is not documented`);
      else {
        if (item !== null) this.seen.add(`${table}.${key}`);
        this.check(item, type, `${table}.${key}`);
      }
    }
    // Rows of a question have the keys that its own line lists.
    if (table === 'row') return;
    for (const [key, type] of keys)
      if (!type.mayBeAbsent && !(key in value)) this.wrong.add(`${where}.${key} is missing`);
  }

  private differs(value: unknown, wanted: string, where: string): void {
    this.wrong.add(`${where} is no ${wanted}: ${JSON.stringify(value).slice(0, 60)}`);
  }

  private keysIn(rows: readonly (readonly string[])[]): Keys {
    const keys = new Map<string, Type>();
    for (const [names, types] of rows) {
      const all = /^… (.+)$/.exec(names!);
      // Whether they occur is seen in their own table.
      if (all) for (const [key, type] of this.tables.get(all[1]!)!) keys.set(key, {...type, isElsewhere: true});
      const codes = codesIn(names!);
      const typesOf = types!.split(', ').map(parseType);
      if (!all && typesOf.length !== 1 && typesOf.length !== codes.length)
        throw new Error(`docs/json.md: ${names} has ${typesOf.length} types`);
      for (const [i, key] of codes.entries()) keys.set(key, typesOf[typesOf.length === 1 ? 0 : i]!);
    }
    return keys;
  }
}

function parseType(text: string): Type {
  const [, absent, whole = text] = /^(\()(.*)\)$/.exec(text) ?? [];
  const mayBeNull = whole.endsWith('?');
  const name = whole.replace(/\?$/, '');
  const flags = {mayBeNull, mayBeAbsent: absent !== undefined};
  const [, kind, of] = /^(list|map) of (.*)$/.exec(name) ?? [];
  // In `list of text?` the list may be null.
  if (kind) return {name: kind as 'list' | 'map', of: parseType(of!.replace(/^\((.*)\)$/, '$1')), ...flags};
  const plain = PLAIN.find(known => known === name);
  return plain ? {name: plain, ...flags} : {name: 'record', table: name, ...flags};
}

function isA(name: Type['name'], value: unknown): boolean {
  if (name === 'text') return typeof value === 'string';
  if (name === 'time') return typeof value === 'string' && ISO.test(value);
  return typeof value === name;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const codesIn = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(match => match[1]!);

/** Every table of a page: its rows, the first of them its head, by cell. */
function tablesIn(page: string): string[][][] {
  return page
    .split(/\n(?!\|)/)
    .map(block => block.split('\n').filter(line => line.startsWith('|')))
    .filter(lines => lines.length > 1)
    .map(lines =>
      lines
        .filter(line => !/^\|[-|]+$/.test(line))
        .map(line =>
          line
            .slice(1)
            .split(' | ')
            .map(cell => cell.replace(/\|$/, '').trim()),
        ),
    );
}
