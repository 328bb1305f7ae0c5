/*
 * Only a function that a SQLite statement itself calls can stop it. So statements in this process call one at rows of
 * Agno's tables that they reach (at random, so that a file cannot predict it), and it throws if the statement has run
 * too long: pages of a forged file may lead to the same rows without end, even within a range of one second.
 */

/** Called at rows; throws when the statement has run too long. */
export const GOES_ON = 'agnotrace_goes_on';
/** One in this many rows calls it: `random()` costs a tenth of a call into this process. */
const ASKED_OF = 64;

/**
 * The only words of a statement that matter here; a program start processes about a dozen statements of some 300
 * words.
 */
const TOKEN =
  /'(?:[^']|'')*'|"(?:[^"]|"")*"|[()]|\b(?:where|group|having|window|order|limit|union|intersect|except)\b/gi;
/** The part after the name of a table. */
const ALIAS = /\s+(?:as\s+)?([\p{L}_][\p{L}\p{N}_]*|"(?:[^"]|"")*")/iuy;
const AFTER_WHERE = /^(group|having|window|order|limit|union|intersect|except)$/i;
const AFTER_TABLE = /^(where|on|join|left|cross|inner|natural|using|not|indexed)$/i;

/** One `select`, as far as it has been read. */
interface Select {
  /** The names of its tables. */
  tables: string[];
  /** Position after its `where`. */
  whereAt: number | null;
}

/**
 * The statement with this check at each row of these tables, before all other conditions. It uses the same indexes,
 * because every index contains the rowid.
 * @param tables quoted, as in the statement
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
