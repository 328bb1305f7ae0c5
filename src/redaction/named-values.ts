import {type Detector, entropy, isPlaceholder, isWords, type Match} from '../trace/secrets.ts';

/*
 * Secrets found by the names before them: in JSON, YAML, XML, INI, code, URLs, headers, tables, command lines, and
 * sentences. One pattern finds the words, and code then reads the text after each: a pattern for all of this would
 * need nested repetitions.
 */

/**
 * In lower case, with a capital and in upper case, with one alternative per first letter: a pattern with few
 * alternatives is fast. The `i` flag would not do: `Pass` ends a name, but `bypass` does not contain one.
 */
function cased(words: string): string {
  const byLetter = new Map<string, string[]>();
  for (const word of words.split('|')) {
    const rest = word.slice(1);
    const known = byLetter.get(word[0]!) ?? [];
    byLetter.set(word[0]!, [...known, rest, rest.toUpperCase()]);
  }
  return [...byLetter].map(([letter, rests]) => `[${letter}${letter.toUpperCase()}](?:${rests.join('|')})`).join('|');
}
/** Not part of a longer word. The test comes after the word, because a lookbehind at the front would run everywhere. */
const whole = (words: string): string =>
  words
    .split('|')
    .map(word => `(?:${cased(word)})(?<![A-Za-z].{${word.length}})(?![A-Za-z])`)
    .join('|');

/** Words for a password. Its value may be short, and need not be random. */
const PASSWORD_WORD = [
  cased(
    'password|passwd|passphrase|passwort|passcode|passWord|kennwort|contraseña|contrasena|mot de passe|senha|wachtwoord|hasło',
  ),
  'IDENTIFIED BY|identified by|ConvertTo-SecureString',
  whole('pwd|pass|pw|mdp'),
  '(?:Pwd|Pass|PW)(?<=[a-z0-9][A-Za-z]{2,4})(?![a-z])|[Пп]арол[ьяюе]|パスワード|密码|密碼|비밀번호',
].join('|');
/** Words in a name which say that its value is random and private. */
const SECRET_WORD = [
  cased(
    'secret|token|credential|authorization|signature|apikey|api key|api_key|api-key|appkey|access key|jwt|webhook|accountkey',
  ),
  '[aA](?:pi|PI|pp)[ -]?Key|[aA]ccountKey|API key',
  whole('auth|sig|bearer|csrf|xsrf|dsn|appid|salt'),
  `[kK](?:ey|EY)(?<=[A-Za-z0-9][_-].{3})(?![A-Za-z])|K(?:ey|EY)(?<=[a-z0-9].{3})(?![a-z])|Auth(?<=[a-z0-9].{4})(?![a-z])`,
].join('|');
const WORDS_OF = {password: new RegExp(PASSWORD_WORD, 'g'), secret: new RegExp(SECRET_WORD, 'g')};
const WORDS = new RegExp(`(?<password>${PASSWORD_WORD})|${SECRET_WORD}`, 'g');

/** Names that contain such a word but mean something else, by the word before it and by the text after it. */
const NOT_BEFORE = new Set(
  (
    'public partition primary foreign sort cache idempotency dedup dedupe object s3 group row hash map dict index translation i18n ' +
    'message max min num total prompt completion input output eos bos pad unk stop next page continuation sync cancel cancellation ' +
    'trace routing event storage lookup natural composite unique config param json dictionary arrow hot short any press enter ' +
    'function method type token no not without missing invalid per'
  ).split(' '),
);
const LAST_WORD = /(?:[A-Z]?[a-z0-9]+|[A-Z0-9]+)$/;
const NOT_AFTER =
  /^(?:[_-]?(?:ids?|names?|types?|counts?|urls?|uris?|endpoint|path|file|filename|dir|expir\w*|ttl|length|len|size|arn|refs?|versions?|duration|accessor|limits?|usage|polic\w*|fingerprint|alias|format|prefix|scopes?|algorithms?|method|stdin|env|renewable|rotation|field|label|hint|strength|rules?|min|max|manager|store|provider|required|enabled|ring|board|word(?:s)?|frames?|ed|s?_?per_?\w*|izer?\w*|ize\w*))(?![a-z])/i;
/** Of a session: only what follows as a value of a cookie or a parameter. */
const LONGEST_NAME = 40;
const LONGEST_VALUE = 4000;

/** A value without quotes, up to its end. */
const BARE = /[^\s"'`,;&|<>{}[\]\\]{1,2000}/y;
const AFTER_NAME = /[\w.-]{0,40}/y;
/** Between a name and its value; the matched group shows which kind of assignment it is. */
const ASSIGNED =
  /(?<close>["'`*_)\]]{0,4})(?:\s{0,3}:\s{0,3}[A-Za-z_][\w.[\]| ]{0,30}(?= ?= ?["'A-Z]))?[ \t]{0,20}(?:(?<sign>=>|:=|==?|[:：|])[*_]{0,3}(?:[ \t]{0,3}(?:[|>][-+]?)?\r?\n[ \t]{1,40}|[ \t]{0,20})|(?<xml>>)|(?<comma>,[ \t]{0,20}(?=["'`]))|(?<pair>,?\s{0,20}["']?value["']?\s{0,3}[:=]\s{0,3}(?=["'`])|\s{0,5}\{[^{}]{0,200}?\bdefault\s{0,10}=\s{0,3}(?=["'`]))|(?<blank>[ \t]{1,40}))/y;
const SCHEME = /(?:bearer|basic|token|api-?key|apikey|genie ?key|ssws|bot|negotiate|key)[ \t]{1,3}/iy;
/** Functions around a value: `SecretStr("…")`, `process.env.X ?? "…"`, `os.getenv("X", "…")`, `os.environ["X"]`. */
const WRAPPED =
  /(?:SecretStr|str|bytes|Buffer\.from|quote|Password|Secret)\((?=["'`])|(?:process\.env\.\w{1,60}|os\.(?:environ\.get|getenv)\(["']\w{1,60}["'],|env\(["']\w{1,60}["'],|\w{1,60}\[["']\w{1,60}["']\])[ \t]{0,3}(?:\?\?|\|\||or)?[ \t]{0,3}(?=["'`])|\$\{\w{1,60}:-/y;
const OPENING = /[bru]?(?:\*\*|__)?(["'`«„“‘]{1,3})|<!\[CDATA(\[)|\*\*|[bru](?=["'])/y;
const CLOSING: Readonly<Record<string, string>> = {'[': ']', '«': '»', '„': '“', '“': '”', '‘': '’'};
/** In a sentence: "the password for the test server is …". */
const SAID =
  /(?:(?: [\p{L}\p{N}'’.-]{1,30}){0,8}? |\s?)(?:is|was|will be|ist|lautet|lauten|war|est|es|era|è|é|jest|är|er|to|は|это|—|–|-)(?: now| jetzt| set to)?[:：]?[ \t]+/uy;

interface Found {
  readonly from: number;
  readonly to: number;
  readonly isQuoted: boolean;
}

function named(text: string, kind: 'password' | 'secret'): readonly Match[] {
  const found: Match[] = [];
  const words = WORDS_OF[kind];
  let tableEnd = 0;
  words.lastIndex = 0;
  for (let match = words.exec(text); match; match = words.exec(text)) {
    const end = words.lastIndex;
    const value = valueAfter(text, match.index, end, kind === 'password');
    if (value) found.push(value);
    else if (match.index >= tableEnd) {
      const column = columnBelow(text, match.index, end, kind);
      for (const cell of column?.cells ?? []) found.push(cell);
      tableEnd = column?.end ?? tableEnd;
    }
    words.lastIndex = value?.to ?? end;
  }
  return found;
}

/** The value assigned to a name, if it should be hidden. */
function valueAfter(text: string, from: number, to: number, isPassword: boolean): Match | null {
  const before = text.slice(Math.max(0, from - LONGEST_NAME), from);
  if (isNoSecretAfter(before)) return null;
  AFTER_NAME.lastIndex = to;
  const rest = AFTER_NAME.exec(text)?.[0] ?? '';
  if (NOT_AFTER.test(rest)) return null;
  // A dot at the end ends a sentence.
  const end = to + rest.replace(/\.+$/, '').length;
  ASSIGNED.lastIndex = end;
  const assigned = ASSIGNED.exec(text);
  const isMeant = isPassword ? mayBePassword : mayBeSecret;
  if (assigned) {
    const {sign, xml, comma, pair, blank, close} = assigned.groups!;
    const at = ASSIGNED.lastIndex;
    // `arn:…:secret:name`: part of a path.
    const isPath = sign === ':' && /[:/]$/.test(before.replace(/[\w-]*$/, '')) && !/[\s"'`]$/.test(assigned[0]);
    const isFlag = blank !== undefined && close === '' && /(?:^|[\s"'])--?[\w.-]*$/.test(before);
    if (!isPath && (sign !== undefined || xml !== undefined || comma !== undefined || pair !== undefined || isFlag)) {
      const value = valueAt(text, at);
      const said = value && !isName(text, value) ? text.slice(value.from, value.to) : null;
      const line =
        isPassword && value && !value.isQuoted && sign !== undefined
          ? restOfLine(text, lineStart(text, from), value)
          : null;
      if (line) return line;
      if (value && said && isMeant(said, value.isQuoted || isFlag || xml !== undefined))
        return withLinesBelow(text, value, assigned[0]);
      // A single word, where only a password is possible.
      if (
        value &&
        said &&
        isPassword &&
        sign !== undefined &&
        value.isQuoted &&
        /["']/.test(close!) &&
        isLongWord(said)
      )
        return value;
      if (sign !== undefined && value) return null;
    } else if (blank !== undefined) {
      // `password x1y2` in .netrc, tables and sentences: an ordinary word must not count.
      const value = valueAt(text, at);
      const isTable = /[ \t]{2}|\t/.test(assigned[0]);
      const said = value && text.slice(value.from, value.to);
      if (said && (isPassword || isTable || value.isQuoted) && isUnlikeWords(said)) return value;
      if (said && !isPassword && said.length >= 20 && mayBeSecret(said) && IS_KEY.test(said)) return value;
    }
  }
  SAID.lastIndex = end;
  if (SAID.test(text)) {
    const value = valueAt(text, SAID.lastIndex);
    if (value) {
      const said = text.slice(value.from, value.to);
      if (value.isQuoted ? isMeant(said, true) : isUnlikeWords(said)) return value;
    }
  }
  return null;
}

/** Where the line began, if it is no longer than lines are: who looked further would do so at each word. */
function lineStart(text: string, at: number): number {
  const from = Math.max(0, at - LONGEST_LINE);
  return from + text.slice(from, at).lastIndexOf('\n') + 1;
}

/** Words in texts that describe the rules for a password. */
const ABOUT_PASSWORDS =
  /\b(?:char\w*|zeichen|attempts?|days?|min\w*|max\w*|least|must|length|letters?|digits?|numbers?|hours?|times)\b/i;
/** A line that only contains a password without quotes: in YAML, or in a note. */
function restOfLine(text: string, start: number, {from}: Found): Match | null {
  if (!/^[ \t>*-]{0,20}[\w. ]{0,30}[\p{L}]{2,20}[*_]{0,3}[ \t]{0,3}[:=：]/u.test(text.slice(start, from))) return null;
  const rest = /^[^\r\n"'\\]*/.exec(text.slice(from, from + 80))![0];
  const line = rest.trimEnd();
  // A quote after a blank begins another text.
  if (rest !== line && /["']/.test(text[from + rest.length] ?? '')) return null;
  if (line.length > 60 || /[,;(){}<>$]|[.:] |[.:?]$/.test(line) || isPlaceholder(line) || ABOUT_PASSWORDS.test(line))
    return null;
  const words = line.split(/\s+/);
  const isPhrase = words.length > 1 && words.length <= 5 && /\d|[!#%&@§]/.test(line);
  const isJoined = words.length === 1 && /^(?=.*[a-z])(?=.*[A-Z])[A-Za-z]{2,20}(?:[_-][A-Za-z]{1,20}){1,5}$/.test(line);
  return isPhrase || isJoined ? {from, to: from + line.length} : null;
}

/** A long YAML value spans several lines. */
function withLinesBelow(text: string, value: Found, assigned: string): Match {
  if (!/[|>][-+]?\r?\n/.test(assigned)) return value;
  const below = /^(?:\r?\n[ \t]{1,40}[\w+/=.-]{8,200}(?=\r?\n|$)){0,100}/.exec(
    text.slice(value.to, value.to + LONGEST_VALUE),
  )![0];
  return {from: value.from, to: value.to + below.length};
}

/** The name of the next value: `"format": "password", "description": …`. */
const isName = (text: string, {to, isQuoted}: Found): boolean => isQuoted && /^["'`] ?:/.test(text.slice(to, to + 3));

/** The rest of a header cell of a table, and the separator between its cells. */
const CELL_END = /[\w "*]{0,20}?(?<sign>[|,;\t]|\r?\n)/y;
const LONGEST_LINE = 1000;
const MOST_ROWS = 1000;

interface Column {
  readonly cells: readonly Match[];
  /** The end of the table. */
  readonly end: number;
}

/** The values in table columns whose header is such a name: Markdown, CSV. */
function columnBelow(text: string, from: number, to: number, kind: 'password' | 'secret'): Column | null {
  CELL_END.lastIndex = to;
  const after = CELL_END.exec(text)?.groups?.sign;
  if (after === undefined) return null;
  const start = lineStart(text, from);
  const head = text.slice(start, from);
  const headEnd = text.slice(to, to + LONGEST_LINE).indexOf('\n');
  if (head.length >= LONGEST_LINE || headEnd < 0) return null;
  const sign = /[|,;\t]/.test(after) ? after : /[|,;\t](?=[^|,;\t]*$)/.exec(head)?.[0];
  if (sign === undefined || !/(?:^|[|,;\t])[\w "*.-]{0,20}$/.test(head)) return null;
  const column = head.split(sign).length - 1;
  const heads = text.slice(start, to + headEnd).split(sign);
  // More than one line, each with only a name: a list in a program has one per line.
  if (heads.filter(name => name.trim() !== '').length < 2 || !heads.every(name => /^[\w "'*.\r-]{0,40}$/.test(name)))
    return null;
  const found: Match[] = [];
  let at = to + headEnd + 1;
  for (let row = 0; at < text.length && row < MOST_ROWS; row++) {
    const line = /^[^\n]*/.exec(text.slice(at, at + LONGEST_LINE))![0];
    const cells = line.split(sign);
    const cell = cells[column];
    if (cells.length !== heads.length || cell === undefined) break;
    const value = /^[ "'`*]*(.*?)[ "'`*\r]*$/.exec(cell)![1]!;
    if (kind === 'password' ? mayBePassword(value, true) : mayBeSecret(value)) {
      const begin = at + cells.slice(0, column).join(sign).length + (column > 0 ? 1 : 0) + cell.indexOf(value);
      found.push({from: begin, to: begin + value.length});
    }
    at += line.length + 1;
  }
  return {cells: found, end: at};
}

const isNoSecretAfter = (before: string): boolean =>
  NOT_BEFORE.has(LAST_WORD.exec(before.slice(-16).replace(/[ _.-]$/, ''))?.[0].toLowerCase() ?? '');

/** For a word after another: a digest has its name before it, an id is short. */
const IS_KEY = /^(?![0-9a-f-]*$)|^[0-9a-f]{32,}$/i;

/** A value with or without quotes, without what surrounds it. */
function valueAt(text: string, start: number): Found | null {
  let at = start;
  for (const around of [SCHEME, WRAPPED]) {
    around.lastIndex = at;
    if (around.test(text)) at = around.lastIndex;
  }
  OPENING.lastIndex = at;
  const opening = OPENING.exec(text);
  if (opening) at = OPENING.lastIndex;
  const quote = (opening?.[1] ?? opening?.[2])?.[0];
  if (quote !== undefined) {
    SCHEME.lastIndex = at;
    if (SCHEME.test(text)) at = SCHEME.lastIndex;
    const to = closing(text, at, CLOSING[quote] ?? quote);
    return to > at ? {from: at, to, isQuoted: true} : null;
  }
  BARE.lastIndex = at;
  const bare = BARE.exec(text);
  if (!bare) return null;
  // What ends a sentence, and closing characters.
  let to = at + bare[0].length;
  if (text[to - 1] === ')' && !bare[0].includes('(')) to--;
  while (to > at && '.,:?*'.includes(text[to - 1]!)) to--;
  return to === at ? null : {from: at, to, isQuoted: false};
}

/** Up to the closing quote in the same line; a doubled quote is an escaped one in YAML and SQL. */
function closing(text: string, from: number, quote: string): number {
  const most = Math.min(text.length, from + LONGEST_VALUE);
  for (let at = from; at < most; at++) {
    const char = text[at];
    if (char === '\\') at++;
    else if (char === quote) {
      if (quote !== "'" || text[at + 1] !== "'" || !/[^\s,;:)\]}]/.test(text[at + 2] ?? ' ')) return at;
      at++;
    } else if (char === '\n') return at;
  }
  return most;
}

const ALGORITHM =
  /^(?:sha-?\d+|md5|bcrypt|argon2\w*|pbkdf2\w*|oauth-?\d?|utf-?\d+|base\d+|http\d?|ed25519|rs\d{3}|hs\d{3}|es\d{3}|v?\d+(?:\.\d+)*)$/i;
/** A program's expression instead of a text: `args.password`, `getpass()`, `config["x"]`. */
const EXPRESSION = /^(?:[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)*(?:[([].*)?|&?[A-Za-z_]\w*\.\w+)$/;

/** A PowerShell command. */
const IS_CMDLET = /^(?:ConvertTo|ConvertFrom|Get|Set|New|Read|Import|Invoke|Select|Out)-[A-Z]\w+$/;

export function mayBePassword(value: string, isQuoted: boolean): boolean {
  if (value.length < 4 || isPlaceholder(value) || ALGORITHM.test(value)) return false;
  const trimmed = value.trim();
  if (!isQuoted)
    return (
      !IS_CMDLET.test(value) &&
      (/\d/.test(value) || !EXPRESSION.test(value)) &&
      /[\d!-/:-@[-`{-~]/.test(value) &&
      !/^[/~.?]/.test(value)
    );
  // A sentence is a label or a message.
  if (/\s/.test(trimmed))
    return trimmed.length <= 60 && /[\d@#$%^&*+=|\\/<>~§]/.test(trimmed) && !/[.:?]$/.test(trimmed);
  return /[\p{N}\p{P}\p{S}]/u.test(trimmed) && !/^(?:[a-z]{1,20}[-_.])+[a-z]{1,20}$/.test(trimmed);
}

/** A word in the place of a password, except those of forms, messages and types. */
const isLongWord = (value: string): boolean =>
  /^\p{L}{8,40}$/u.test(value) && !isPlaceholder(value) && !NO_PASSWORD.test(value);
const NO_PASSWORD =
  /^(?:pass|kenn|contra|wacht|incorrect|invalid|required|optional|missing|unknown|disabled|enabled|expired|changed|forgot|default|unchanged|encrypted|plaintext|generated|confirm|protected|rejected|accepted|verified|mismatch|tooshort|tooweak|boolean|sensitive|secret)/i;

export function mayBeSecret(value: string, isQuoted = false): boolean {
  const text = value.trim();
  if (!isQuoted && /^[A-Za-z_][\w.]{0,60}\(/.test(text)) return false;
  if (text.length < 12 || /\s/.test(text) || isPlaceholder(text) || !/\d/.test(text)) return false;
  if (/^(?:https?|file):\/\//.test(text) || /^\d[\d.:T+Z-]*$/.test(text)) return false;
  return entropy(text) >= 3 && !isWords(text);
}

/** For a word in a sentence: mixed letters and digits, or punctuation inside. */
function isUnlikeWords(value: string): boolean {
  if (value.length < 6 || value.length > 200 || isPlaceholder(value) || ALGORITHM.test(value)) return false;
  if (/^[\w.-]+\(|^(?:https?:|\/|\.|--?[a-z])/.test(value)) return false;
  return (
    (/\d/.test(value) && /[^\W\d_]/.test(value) && !/^\d+[a-z]{1,3}$|^[a-z]{1,2}\d+$/i.test(value)) ||
    /[^\W_][!@#$%^&*+=§~][^\W_]/.test(value)
  );
}

/** A value whose name says that it is secret, if name and value are separate texts. */
export function isSecretNamed(name: string, value: string): boolean {
  for (const match of name.matchAll(WORDS)) {
    if (isNoSecretAfter(name.slice(0, match.index)) || NOT_AFTER.test(name.slice(match.index + match[0].length)))
      continue;
    if (match.groups!.password !== undefined ? mayBePassword(value, true) : mayBeSecret(value)) return true;
  }
  return false;
}

export const NAMED_DETECTORS: readonly Detector[] = [
  {name: 'password', finds: 'secrets', hint: /[pPkKcCmMsSwWhHIПпパ密비]/, find: text => named(text, 'password')},
  {name: 'secret-value', finds: 'secrets', hint: /[sStTcCaAjJwWbBxXdDkK]/, find: text => named(text, 'secret')},
];
