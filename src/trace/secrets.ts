/*
 * Finds secrets in texts by their form. Errors are cleared of them wherever they are shown or kept; `--redact`
 * removes them from everything else.
 */

/** A range of a text that a detector recognises; `to` is exclusive. */
export interface Match {
  readonly from: number;
  readonly to: number;
}

/** Best effort: it finds values with a form of their own, but no name or address in prose. */
export interface Detector {
  readonly name: string;
  readonly finds: 'secrets' | 'pii';
  /** If this is nowhere in the text, ignoring case, there is nothing to find. */
  readonly hint: RegExp;
  find(text: string): Iterable<Match>;
}

/*
 * All patterns run in time proportional to the text: repetitions are bounded, and none is nested in another. They
 * match only the secret itself, so that quotes and braces around it stay.
 */

/** Every match of `pattern`, or of its group `found` if it has one, for which `isMeant` is true. */
function* matches(text: string, pattern: RegExp, isMeant: (found: string) => boolean = () => true): Generator<Match> {
  for (const match of text.matchAll(pattern)) {
    const found = match.groups?.found ?? match[0];
    // The group is at the end of the match.
    const from = match.index + match[0].lastIndexOf(found);
    if (isMeant(found)) yield {from, to: from + found.length};
  }
}

export const plain = (
  name: string,
  finds: Detector['finds'],
  hint: RegExp,
  pattern: RegExp,
  isMeant?: (found: string) => boolean,
): Detector => ({name, finds, hint, find: text => matches(text, pattern, isMeant)});

/** Not in the middle of a word. */
const START = '(?<![A-Za-z0-9])';

/** Shannon's entropy, bits per character: words have about 3, random keys more than 3.5. */
function entropy(text: string): number {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
}

const isRandom = (text: string): boolean => /\d/.test(text) && /[A-Za-z]/.test(text) && entropy(text) >= 3;

/** Text in the place of a secret that is not one: placeholders, references to variables, types of a schema. */
const PLACEHOLDER =
  /^(?:[*x•.]+|<.*>?|\$.*|%.*|\{.*|\[.*|.*(?:redacted|example|placeholder|changeme|your[-_]).*|null|none|true|false|undefined|string|required|optional)$/i;

/** A password may be short and need not look random, but a single word is prose. */
const isPassword = (text: string): boolean => !PLACEHOLDER.test(text) && /[\d!-/:-@[-`{-~]/.test(text);
const isSecretValue = (text: string): boolean => !PLACEHOLDER.test(text) && isRandom(text);

/** Names of secrets; they may be followed by more of a name (`api_key_id`). */
const SECRET_WORD =
  'api[_-]?key|apikey|secret|access[_-]?key|private[_-]?key|auth[_-]?token|access[_-]?token|refresh[_-]?token|id[_-]?token|session[_-]?token|client[_-]?secret|bearer[_-]?token|authorization|credential|token';
const PASSWORD_WORD = 'password|passwd|passphrase|pwd';
/** Between a name and its value: `=`, `:`, `=>`, with quotes and blanks around. */
const ASSIGNED = '["\'`]{0,2}[ \\t]{0,3}(?:=>|:=|[=:])[ \\t]{0,3}["\'`]{0,2}';

function* privateKeys(text: string): Generator<Match> {
  for (const match of text.matchAll(/-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g)) {
    const body = match.index + match[0].length;
    const end = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/.exec(text.slice(body, body + LONGEST_KEY));
    // A key that was cut off ends where its characters do.
    const cut = /^[A-Za-z0-9+/=\s\\]{0,16000}/.exec(text.slice(body, body + LONGEST_KEY))![0].length;
    yield {from: match.index, to: end ? body + end.index + end[0].length : body + cut};
  }
}
const LONGEST_KEY = 16_000;

/** The more specific ones first: if two match the same text, the first names it. */
export const SECRET_DETECTORS: readonly Detector[] = [
  {name: 'private-key', finds: 'secrets', hint: /PRIVATE KEY/, find: privateKeys},
  plain('anthropic-key', 'secrets', /sk-ant-/, new RegExp(`${START}sk-ant-[A-Za-z0-9_-]{10,250}`, 'g')),
  plain(
    'stripe-key',
    'secrets',
    /_(?:live|test)_|whsec_/,
    new RegExp(`${START}(?:[srp]k_(?:live|test)_[A-Za-z0-9]{10,250}|whsec_[A-Za-z0-9+/=]{20,250})`, 'g'),
  ),
  plain('openai-key', 'secrets', /sk-/, new RegExp(`${START}sk-[A-Za-z0-9_-]{20,250}`, 'g'), found => /\d/.test(found)),
  plain(
    'aws-key',
    'secrets',
    /(?:AKIA|ASIA|ABIA|ACCA)/,
    new RegExp(`${START}(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])`, 'g'),
  ),
  plain(
    'github-token',
    'secrets',
    /gh[pousr]_|github_pat_/,
    new RegExp(`${START}(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255})`, 'g'),
  ),
  plain('gitlab-token', 'secrets', /glpat-/, new RegExp(`${START}glpat-[A-Za-z0-9_-]{20,250}`, 'g')),
  plain(
    'slack-token',
    'secrets',
    /xox|xapp-|hooks\.slack\.com/,
    new RegExp(
      `${START}(?:xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-[A-Za-z0-9-]{10,250})|(?<=hooks\\.slack\\.com/)(?:services|workflows)/[A-Za-z0-9/_-]{20,250}`,
      'g',
    ),
  ),
  plain(
    'google-key',
    'secrets',
    /AIza|ya29\.|GOCSPX-/,
    new RegExp(`${START}(?:AIza[A-Za-z0-9_-]{35}|ya29\\.[A-Za-z0-9_-]{20,250}|GOCSPX-[A-Za-z0-9_-]{20,60})`, 'g'),
  ),
  plain(
    'jwt',
    'secrets',
    /eyJ/,
    new RegExp(`${START}eyJ[A-Za-z0-9_-]{8,4000}\\.eyJ[A-Za-z0-9_-]{4,8000}(?:\\.[A-Za-z0-9_-]{0,2000})?`, 'g'),
  ),
  plain(
    'bearer-token',
    'secrets',
    /bearer|basic/i,
    new RegExp(`${START}(?:bearer|basic)[ \\t]{1,3}(?<found>[A-Za-z0-9._~+/=-]{16,4000})`, 'gi'),
    found => /\d/.test(found) && entropy(found.slice(0, 200)) >= 3,
  ),
  plain(
    'connection-password',
    'secrets',
    /:\/\//,
    // Up to the last @, because a password may contain one. A port is not a password.
    /:\/\/[^\s:/@"'`\\<>]{0,100}:(?!\d{1,5}(?:[/?#\s"'`\\]|$))(?<found>[^\s"'`\\<>]{1,200})(?=@)/g,
    found => !PLACEHOLDER.test(found),
  ),
  plain(
    'password',
    'secrets',
    new RegExp(PASSWORD_WORD, 'i'),
    new RegExp(`(?:${PASSWORD_WORD})[\\w-]{0,20}${ASSIGNED}(?<found>[^\\s"'\`,;&}\\]\\\\<>]{4,200})`, 'gi'),
    isPassword,
  ),
  plain(
    'secret-value',
    'secrets',
    new RegExp(SECRET_WORD, 'i'),
    new RegExp(
      `(?:${SECRET_WORD})[\\w-]{0,20}${ASSIGNED}(?:(?:bearer|basic|token)[ \\t]{1,3})?(?<found>[^\\s"'\`,;&}\\]\\\\<>]{12,1000})`,
      'gi',
    ),
    isSecretValue,
  ),
];

/** A value whose name says that it is secret, if name and value are separate texts. */
export function isSecretBy(name: string, value: string): boolean {
  if (new RegExp(`(?:${PASSWORD_WORD})`, 'i').test(name)) return value.length >= 4 && isPassword(value);
  return (
    new RegExp(`(?:${SECRET_WORD})`, 'i').test(name) &&
    value.length >= 12 &&
    !/\s/.test(value.trim()) &&
    isSecretValue(value)
  );
}

/**
 * What an error says about a key that was refused: it may be too short to be recognised, or not a key at all, but it
 * is somebody's.
 */
const REFUSED_KEY = plain(
  'refused-key',
  'secrets',
  /sk-|key/i,
  /(?<![A-Za-z0-9])(?:sk-|(?:api|access|secret|auth)[ _-]?key(?: (?:provided|given|used))?["']?[:=] ?["']?)(?<found>[\w*-]{6,250})/gi,
  found => /[\d*]/.test(found),
);
const OF_ERRORS = [...SECRET_DETECTORS, REFUSED_KEY];
/** Without one of these words there is no secret; most errors have none. */
const MAY_HOLD_SECRET = new RegExp(OF_ERRORS.map(({hint}) => hint.source).join('|'), 'i');

/** The text of an error or of a reason, without its secrets. */
export function withoutSecrets(text: string): string {
  if (!MAY_HOLD_SECRET.test(text)) return text;
  const found = OF_ERRORS.filter(({hint}) => hint.test(text)).flatMap(({name, find}) =>
    [...find(text)].map(match => ({...match, name})),
  );
  found.sort((a, b) => a.from - b.from || b.to - a.to);
  let clean = '';
  let at = 0;
  for (const {from, to, name} of found) {
    if (from >= at) clean += `${text.slice(at, from)}[redacted:${name}]`;
    at = Math.max(at, to);
  }
  return clean + text.slice(at);
}
