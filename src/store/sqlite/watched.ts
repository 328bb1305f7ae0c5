/*
 * SQLite lets nobody stop a statement but a function that the statement itself calls. So statements that run in this process ask one at
 * every row of Agno's tables that they come to (now and then, which a row cannot foresee), and it throws when they have
 * been at work for too long: pages of a forged file may lead to the same rows without an end, in a range of one second too.
 */

/** Asked at rows; it throws once the statement is too long. */
export const GOES_ON = 'agnotrace_goes_on';
/** Of so many rows one asks: `random()` costs a tenth of a call into this process. */
const ASKED_OF = 64;

/** Of a statement's words these alone mean something here; a new start reads a dozen statements of some 300. */
const TOKEN =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|\b(?:where|group|having|window|order|limit|union|intersect|except)\b/gi;
/** Behind the name of a table. */
const ALIAS = /\s+(?:as\s+)?([\p{L}_][\p{L}\p{N}_]*|"(?:[^"]|"")*")/iuy;
const AFTER_WHERE = /^(group|having|window|order|limit|union|intersect|except)$/i;
const AFTER_TABLE = /^(where|on|join|left|cross|inner|natural|using|not|indexed)$/i;

/** One `select`, as far as it was read. */
interface Select {
  /** The names of its tables. */
  tables: string[];
  /** Behind its `where`. */
  whereAt: number | null;
}

/**
 * The statement with that question at each row of these tables, before all else that is asked of the row. It reads the same
 * indexes: a rowid stands in every one.
 * @param tables quoted, as they stand in the statement
 */
export function watched(text: string, tables: ReadonlySet<string>): string {
  const inserted: {at: number; text: string}[] = [];
  const selects: Select[] = [{tables: [], whereAt: null}];
  const close = (at: number) => {
    const select = selects.at(-1)!;
    if (select.tables.length > 0) {
      const asked = select.tables
        .map(name => `(random() & ${ASKED_OF - 1} or ${GOES_ON}(${name}.rowid))`)
        .join(' and ');
      if (select.whereAt === null) inserted.push({at, text: ` where ${asked} `});
      else inserted.push({at: select.whereAt, text: ` ${asked} and (`}, {at, text: ') '});
    }
    selects[selects.length - 1] = {tables: [], whereAt: null};
  };
  let readTo = 0;
  for (const {0: token, index} of text.matchAll(TOKEN)) {
    if (index < readTo) continue;
    const select = selects.at(-1)!;
    if (token === '(') selects.push({tables: [], whereAt: null});
    else if (token === ')') {
      close(index);
      if (selects.length > 1) selects.pop();
    } else if (/^where$/i.test(token)) select.whereAt = index + token.length;
    else if (AFTER_WHERE.test(token)) close(index);
    else if (tables.has(token)) {
      ALIAS.lastIndex = index + token.length;
      const alias = ALIAS.exec(text)?.[1] ?? '';
      const hasAlias = alias !== '' && !AFTER_TABLE.test(alias) && !AFTER_WHERE.test(alias);
      if (hasAlias) readTo = ALIAS.lastIndex;
      select.tables.push(hasAlias ? alias : token);
    }
  }
  close(text.length);
  let out = '';
  let from = 0;
  for (const {at, text: more} of inserted.sort((a, b) => a.at - b.at)) {
    out += text.slice(from, at) + more;
    from = at;
  }
  return out + text.slice(from);
}
