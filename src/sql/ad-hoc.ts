import {usageError} from '../errors.ts';
import {type Dialect, QUOTED} from './sql.ts';
import {fold, type Token, tokenize} from './tokens.ts';

/** A value for `:name`, as typed. Text stays untyped, like a quoted literal; others have their JSON type. */
export interface Parameter {
  readonly name: string;
  readonly type: 'text' | 'number' | 'boolean' | 'null';
  readonly text: string;
}

export type AnswerValue = string | number | bigint | boolean | null;

/** A place in the user's own text; counted from 1. */
export interface StatementPlace {
  readonly line: number;
  readonly column: number;
  /** The text at this place. */
  readonly near: string;
}

/** A user's statement, checked, with its parameters and views; ready to be sent. */
export interface AdHoc {
  readonly text: string;
  /** On Postgres the values of `$1`, `$2`, …; on SQLite those of `:name`. */
  readonly values: ReadonlyMap<string, string | number | bigint | null>;
  /** The same with the values inserted: can be run as it is. */
  readonly printed: string;
  /** A query, which a cursor can read; `explain` and `show` are not. */
  readonly isQuery: boolean;
  /** Names before a parenthesis: functions, and some others. */
  readonly functions: readonly string[];
  /** Names after a dot: columns, but Postgres also reads `(x).f` as `f(x)`. */
  readonly fields: readonly string[];
  /** Names in places where a schema, a table, a view or a type can be. */
  readonly objects: readonly string[];
  /** Possible operators; on Postgres. */
  readonly operators: readonly string[];
  /** @param offset in `text`; null: in a part that was added to the user's text */
  placeOf(offset: number): StatementPlace | null;
  /** The first place of this name in the user's text; null: none. */
  placeOfName(name: string): StatementPlace | null;
}

interface AdHocInput {
  readonly text: string;
  readonly dialect: Dialect;
  readonly parameters: readonly Parameter[];
  /** Definitions to add to the statement's `with`: `a as (…), b as (…)`. */
  readonly views: string | null;
}

const QUERIES = ['select', 'with', 'values', 'table'];
const FIRST_WORDS: Readonly<Record<Dialect, readonly string[]>> = {
  sqlite: ['select', 'with', 'values', 'explain'],
  postgres: [...QUERIES, 'explain', 'show'],
  clickhouse: ['select', 'with', 'explain', 'show', 'describe', 'desc', 'exists'],
};

/**
 * Functions of SQLite's shell and its extensions; Postgres' functions are judged by what the server says about them.
 */
const SQLITE_REFUSED = ['load_extension', 'readfile', 'writefile', 'edit', 'fts3_tokenizer'];
/** Pragmas as tables that only read the schema and the file. */
const SQLITE_PRAGMAS =
  /^pragma_(table_info|table_xinfo|table_list|index_list|index_info|index_xinfo|foreign_key_list|collation_list|function_list|module_list|pragma_list|compile_options|page_count|page_size|freelist_count|journal_mode|user_version|schema_version|application_id|encoding)$/;

/**
 * Checks a statement and prepares it. A reading statement begins with one of a few words and is the only one; the
 * databases refuse the rest themselves (read-only transaction, `query_only`), this check comes before.
 * @throws UserError exit 2
 */
export function readAdHoc({text, dialect, parameters, views}: AdHocInput): AdHoc {
  if (text.includes('\0')) throw usageError('the statement holds a NUL character.', 'Is the file text?');
  const tokens = oneStatement(tokenize(text, dialect), text);
  const start = checkFirstWord(tokens, dialect);
  const functions = namesBy(tokens, (_, next) => next === '(');
  if (dialect === 'sqlite') checkSqlite(tokens, functions);
  if (dialect === 'clickhouse') checkClickhouse(tokens, functions);
  const byName = checkParameters(tokens, parameters);
  const written = new Written(text);
  const printed = new Written(text);
  const places = new Map<string, number>();
  const values = new Map<string, string | number | bigint | null>();
  for (const token of tokens) {
    if (views !== null && token.start === tokens[start]!.start && token.text !== 'with')
      for (const into of [written, printed]) into.insert(`with ${views}\n`, token.start);
    if (token.kind === 'param') {
      const parameter = byName.get(token.text)!;
      printed.replace(token, literal(parameter, dialect));
      if (dialect === 'sqlite') values.set(token.text, sqliteValue(parameter));
      // Postgres could not guess the type of a bound null.
      else if (parameter.type === 'null') written.replace(token, 'null');
      else if (dialect === 'clickhouse') written.replace(token, literal(parameter, dialect));
      else {
        if (!places.has(token.text)) places.set(token.text, places.size + 1);
        const place = places.get(token.text)!;
        values.set(`$${place}`, parameter.text);
        written.replace(token, `$${place}${castOf(parameter)}`);
      }
    }
    const isBehindWith = views !== null && token === withEnd(tokens, start);
    if (isBehindWith) for (const into of [written, printed]) into.insert(` ${views},`, token.end);
  }
  const end = tokens.at(-1)!.end;
  return {
    text: written.finish(end),
    values,
    printed: printed.finish(end),
    isQuery: QUERIES.includes(firstWord(tokens)),
    functions,
    fields: namesBy(tokens, before => before === '.'),
    objects: objectsOf(tokens),
    operators: dialect === 'postgres' ? operatorsOf(tokens) : [],
    placeOf: offset => written.placeOf(offset),
    placeOfName: name => {
      const token = tokens.find(({kind, text: word}) => /word|quoted/.test(kind) && fold(word) === fold(name));
      return token ? placeAt(text, token.start) : null;
    },
  };
}

function oneStatement(tokens: readonly Token[], text: string): Token[] {
  const open = tokens.find(token => token.kind === 'open');
  if (open) {
    const {line, column} = placeAt(text, open.start);
    if (open.text === 'U&"') throw usageError(`names as U&"…" are not taken (${line}:${column}).`, 'Write "…".');
    throw usageError(`${open.text} at ${line}:${column} is not closed.`, 'Close the text, the name or the comment.');
  }
  const isEnd = (token: Token) => token.kind === 'symbol' && token.text === ';';
  const first = tokens.findIndex(token => !isEnd(token));
  if (first < 0) throw usageError('the statement is empty.', 'agno-trace sql "select name, count(*) from …"');
  const rest = tokens.slice(first);
  const end = rest.findIndex(isEnd);
  const after = end < 0 ? undefined : rest.slice(end).find(token => !isEnd(token));
  if (after) {
    const {line, column, near} = placeAt(text, after.start);
    throw usageError(
      `more than one statement: the second begins at ${line}:${column}, "${near}".`,
      'Send one at a time.',
    );
  }
  return end < 0 ? rest : rest.slice(0, end);
}

function firstWord(tokens: readonly Token[]): string {
  const first = tokens.find(token => token.text !== '(');
  return first?.kind === 'word' ? first.text : '';
}

/** @returns index of the token that begins the query itself, after `explain (…)` */
function checkFirstWord(tokens: readonly Token[], dialect: Dialect): number {
  const word = firstWord(tokens);
  const known = FIRST_WORDS[dialect];
  const said = tokens.find(token => token.text !== '(')?.text ?? '';
  if (!known.includes(word))
    throw usageError(`"${said}" is refused: sql only reads.`, `A statement begins with ${known.join(', ')}.`);
  if (word !== 'explain') return 0;
  let depth = 0;
  for (const [i, token] of tokens.entries()) {
    if (token.text === '(' && token.kind === 'symbol') depth++;
    else if (token.text === ')' && token.kind === 'symbol') depth--;
    else if (depth === 0 && token.kind === 'word' && QUERIES.includes(token.text)) return i;
    else if (depth === 0 && !EXPLAIN_WORDS.includes(token.text)) break;
  }
  throw usageError('explain is refused for anything but a query: sql only reads.', 'Write explain select …');
}
const EXPLAIN_WORDS = [
  ...['explain', 'query', 'plan', 'analyze', 'analyse', 'verbose'],
  // ClickHouse.
  ...['ast', 'syntax', 'tree', 'pipeline', 'estimate'],
];

/** The last token of `with` or `with recursive`, if the statement has one. */
function withEnd(tokens: readonly Token[], start: number): Token | null {
  if (tokens[start]!.text !== 'with') return null;
  const next = tokens[start + 1];
  return next?.kind === 'word' && next.text === 'recursive' ? next : tokens[start]!;
}

/** Finds names by the symbols before and after them. */
function namesBy(tokens: readonly Token[], is: (before: string, behind: string) => boolean): string[] {
  const symbol = (token: Token | undefined) => (token?.kind === 'symbol' ? token.text : '');
  const names = tokens.filter(
    ({kind}, i) => (kind === 'word' || kind === 'quoted') && is(symbol(tokens[i - 1]), symbol(tokens[i + 1])),
  );
  return [...new Set(names.map(({text}) => text))];
}

const BEFORE_OBJECT = ['from', 'join', 'table', 'only', 'as', ',', '.', '(', '::'];

function objectsOf(tokens: readonly Token[]): string[] {
  const names = tokens.filter(
    ({kind}, i) =>
      (kind === 'word' || kind === 'quoted') &&
      (BEFORE_OBJECT.includes(tokens[i - 1]?.text ?? '') ||
        tokens[i + 1]?.text === '.' ||
        tokens[i + 1]?.kind === 'string'),
  );
  return [...new Set(names.map(({text}) => text))];
}

const OPERATOR = /^[-+*/<>=~!@#%^&|`?]$/;

/** Every part of adjacent symbols: the server splits them by rules of its own. */
function operatorsOf(tokens: readonly Token[]): string[] {
  const runs: string[] = [];
  for (const [i, {kind, text, start}] of tokens.entries()) {
    if (kind !== 'symbol' || !OPERATOR.test(text)) continue;
    const before = tokens[i - 1];
    const goesOn = before?.end === start && before.kind === 'symbol' && OPERATOR.test(before.text);
    if (goesOn) runs.push(`${runs.pop()}${text}`);
    else runs.push(text);
  }
  const parts = runs.flatMap(run =>
    Array.from(run, (_, from) =>
      Array.from(run.slice(from), (__, length) => run.slice(from, from + length + 1)),
    ).flat(),
  );
  return [...new Set(parts)];
}

function checkSqlite(tokens: readonly Token[], functions: readonly string[]): void {
  const refused = functions.find(name => SQLITE_REFUSED.includes(fold(name)));
  if (refused !== undefined) throw usageError(`function "${refused}" is refused: sql only reads.`);
  for (const [i, token] of tokens.entries()) {
    const isName = token.kind === 'word' || token.kind === 'quoted';
    // SQLite reads a string as a name where only a name is possible.
    const isTextAsName = token.kind === 'string' && ['from', 'join', ',', '.'].includes(tokens[i - 1]?.text ?? '');
    const name = fold(isName ? token.text : token.text.slice(1, -1));
    if ((isName || isTextAsName) && name.startsWith('pragma_') && !SQLITE_PRAGMAS.test(name))
      throw usageError(
        `"${name}" is refused: sql only reads.`,
        'Pragmas that look at the schema are taken: pragma_table_info and the like.',
      );
  }
}

/**
 * Functions that ClickHouse runs even under `readonly=1`, and those that reach outside the tables: `describe`
 * connects to what a table function names, and scalar `file` reads a file. The server itself refuses most of the
 * others, as sources that need a right.
 */
const CLICKHOUSE_REFUSED =
  /^(file|filecluster|url|urlcluster|remote|remotesecure|cluster|clusterallreplicas|s3.*|gcs|oss|cosn|hdfs.*|azureblobstorage.*|deltalake.*|hudi.*|iceberg.*|paimon.*|mysql|postgresql|sqlite|mongodb|redis|odbc|jdbc|executable|executablepool|input|loop|dictionary|dictget.*|dicthas|ytsaurus|arrowflight|python|catboostevaluate|joinget.*)$/;

function checkClickhouse(tokens: readonly Token[], functions: readonly string[]): void {
  const refused = functions.find(name => CLICKHOUSE_REFUSED.test(fold(name)));
  if (refused !== undefined)
    throw usageError(`function "${refused}" is refused: sql only reads what is in the database.`);
  const words = tokens.map(({kind, text}) => (kind === 'word' ? text : ''));
  if (['describe', 'desc'].includes(firstWord(tokens)) && functions.length > 0)
    throw usageError(`"${functions[0]}(…)" is refused behind describe.`, 'Write describe table agno_spans.');
  const settings = tokens.find(
    ({kind, text}, i) => kind === 'word' && text === 'settings' && tokens[i + 2]?.text === '=',
  );
  if (settings) throw usageError('settings of a statement are refused: sql only reads.', 'Leave them out.');
  const refusedWord = words.findIndex((word, i) => word === 'into' && words[i + 1] === 'outfile');
  if (refusedWord >= 0) throw usageError('into outfile is refused: sql only reads.', 'Pass -o FILE.');
  if (words.at(-2) === 'format' && words.at(-1) !== '')
    throw usageError(
      `format ${words.at(-1)} is refused: the answer is read here.`,
      'Pass --format json, csv or another.',
    );
}

function checkParameters(tokens: readonly Token[], parameters: readonly Parameter[]): Map<string, Parameter> {
  const foreign = tokens.find(token => token.kind === 'placeholder');
  if (foreign)
    throw usageError(`"${foreign.text}" is not how a parameter is written.`, 'Write :name, and pass -p name=value.');
  const byName = new Map(parameters.map(parameter => [parameter.name, parameter]));
  const used = new Set(tokens.filter(token => token.kind === 'param').map(token => token.text));
  for (const name of used)
    if (!byName.has(name)) throw usageError(`parameter ":${name}" has no value.`, `Pass -p ${name}=value.`);
  for (const name of byName.keys())
    if (!used.has(name))
      throw usageError(
        `the statement has no parameter ":${name}".`,
        used.size > 0 ? `It has ${[...used].map(known => `:${known}`).join(', ')}.` : 'Leave -p out.',
      );
  return byName;
}

/** As for a typed literal of the same form. */
function castOf({type, text}: Parameter): string {
  if (type === 'boolean') return '::boolean';
  if (type !== 'number') return '';
  if (!/^-?\d+$/.test(text)) return '::numeric';
  const value = BigInt(text);
  if (value >= -(2n ** 31n) && value < 2n ** 31n) return '::integer';
  return value >= -(2n ** 63n) && value < 2n ** 63n ? '::bigint' : '::numeric';
}

function sqliteValue(parameter: Parameter): string | number | bigint | null {
  if (parameter.type === 'null') return null;
  if (parameter.type === 'boolean') return parameter.text === 'true' ? 1n : 0n;
  if (parameter.type === 'text') return parameter.text;
  return ['::integer', '::bigint'].includes(castOf(parameter)) ? BigInt(parameter.text) : Number(parameter.text);
}

function literal(parameter: Parameter, dialect: Dialect): string {
  const {type, text} = parameter;
  if (type === 'null') return 'null';
  if (type === 'text') return QUOTED[dialect](text);
  if (dialect === 'postgres') return `'${text}'${castOf(parameter)}`;
  if (type === 'boolean' && dialect === 'clickhouse') return text;
  // After a minus, another one would begin a comment.
  return text.startsWith('-') ? `(${sqliteValue(parameter)})` : String(sqliteValue(parameter));
}

/** The user's text with inserted or replaced parts, which knows the origin of each part. */
class Written {
  private text = '';
  private done = 0;
  private readonly parts: {at: number; source: number | null; isCopy: boolean}[] = [];

  constructor(private readonly source: string) {}

  insert(text: string, before: number): void {
    this.copyTo(before);
    this.parts.push({at: this.text.length, source: null, isCopy: false});
    this.text += text;
  }

  replace({start, end}: Token, text: string): void {
    this.copyTo(start);
    // `select:a` is two words and must stay two.
    if (/[\w$\x80-\uffff]$/.test(this.text)) this.text += ' ';
    this.parts.push({at: this.text.length, source: start, isCopy: false});
    this.text += text;
    this.done = end;
  }

  finish(end: number): string {
    this.copyTo(end);
    return this.text;
  }

  placeOf(offset: number): StatementPlace | null {
    const part = this.parts.findLast(({at}) => at <= offset);
    if (!part || part.source === null) return null;
    return placeAt(this.source, part.isCopy ? part.source + offset - part.at : part.source);
  }

  private copyTo(end: number): void {
    if (end <= this.done) return;
    this.parts.push({at: this.text.length, source: this.done, isCopy: true});
    this.text += this.source.slice(this.done, end);
    this.done = end;
  }
}

const NEAR_LENGTH = 30;

function placeAt(text: string, offset: number): StatementPlace {
  const before = text.slice(0, offset).split('\n');
  const near = Array.from(text.slice(offset).split('\n')[0]!).slice(0, NEAR_LENGTH).join('');
  return {line: before.length, column: Array.from(before.at(-1)!).length + 1, near: near.trimEnd()};
}
